/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket of a zone: varlink interface org.zhyve.Zone on /run/zones/<name>/control, for
 * root, and to look at for the members of a group. org.zhyve.Zone.varlink describes it, and is what
 * GetInterfaceDescription answers. Runs in zoneadmd.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "zone/paths.h"
#include "zone/zoneadmd.h"

#define SHUTDOWN_TIMEOUT_MAX 86400

static const char interface_text[] =
#include "zone/org.zhyve.Zone.varlink.h"
    ;

void
ctl_ok(struct varlink_conn *conn)
{
	varlink_reply(conn, NULL, false);
}

void
ctl_fail(struct varlink_conn *conn, const struct err *e)
{
	varlink_error(conn, "org.zhyve.Zone.Failed",
	    json_pack("{s:i,s:s}", "errno", e->errnum, "text", e->text));
}

void
ctl_refuse(struct varlink_conn *conn, int errnum, const char *text)
{
	struct err e = { 0 };

	(void)err_say(&e, errnum, "%s", text);
	ctl_fail(conn, &e);
}

static json_t *
status_json(const struct zoneadmd *z)
{
	const struct zone_status *s = &z->status;

	return (json_pack("{s:s,s:I,s:i,s:I,s:i,s:s,s:i,s:I}", "state", zone_state_name(z->state),
	    "zoneid", (json_int_t)s->zoneid, "init_pid", (int)s->init_pid, "boot_time_ms",
	    (json_int_t)s->boot_time_ms, "init_restarts", (int)s->init_restarts, "last_exit",
	    s->last_exit, "last_exit_status", s->last_exit_status, "last_exit_time_ms",
	    (json_int_t)s->last_exit_time_ms));
}

/* ---- methods ---- */

typedef void method_fn(
    struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call);

static void
get_status(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	varlink_reply(conn, json_pack("{s:o}", "status", status_json(z)), false);
}

static void
ready(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_ready(z, conn);
}

static void
boot(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	json_t *words = json_object_get(call->parameters, "options"), *w;
	static struct start_options start; /* large; copied by op_boot */
	struct err e = { 0 };
	size_t i;

	start = (struct start_options){ .ndrive = 0 };
	if (words != NULL && !json_is_null(words) && !json_is_array(words)) {
		varlink_error(conn, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "options"));
		return;
	}
	json_array_foreach (words, i, w) {
		const char *word = json_string_value(w);

		if (i >= START_WORDS_MAX || word == NULL)
			(void)err_say(
			    &e, EINVAL, "options: more than %d, or not strings", START_WORDS_MAX);
		if (e.errnum != 0 || start_options_add(&start, word, &e) != 0) {
			ctl_fail(conn, &e);
			return;
		}
	}
	op_boot(z, conn, &start);
}

static void
halt(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_halt(z, conn);
}

static void
reboot(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_reboot(z, conn);
}

static void
shut_down(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	json_t *j = json_object_get(call->parameters, "timeout_s");

	if (!json_is_integer(j) || json_integer_value(j) < 1 ||
	    json_integer_value(j) > SHUTDOWN_TIMEOUT_MAX)
		varlink_error(conn, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "timeout_s"));
	else
		op_shutdown(z, conn, (unsigned)json_integer_value(j));
}

static void
nmi(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_nmi(z, conn);
}

static void
get_display(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	char path[PATH_MAX];

	if (z->res.plan == NULL || z->display.mem < 0)
		varlink_reply(conn, NULL, false);
	else
		varlink_reply(conn,
		    json_pack("{s:s,s:s,s:i}", "path", path_run(path, "%s/vm.vnc", z->name), "host",
			"127.0.0.1", "port", (int)z->display.port),
		    false);
}

static void
get_links(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	struct err e = { 0 };
	json_t *links;

	if (zone_links_json(z, &links, &e) != 0)
		ctl_fail(conn, &e);
	else
		varlink_reply(conn, json_pack("{s:o}", "links", links), false);
}

static void
update_links(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	struct err e = { 0 };
	json_t *links;

	if (zone_links_update(z, &links, &e) != 0)
		ctl_fail(conn, &e);
	else
		varlink_reply(conn, json_pack("{s:o}", "links", links), false);
}

