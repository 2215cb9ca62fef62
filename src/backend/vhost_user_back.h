/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back end of vhost-user: a virtio device model (devices/virtio/) served to a front end on
 * the other end of a socket, be it zhyve or QEMU. To the model this is its transport, as
 * virtio_pci.c is in zhyve: kicks come by eventfd, interrupts go by eventfd, the guest's memory is
 * what the front end shares.
 *
 * The front end is not believed: it is presumed taken over by its guest. What it can do with its
 * messages is what its guest could do with the rings: have its own disk read and written. A
 * message that breaks the protocol ends the connection. Memory that it takes away (a file cut
 * short) ends the process.
 *
 * One connection, one thread, one event loop. Device processes.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_BACK_H
#define ZHYVE_BACKEND_VHOST_USER_BACK_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/virtio/virtio.h"

struct vhost_user_back;

struct vhost_user_back_ops {
	/*
	 * Wait until nothing is in flight; completions are told to the model as ever. The lock is
	 * not held, and the queues give nothing new. Nothing may point into the guest's memory
	 * afterwards, nor stand between what was taken from a ring and what was given back.
	 */
	void (*drain)(void *ctx);
	/*
	 * The front end is gone (0) or broke the protocol, with `what` it did (-errno). Nothing is in
	 * flight any more, and nothing more will come.
	 */
	void (*gone)(void *ctx, int rc, const char *what);
	/*
	 * Requests in flight are to outlive the process. Not for models that give chains back
	 * untouched (virtq_unpop), as a nic does.
	 */
	bool remembers;
	void *ctx;
	bool in_pairs; /* front ends count its queues in pairs, as a nic's are */
};

/*
 * Serve `vd`, whose memory is `gm` (gmem_empty; filled here), on the connected stream socket
 * `sock`, which becomes ours. All outlive it. What remembers requests in flight is made here, once.
 * 0 or -errno.
 */
int vhost_user_back_create(struct vhost_user_back **out, struct virtio_dev *vd, struct gmem *gm,
    int sock, struct mevent_loop *loop, struct lock *lock, const struct vhost_user_back_ops *ops,
    struct err *e);
/* Drains, unmaps, closes, frees. */
void vhost_user_back_destroy(struct vhost_user_back *b);
/* The model's configuration has changed (after virtio_config_changed). */
void vhost_user_back_config_changed(struct vhost_user_back *b);

#endif
