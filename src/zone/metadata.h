/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The metadata service on COM2: SmartOS's guest protocol, V1 and V2 (metadata.md). A pure
 * machine of bytes in, bytes out; zoneadmd moves the bytes. It bounds what a guest can make it
 * hold: one line of at most METADATA_LINE_MAX bytes (a longer one is dropped), one answer at a
 * time. Runs in zoneadmd; the guest is hostile.
 */
#ifndef ZHYVE_ZONE_METADATA_H
#define ZHYVE_ZONE_METADATA_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define METADATA_LINE_MAX (64u * 1024u)

struct metadata;
/*
 * Serve zone NAME: values come from its configuration and
 * <zonepath>/config/{metadata,tags,routes}.json, read anew for each request. `out` takes all
 * bytes given (zoneadmd queues at most one answer; while bytes are queued it does not feed more
 * input).
 */
int metadata_create(const char *zone, void (*out)(void *arg, const void *buf, size_t len),
    void *arg, struct metadata **md, struct err *e);
/* Bytes from the guest, any split. */
void metadata_input(struct metadata *md, const void *buf, size_t len);
/* The guest was reset: forget a half line. */
void metadata_reset(struct metadata *md);
void metadata_destroy(struct metadata *md);

#endif
