/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was asked of the zone, and what state it is in: zones.md 7 and 10.
 * Nothing here blocks: a call is answered when the machine has reached what was asked for, or
 * failed to. Runs in zoneadmd.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/cgroup.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"
#include "zone/zstate.h"

#define NS_PER_S        1000000000ll
#define NS_PER_MS       1000000ll
#define IDLE_FIRST_NS   (5 * NS_PER_S) /* who started us connects within */
#define IDLE_NS         (50 * NS_PER_MS)
#define BRAKE_WINDOW    (10 * NS_PER_S) /* so many resets (reset_times) within this: */
#define BRAKE_DELAY_NS  (1 * NS_PER_S)  /* wait before the next start */
#define LOST_STARTS_MAX 3               /* in a row, before the machine counts as failed */

/* ---- idling ---- */

bool
op_idle(const struct zoneadmd *z)
{
	return (z->state == ZONE_STATE_INSTALLED && z->vm.phase == VM_NONE &&
	    console_viewers(z->console) == 0 && varlink_server_conns(z->server) == 0);
}

static void
on_idle(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;

	if (op_idle(z) || (z->terminating && z->state == ZONE_STATE_INSTALLED))
		mevent_stop(z->loop);
}

void
op_check_idle(struct zoneadmd *z)
{
	/* Without its timer it would never end: then without the moment of grace. */
	if (z->timer_idle != NULL && mevent_timer_set(z->timer_idle, IDLE_NS, 0) != 0)
		on_idle(-1, EVF_TIMER, z);
}

/* ---- the records beside the zone path (zones.md 10) ---- */

static void
record(struct zoneadmd *z, const char *file, const char *text)
{
	char path[PATH_MAX];
	struct err e = { 0 };

	if (file_replace(path_zones(path, "%s/%s", z->name, file), text, strlen(text), 0644, &e) !=
	    0)
		log_warn("%s", e.text);
}

static void
record_exit(struct zoneadmd *z, const char *reason, int wait_status)
{
	char text[96];

	(void)snprintf(z->status.last_exit, sizeof(z->status.last_exit), "%s", reason);
	z->status.last_exit_status = wait_status;
	z->status.last_exit_time_ms = clock_real_ns() / NS_PER_MS;
	(void)snprintf(text, sizeof(text), "%lld.%03lld %d %s\n",
	    (long long)z->status.last_exit_time_ms / 1000,
	    (long long)z->status.last_exit_time_ms % 1000, wait_status, reason);
	record(z, "lastexited", text);
}

/* ---- down ---- */

/*
 * The machine is gone: give the resources back and be installed again. Answers everybody who waits.
 */
static void
zone_down(struct zoneadmd *z, const struct err *why)
{
	struct err e = { 0 };

	z->intent = INTENT_NONE;
	z->reset_pending = false;
	z->start = (struct start_options){ .ndrive = 0 };
	z->status.init_pid = 0;
	z->status.init_restarts = 0;
	(void)mevent_timer_set(z->timer_restart, 0, 0);
	if (zone_resources_undo(z, &e) != 0) {
		z->state = ZONE_STATE_DOWN;
		log_err("the zone is down, but %s", e.text);
		(void)err_ctx(&e,
		    "the zone is down, but not all of it could be removed (halt again to retry)");
		waiters_answer(z, WAIT_HALTED, &e);
		waiters_answer(z, WAIT_SHUTDOWN, &e);
	} else {
		z->state = ZONE_STATE_INSTALLED;
		z->status.zoneid = -1;
		events_tell(&z->events, "halted", why != NULL ? why->text : NULL);
		waiters_answer(z, WAIT_HALTED, NULL);
		waiters_answer(z, WAIT_SHUTDOWN, NULL);
	}
	(void)err_say(&e, ECANCELED, "the zone was halted while it booted");
	waiters_answer(z, WAIT_RUNNING, why != NULL ? why : &e);
	console_halted(z->console);
	zone_machined_leave(z);
	if (z->terminating)
		mevent_stop(z->loop);
	op_check_idle(z);
}

