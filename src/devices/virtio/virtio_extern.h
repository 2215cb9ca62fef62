/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver from outside: someone else serves a virtio device's queues, with no part of zhyve in
 * the path of the data. What it needs is a doorbell (an eventfd that KVM signals), an interrupt
 * (an eventfd that KVM listens to), the guest's memory map and where the rings are. The kernel is
 * one (vhost-net, backend/vhost.c), a device process by vhost-user another.
 *
 * The device model stays in charge of features, configuration and reset: it starts the outside
 * driver at DRIVER_OK and stops it at reset. An outside driver checks the rings itself: our
 * guards do not stand before it.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_VIRTIO_EXTERN_H
#define ZHYVE_DEVICES_VIRTIO_VIRTIO_EXTERN_H

#include "devices/virtio/virtio.h"

#define VIRTIO_EXTERN_QUEUES_MAX 32

struct virtio_extern_queue {
	unsigned index;             /* the driver's own count, from 0; may leave some out */
	uint16_t size;              /* entries */
	uint64_t desc, avail, used; /* guest-physical; within RAM, as virtq_enable has checked */
	int kick_fd;                /* eventfd: the guest rang */
	int call_fd;                /* eventfd: interrupt the guest */
};

struct virtio_extern;
struct virtio_extern_ops {
	/* Take the queues over, all at once. 0 or -errno; on failure none is. */
	int (*start)(struct virtio_extern *x, uint64_t features, const struct gmem *gm,
	    const struct virtio_extern_queue *q, unsigned nqueues);
	/* Give them back: once it returns, the guest's memory is not touched any more. */
	void (*stop)(struct virtio_extern *x);
};

struct virtio_extern {
	const struct virtio_extern_ops *ops;
	void *softc;
	uint64_t features; /* feature bits that it can serve */
	/* Queues that the driver has not enabled are left out; else all must be. */
	bool some;
};

/*
 * Lend queues first..first + n of a device to `x` and start it. 0 or -errno; on failure the
 * queues are the device's as before.
 */
int virtio_extern_start(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n);
void virtio_extern_stop(struct virtio_extern *x, struct virtio_dev *vd, unsigned first, unsigned n);

#endif
