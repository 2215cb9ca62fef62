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
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/block_file.h"
#include "backend/vhost_user_back.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "devices/virtio/blk.h"
#include "procs/blk/confine.h"
#include "procs/common/disk_config.h"

struct options {
	int sock;
	const char *connect, *listen;
	uint32_t queues;
	const char *disk;
};

struct server {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct block_backend *disk;
	struct virtio_blk blk;
	struct vhost_user_back *back;
	int status;
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

	*o = (struct options){ .sock = -1, .queues = 1 };
	while ((opt = getopt(argc, argv, "s:c:l:q:")) != -1 && rc == 0) {
		switch (opt) {
		case 's':
			rc = parse_fd(optarg, &o->sock);
			break;
		case 'c':
			o->connect = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'q':
			rc = parse_u32(optarg, 1, VIRTIO_BLK_QUEUES_MAX, &o->queues);
			break;
		default:
			usage();
		}
	}
	if (rc != 0 || argc - optind != 1 ||
	    (o->sock >= 0) + (o->connect != NULL) + (o->listen != NULL) != 1)
		usage();
	o->disk = argv[optind];
}

/* The one front end there will be. */
static int
connect_front(struct options *o, struct err *e)
{
	struct pollfd wait = { .events = POLLIN };
	CLEANUP_FD int listener = -1;

	if (o->connect != NULL)
		o->sock = unix_connect(o->connect, SOCK_STREAM, e);
	if (o->listen == NULL)
		return (o->sock < 0 ? o->sock : 0);
	if ((listener = unix_listen(o->listen, 0600, e)) < 0)
		return (listener);
	wait.fd = listener;
	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		continue;
	o->sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	(void)unlink(o->listen);
	return (o->sock < 0 ? err_set(e, errno, "cannot accept on '%s'", o->listen) : 0);
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
	if ((rc = block_open(&s->disk, path, &opts, s->loop, &s->lock, e)) != 0)
		return (rc);
	rc = virtio_blk_init(&s->blk, &s->gm, s->disk, serial, o->queues);
	return (rc != 0 ? err_set(e, -rc, "cannot make the device") : 0);
}

static void
drain(void *ctx)
{
	struct server *s = ctx;

	block_drain(s->disk);
}

static void
gone(void *ctx, int rc, const char *what)
{
	struct server *s = ctx;

	if (rc < 0)
		log_err("the front end broke the protocol with %s: %s", what, strerror(-rc));
	s->status = rc < 0;
	mevent_stop(s->loop);
}

static void
on_resize(int fd, enum mevent_type type, void *arg)
{
	struct server *s = arg;
	bool changed;

	(void)fd;
	(void)type;
	lock_take(&s->lock);
	if ((changed = block_refresh(s->disk)))
		virtio_blk_resized(&s->blk);
	lock_drop(&s->lock);
	if (changed)
		vhost_user_back_config_changed(s->back);
}

static int
serve(struct server *s, int sock, struct err *e)
{
	const struct vhost_user_back_ops ops = {
		.drain = drain, .gone = gone, .remembers = true, .ctx = s
	};
	int rc;

	rc = vhost_user_back_create(&s->back, &s->blk.vd, &s->gm, sock, s->loop, &s->lock, &ops, e);
	if (rc != 0)
		return (rc);
	if (mevent_add_signal(s->loop, SIGUSR2, on_resize, s) == NULL)
		return (err_set(e, errno, "cannot take a signal"));
	if ((rc = blk_confine_early(e)) != 0)
		return (rc);
	if ((rc = blk_confine(BLK_MAIN)) != 0)
		return (err_set(e, -rc, "cannot confine the process"));
	if ((rc = mevent_dispatch(s->loop)) != 0)
		return (err_set(e, -rc, "cannot wait for the front end"));
	return (0);
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct server *s = &server;
	struct err e = { 0 };
	struct options o;
	int rc;

	fd_std_hold();
	log_open("zhyve-blk", STDERR_FILENO, LOG_LVL_WARN);
	(void)prctl(PR_SET_NAME, "zhyve-blk", 0, 0, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv, &o);
	/* zoneadmd reads what was said when we have ended: a guest's errors must not fill that up. */
	if (o.sock >= 0)
		(void)fd_set_nonblock(STDERR_FILENO);
	(void)pthread_mutex_init(&s->lock.mutex, NULL);
	gmem_empty(&s->gm);
	if ((rc = mevent_loop_create(&s->loop)) != 0)
		(void)err_set(&e, -rc, "cannot make the event loop");
	if (rc != 0 || open_disk(s, &o, &e) != 0 || connect_front(&o, &e) != 0 ||
	    serve(s, o.sock, &e) != 0) {
		log_err("%s", e.text);
		return (1);
	}
	/* Nothing is in flight; the kernel takes the rest. */
	_exit(s->status);
}
