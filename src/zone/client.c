/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tools ask of a zone: see client.h. Talks to the zone's zoneadmd, starts it when it is
 * needed, and cleans up after one that was killed. Does nothing itself to a zone that lives. Runs
 * in the tools, as root.
 */
#include "zone/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/cgroup.h"
#include "zone/paths.h"
#include "zone/reconcile.h"
#include "zone/varlink.h"
#include "zone/zstate.h"

#define CONNECT_WAIT_MS 5000 /* for one that somebody else has just started */
#define BUSY_WAIT_MS    20
#define CALL_TRIES      3

/* ---- starting zoneadmd ---- */

static void __attribute__((noreturn)) exec_zoneadmd(const char *name, int report)
{
	const char *bin = secure_getenv("ZONEADMD_BIN");
	char fd[16], text[512];

	if (bin == NULL)
		bin = ZONEADMD_BIN;
	(void)fcntl(report, F_SETFD, 0);
	(void)snprintf(fd, sizeof(fd), "%d", report);
	(void)execl(bin, bin, "-z", name, "-r", fd, (char *)NULL);
	(void)snprintf(text, sizeof(text), "cannot execute '%s': %s", bin, strerror(errno));
	(void)!write(report, text, strlen(text));
	_exit(127);
}

/*
 * Start it and wait until it is ready. *busy: there was one already, perhaps not yet to be reached.
 */
