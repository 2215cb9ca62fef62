/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices as processes of their own: a zhyve-blk for each virtio disk, a zhyve-net for each virtio
 * nic (unless attrs disk-process, net-process and vhost-net say otherwise), each in a jail as
 * zhyve's with another uid, which has the volume or the tap that zhyve then has not. Each life of
 * zhyve begins with new ones. One that ends while the guest runs is told of (event disk-lost,
 * nic-lost) and another put in its place, which goes on where it ended (disk-back, nic-back):
 * connections go to zhyve over a socket made for that. One that keeps ending is given up
 * (disk-failed, nic-failed), and the guest is told by zhyve that its device has failed. Runs in
 * zoneadmd.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "zone/jail.h"
#include "zone/zoneadmd.h"

#define RETRY_FIRST_MS 50u
#define RETRY_MAX_MS   3200u
#define RETRY_TOTAL    40      /* of one device, in a row */
#define RETRY_ANEW_MS  10000ll /* one that lived so long is not of that row any more */
#define NS_PER_MS      1000000ull

/* ---- the kinds ---- */

struct zone_device_kind {
	const char *name; /* in events and messages */
	char *program;
	const char *path, *env; /* of the program; the variable that says another */
	unsigned uid;           /* jail_helper_uid: of all devices of the kind */
	unsigned threads;       /* of one of them */
	/* Of the plan's i-th: has it a process, what is it called, what has the process of it? */
	bool (*wanted)(const struct brand_plan *p, size_t i);
	const char *(*what)(const struct brand_plan *p, size_t i);
	int (*fd)(const struct zone_resources *r, size_t i);
	const char *(*options)(const struct brand_plan *p, size_t i); /* behind fd:N */
};

static bool
disk_wanted(const struct brand_plan *p, size_t i)
{
	return (i < p->ndisk && p->disk[i].process);
}

static const char *
disk_what(const struct brand_plan *p, size_t i)
{
	return (p->disk[i].path);
}

static int
disk_fd(const struct zone_resources *r, size_t i)
{
	return (r->disk_fd[i]);
}

static const char *
disk_options(const struct brand_plan *p, size_t i)
{
	return (p->disk[i].options);
}

static bool
nic_wanted(const struct brand_plan *p, size_t i)
{
	return (i < p->nnic && p->nic_process[i]);
}

static const char *
nic_what(const struct brand_plan *p, size_t i)
{
	return (p->nic[i].ifname);
}

static int
nic_fd(const struct zone_resources *r, size_t i)
{
	return (r->link[i].tap_fd);
}

static const char *
nic_options(const struct brand_plan *p, size_t i)
{
	return ("");
}

static char blk_name[] = "zhyve-blk", net_name[] = "zhyve-net";

static const struct zone_device_kind kinds[ZONE_DEVICE_KINDS] = {
	[ZONE_DEVICE_DISK] = { "disk", blk_name, ZHYVE_BLK_BIN, "ZHYVE_BLK_BIN", 1, 24, disk_wanted,
	    disk_what, disk_fd, disk_options },
	[ZONE_DEVICE_NIC] = { "nic", net_name, ZHYVE_NET_BIN, "ZHYVE_NET_BIN", 2, 4, nic_wanted,
	    nic_what, nic_fd, nic_options },
};

/* ---- one process ---- */

static void on_end(void *arg, int status, const char *words);

/*
 * What a process says while it serves are errors of what it stands on (base/log.h's log_guest). The log is on the pool,
 * which may be what is broken: events are kept in memory as well.
 */
static void
on_said(void *arg, const char *text)
{
	struct zone_device *d = arg;
	const struct zone_device_kind *k = &kinds[d->kind];
	char name[32], detail[HELPER_WORDS_MAX + 96];

	(void)snprintf(name, sizeof(name), "%s-error", k->name);
	(void)snprintf(
	    detail, sizeof(detail), "%.80s: %s", k->what(d->z->res.plan, d->index), text);
	events_tell(&d->z->events, name, detail);
}

