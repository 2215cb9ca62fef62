/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of virtio devices, which need no transport: what a device tells one is counted, and
 * a driver brings it up. Include after cmocka.h.
 */
#ifndef ZHYVE_TESTS_VD_GUEST_H
#define ZHYVE_TESTS_VD_GUEST_H

#include <stdlib.h>

#include "devices/virtio/virtio.h"
#include "vq_guest.h"

#define VD_RING(i) (0x10000u * ((i) + 1)) /* where the rings of a device stand */

/* What the device under test has told. */
static struct {
	unsigned interrupts[16], again[16]; /* by queue */
	unsigned configs, resets;
	bool no_again; /* set by the test: the device is not called again */
} told;

static inline void
told_interrupt(struct virtio_dev *vd, unsigned queue)
{
	told.interrupts[queue]++;
}

static inline void
told_config(struct virtio_dev *vd)
{
	told.configs++;
}

static inline void
told_reset(struct virtio_dev *vd)
{
	told.resets++;
}

static inline bool
told_again(struct virtio_dev *vd, unsigned queue)
{
	told.again[queue]++;
	return (!told.no_again);
}

/* Guest memory of `size` bytes from address 0, zeroed; the test frees it. */
static inline uint8_t *
vd_ram(struct gmem *gm, size_t size)
{
	uint8_t *ram = aligned_alloc(4096, size);

	memset(ram, 0, size);
	gmem_wrap(gm, ram, size);
	return (ram);
}

/* Forget what was told before, listen to `vd`. */
static inline void
vd_listen(struct virtio_dev *vd)
{
	static const struct virtio_transport_ops transport = {
		.queue_interrupt = told_interrupt,
		.config_interrupt = told_config,
		.was_reset = told_reset,
		.again = told_again,
	};

	memset(&told, 0, sizeof(told));
	vd->transport = &transport;
}

/* A driver's first steps, up to the features (VERSION_1 is one of them). */
static inline void
vd_begin(struct virtio_dev *vd, uint64_t features)
{
	virtio_set_status(vd, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_propose(vd, 0, (uint32_t)features);
	virtio_propose(vd, 1, (uint32_t)((features | VIRTIO_FEAT_VERSION_1) >> 32));
	virtio_set_status(vd, vd->status | VIRTIO_STATUS_FEATURES_OK);
	assert_true((vd->status & VIRTIO_STATUS_FEATURES_OK) != 0);
}

/* Lay out ring i with `size` entries and enable it. */
static inline void
vd_queue(struct virtio_dev *vd, struct vq_guest *q, unsigned i, uint8_t *ram, uint16_t size)
{
	g_init(q, ram, VD_RING(i), size);
	assert_int_equal(g_attach(q, &vd->queue[i]), 0);
}

/* All of it, with n queues. */
static inline void
vd_up(struct virtio_dev *vd, uint64_t features, struct vq_guest *q, unsigned n, uint8_t *ram,
    uint16_t size)
{
	vd_begin(vd, features);
	for (unsigned i = 0; i < n; i++)
		vd_queue(vd, &q[i], i, ram, size);
	virtio_set_status(vd, vd->status | VIRTIO_STATUS_DRIVER_OK);
	assert_int_equal(vd->status, 0xf);
}

#endif
