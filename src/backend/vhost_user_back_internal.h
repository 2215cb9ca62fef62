/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back end's own: vhost_user_back.c takes messages apart, vhost_user_rings.c does what they
 * say to memory and rings. Device processes.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_BACK_INTERNAL_H
#define ZHYVE_BACKEND_VHOST_USER_BACK_INTERNAL_H

#include "backend/vhost_user_back.h"
#include "backend/vhost_user_io.h"

struct vu_ring {
	struct vhost_user_back *b;
	unsigned index;
	int kick, call, err; /* eventfds, -1: none */
	struct mevent *ev;
	uint16_t num, base;
	bool has_addr;
	uint64_t desc, used, avail; /* the front end's addresses */
	bool enabled;               /* by SET_VRING_ENABLE */
	bool started;               /* by its kick, until GET_VRING_BASE */
	struct virtq_inflight track;
	uint16_t *again; /* for track */
};

struct vhost_user_back {
	struct virtio_dev *vd;
	struct gmem *gm;
	struct mevent_loop *loop;
	struct lock *lock;
	struct vhost_user_back_ops ops;
	int sock;
	struct mevent *ev;
	struct vu_reader in;
	uint64_t protocol; /* features of the protocol, as agreed */
	bool negotiated;   /* the device's features are */
	bool acked;        /* VU_F_PROTOCOL_FEATURES was among them: rings begin disabled */
	uint64_t user[VU_REGIONS_MAX]; /* front end's address of the range of gm with that number */
	int channel;                   /* our own requests go there; -1: nowhere */
	struct vu_ring *ring;
	/* Requests in flight: our own file, made at start, and what is in use. */
	int own_fd;
	uint64_t own_size;
	uint8_t *inflight;
	uint64_t inflight_size;
	uint16_t inflight_queues, inflight_queue_size;
	bool dead;
};

/* vhost_user_rings.c: 0 or -errno, after which the connection is to end. */

/* All pieces of the table in place of what there was. */
int vu_set_memory(struct vhost_user_back *b, const struct vu_msg *m);
/* Start, pause or go on with a ring, by what is known of it now. */
int vu_ring_update(struct vu_ring *r);
/* Stop it: its requests are done, its base is where it ended. */
void vu_ring_stop(struct vu_ring *r);
/*
 * Have the driver look at its ring: one who ended between showing it something and saying so left
 * that to us.
 */
void vu_ring_look(struct vu_ring *r);
/* Take the descriptor of a message, or none (-1), as the ring's kick. */
int vu_ring_set_kick(struct vu_ring *r, int fd);
/* Use [offset, offset + size) of fd to remember requests in; by what the message says. */
int vu_set_inflight(struct vhost_user_back *b, const struct vu_msg *m);
/* Use our own file, emptied; the payload becomes the answer. */
int vu_get_inflight(struct vhost_user_back *b, struct vu_msg *m);

#endif
