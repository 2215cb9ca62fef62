/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pause: for as long as a tool works on the zone's volumes, nothing of the zone runs. Every process
 * of it is held by the kernel's freezer, so nothing depends on what zhyve or a device's process makes of
 * it: what they have heard of as written is written, and of what they have asked for they hear later.
 * The connection that asked holds the pause: it ends with that, with the zone, and by itself after
 * PAUSE_MAX_MS; who held it then learns that it was too long. Runs in zoneadmd.
 */
#include <errno.h>

#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/zoneadmd.h"

#define PAUSE_MAX_MS  5000
#define FREEZE_MAX_MS 2000
#define NS_PER_MS     1000000ll

void
zone_pause_end(struct zoneadmd *z)
{
	struct err e = { 0 };

	if (z->pause.conn == NULL)
		return;
	z->pause.conn = NULL;
	(void)mevent_timer_set(z->pause.timer, 0, 0);
	if (cgroup_thaw(z->res.cgroup, &e) != 0)
		log_err("%s", e.text);
}

void
zone_pause_closed(struct zoneadmd *z, const struct varlink_conn *conn)
{
	if (z->pause.conn == conn)
		zone_pause_end(z);
}

static void
on_timer(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;

	(void)fd;
	(void)type;
	if (z->pause.conn != NULL)
		log_warn("the guest was held for %d ms: it goes on", PAUSE_MAX_MS);
	zone_pause_end(z);
}

void
op_pause(struct zoneadmd *z, struct varlink_conn *conn)
{
	struct err e = { 0 };

	if (z->vm.phase != VM_RUNNING)
		(void)err_say(&e, EINVAL, "not running");
	else if (z->pause.conn != NULL)
		(void)err_say(&e, EBUSY, "the guest is paused by somebody else");
	else if (z->pause.timer == NULL &&
	    (z->pause.timer = mevent_add_timer(z->loop, 0, 0, on_timer, z)) == NULL)
		(void)err_set(&e, ENOMEM, "cannot pause the guest");
	if (e.errnum == 0) {
		z->pause.since_ns = clock_mono_ns();
		(void)cgroup_freeze(z->res.cgroup, FREEZE_MAX_MS, &e);
	}
	if (e.errnum != 0) {
		ctl_fail(conn, &e);
		return;
	}
	z->pause.conn = conn;
	(void)mevent_timer_set(z->pause.timer, PAUSE_MAX_MS * NS_PER_MS, 0);
	ctl_ok(conn);
}

void
op_resume(struct zoneadmd *z, struct varlink_conn *conn)
{
	struct err e = { 0 };
	int64_t ns;

	if (z->pause.conn != conn) {
		(void)err_say(&e, ETIMEDOUT, "the pause is over already");
		ctl_fail(conn, &e);
		return;
	}
	zone_pause_end(z);
	ns = clock_mono_ns() - z->pause.since_ns;
	varlink_reply(conn, json_pack("{s:I}", "paused_us", (json_int_t)(ns / 1000)), false);
}
