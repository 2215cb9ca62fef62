/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone in systemd-machined's list (decision 62), where there is one: from when it runs until it is down. zoneadmd alone is moved, to the
 * scope that machined has systemd make: it is the machine's leader. So nothing has to be undone when it is killed (a scope without a
 * process is gone, and its machine with it), and there is nothing for the ledger. Leaving the scope has the same effect, which is all
 * that is done when the zone is down.
 *
 * Nobody waits for machined, and nothing depends on it. Runs in zoneadmd.
 */
#include <errno.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/machined.h"
#include "zone/zoneadmd.h"

/* The scope of the zone's last life may not be gone quite yet. */
#define TRIES_MAX 5
#define TRY_NS    500000000ull

static void ask(struct zoneadmd *z);

static void
leave(struct zoneadmd *z)
{
	z->machined.listed = false;
	cgroup_daemon_enter();
}

static void
on_end(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;
	struct zone_machined *m = &z->machined;
	struct err e = { 0 };

	mevent_delete_close(m->ev);
	m->ev = NULL;
	if (program_end(&m->call, &e) == 0) {
		m->listed = true;
		log_info("machined lists the zone");
		if (!m->wanted)
			leave(z);
	} else if (m->wanted &&
	    (m->tries >= TRIES_MAX || mevent_timer_set(m->retry, TRY_NS, 0) != 0)) {
		log_warn("machined does not list the zone: %s", e.text);
	}
}

static void
on_retry(int fd, enum mevent_type type, void *arg)
{
	ask(arg);
}

static void
ask(struct zoneadmd *z)
{
	struct zone_machined *m = &z->machined;
	struct machined_call c;
	struct err e = { 0 };
	int pidfd = -1;

	m->tries++;
	if (machined_create(&c, z->name, z->res.conf->uuid, getpid(), &e) != 0 ||
	    program_start(c.argv, &m->call, &e) != 0) {
		log_warn("machined does not list the zone: %s", e.text);
		return;
	}
	if ((pidfd = pidfd_open(m->call.pid, 0)) >= 0 &&
	    (m->ev = mevent_add(z->loop, pidfd, EVF_READ, on_end, z)) != NULL)
		return;
	log_warn("machined does not list the zone: cannot look after busctl");
	fd_close(&pidfd);
	program_stop(&m->call);
}

void
zone_machined_enter(struct zoneadmd *z)
{
	struct zone_machined *m = &z->machined;

	if (m->wanted || !machined_there())
		return;
	m->wanted = true;
	m->tries = 0;
	if (m->retry == NULL && (m->retry = mevent_add_timer(z->loop, 0, 0, on_retry, z)) == NULL) {
		log_warn("machined does not list the zone: no timer");
		return;
	}
	if (m->call.pid == 0 &&
	    !m->listed) /* else that of the life before is still being asked for */
		ask(z);
}

void
zone_machined_leave(struct zoneadmd *z)
{
	struct zone_machined *m = &z->machined;

	m->wanted = false;
	if (m->retry != NULL)
		(void)mevent_timer_set(m->retry, 0, 0);
	if (m->listed)
		leave(z);
}

void
zone_machined_close(struct zoneadmd *z)
{
	program_stop(&z->machined.call);
}
