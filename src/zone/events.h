/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to a zone, told as it happens: one JSON object a line, kept in
 * <zonepath>/logs/events.jsonl (bounded), the newest in memory as well, and handed to whoever watches.
 * {"seq","date","zone","event","detail","mono_ns"}: seq counts the zone's events from 1, on over
 * all its boots; date is UTC with milliseconds, mono_ns CLOCK_MONOTONIC, so that times of one boot can
 * be subtracted. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_EVENTS_H
#define ZHYVE_ZONE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/logfile.h"

#define EVENTS_LOG_MAX    (1024 * 1024)
#define EVENTS_KEPT       (64 * 1024) /* bytes of the newest ones, from which a late watcher can start */
#define EVENTS_DETAIL_MAX 1024
#define EVENTS_LINE_MAX \
	(EVENTS_DETAIL_MAX * 6 + 512) /* every byte of the detail may need an escape */

struct events {
	struct logfile log;
	uint64_t next; /* number of the next */
	char *kept;    /* lines, oldest first, each with its newline */
	size_t kept_len;
	const char *zone;
	void (*watch)(void *arg, const char *json); /* NULL: nobody */
	void *arg;
};

/*
 * `zone` and `arg` are kept by reference. Numbers go on where the log ends. A log that cannot be
 * opened is an error; the events work all the same.
 */
int events_open(struct events *ev, const char *zone, const char *path,
    void (*watch)(void *arg, const char *json), void *arg, struct err *e);
/* Tell it. `detail` may be NULL; bytes in it that are not printable ASCII become '?'. */
void events_tell(struct events *ev, const char *event, const char *detail);
/* The text of one event, without newline. Pure. `buf` has EVENTS_LINE_MAX bytes; the length. */
size_t events_format(char *buf, uint64_t seq, const char *zone, const char *event,
    const char *detail, int64_t real_ns, int64_t mono_ns);
/* Hand those that are kept, from number `from` on, to `one`, in their order. */
void events_replay(
    const struct events *ev, uint64_t from, void (*one)(void *arg, const char *json), void *arg);
void events_close(struct events *ev);

int64_t clock_real_ns(void);
int64_t clock_mono_ns(void);

#endif