static void
boot_failed(struct zoneadmd *z, const struct err *e)
{
	log_err("boot failed: %s", e->text);
	events_tell(&z->events, "boot-failed", e->text);
	console_notice(z->console, "Zone boot failed");
	zone_down(z, e);
}

/* ---- up ---- */

/* lastbooted. Mostly it says so already, and a boot need not wait for the disk. */
static void
record_kernel(struct zoneadmd *z)
{
	CLEANUP_FREE char *before = NULL;
	struct utsname u;
	char text[sizeof(u.version) + 2], path[PATH_MAX];
	size_t len;

	if (uname(&u) != 0)
		return;
	(void)snprintf(text, sizeof(text), "%s\n", u.version);
	if (file_read(path_zones(path, "%s/lastbooted", z->name), sizeof(text), &before, &len,
		NULL) != 0 ||
	    strcmp(before, text) != 0)
		record(z, "lastbooted", text);
}

static int
make_ready(struct zoneadmd *z, struct err *e)
{
	int rc;

	record_kernel(z);
	if ((rc = zone_resources_make(z, e)) != 0)
		return (rc);
	z->state = ZONE_STATE_READY;
	z->status.zoneid = z->res.conf->did;
	events_tell(&z->events, "ready", NULL);
	return (0);
}

/* From installed or ready: the machine's start. Its success is told by op_vm_running. */
static void
start(struct zoneadmd *z)
{
	struct err e = { 0 };

	z->intent = INTENT_NONE;
	z->status.init_restarts = 0;
	memset(z->reset_times, 0, sizeof(z->reset_times));
	if ((z->state == ZONE_STATE_INSTALLED && make_ready(z, &e) != 0) || vm_start(z, &e) != 0)
		boot_failed(z, &e);
}

void
op_vm_running(struct zoneadmd *z)
{
	if (!z->reset_pending)
		z->status.boot_time_ms = clock_real_ns() / NS_PER_MS;
	z->reset_pending = false;
	z->lost_starts = 0;
	z->state = ZONE_STATE_RUNNING;
	events_tell(&z->events, "running", NULL);
	waiters_answer(z, WAIT_RUNNING, NULL);
	if (waiting(z, WAIT_SHUTDOWN)) /* the button was pressed between two lives of the guest */
		(void)vm_wire_tell(z, WIRE_POWER_BUTTON, 0, NULL);
	zone_machined_enter(z);
}

/* ---- the guest's resets ---- */

static void
restart(struct zoneadmd *z)
{
	struct err e = { 0 };

	zone_resources_again(&z->res);
	if (vm_start(z, &e) != 0) {
		(void)err_ctx(&e, "restart after a reset by the guest");
		boot_failed(z, &e);
	}
}

static void
on_restart(int fd, enum mevent_type type, void *arg)
{
	struct zoneadmd *z = arg;

	if (z->reset_pending && z->vm.phase == VM_NONE)
		restart(z);
}

/* True when the guest resets itself so often that it should be slowed down. */
static bool
brake(struct zoneadmd *z)
{
	int64_t now = clock_mono_ns(), oldest = z->reset_times[0];

	memmove(
	    z->reset_times, z->reset_times + 1, sizeof(z->reset_times) - sizeof(z->reset_times[0]));
	z->reset_times[NITEMS(z->reset_times) - 1] = now;
	return (oldest != 0 && now - oldest < BRAKE_WINDOW);
}

static void
guest_reset(struct zoneadmd *z)
{
	z->status.init_restarts++;
	z->status.init_pid = 0;
	z->reset_pending = true;
	events_tell(&z->events, "guest-reset", z->vm.text[0] != '\0' ? z->vm.text : NULL);
	console_notice(z->console, "Zone rebooting");
	if (brake(z)) {
		log_warn("the guest resets itself again and again: the next start waits");
		(void)mevent_timer_set(z->timer_restart, BRAKE_DELAY_NS, 0);
	} else {
		restart(z);
	}
}

