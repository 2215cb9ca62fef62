/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve-blk: one disk, as a process of its own. It serves the same virtio-blk (devices/virtio/blk.c)
 * on the same files and devices as zhyve does by itself, to one front end over vhost-user: zhyve,
 * QEMU or another. Taken over by its guest it has that guest's memory and this one disk, no
 * KVM, no network, no path to open. Started by zoneadmd with everything open, or by hand.
 *
 *   zhyve-blk {-s fd:N | -c PATH | -l PATH} [-q QUEUES] DISK[,OPTION...]
 *
 * Stages: arguments; the disk opened; the front end connected (-c), waited for (-l) or given (-s);
 * limits and namespaces; the system-call filter; the loop. It ends when the front end is gone:
 * status 0, and nothing is in flight then. SIGUSR2: the disk's size may have changed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backend/block_file.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "devices/virtio/blk.h"
#include "procs/blk/confine.h"
#include "procs/common/disk_config.h"
#include "procs/common/process.h"
#include "procs/common/served.h"

#define FILES_MAX 128

struct options {
	struct front front;
	uint32_t queues;
	const char *disk;
};

struct server {
	struct served served;
	struct block_backend *disk;
	struct virtio_blk blk;
};

static _Noreturn void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: zhyve-blk {-s fd:N | -c PATH | -l PATH} [-q QUEUES] DISK[,OPTION...]\n"
	    "See zhyve-blk(8).\n");
	exit(2);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int opt, rc = 0;

	*o = (struct options){ .front = FRONT_INIT, .queues = 1 };
	while ((opt = getopt(argc, argv, FRONT_OPTIONS "q:")) != -1 && rc == 0) {
		switch (opt) {
		case 'q':
			rc = parse_u32(optarg, 1, VIRTIO_BLK_QUEUES_MAX, &o->queues);
			break;
		default:
			rc = front_option(&o->front, opt, optarg);
		}
	}
	if (rc != 0 || argc - optind != 1 || !front_given(&o->front))
		usage();
	o->disk = argv[optind];
}

static int
confine_disk(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (-errno);
	return (blk_confine(BLK_DISK));
}

static int
open_disk(struct server *s, const struct options *o, struct err *e)
{
	struct config_node *cfg = config_create();
	const char *path, *serial;
	char buf[VIRTIO_BLK_ID_LEN + 1];
	struct block_opts opts;
	int rc;

	if (cfg == NULL)
		return (err_set(e, ENOMEM, "cannot start"));
	if ((rc = config_options(cfg, "path", o->disk, e)) != 0 ||
	    (rc = disk_config(cfg, &opts, e)) != 0)
		return (rc);
	if ((path = config_get(cfg, "path")) == NULL)
		usage();
	opts.confine = confine_disk;
	serial = config_text(cfg, "serial", config_get(cfg, "ser"));
	if (serial == NULL)
		serial = disk_default_serial(path, buf, sizeof(buf));
	if ((rc = block_open(&s->disk, path, &opts, s->served.loop, &s->served.lock, e)) != 0)
		return (rc);
	rc = virtio_blk_init(&s->blk, &s->served.gm, s->disk, serial, o->queues);
	return (rc != 0 ? err_set(e, -rc, "cannot make the device") : 0);
}

static void
drain(void *ctx)
{
	struct server *s = ctx;

	block_drain(s->disk);
}

static void
on_resize(int fd, enum mevent_type type, void *arg)
{
	struct server *s = arg;
	bool changed;

	(void)fd;
	(void)type;
	lock_take(&s->served.lock);
	if ((changed = block_refresh(s->disk)))
		virtio_blk_resized(&s->blk);
	lock_drop(&s->served.lock);
	if (changed)
		vhost_user_back_config_changed(s->served.back);
}

static int
serve(struct server *s, int sock, struct err *e)
{
	const struct vhost_user_back_ops ops = {
		.drain = drain, .gone = served_gone, .remembers = true, .ctx = s
	};
	int rc;

	rc = vhost_user_back_create(&s->served.back, &s->blk.vd, &s->served.gm, sock,
	    s->served.loop, &s->served.lock, &ops, e);
	if (rc != 0)
		return (rc);
	if (mevent_add_signal(s->served.loop, SIGUSR2, on_resize, s) == NULL)
		return (err_set(e, errno, "cannot take a signal"));
	if ((rc = process_confine(FILES_MAX, e)) != 0)
		return (rc);
	if ((rc = blk_confine(BLK_MAIN)) != 0)
		return (err_set(e, -rc, "cannot confine the process"));
	return (served_run(&s->served, e));
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct server *s = &server;
	struct err e = { 0 };
	struct options o;

	process_begin("zhyve-blk");
	parse_options(argc, argv, &o);
	if (served_init(&s->served, &o.front, &e) != 0 || open_disk(s, &o, &e) != 0 ||
	    front_meet(&o.front, &e) != 0 || serve(s, o.front.sock, &e) != 0) {
		log_err("%s", e.text);
		return (1);
	}
	/* Nothing is in flight; the kernel takes the rest. */
	_exit(s->served.status);
}
