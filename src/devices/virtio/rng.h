/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio entropy device (virtio 1.2, 5.4): one queue, whose buffers are filled with random bytes.
 * Pure: the bytes come from the function given. bhyve calls it virtio-rnd.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_RNG_H
#define ZHYVE_DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

/* Fill at most len bytes at buf without blocking; how many, or -errno. */
typedef long rng_fill(void *ctx, void *buf, size_t len);

struct virtio_rng {
	struct virtio_dev vd;
	struct vq_chain chain;
	rng_fill *fill;
	void *fill_ctx;
};

/* 0 or -errno. */
int virtio_rng_init(struct virtio_rng *rng, const struct gmem *gm, rng_fill *fill, void *fill_ctx);
void virtio_rng_destroy(struct virtio_rng *rng);

#endif