/* Start the device's process, and have zhyve hear of it. */
static int
spawn(struct zone_device *d, struct err *e)
{
	const struct zone_device_kind *k = &kinds[d->kind];
	struct zoneadmd *z = d->z;
	const struct brand_plan *p = z->res.plan;
	char device[sizeof(p->disk[0].options) + 16];
	char *const argv[] = { k->program, (char[]){ "-s" }, (char[]){ "fd:3" }, device, NULL };
	int sv[2], fds[2], rc;
	struct jail_spec spec = {
		.hostname = z->name,
		.uid = jail_helper_uid(z->res.conf->did, k->uid),
		.cgroup_fd = z->res.cgroup_fd,
		.exec_fd = z->devices.bin_fd[d->kind],
		.argv = argv,
		.fds = fds,
		.nfds = NITEMS(fds),
		.threads = k->threads * (unsigned)(p->ndisk + p->nnic + 1),
	};

	(void)snprintf(device, sizeof(device), "fd:4%s", k->options(p, d->index));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) != 0)
		return (err_set(e, errno, "cannot make the channel of a %s", k->name));
	fds[0] = sv[1];
	fds[1] = k->fd(&z->res, d->index);
	zone_pause_end(z);
	rc = helper_start(&d->helper, z->loop, &spec, &z->platform, on_end, d, e);
	d->helper.said.said = on_said;
	d->helper.said.arg = d;
	d->since_ns = clock_mono_ns();
	if (rc == 0 && (rc = fd_send_msg(d->pass, "c", 1, &sv[0], 1)) != 0) {
		helper_stop(&d->helper);
		rc = err_set(e, -rc, "cannot hand its channel to zhyve");
	}
	(void)close(sv[0]);
	(void)close(sv[1]);
	return (rc != 0 ? err_ctx(e, "%s '%s'", k->name, k->what(p, d->index)) : 0);
}

/* An event of the device: lost, back, failed. */
static void
tell(struct zone_device *d, const char *event, const char *what, const char *words)
{
	const struct zone_device_kind *k = &kinds[d->kind];
	char name[32], detail[HELPER_WORDS_MAX + 160];

	(void)snprintf(name, sizeof(name), "%s-%s", k->name, event);
	(void)snprintf(detail, sizeof(detail), "%.80s: %s %s%s%s",
	    k->what(d->z->res.plan, d->index), k->program, what, words[0] != '\0' ? ": " : "",
	    words);
	log_warn("%s", detail);
	events_tell(&d->z->events, name, detail);
}

static void
retry(struct zone_device *d)
{
	unsigned ms = MIN(RETRY_FIRST_MS << MIN(d->tries, 6u), RETRY_MAX_MS);

	if (d->tries++ < RETRY_TOTAL)
		(void)mevent_timer_set(d->timer, ms * NS_PER_MS, 0);
	else
		tell(d, "failed", "ends again and again, and is not started any more", "");
}

static void
on_timer(int fd, enum mevent_type type, void *arg)
{
	struct zone_device *d = arg;
	struct err e = { 0 };

	(void)fd;
	(void)type;
	if (d->helper.pid != 0 || d->z->vm.phase == VM_NONE)
		return;
	if (d->z->vm.phase != VM_RUNNING) { /* still being started, or about to end */
		(void)mevent_timer_set(d->timer, RETRY_FIRST_MS * NS_PER_MS, 0);
		return;
	}
	if (spawn(d, &e) == 0) {
		tell(d, "back", "was started again", "");
		return;
	}
	log_err("%s", e.text);
	retry(d);
}

