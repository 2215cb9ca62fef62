/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which requests of a queue a device process has taken and not given back, in memory that
 * outlives it: the one that comes in its place does them again, and the guest notices nothing
 * but a pause. The layout is vhost-user's for split rings (QEMU's docs/interop/vhost-user,
 * "Inflight I/O tracking"), so that either side may be somebody else's.
 *
 * The memory is shared with a front end that is not believed: it is read only when a queue is
 * taken up again, once, and what it says at worst lets a guest's own heads come again. Pure; in
 * device processes.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_INFLIGHT_H
#define ZHYVE_DEVICES_VIRTIO_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct virtq_inflight {
	uint8_t *region; /* shared; virtq_inflight_len(size) bytes, aligned to 8 */
	uint16_t size;   /* of the queue */
	uint64_t counter;
	uint16_t *again; /* heads to be done again, in their order; room for the queue's size */
	uint16_t nagain, next; /* so many there are; so many have been given out */
	uint16_t batch;        /* the head given back last, since the driver was last shown any */
	uint16_t nbatch;
};

/* Bytes of one queue's part; a multiple of 64, as others lay their queues out. */
size_t virtq_inflight_len(uint16_t size);
/*
 * Take the memory up: what is found in it is to be done again. `used_idx` is what the driver sees
 * in its used ring. `again` has room for `size` heads.
 */
void virtq_inflight_open(
    struct virtq_inflight *t, uint8_t *region, uint16_t size, uint16_t used_idx, uint16_t *again);
/* The next head to be done again. False: there is none. */
bool virtq_inflight_again(struct virtq_inflight *t, uint16_t *head);

/* A head was taken from the ring; was put into the used ring; the driver has been shown all. */
void virtq_inflight_taken(struct virtq_inflight *t, uint16_t head);
void virtq_inflight_pushed(struct virtq_inflight *t, uint16_t head);
void virtq_inflight_published(struct virtq_inflight *t, uint16_t used_idx);

#endif
