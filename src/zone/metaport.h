/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes between COM2 of a guest and the zone's metadata machine (metadata.h): one request at a
 * time, no request read while an answer has not been taken, so a guest that asks and never listens
 * holds one answer and no more. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_METAPORT_H
#define ZHYVE_ZONE_METAPORT_H

#include "base/err.h"
#include "base/mevent.h"

struct metaport;

/* Serve zone `name` (kept by reference). */
int metaport_create(
    struct mevent_loop *loop, const char *name, struct metaport **out, struct err *e);
/*
 * Take over the guest's end (a non-blocking stream socket), in place of any earlier one: the guest
 * was started anew.
 */
int metaport_attach(struct metaport *p, int fd);
void metaport_detach(struct metaport *p);
void metaport_destroy(struct metaport *p);

#endif
