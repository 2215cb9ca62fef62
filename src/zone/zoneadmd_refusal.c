/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process of the zone was killed by its system-call filter: the event filter-kill, with process, thread and call.
 * Known by the uid, which nobody else has. Where the kernel's audit records do not come (zoneadmd in a
 * network namespace) there is no such event, and only the end of the process is told. Runs in zoneadmd.
 */
#include <poll.h>
#include <stdio.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/jail.h"
#include "zone/refusal.h"
#include "zone/zoneadmd.h"

#define RECORD_WAIT_MS 100 /* the kernel hands records on by a thread of its own */

static void
look(struct zoneadmd *z)
{
	static const char *const names[] = { "zhyve", "swtpm", "zhyve-blk", "zhyve-net",
		"zhyve-vnc" };
	struct refusal r;
	char detail[96];
	uint32_t first; /* of the zone's uids */

	_Static_assert(NITEMS(names) == 1 + JAIL_HELPERS, "one for each uid");
	while (refusal_next(z->refusals.fd, &r)) {
		if (z->res.conf == NULL)
			continue;
		first = jail_uid(z->res.conf->did);
		if (r.uid < first || (r.uid - first) % JAIL_UID_SPAN != 0 ||
		    (r.uid - first) / JAIL_UID_SPAN >= NITEMS(names))
			continue;
		(void)snprintf(detail, sizeof(detail), "%s (pid %u), thread %s: system call %u",
		    names[(r.uid - first) / JAIL_UID_SPAN], r.pid, r.thread, r.call);
		log_err("killed by its system-call filter: %s", detail);
		events_tell(&z->events, "filter-kill", detail);
		z->refusals.told = r.pid;
	}
}

static void
on_record(int fd, enum mevent_type type, void *arg)
{
	look(arg);
}

void
zone_refusals_watch(struct zoneadmd *z)
{
	z->refusals.fd = refusal_open();
	if (z->refusals.fd < 0) {
		log_info("the kernel does not tell what system-call filters kill");
		return;
	}
	z->refusals.ev = mevent_add(z->loop, z->refusals.fd, EVF_READ, on_record, z);
}

void
zone_refusals_await(struct zoneadmd *z, pid_t pid)
{
	struct pollfd p = { .fd = z->refusals.fd, .events = POLLIN };

	if (z->refusals.fd < 0)
		return;
	look(z);
	if (z->refusals.told != (uint32_t)pid && poll(&p, 1, RECORD_WAIT_MS) == 1)
		look(z);
}

void
zone_refusals_close(struct zoneadmd *z)
{
	mevent_delete(z->refusals.ev);
	z->refusals.ev = NULL;
	fd_close(&z->refusals.fd);
}
