/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCX: the places for BPF programs at an interface itself, without the qdisc clsact and its
 * classifiers in between (netlink_tc.c), which take as long for a frame as the filter does. Linux
 * 6.6. As there, the interface holds the program: it goes when the interface goes. zoneadmd;
 * CAP_NET_ADMIN.
 */
#ifndef ZHYVE_ZONE_TCX_H
#define ZHYVE_ZONE_TCX_H

#include <stdbool.h>

#include "base/err.h"

/* Does this kernel have it? */
bool tcx_there(void);
/*
 * A program (SCHED_CLS) for one direction: ingress is what comes in by the link. `old`: the program
 * whose place it takes, in one step; -1: none.
 */
int tcx_set(const char *ifname, bool ingress, int prog_fd, int old, struct err *e);
/* Take it off again: for measuring. */
int tcx_unset(const char *ifname, bool ingress, int prog_fd, struct err *e);

#endif
