/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The limits of a live zone: set at ready with its cgroup, set anew when an operator has changed
 * them, and watched: coming to one of them is an event. It does not judge what ended a guest
 * (zoneadmd_op.c). Runs in zoneadmd.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/cgroup_io.h"
#include "zone/zoneadmd.h"

void
zone_limits_init(struct zone_limits *l)
{
	*l = (struct zone_limits){ .fd = -1 };
}

/* ---- watching ---- */

void
zone_limits_look(struct zoneadmd *z)
{
	struct zone_limits *l = &z->limits;
	struct cgroup_hits now;
	char text[160];

	if (l->fd < 0)
		return;
	cgroup_hits(z->res.cgroup, &now);
	if (now.oom_kill > l->seen.oom_kill) {
		(void)snprintf(text, sizeof(text),
		    now.oom > 0
			? "zone.max-physical-memory was reached: its processes are killed, "
			  "and no other zone's"
			: "the host is out of memory, and the kernel chose this zone: all its "
			  "processes are killed");
		events_tell(&z->events, "memory-limit", text);
	}
	/* Once: a guest may come to it as often as it likes. */
	if (now.lwps > 0 && l->seen.lwps == 0)
		events_tell(
		    &z->events, "lwps-limit", "zone.max-lwps was reached: a thread was refused");
	l->seen = now;
}

static void
on_change(int fd, enum mevent_type type, void *arg)
{
	char buf[4096] __attribute__((aligned(8)));

	(void)type;
	while (read(fd, buf, sizeof(buf)) > 0)
		continue; /* which file it was does not matter */
	zone_limits_look(arg);
}

void
zone_limits_watch(struct zoneadmd *z)
{
	static const char *const files[] = { "memory.events", "pids.events" };
	struct zone_limits *l = &z->limits;
	char path[PATH_MAX + 32];

	zone_limits_init(l);
	if ((l->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) < 0 ||
	    (l->ev = mevent_add(z->loop, l->fd, EVF_READ, on_change, z)) == NULL) {
		log_warn("cannot watch the zone's limits: no events will tell of them");
		zone_limits_close(z);
		return;
	}
	/* One that is not there has no controller, and no limit. */
	for (size_t i = 0; i < NITEMS(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", z->res.cgroup, files[i]);
		(void)inotify_add_watch(l->fd, path, IN_MODIFY);
	}
	cgroup_hits(z->res.cgroup, &l->seen);
}

void
zone_limits_close(struct zoneadmd *z)
{
	mevent_delete(z->limits.ev);
	fd_close(&z->limits.fd);
	zone_limits_init(&z->limits);
}

/* ---- changing ---- */

/*
 * A cap below the memory that this guest was started with holds from its next boot on, when it will
 * have less: until then the cap that is set stays.
 */
static bool
keep_memory(const struct zoneadmd *z, struct cgroup_limits *lim)
{
	struct cgroup_limits now;

	if (lim->memory == 0 || lim->memory >= z->res.plan->ram)
		return (false);
	(void)cgroup_limits_get(z->res.conf, 0, &now, NULL);
	lim->memory = now.memory;
	lim->swap = now.swap;
	return (true);
}

/* What is limited now becomes part of the configuration that the zone runs with. */
static int
take_over(struct zconf *running, const struct zconf *c, bool memory)
{
	static const char *const names[] = { "zone.cpu-cap", "zone.cpu-shares", "zone.max-lwps",
		"zone.zfs-io-priority", "zone.max-physical-memory", "zone.max-swap" };
	size_t n = memory ? NITEMS(names) : NITEMS(names) - 2;
	uint64_t v;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if (zconf_rctl_get(c, names[i], &v) == 0)
			rc = zconf_rctl_set(running, names[i], "privileged", v, "deny");
		else
			(void)zconf_rctl_clear(running, names[i]);
	}
	return (rc);
}

int
zone_limits_io(struct zoneadmd *z, const struct zconf *c, struct err *e)
{
	struct cgroup_io io[CGROUP_IO_MAX];
	size_t n;
	int rc = cgroup_io_get("/sys", c, io, &n, e);

	return (rc != 0 ? rc : cgroup_io_set(z->res.cgroup, io, n, e));
}

int
zone_limits_apply(struct zoneadmd *z, json_t **out, struct err *e)
{
	struct zone_resources *r = &z->res;
	struct cgroup_limits lim;
	struct zconf *c;
	bool kept;
	int rc;

	if (r->plan == NULL)
		return (err_say(e, EINVAL, "not running"));
	if ((rc = zconf_load(z->name, &c, e)) != 0)
		return (rc);
	rc = cgroup_limits_get(c, 0, &lim, e);
	kept = rc == 0 && keep_memory(z, &lim);
	if (rc == 0 && (rc = cgroup_limits_set(r->cgroup, &lim, e)) == 0 &&
	    (rc = zone_limits_io(z, c, e)) == 0 && take_over(r->conf, c, !kept) != 0)
		rc = err_set(e, ENOMEM, "the limits are set, but cannot be remembered");
	zconf_free(c);
	if (rc != 0)
		return (rc);
	events_tell(&z->events, "limits-applied", NULL);
	*out = kept ? json_pack("{s:[s,s]}", "later", "zone.max-physical-memory", "zone.max-swap")
		    : json_pack("{s:[]}", "later");
	return (0);
}
