/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Callers whose answer comes later, when the machine has reached what they asked for, or has failed to: who they
 * are, what they wait for, and until when. Runs in zoneadmd.
 */
#include <errno.h>

#include "base/checked.h"
#include "zone/zoneadmd.h"

struct waiter *
waiter_add(struct zoneadmd *z, struct varlink_conn *conn, enum waiter_kind kind)
{
	struct err e = { 0 };

	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		if (z->waiter[i].conn == NULL) {
			z->waiter[i] = (struct waiter){ .conn = conn, .kind = kind };
			return (&z->waiter[i]);
		}
	}
	(void)err_say(&e, EBUSY, "too many requests are waiting");
	ctl_fail(conn, &e);
	return (NULL);
}

void
waiters_answer(struct zoneadmd *z, enum waiter_kind kind, const struct err *e)
{
	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		struct varlink_conn *conn = z->waiter[i].conn;
		if (conn == NULL || z->waiter[i].kind != kind)
			continue;
		z->waiter[i].conn = NULL;
		if (e == NULL)
			ctl_ok(conn);
		else
			ctl_fail(conn, e);
	}
}

bool
waiting(const struct zoneadmd *z, enum waiter_kind kind)
{
	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		if (z->waiter[i].conn != NULL && z->waiter[i].kind == kind)
			return (true);
	}
	return (false);
}

void
waiters_look(struct zoneadmd *z)
{
	int64_t now = clock_mono_ns(), next = 0;
	struct err e = { 0 }, silent = { 0 };

	(void)err_say(&e, ETIMEDOUT, "the guest did not power off in time; it still runs");
	(void)err_say(&silent, ETIMEDOUT, "zhyve does not answer");
	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		struct waiter *w = &z->waiter[i];
		if (w->conn == NULL || w->deadline_ns == 0)
			continue;
		if (w->deadline_ns <= now) {
			struct varlink_conn *conn = w->conn;
			w->conn = NULL;
			ctl_fail(conn, w->kind == WAIT_SHUTDOWN ? &e : &silent);
		} else if (next == 0 || w->deadline_ns < next) {
			next = w->deadline_ns;
		}
	}
	if (next != 0)
		(void)mevent_timer_set(z->timer_waiters, (uint64_t)(next - now), 0);
}

static void
on_timer(int fd, enum mevent_type type, void *arg)
{
	waiters_look(arg);
}

int
waiters_init(struct zoneadmd *z, struct err *e)
{
	z->timer_waiters = mevent_add_timer(z->loop, 0, 0, on_timer, z);
	return (z->timer_waiters != NULL ? 0 : err_set(e, errno, "cannot make timers"));
}

void
op_conn_closed(struct zoneadmd *z, struct varlink_conn *conn)
{
	for (size_t i = 0; i < NITEMS(z->waiter); i++) {
		if (z->waiter[i].conn == conn)
			z->waiter[i].conn = NULL;
	}
	op_check_idle(z);
}