static int
start_zoneadmd(const char *name, bool *busy, struct err *e)
{
	CLEANUP_FD int in = -1;
	char text[ERR_TEXT_MAX] = "";
	size_t len = 0;
	int p[2];
	pid_t pid;
	ssize_t n;

	if (pipe2(p, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot start zoneadmd"));
	in = p[0];
	if ((pid = cgroup_daemon_fork()) < 0) {
		(void)close(p[1]);
		return (err_set(e, errno, "cannot start zoneadmd"));
	}
	if (pid == 0)
		exec_zoneadmd(name, p[1]);
	(void)close(p[1]);
	while (len < sizeof(text) - 1) {
		n = read(in, text + len, sizeof(text) - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	*busy = strcmp(text, "busy") == 0;
	if (*busy || strcmp(text, "ok") == 0)
		return (0);
	return (err_say(e, EIO, "%s",
	    len > 0 ? text : "zoneadmd ended before it was ready; see logs/zoneadmd.log"));
}

/* Call a zoneadmd that is there. -ENOTCONN when there is none. */
static int
call_running(const char *name, const char *method, json_t *params, json_t **reply, struct err *e)
{
	char path[PATH_MAX], full[64];

	(void)snprintf(full, sizeof(full), "org.zhyve.Zone.%s", method);
	return (varlink_call(path_run(path, "%s/control", name), full, params, reply, e));
}

/*
 * The connection ended without an answer. 0: zoneadmd ended in peace, while we called, and another
 * may be asked; else it was killed, perhaps in the middle of what we asked for: that is not to be
 * repeated.
 */
static int
look_after_reset(const char *name, struct err *e)
{
	bool killed = false;
	int rc;

	for (int waited = 0;; waited += BUSY_WAIT_MS) {
		rc = zone_reconcile(name, &killed, e);
		if (rc != -EBUSY || waited >= CONNECT_WAIT_MS)
			break;
		(void)poll(NULL, 0, BUSY_WAIT_MS); /* it is on its way out */
	}
	if (killed && rc == 0)
		return (err_say(e, EIO,
		    "zoneadmd was killed, and the zone with it; what was left has been cleaned "
		    "up"));
	return (rc == -EBUSY ? err_say(e, EIO, "zoneadmd does not answer") : rc);
}

/*
 * Call, starting one when there is none. One that was about to end when we called is started again;
 * one that somebody else is just starting is waited for.
 */
static int
call_started(const char *name, const char *method, json_t *params, struct err *e)
{
	int resets = 0, starts = 0, waited = 0, rc;
	bool busy;

	for (;;) {
		rc = call_running(name, method, params, NULL, e);
		if (rc == -ECONNRESET && ++resets < CALL_TRIES) {
			if ((rc = look_after_reset(name, e)) != 0)
				return (rc);
			continue;
		}
		if (rc != -ENOTCONN)
			return (rc);
		if ((rc = start_zoneadmd(name, &busy, e)) != 0)
			return (rc);
		if (busy && (waited += BUSY_WAIT_MS) < CONNECT_WAIT_MS)
			(void)poll(NULL, 0, BUSY_WAIT_MS);
		else if (busy || ++starts > CALL_TRIES)
			return (err_say(
			    e, EIO, "zoneadmd ends before it can be asked; see logs/zoneadmd.log"));
	}
}

/* ---- state ---- */

/* <zonepath>/lastexited: "SECONDS WAITSTATUS WORD". */
static void
read_last_exit(const char *name, struct zone_status *st)
{
	char path[PATH_MAX];
	CLEANUP_FREE char *text = NULL;
	double when;
	size_t len;

	if (file_read(path_zones(path, "%s/lastexited", name), 4096, &text, &len, NULL) != 0)
		return;
	if (sscanf(text, "%lf %d %31s", &when, &st->last_exit_status, st->last_exit) >= 2)
		st->last_exit_time_ms = (int64_t)(when * 1000 + 0.5);
}

static int64_t
get_int(json_t *j, const char *name)
{
	return (json_integer_value(json_object_get(j, name)));
}

static int
take_status(json_t *reply, struct zone_status *st, struct err *e)
{
	json_t *j = json_object_get(reply, "status");
	const char *state = json_string_value(json_object_get(j, "state"));
	const char *last = json_string_value(json_object_get(j, "last_exit"));

	if (state == NULL || last == NULL || zone_state_parse(state, &st->state) != 0)
		return (err_say(e, EPROTO, "zoneadmd's answer is not a status"));
	st->zoneid = get_int(j, "zoneid");
	st->init_pid = (pid_t)get_int(j, "init_pid");
	st->boot_time_ms = get_int(j, "boot_time_ms");
	st->init_restarts = (uint32_t)get_int(j, "init_restarts");
	if (last[0] != '\0') {
		(void)snprintf(st->last_exit, sizeof(st->last_exit), "%s", last);
		st->last_exit_status = (int)get_int(j, "last_exit_status");
		st->last_exit_time_ms = get_int(j, "last_exit_time_ms");
	}
	return (0);
}

int
zone_status_get(const char *name, struct zone_status *st, struct err *e)
{
	struct zconf *c;
	json_t *reply = NULL;
	int rc;

	*st = (struct zone_status){ .zoneid = -1, .last_exit_status = -1 };
	if ((rc = zconf_load(name, &c, e)) != 0)
		return (rc);
	st->state = c->state;
	zconf_free(c);
	if (st->state != ZONE_STATE_INSTALLED)
		return (0);
	read_last_exit(name, st);
	for (int i = 0; i < CALL_TRIES; i++) {
		rc = call_running(name, "GetStatus", NULL, &reply, e);
		/* One that lives may have failed to take this connection. */
		if (rc != -ECONNRESET)
			break;
	}
	if (rc == -ENOTCONN || rc == -ECONNRESET) {
		if (geteuid() != 0 || (rc = zone_reconcile(name, NULL, e)) == -EBUSY)
			rc = 0; /* it is just starting or ending: not live */
		if (rc == 0)
			err_clear(e);
		return (rc);
	}
	if (rc == 0)
		rc = take_status(reply, st, e);
	json_decref(reply);
	return (rc);
}

/* ---- changes of state ---- */

/* By the stored state: what is live is for its zoneadmd to judge. */
static int
check_stored(const char *name, enum zone_command cmd, struct err *e)
{
	struct zconf *c;
	int rc;

	if ((rc = zconf_load(name, &c, e)) != 0)
		return (rc);
	/* An installed zone may be live; then its zoneadmd is asked, which looks itself. */
	rc = c->state == ZONE_STATE_INSTALLED ? 0 : zone_state_check(cmd, c->state, e);
	zconf_free(c);
	return (rc);
}

static int
change_started(const char *name, enum zone_command cmd, const char *method, struct err *e)
{
	int rc = check_stored(name, cmd, e);

	return (rc != 0 ? rc : call_started(name, method, NULL, e));
}

/* For what makes sense with a live zone only: when nobody is there it is not live. */
static int
change_live(
    const char *name, enum zone_command cmd, const char *method, json_t *params, struct err *e)
{
	int rc = check_stored(name, cmd, e);

	if (rc == 0) {
		rc = call_running(name, method, params, NULL, e);
		if (rc == -ENOTCONN && ((rc = zone_reconcile(name, NULL, e)) == 0 || rc == -EBUSY))
			rc = zone_state_check(cmd, ZONE_STATE_INSTALLED, e);
		else if (rc == -ECONNRESET && (rc = look_after_reset(name, e)) == 0)
			/* Only one that is not live ends in peace. */
			rc = zone_state_check(cmd, ZONE_STATE_INSTALLED, e);
	}
	json_decref(params);
	return (rc);
}

int
zone_attend(const char *name, struct err *e)
{
	return (change_started(name, ZCMD_EVENTS, "GetStatus", e));
}

int
zone_ready(const char *name, struct err *e)
{
	return (change_started(name, ZCMD_READY, "Ready", e));
}

int
zone_boot(const char *name, struct err *e)
{
	return (change_started(name, ZCMD_BOOT, "Boot", e));
}

int
zone_boot_with(const char *name, size_t n, char *const words[], struct err *e)
{
	json_t *list = json_array(), *params = json_pack("{s:o}", "options", list);
	int rc = check_stored(name, ZCMD_BOOT, e);

	for (size_t i = 0; i < n && rc == 0; i++)
		if (json_array_append_new(list, json_string(words[i])) != 0)
			rc = err_say(e, EILSEQ, "'%s' is no UTF-8 text", words[i]);
	if (rc == 0)
		rc = call_started(name, "Boot", params, e);
	json_decref(params);
	return (rc);
}

int
zone_halt(const char *name, struct err *e)
{
	return (change_live(name, ZCMD_HALT, "Halt", NULL, e));
}

int
zone_reboot(const char *name, struct err *e)
{
	return (change_live(name, ZCMD_REBOOT, "Reboot", NULL, e));
}

int
zone_shutdown(const char *name, unsigned timeout_s, struct err *e)
{
	return (change_live(
	    name, ZCMD_SHUTDOWN, "Shutdown", json_pack("{s:i}", "timeout_s", (int)timeout_s), e));
}

int
zone_nmi(const char *name, struct err *e)
{
	return (change_live(name, ZCMD_NMI, "Nmi", NULL, e));
}

/* ---- devices ---- */

/* `params` is taken. */
static int
ask_live(const char *name, const char *method, json_t *params, json_t **out, struct err *e)
{
	int rc = call_running(name, method, params, out, e);

	json_decref(params);
	return (rc == -ENOTCONN ? err_say(e, EINVAL, "not running") : rc);
}

int
zone_devices_get(const char *name, json_t **out, struct err *e)
{
	return (ask_live(name, "GetDevices", NULL, out, e));
}

int
zone_memory_get(const char *name, json_t **out, struct err *e)
{
	return (ask_live(name, "GetMemory", NULL, out, e));
}

int
zone_balloon_set(const char *name, uint64_t target, struct err *e)
{
	return (ask_live(
	    name, "SetBalloon", json_pack("{s:I}", "target", (json_int_t)target), NULL, e));
}

int
zone_refresh_disks(const char *name, struct err *e)
{
	return (ask_live(name, "RefreshDisks", NULL, NULL, e));
}

int
zone_apply(const char *name, json_t **later, struct err *e)
{
	json_t *reply = NULL;
	int rc = ask_live(name, "Apply", NULL, &reply, e);

	if (rc == 0)
		*later = json_incref(json_object_get(reply, "later"));
	json_decref(reply);
	return (rc);
}

int
zone_pause(const char *name, int *fd, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((*fd = unix_connect(path_run(path, "%s/control", name), SOCK_STREAM, e)) < 0)
		return (err_say(e, EINVAL, "not running"));
	if ((rc = varlink_call_on(*fd, "org.zhyve.Zone.Pause", NULL, NULL, e)) != 0)
		fd_close(fd);
	return (rc);
}

int
zone_resume(int *fd, int64_t *us, struct err *e)
{
	json_t *reply = NULL;
	int rc = varlink_call_on(*fd, "org.zhyve.Zone.Resume", NULL, &reply, e);

	*us = get_int(reply, "paused_us");
	json_decref(reply);
	fd_close(fd);
	return (rc);
}

int
zone_display_get(const char *name, json_t **out, struct err *e)
{
	return (ask_live(name, "GetDisplay", NULL, out, e));
}

int
zone_vcpus_get(const char *name, json_t **out, struct err *e)
{
	json_t *list = json_array(), *params, *reply;
	size_t first, n;
	int rc;

	do {
		first = json_array_size(list);
		params = json_pack("{s:I}", "first", (json_int_t)first);
		reply = NULL;
		rc = call_running(name, "GetVcpus", params, &reply, e);
		n = json_array_size(json_object_get(reply, "vcpus"));
		(void)json_array_extend(list, json_object_get(reply, "vcpus"));
		json_decref(reply);
		json_decref(params);
	} while (rc == 0 && n == ZONE_VCPUS_MAX && first < UINT16_MAX);
	if (rc == 0)
		*out = list;
	else
		json_decref(list);
	return (rc == -ENOTCONN ? err_say(e, EINVAL, "not running") : rc);
}

int
zone_links_apply(const char *name, struct err *e)
{
	return (ask_live(name, "UpdateLinks", NULL, NULL, e));
}

int
zone_links_get(const char *name, json_t **out, struct err *e)
{
	int rc = call_running(name, "GetLinks", NULL, out, e);

	return (rc == -ENOTCONN ? err_say(e, EINVAL, "not running") : rc);
}

int
zone_screenshot_take(const char *name, char path[PATH_MAX], struct err *e)
{
	json_t *reply = NULL;
	const char *text;
	int rc = call_running(name, "Screenshot", NULL, &reply, e);

	if (rc == -ENOTCONN)
		return (err_say(e, EINVAL, "not running"));
	if (rc == 0) {
		text = json_string_value(json_object_get(reply, "path"));
		if (text == NULL || (size_t)snprintf(path, PATH_MAX, "%s", text) >= PATH_MAX)
			rc = err_say(e, EPROTO, "zoneadmd gave no path");
	}
	json_decref(reply);
	return (rc);
}

/* ---- console ---- */

/* The first answer of the console: "OK". */
static int
introduce(int fd, unsigned flags, struct err *e)
{
	char line[64], c;
	size_t len;

	(void)snprintf(line, sizeof(line), "IDENT C %u\n", flags);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL) != (ssize_t)strlen(line))
		return (err_set(e, errno, "the console does not answer"));
	for (len = 0; len < sizeof(line) - 1; len++) {
		if (fd_read_full(fd, &c, 1) != 0)
			return (err_say(e, EBUSY, "the console takes no more viewers"));
		if (c == '\n')
			break;
		line[len] = c;
	}
	line[len] = '\0';
	return (strcmp(line, "OK") == 0 ? 0 : err_say(e, EBUSY, "the console answered '%s'", line));
}

int
zone_console_connect(const char *name, unsigned flags, struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;
	int rc;

	for (int i = 0; i < CALL_TRIES; i++) {
		if ((rc = change_started(name, ZCMD_CONSOLE, "GetStatus", e)) != 0)
			return (rc);
		fd = unix_connect(path_run(path, "%s/console", name), SOCK_STREAM, e);
		if (fd >= 0)
			break;
	}
	if (fd < 0)
		return (fd);
	rc = introduce(fd, flags, e);
	return (rc != 0 ? rc : fd_steal(&fd));
}
