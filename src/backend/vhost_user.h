/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front end of vhost-user: a device process (zhyve-blk, virtiofsd, anybody's) as a driver
 * from outside (devices/virtio/virtio_extern.h). Features, memory, rings, doorbells and
 * interrupts are told over a socket, at DRIVER_OK and reset; then the queues' traffic goes between
 * guest and process, and zhyve sleeps.
 *
 * The process is not believed: every answer is checked, and waited for at most VHOST_USER_WAIT_MS.
 * One that answers wrong, too late or not at all is parted from, for good: the connection is closed
 * and the device hears of it. Where another may come in its place (a listening socket, or a
 * socket over which zoneadmd passes connections) it takes up the rings, and, where both know
 * how, the requests in flight. What is shared stays shared: a process taken over can write its
 * guest's memory as long as it lives.
 *
 * zhyve: made while the machine is built; start and stop on any thread, with the device's lock
 * held; everything else on the event loop.
 */
#ifndef ZHYVE_BACKEND_VHOST_USER_H
#define ZHYVE_BACKEND_VHOST_USER_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/virtio/virtio_extern.h"

#define VHOST_USER_WAIT_MS   5000u  /* for an answer */
#define VHOST_USER_RETURN_MS 60000u /* for another process in the place of one that is gone */

struct vhost_user;

struct vhost_user_want {
	/*
	 * PATH of a UNIX socket, or fd:N: a connected stream, a listening socket, or a
	 * SOCK_SEQPACKET over which connections are passed, one descriptor a message.
	 */
	const char *where;
	bool server;         /* PATH is to be made and listened on */
	unsigned queues;     /* that it must be able to serve; 0: it need not say */
	uint32_t config_len; /* of the configuration that it must have; 0: it is not asked */
	bool in_order;       /* its queues can be taken up without knowing what is in flight */
	bool stateful;       /* another cannot go on where one ended */
};

struct vhost_user_events {
	/*
	 * All on the event loop with the lock held; each may be NULL. The process is gone; is another
	 * waited for? Comes once more with `waits` false when none came.
	 */
	void (*gone)(void *ctx, bool waits);
	/* Another has taken its place. */
	void (*back)(void *ctx);
	/* Its configuration is this now, config_len bytes. */
	void (*config)(void *ctx, const uint8_t *config);
	/* It says that the driver broke a rule. */
	void (*broken)(void *ctx);
	void *ctx;
};

/*
 * Connect and agree on features; the driver is vhost_user_extern(). `gm` is made by gmem_create and
 * outlives it, as does `lock`. 0 or -errno.
 */
int vhost_user_open(struct vhost_user **out, const struct vhost_user_want *want,
    const struct gmem *gm, struct mevent_loop *loop, struct lock *lock, struct err *e);
/* The events; their ctx is the device. Before the guest runs. */
void vhost_user_listen(struct vhost_user *vu, const struct vhost_user_events *ev);
struct virtio_extern *vhost_user_extern(struct vhost_user *vu);
/*
 * What came of it: the features that the device offers of the driver's, its number of queues and
 * the size of the largest. Before the guest runs.
 */
void vhost_user_device(
    struct vhost_user *vu, uint64_t features, unsigned queues, uint16_t queue_size);
/* The configuration as of last, config_len bytes. */
const uint8_t *vhost_user_config(const struct vhost_user *vu);
/* The driver wrote some of it. The lock is held. */
void vhost_user_set_config(struct vhost_user *vu, uint32_t off, const void *buf, uint32_t len);
void vhost_user_close(struct vhost_user *vu);

#endif