/* ---- the machine's end ---- */

/*
 * zhyve that cannot have a device, as the device's process ended under it, has not come to run, and its guest has not
 * lost anything yet: the start is made again, a few times.
 */
static bool
start_again(struct zoneadmd *z, enum vm_phase reached, const struct err *why)
{
	struct err e = { 0 };

	if (reached == VM_RUNNING || reached == VM_STOPPED || reached == VM_KILLED ||
	    !zone_devices_lost(z) || z->lost_starts++ >= LOST_STARTS_MAX)
		return (false);
	log_warn("%s: a device's process has ended, the machine starts again", why->text);
	if (vm_start(z, &e) != 0)
		boot_failed(z, &e);
	return (true);
}

static void
zone_ended(struct zoneadmd *z, int status, enum vm_phase reached)
{
	const char *event, *word;
	struct err e = { 0 };

	vm_judge(z, status, reached, &event, &word, &e);
	if (strcmp(event, "guest-reset") == 0) {
		guest_reset(z);
		return;
	}
	if (strcmp(word, "error") == 0 && start_again(z, reached, &e)) {
		err_clear(&e);
		return;
	}
	record_exit(z, word, status);
	events_tell(&z->events, event, e.text);
	if (strcmp(word, "power-off") != 0 && strcmp(word, "halt") != 0)
		console_notice(z->console, "%s", e.text);
	if (z->state == ZONE_STATE_READY)
		boot_failed(z, &e); /* it did not get as far as running */
	else
		zone_down(z, &e);
}

void
op_vm_ended(struct zoneadmd *z, int status, enum vm_phase reached)
{
	enum zone_intent intent = z->intent;
	struct err e = { 0 };

	zone_limits_look(z);
	(void)err_say(&e, EINVAL, "not running");
	waiters_answer(z, WAIT_MEMORY, &e);
	waiters_answer(z, WAIT_VCPUS, &e);
	err_clear(&e);
	if (intent == INTENT_NONE) {
		zone_ended(z, status, reached);
		return;
	}
	record_exit(z, "halted", status);
	if (intent == INTENT_HALT) {
		zone_down(z, NULL);
		return;
	}
	z->intent = INTENT_NONE;
	z->start = (struct start_options){ .ndrive = 0 };
	console_notice(z->console, "Zone rebooting");
	if (zone_resources_undo(z, &e) != 0) {
		boot_failed(z, &e);
		return;
	}
	z->state = ZONE_STATE_INSTALLED;
	start(z);
}

/* ---- what can be asked for ---- */

void
op_ready(struct zoneadmd *z, struct varlink_conn *conn)
{
	struct err e = { 0 };

	if (z->terminating)
		ctl_refuse(conn, EBUSY, "zoneadmd is ending");
	else if (zone_state_check(ZCMD_READY, z->state, &e) != 0)
		ctl_fail(conn, &e);
	else if (make_ready(z, &e) != 0)
		ctl_fail(conn, &e);
	else {
		console_notice(z->console, "Zone readied");
		ctl_ok(conn);
	}
	op_check_idle(z);
}

void
op_boot(struct zoneadmd *z, struct varlink_conn *conn, const struct start_options *start_options)
{
	struct err e = { 0 };

	if (z->terminating) {
		ctl_refuse(conn, EBUSY, "zoneadmd is ending");
	} else if (zone_state_check(ZCMD_BOOT, z->state, &e) != 0) {
		ctl_fail(conn, &e);
	} else if (z->vm.phase != VM_NONE && z->state == ZONE_STATE_READY) {
		ctl_refuse(conn, EBUSY, "zone is already being booted");
	} else if (z->state == ZONE_STATE_READY && start_options_any(start_options)) {
		ctl_refuse(conn, EINVAL,
		    "the zone is ready, its devices are chosen: halt it, and start it with these "
		    "options");
	} else if (waiter_add(z, conn, WAIT_RUNNING) != NULL) {
		if (z->state == ZONE_STATE_INSTALLED)
			z->start = *start_options;
		events_tell(&z->events, "start-requested", NULL);
		console_notice(z->console, "Zone booting up");
		start(z);
	}
}