static void
screenshot(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	char path[PATH_MAX];
	struct err e = { 0 };

	if (z->res.plan == NULL)
		(void)err_say(&e, EINVAL, "the zone is not running");
	if (e.errnum != 0 || zone_screenshot(z, path, &e) != 0)
		ctl_fail(conn, &e);
	else
		varlink_reply(conn, json_pack("{s:s}", "path", path), false);
}

static void
get_vcpus(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	json_t *j = json_object_get(call->parameters, "first");
	json_int_t first = json_integer_value(j);

	if ((j != NULL && !json_is_null(j) && !json_is_integer(j)) || first < 0 ||
	    first > UINT16_MAX)
		varlink_error(conn, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "first"));
	else
		op_vcpus(z, conn, (unsigned)first);
}

static void
refresh_disks(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_refresh_disks(z, conn);
}

void
ctl_memory(struct varlink_conn *conn, uint64_t memory, const char *text)
{
	varlink_reply(
	    conn, json_pack("{s:I,s:s}", "memory", (json_int_t)memory, "text", text), false);
}

static void
pause_zone(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_pause(z, conn);
}

static void
resume(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_resume(z, conn);
}

static void
get_memory(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	op_balloon(z, conn, 0);
}

static void
set_balloon(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	json_t *j = json_object_get(call->parameters, "target");

	if (!json_is_integer(j) || json_integer_value(j) < 1)
		varlink_error(conn, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "target"));
	else
		op_balloon(z, conn, (uint64_t)json_integer_value(j));
}

static void
get_devices(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	const struct brand_plan *p = z->res.plan;
	json_t *sockets = json_array();
	char path[PATH_MAX];

	for (size_t i = 0; p != NULL && i < p->nsocket; i++)
		(void)json_array_append_new(
		    sockets, json_string(path_run(path, "%s/%s", z->name, p->socket[i].file)));
	varlink_reply(conn,
	    json_pack("{s:o,s:b,s:b,s:i}", "sockets", sockets, "balloon",
		(int)(p != NULL && p->balloon), "tpm", (int)(p != NULL && p->tpm), "tpm_pid",
		(int)z->tpm.pid),
	    false);
}

static void
apply(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	struct err e = { 0 };
	json_t *reply = NULL, *links = NULL;

	if (zone_limits_apply(z, &reply, &e) != 0 || zone_links_update(z, &links, &e) != 0)
		ctl_fail(conn, &e);
	else
		varlink_reply(conn, json_incref(reply), false);
	json_decref(reply);
	json_decref(links);
}

static void
send_event(void *conn, const char *json)
{
	varlink_reply(conn, json_pack("{s:o}", "event", json_loads(json, 0, NULL)), true);
}

