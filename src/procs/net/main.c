/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve-net: one nic, as a process of its own. It moves the frames of the same virtio-net
 * (devices/virtio/net.c) over the same taps as zhyve does by itself, for one front end over
 * vhost-user: zhyve, QEMU or another. Taken over by its guest it has that guest's memory and this
 * one tap, whose protection is in the kernel (zone/filter.h) and not in its reach. Started by
 * zoneadmd with everything open, or by hand.
 *
 *   zhyve-net {-s fd:N | -c PATH | -l PATH} TAP
 *
 * Stages: arguments; the tap opened; the front end connected (-c), waited for (-l) or given (-s);
 * limits and namespaces; the system-call filter; the loop. It ends when the front end is gone:
 * status 0. It has one thread and allocates nothing for a frame.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/tap.h"
#include "base/fd.h"
#include "base/log.h"
#include "devices/virtio/net.h"
#include "procs/common/process.h"
#include "procs/common/served.h"
#include "procs/net/confine.h"

#define FILES_MAX  64
#define QUEUE_SIZE 1024 /* the longest rings that it serves: QEMU's longest */

struct server {
	struct served served;
	struct net_backend *link;
	struct virtio_net net;
};

static _Noreturn void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: zhyve-net {-s fd:N | -c PATH | -l PATH} TAP\n"
	    "See zhyve-net(8).\n");
	exit(2);
}

static const char *
parse_options(int argc, char **argv, struct front *front)
{
	int opt;

	*front = FRONT_INIT;
	while ((opt = getopt(argc, argv, FRONT_OPTIONS)) != -1)
		if (front_option(front, opt, optarg) != 0)
			usage();
	if (argc - optind != 1 || !front_given(front))
		usage();
	return (argv[optind]);
}

static int
open_nic(struct server *s, const char *tap, struct err *e)
{
	struct virtio_net_setup setup = {
		.npairs = 1, .rx_size = QUEUE_SIZE, .tx_size = QUEUE_SIZE, .queues_only = true
	};
	int rc;

	if ((rc = tap_open(&s->link, tap, s->served.loop, &s->served.lock, e)) != 0)
		return (rc);
	setup.backend[0] = s->link;
	rc = virtio_net_init_pairs(&s->net, &s->served.gm, &setup);
	return (rc != 0 ? err_set(e, -rc, "cannot make the device") : 0);
}

/* Nothing is under way elsewhere; what waits here for the link, or for buffers, is given up. */
static void
drain(void *ctx)
{
	struct server *s = ctx;

	lock_take(&s->served.lock);
	virtio_net_let_go(&s->net);
	lock_drop(&s->served.lock);
}

static int
serve(struct server *s, int sock, struct err *e)
{
	const struct vhost_user_back_ops ops = {
		.drain = drain, .gone = served_gone, .ctx = s, .in_pairs = true
	};
	int rc;

	rc = vhost_user_back_create(&s->served.back, &s->net.vd, &s->served.gm, sock,
	    s->served.loop, &s->served.lock, &ops, e);
	if (rc != 0 || (rc = process_confine(FILES_MAX, e)) != 0)
		return (rc);
	if ((rc = net_confine()) != 0)
		return (err_set(e, -rc, "cannot confine the process"));
	return (served_run(&s->served, e));
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct server *s = &server;
	struct err e = { 0 };
	struct front front;
	const char *tap;

	process_begin("zhyve-net");
	tap = parse_options(argc, argv, &front);
	if (served_init(&s->served, &front, &e) != 0 || open_nic(s, tap, &e) != 0 ||
	    front_meet(&front, &e) != 0 || serve(s, front.sock, &e) != 0) {
		log_err("%s", e.text);
		return (1);
	}
	_exit(s->served.status); /* the kernel takes the rest */
}
