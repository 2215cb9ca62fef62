/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network link on a Linux tap (devices/net.h): frames with a 12-byte virtio header, so that
 * checksums and segments may stay unfinished between guest and host. Taps are made, named and
 * protected by the zone (zone/link.h); by hand one that exists is opened by its name. zhyve.
 */
#ifndef ZHYVE_BACKEND_TAP_H
#define ZHYVE_BACKEND_TAP_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/net.h"

/*
 * Open interface `name`, or adopt fd:N (a queue of a tap with IFF_NO_PI and IFF_VNET_HDR).
 * Callbacks of the device come from `loop` with `lock` held. mac and mtu of *out are the caller's
 * to fill. 0 or -errno.
 */
int tap_open(struct net_backend **out, const char *name, struct mevent_loop *loop,
    struct lock *lock, struct err *e);
/* The same as one of several queues (IFF_MULTI_QUEUE), which can be switched off and on. */
int tap_open_queue(struct net_backend **out, const char *name, struct mevent_loop *loop,
    struct lock *lock, struct err *e);
/* NULL is allowed. */
void tap_close(struct net_backend *b);

#endif
