/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks as processes of their own (attr disk-process): a zhyve-blk for each, in a jail as zhyve's
 * with another uid, which has the volume that zhyve then has not. Each life of zhyve begins with
 * new ones. One that ends while the guest runs is told of (event disk-lost) and another put in its
 * place, which does again what was in flight (event disk-back): connections go to zhyve over a
 * socket made for that. One that keeps ending is given up, and the guest is told by zhyve that its
 * disk has failed. Runs in zoneadmd.
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

#define HELPER_UID     1 /* jail_helper_uid */
#define BLK_THREADS    24
#define RETRY_FIRST_MS 50u
#define RETRY_MAX_MS   3200u
#define RETRY_TOTAL    40 /* of one disk, in one life of zhyve */
#define NS_PER_MS      1000000ull

static void on_end(void *arg, int status, const char *words);

/* Start the disk's process, and have zhyve hear of it. */
static int
spawn(struct zone_disk *d, struct err *e)
{
	struct zoneadmd *z = d->z;
	const struct brand_disk *plan = &z->res.plan->disk[d->index];
	char disk[sizeof(plan->options) + 16];
	char *const argv[] = { (char[]){ "zhyve-blk" }, (char[]){ "-s" }, (char[]){ "fd:3" }, disk,
		NULL };
	int sv[2], fds[2], rc;
	struct jail_spec spec = {
		.hostname = z->name,
		.uid = jail_helper_uid(z->res.conf->did, HELPER_UID),
		.cgroup_fd = z->res.cgroup_fd,
		.exec_fd = z->disks.bin_fd,
		.argv = argv,
		.fds = fds,
		.nfds = NITEMS(fds),
		.threads = BLK_THREADS * (unsigned)(z->res.plan->ndisk + 1),
	};

	(void)snprintf(disk, sizeof(disk), "fd:4%s", plan->options);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) != 0)
		return (err_set(e, errno, "cannot make the disk's channel"));
	fds[0] = sv[1];
	fds[1] = z->res.disk_fd[d->index];
	rc = helper_start(&d->helper, z->loop, &spec, on_end, d, e);
	if (rc == 0 && (rc = fd_send_msg(d->pass, "c", 1, &sv[0], 1)) != 0) {
		helper_stop(&d->helper);
		rc = err_set(e, -rc, "cannot hand its channel to zhyve");
	}
	(void)close(sv[0]);
	(void)close(sv[1]);
	return (rc != 0 ? err_ctx(e, "disk '%s'", plan->path) : 0);
}

static void
tell(struct zone_disk *d, const char *event, const char *what, const char *words)
{
	char detail[HELPER_WORDS_MAX + 160];

	(void)snprintf(detail, sizeof(detail), "%.80s: zhyve-blk %s%s%s",
	    d->z->res.plan->disk[d->index].path, what, words[0] != '\0' ? ": " : "", words);
	log_warn("%s", detail);
	events_tell(&d->z->events, event, detail);
}

static void
retry(struct zone_disk *d)
{
	unsigned ms = MIN(RETRY_FIRST_MS << MIN(d->tries, 6u), RETRY_MAX_MS);

	if (d->tries++ < RETRY_TOTAL)
		(void)mevent_timer_set(d->timer, ms * NS_PER_MS, 0);
	else
		tell(d, "disk-failed", "ends again and again, and is not started any more", "");
}

static void
on_timer(int fd, enum mevent_type type, void *arg)
{
	struct zone_disk *d = arg;
	struct err e = { 0 };

	(void)fd;
	(void)type;
	if (d->z->vm.phase != VM_RUNNING || d->helper.pid != 0)
		return;
	if (spawn(d, &e) == 0) {
		tell(d, "disk-back", "was started again", "");
		return;
	}
	log_err("%s", e.text);
	retry(d);
}

static void
on_end(void *arg, int status, const char *words)
{
	struct zone_disk *d = arg;
	char what[64];

	/* zhyve ends, and they with it. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && d->z->vm.phase != VM_RUNNING)
		return;
	/* It may have seen zhyve's end before us; on_timer will know. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		retry(d);
		return;
	}
	if (WIFSIGNALED(status))
		(void)snprintf(what, sizeof(what), "was killed by signal %d", WTERMSIG(status));
	else
		(void)snprintf(what, sizeof(what), "failed");
	tell(d, "disk-lost", what, words);
	retry(d);
}

void
zone_disks_init(struct zone_disks *disks)
{
	disks->bin_fd = -1;
	for (size_t i = 0; i < NITEMS(disks->disk); i++) {
		disks->disk[i] = (struct zone_disk){ .pass = -1 };
		helper_init(&disks->disk[i].helper);
	}
}

int
zone_disks_open(struct zoneadmd *z, struct err *e)
{
	const char *bin = secure_getenv("ZHYVE_BLK_BIN");
	bool any = false;

	for (size_t i = 0; i < z->res.plan->ndisk; i++)
		any |= z->res.plan->disk[i].process;
	if (!any)
		return (0);
	return (
	    zone_open_regular(bin != NULL ? bin : ZHYVE_BLK_BIN, "zhyve-blk", &z->disks.bin_fd, e));
}

/* Forget a disk's process and its channel. */
static void
end_disk(struct zone_disk *d)
{
	helper_stop(&d->helper);
	mevent_delete(d->timer);
	d->timer = NULL;
	fd_close(&d->pass);
}

int
zone_disks_start(struct zoneadmd *z, int zhyve_end[BRAND_DISKS_MAX], struct err *e)
{
	int sv[2], rc;

	for (size_t i = 0; i < z->res.plan->ndisk; i++) {
		struct zone_disk *d = &z->disks.disk[i];

		if (!z->res.plan->disk[i].process)
			continue;
		end_disk(d); /* that of the last life: it must not write any more */
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) != 0)
			return (err_set(e, errno, "cannot make the disk's channel"));
		*d = (struct zone_disk){ .z = z, .index = (unsigned)i, .pass = sv[0] };
		helper_init(&d->helper);
		zhyve_end[i] = sv[1];
		if ((d->timer = mevent_add_timer(z->loop, 0, 0, on_timer, d)) == NULL)
			return (err_set(e, ENOMEM, "cannot look after a disk"));
		if ((rc = spawn(d, e)) != 0)
			return (rc);
	}
	return (0);
}

void
zone_disks_refresh(struct zoneadmd *z)
{
	for (size_t i = 0; i < NITEMS(z->disks.disk); i++)
		if (z->disks.disk[i].helper.pid != 0)
			(void)kill(z->disks.disk[i].helper.pid, SIGUSR2);
}

void
zone_disks_close(struct zoneadmd *z)
{
	for (size_t i = 0; i < NITEMS(z->disks.disk); i++)
		end_disk(&z->disks.disk[i]);
	fd_close(&z->disks.bin_fd);
}