static void
watch(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	json_t *from = json_object_get(call->parameters, "from");
	struct varlink_conn **place = NULL;

	if (!call->more) {
		varlink_error(conn, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	if (from != NULL && !json_is_null(from) &&
	    (!json_is_integer(from) || json_integer_value(from) < 0)) {
		varlink_error(conn, "org.varlink.service.InvalidParameter",
		    json_pack("{s:s}", "parameter", "from"));
		return;
	}
	for (size_t i = 0; i < NITEMS(z->watcher); i++) {
		if (z->watcher[i] == conn)
			return;
		if (z->watcher[i] == NULL)
			place = &z->watcher[i];
	}
	if (place == NULL)
		return;
	*place = conn;
	if (json_is_integer(from))
		events_replay(&z->events, (uint64_t)json_integer_value(from), send_event, conn);
}

static void
release(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	if (z->state != ZONE_STATE_INSTALLED) {
		struct err e = { 0 };
		(void)err_say(
		    &e, EBUSY, "the zone is %s: halt it first", zone_state_name(z->state));
		ctl_fail(conn, &e);
		return;
	}
	console_notice(z->console, "Zone is being uninstalled.  Disconnecting...");
	console_disconnect(z->console);
	ctl_ok(conn);
	/* The end comes a moment later whoever is still, or just then, connected. */
	z->terminating = true;
	op_check_idle(z);
}

static void
get_info(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	varlink_reply(conn,
	    json_pack("{s:s,s:s,s:s,s:s,s:[s,s]}", "vendor", "zhyve", "product", "zoneadmd",
		"version", ZHYVE_VERSION, "url", "", "interfaces", "org.varlink.service",
		"org.zhyve.Zone"),
	    false);
}

static void
get_description(struct zoneadmd *z, struct varlink_conn *conn, const struct varlink_call *call)
{
	const char *name = json_string_value(json_object_get(call->parameters, "interface"));

	if (name == NULL || strcmp(name, "org.zhyve.Zone") != 0)
		varlink_error(conn, "org.varlink.service.InterfaceNotFound",
		    json_pack("{s:s}", "interface", name != NULL ? name : ""));
	else
		varlink_reply(conn, json_pack("{s:s}", "description", interface_text), false);
}

static const struct {
	const char *name;
	method_fn *fn;
	bool looks; /* changes nothing and tells nothing of the guest's inside: for readers, too */
} methods[] = {
	{ "org.zhyve.Zone.GetStatus", get_status, true },
	{ "org.zhyve.Zone.Ready", ready, false },
	{ "org.zhyve.Zone.Boot", boot, false },
	{ "org.zhyve.Zone.Halt", halt, false },
	{ "org.zhyve.Zone.Reboot", reboot, false },
	{ "org.zhyve.Zone.Shutdown", shut_down, false },
	{ "org.zhyve.Zone.Nmi", nmi, false },
	{ "org.zhyve.Zone.GetDisplay", get_display, true },
	{ "org.zhyve.Zone.GetLinks", get_links, true },
	{ "org.zhyve.Zone.UpdateLinks", update_links, false },
	{ "org.zhyve.Zone.Screenshot", screenshot, false },
	{ "org.zhyve.Zone.GetVcpus", get_vcpus, false },
	{ "org.zhyve.Zone.RefreshDisks", refresh_disks, false },
	{ "org.zhyve.Zone.Pause", pause_zone, false },
	{ "org.zhyve.Zone.Resume", resume, false },
	{ "org.zhyve.Zone.GetMemory", get_memory, false },
	{ "org.zhyve.Zone.SetBalloon", set_balloon, false },
	{ "org.zhyve.Zone.GetDevices", get_devices, true },
	{ "org.zhyve.Zone.Apply", apply, false },
	{ "org.zhyve.Zone.Watch", watch, true },
	{ "org.zhyve.Zone.Release", release, false },
	{ "org.varlink.service.GetInfo", get_info, true },
	{ "org.varlink.service.GetInterfaceDescription", get_description, true },
};

static void
on_call(void *arg, struct varlink_conn *conn, const struct varlink_call *call)
{
	for (size_t i = 0; i < NITEMS(methods); i++) {
		if (strcmp(call->method, methods[i].name) != 0)
			continue;
		if (methods[i].looks || varlink_may_change(conn))
			methods[i].fn(arg, conn, call);
		else
			varlink_error(conn, "org.zhyve.Zone.NotPermitted",
			    json_pack("{s:s}", "method", call->method));
		return;
	}
	varlink_error(
	    conn, "org.varlink.service.MethodNotFound", json_pack("{s:s}", "method", call->method));
}

static void
on_closed(void *arg, struct varlink_conn *conn)
{
	struct zoneadmd *z = arg;

	for (size_t i = 0; i < NITEMS(z->watcher); i++) {
		if (z->watcher[i] == conn)
			z->watcher[i] = NULL;
	}
	zone_pause_closed(z, conn);
	op_conn_closed(z, conn);
}

const struct varlink_ops ctl_ops = { .call = on_call, .closed = on_closed };

void
ctl_watch(void *arg, const char *json)
{
	struct zoneadmd *z = arg;

	for (size_t i = 0; i < NITEMS(z->watcher); i++) {
		if (z->watcher[i] != NULL)
			send_event(z->watcher[i], json);
	}
}