static void
on_end(void *arg, int status, const char *words)
{
	struct zone_device *d = arg;
	char what[64];

	/* zhyve ends, and they with it. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && d->z->vm.phase != VM_RUNNING)
		return;
	if (clock_mono_ns() - d->since_ns >= RETRY_ANEW_MS * (int64_t)NS_PER_MS)
		d->tries = 0;
	/* It may have seen zhyve's end before us; on_timer will know. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		retry(d);
		return;
	}
	if (WIFSIGNALED(status))
		(void)snprintf(what, sizeof(what), "was killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(what, sizeof(what), "failed");
	tell(d, "lost", what, words);
	retry(d);
}

/* Forget a device's process and its channel. */
static void
end_device(struct zone_device *d)
{
	helper_stop(&d->helper);
	mevent_delete(d->timer);
	d->timer = NULL;
	fd_close(&d->pass);
}

/* ---- all of them ---- */

void
zone_devices_init(struct zone_devices *devices)
{
	for (unsigned k = 0; k < ZONE_DEVICE_KINDS; k++) {
		devices->bin_fd[k] = -1;
		for (unsigned i = 0; i < ZONE_DEVICES_MAX; i++) {
			devices->of[k][i] = (struct zone_device){ .pass = -1 };
			helper_init(&devices->of[k][i].helper);
		}
	}
}

int
zone_devices_open(struct zoneadmd *z, struct err *e)
{
	int rc = 0;

	for (unsigned k = 0; k < ZONE_DEVICE_KINDS && rc == 0; k++) {
		const char *bin = secure_getenv(kinds[k].env);
		bool any = false;

		for (unsigned i = 0; i < ZONE_DEVICES_MAX; i++)
			any |= kinds[k].wanted(z->res.plan, i);
		if (any)
			rc = zone_open_regular(bin != NULL ? bin : kinds[k].path, kinds[k].program,
			    &z->devices.bin_fd[k], e);
	}
	return (rc);
}

static int
prepare(struct zoneadmd *z, enum zone_device_class k, unsigned i, int *zhyve_end, struct err *e)
{
	struct zone_device *d = &z->devices.of[k][i];
	int sv[2];

	end_device(d); /* that of the last life: it must not touch the guest's memory any more */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) != 0)
		return (err_set(e, errno, "cannot make the channel of a %s", kinds[k].name));
	*d = (struct zone_device){ .z = z, .kind = k, .index = i, .pass = sv[0] };
	helper_init(&d->helper);
	*zhyve_end = sv[1];
	if ((d->timer = mevent_add_timer(z->loop, 0, 0, on_timer, d)) == NULL)
		return (err_set(e, ENOMEM, "cannot look after a %s", kinds[k].name));
	return (0);
}

int
zone_devices_prepare(
    struct zoneadmd *z, int zhyve_end[ZONE_DEVICE_KINDS][ZONE_DEVICES_MAX], struct err *e)
{
	int rc = 0;

	for (unsigned k = 0; k < ZONE_DEVICE_KINDS; k++)
		for (unsigned i = 0; i < ZONE_DEVICES_MAX && rc == 0; i++)
			if (kinds[k].wanted(z->res.plan, i))
				rc = prepare(z, k, i, &zhyve_end[k][i], e);
	return (rc);
}

int
zone_devices_start(struct zoneadmd *z, struct err *e)
{
	int rc = 0;

	for (unsigned k = 0; k < ZONE_DEVICE_KINDS; k++)
		for (unsigned i = 0; i < ZONE_DEVICES_MAX && rc == 0; i++)
			if (kinds[k].wanted(z->res.plan, i))
				rc = spawn(&z->devices.of[k][i], e);
	return (rc);
}

void
zone_devices_refresh(struct zoneadmd *z)
{
	struct zone_device *disk = z->devices.of[ZONE_DEVICE_DISK];

	for (unsigned i = 0; i < ZONE_DEVICES_MAX; i++)
		if (disk[i].helper.pid != 0)
			(void)kill(disk[i].helper.pid, SIGUSR2);
}

bool
zone_devices_lost(const struct zoneadmd *z)
{
	for (unsigned k = 0; k < ZONE_DEVICE_KINDS; k++)
		for (unsigned i = 0; i < ZONE_DEVICES_MAX; i++)
			if (z->devices.of[k][i].tries > 0)
				return (true);
	return (false);
}

void
zone_devices_close(struct zoneadmd *z)
{
	for (unsigned k = 0; k < ZONE_DEVICE_KINDS; k++) {
		for (unsigned i = 0; i < ZONE_DEVICES_MAX; i++)
			end_device(&z->devices.of[k][i]);
		fd_close(&z->devices.bin_fd[k]);
	}
}