/* End the machine, or, when there is none at the moment, go on without it. */
static void
end_machine(struct zoneadmd *z, enum zone_intent intent)
{
	z->intent = intent;
	z->state = ZONE_STATE_SHUTTING_DOWN;
	if (z->vm.phase != VM_NONE)
		vm_kill(z, "");
	else if (intent == INTENT_HALT)
		zone_down(z, NULL);
	else
		op_vm_ended(z, 0, VM_NONE);
}

void
op_halt(struct zoneadmd *z, struct varlink_conn *conn)
{
	struct err e = { 0 };

	if (zone_state_check(ZCMD_HALT, z->state, &e) != 0)
		ctl_fail(conn, &e);
	else if (waiter_add(z, conn, WAIT_HALTED) != NULL)
		end_machine(z, INTENT_HALT);
}

void
op_reboot(struct zoneadmd *z, struct varlink_conn *conn)
{
	struct err e = { 0 };

	if (zone_state_check(ZCMD_REBOOT, z->state, &e) != 0) {
		ctl_fail(conn, &e);
	} else if (waiter_add(z, conn, WAIT_RUNNING) != NULL) {
		events_tell(&z->events, "start-requested", "reboot");
		end_machine(z, INTENT_REBOOT);
	}
}

void
op_shutdown(struct zoneadmd *z, struct varlink_conn *conn, unsigned timeout_s)
{
	struct err e = { 0 };
	struct waiter *w;

	if (zone_state_check(ZCMD_SHUTDOWN, z->state, &e) != 0) {
		ctl_fail(conn, &e);
		return;
	}
	if (z->vm.phase == VM_RUNNING && vm_wire_tell(z, WIRE_POWER_BUTTON, 0, &e) != 0) {
		ctl_fail(conn, &e);
		return;
	}
	if ((w = waiter_add(z, conn, WAIT_SHUTDOWN)) == NULL)
		return;
	w->deadline_ns = clock_mono_ns() + (int64_t)MAX(timeout_s, 1) * NS_PER_S;
	events_tell(&z->events, "power-button", NULL);
	if (z->vm.phase == VM_NONE) /* between two lives: there is no guest to ask */
		end_machine(z, INTENT_HALT);
	else
		waiters_look(z);
}

void
op_terminate(struct zoneadmd *z)
{
	z->terminating = true;
	if (z->state == ZONE_STATE_INSTALLED)
		mevent_stop(z->loop);
	else
		end_machine(z, INTENT_HALT);
	console_disconnect(z->console);
}

void
op_press(struct zoneadmd *z)
{
	struct err e = { 0 };

	if (zone_state_check(ZCMD_SHUTDOWN, z->state, &e) != 0 ||
	    vm_wire_tell(z, WIRE_POWER_BUTTON, 0, &e) != 0)
		log_warn("the power button: %s", e.text);
	else
		events_tell(&z->events, "power-button", NULL);
}

void
op_cycle(struct zoneadmd *z)
{
	struct err e = { 0 };

	if (zone_state_check(ZCMD_REBOOT, z->state, &e) != 0) {
		log_warn("a reboot: %s", e.text);
		return;
	}
	events_tell(&z->events, "start-requested", "reboot");
	end_machine(z, INTENT_REBOOT);
}

int
op_init(struct zoneadmd *z, struct err *e)
{
	z->state = ZONE_STATE_INSTALLED;
	z->status = (struct zone_status){ .zoneid = -1, .last_exit_status = -1 };
	z->timer_restart = mevent_add_timer(z->loop, 0, 0, on_restart, z);
	z->timer_idle = mevent_add_timer(z->loop, IDLE_FIRST_NS, 0, on_idle, z);
	if (z->timer_restart == NULL || z->timer_idle == NULL)
		return (err_set(e, errno, "cannot make timers"));
	return (waiters_init(z, e));
}
