/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A helper: a process of the zone's beside zhyve, in a jail of its own (jail.h), that serves one
 * device. Here: started, looked after, ended. It stands in the zone's cgroup, which is in the
 * ledger, and dies with zoneadmd; so it needs no entry of its own. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_HELPER_H
#define ZHYVE_ZONE_HELPER_H

#include "base/mevent.h"
#include "zone/jail.h"
#include "zone/output.h"

#define HELPER_WORDS_MAX OUTPUT_LAST_MAX

/* It has ended by itself; `words` are what it said last, made printable. */
typedef void helper_ended_fn(void *arg, int wait_status, const char *words);

struct helper {
	pid_t pid; /* 0: it does not run */
	int pidfd;
	struct output said;
	struct mevent *ev;
	helper_ended_fn *ended;
	void *arg;
};

void helper_init(struct helper *h);
/*
 * Start it; out_fd of the spec is set here, and what it says goes into the log. `ended` is called from
 * the loop, once, unless it is stopped before. The helper may not be moved. 0 or -errno, and nothing is left.
 */
int helper_start(struct helper *h, struct mevent_loop *loop, struct jail_spec *spec,
    struct logfile *log, helper_ended_fn *ended, void *arg, struct err *e);
/*
 * End it, and wait for that. Nothing when it does not run. One that stands in the kernel, for a disk that does not
 * answer, is left behind after ten seconds: it ends when that does, and until then the cgroup is not empty, which
 * whoever removes that will say.
 */
void helper_stop(struct helper *h);

#endif
