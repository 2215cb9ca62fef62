/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of a live zone: what stands outside our memory because of it (DESIGN 3.3). An entry is
 * on the disk before its resource exists, and is struck out after the resource is gone; so whoever
 * finds a ledger whose owner is dead can undo all of it.
 *
 * The file, /run/zones/<name>/ledger.jsonl, is appended to, one JSON object a line:
 * {"make":KIND,"arg":TEXT} and {"gone":KIND,"arg":TEXT}; a last line without its newline was never
 * finished and does not count. The owner holds flock(2) on it, which the kernel drops when the
 * owner dies, however it dies: no pid is written down and none can be mistaken. Runs in zoneadmd
 * and, to reconcile, in the tools.
 */
#ifndef ZHYVE_ZONE_LEDGER_H
#define ZHYVE_ZONE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define LEDGER_ENTRIES_MAX 256
#define LEDGER_KIND_MAX    16
#define LEDGER_ARG_MAX     4096

struct ledger;

/*
 * Open (or begin) the ledger and become its owner. -EBUSY: the owner lives. -ENOENT with create
 * false: there is none. Entries of a dead owner are there afterwards: see ledger_count and
 * ledger_undo_all.
 */
int ledger_open(const char *path, bool create, struct ledger **out, struct err *e);

/* Note a resource that is about to be made; returns 0 only when the note is durable. */
int ledger_add(struct ledger *l, const char *kind, const char *arg, struct err *e);
/* The newest such entry's resource is gone. An entry that is not there is no error. */
int ledger_gone(struct ledger *l, const char *kind, const char *arg, struct err *e);

/* Entries standing, and the i-th of them, oldest first. */
size_t ledger_count(const struct ledger *l);
void ledger_entry(const struct ledger *l, size_t i, const char **kind, const char **arg);

/* Removes one resource. 0 also when it does not exist (any more). */
typedef int ledger_undo_fn(const char *kind, const char *arg, void *ctx, struct err *e);
/*
 * Undo all entries, newest first. One that fails stays and does not keep the older ones from being
 * undone. Returns 0 or the first failure.
 */
int ledger_undo_all(struct ledger *l, ledger_undo_fn *undo, void *ctx, struct err *e);

/*
 * Give it up: an empty ledger's file is removed, one with entries stays for reconcile. NULL is
 * allowed.
 */
void ledger_close(struct ledger *l);

#endif
