/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Core scheduling (Linux 5.14, prctl(2) PR_SCHED_CORE; Documentation/admin-guide/hw-vuln/core-scheduling.rst):
 * where a CPU has more than one hardware thread, threads of two cookies never run on the threads of one core at the same
 * time, so that a zone cannot watch another, or the host, through what a core shares. A zone has one
 * cookie: its zoneadmd takes it before it starts anything, and whatever it starts inherits it, over resets of the
 * guest too. No process leaves it: the filters have no prctl(2). Runs in zoneadmd, as root.
 */
#ifndef ZHYVE_ZONE_CORESCHED_H
#define ZHYVE_ZONE_CORESCHED_H

#include <stdbool.h>

#include "base/err.h"

enum coresched_step {
	CORESCHED_NOTHING, /* it is as it is to be, or this machine cannot */
	CORESCHED_TAKE,    /* a cookie of our own */
	CORESCHED_LEAVE,   /* back to the one that init has: none */
};

/*
 * What to do: is it to be on; have we a cookie of our own; what the kernel says when it is asked for ours
 * (0, -ENODEV: no SMT, -EINVAL: built without, or too old). Pure.
 */
enum coresched_step coresched_decide(bool on, bool own, int kernel);

/*
 * Switch it on or off for this thread and all that it starts from now on. 0, also where the machine cannot, and then
 * *held is false; or -errno. A kernel without it on a CPU that has SMT is worth a warning, which is the log's.
 */
int coresched_set(bool on, bool *held, struct err *e);

#endif
