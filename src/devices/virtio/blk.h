/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio block device (virtio 1.2, 5.2) on a struct block_backend: read, write, flush, id,
 * discard, write zeroes; one or several queues. Requests are preallocated; what exceeds them
 * waits in the rings. The driver may switch the write cache off (VIRTIO_BLK_F_CONFIG_WCE); without
 * it, and without VIRTIO_BLK_F_FLUSH, every write is written through (5.2.6.2). It has no SCSI
 * pass-through and no geometry. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_BLK_H
#define ZHYVE_DEVICES_VIRTIO_BLK_H

#include "devices/block.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_BLK_ID_LEN     20
#define VIRTIO_BLK_QUEUE_SIZE 256
#define VIRTIO_BLK_QUEUES_MAX 16
#define VIRTIO_BLK_CONFIG_LEN 60

struct blk_req;

struct virtio_blk {
	struct virtio_dev vd;
	struct block_backend *backend;
	char id[VIRTIO_BLK_ID_LEN]; /* padded with NUL; no end byte when full */
	uint8_t config[VIRTIO_BLK_CONFIG_LEN];
	struct vq_chain chain;
	struct blk_req *reqs; /* all of them */
	unsigned nreqs;
	unsigned fresh; /* of which so many have ever been used */
	struct blk_req *free;
	unsigned inflight;
	uint64_t stalled; /* queues that wait for a free request */
	uint64_t dirty;   /* queues with something to publish */
};

/*
 * A disk on `backend`, which outlives it and serves it alone. `serial` is cut after 20 bytes. 0,
 * -EINVAL (queues), -ENOMEM.
 */
int virtio_blk_init(struct virtio_blk *blk, const struct gmem *gm, struct block_backend *backend,
    const char *serial, unsigned nqueues);
/* The backend's size has changed: the driver is told by the configuration interrupt. */
void virtio_blk_resized(struct virtio_blk *blk);
/* Nothing may be in flight. */
void virtio_blk_destroy(struct virtio_blk *blk);

#endif
