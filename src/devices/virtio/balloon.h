/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio memory balloon (virtio 1.2, 5.5): the guest gives pages back to the host, either because
 * it was asked to make do with less (inflating) or because it has no use for them just now (free
 * page reporting); and it says how much memory it has free.
 *
 * A page given back is discarded: what was in it is gone, and the guest's next touch finds zeros
 * in new memory. Nothing is recorded about pages, and nothing is done to deflate: a guest may lie
 * about what it has given and hurts only itself. Only RAM can be given. A transfer of a disk or
 * nic into a page that is being discarded ends in the old memory, which the kernel holds until
 * then, and not in somebody else's.
 *
 * Drivers disagree on the number of the reporting queue where queues before it are not used: by the
 * specification it is 4, Linux numbers those in use one after the other. Both are understood.
 * Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_BALLOON_H
#define ZHYVE_DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

#define VIRTIO_BALLOON_F_MUST_TELL_HOST (1ull << 0)
#define VIRTIO_BALLOON_F_STATS_VQ       (1ull << 1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM (1ull << 2)
#define VIRTIO_BALLOON_F_PAGE_POISON    (1ull << 4)
#define VIRTIO_BALLOON_F_REPORTING      (1ull << 5)

#define VIRTIO_BALLOON_PAGE             4096u /* whatever the guest's own pages are, 5.5.6 */
#define VIRTIO_BALLOON_CONFIG_LEN       16
#define VIRTIO_BALLOON_STATS            10 /* tags of 5.5.6.4 */

enum {
	VIRTIO_BALLOON_STAT_FREE = 4,     /* bytes not in use */
	VIRTIO_BALLOON_STAT_TOTAL = 5,    /* bytes the guest has in all */
	VIRTIO_BALLOON_STAT_AVAILABLE = 6 /* bytes that could be used without swapping */
};

/*
 * Discard `len` bytes of guest memory at `p`, both multiples of VIRTIO_BALLOON_PAGE. 0 or -errno;
 * then the memory is as it was.
 */
typedef int balloon_discard(void *ctx, void *p, size_t len);

struct virtio_balloon {
	struct virtio_dev vd;
	uint8_t config[VIRTIO_BALLOON_CONFIG_LEN];
	struct vq_chain chain;
	balloon_discard *discard;
	void *discard_ctx;
	bool failed;     /* discarding has failed: it was said */
	bool stats_held; /* the guest's buffer for statistics is here ... */
	uint16_t stats_head;
	uint64_t stats[VIRTIO_BALLOON_STATS]; /* as the guest last gave them ... */
	uint16_t stats_valid;                 /* ... a bit for each that it did */
};

/* 0 or -errno. */
int virtio_balloon_init(
    struct virtio_balloon *b, const struct gmem *gm, balloon_discard *discard, void *discard_ctx);
void virtio_balloon_destroy(struct virtio_balloon *b);

/* Ask the guest to make do with `memory` bytes; as much as it has or more: with all of it. */
void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t memory);
/* What the guest says that it has left, in bytes. */
uint64_t virtio_balloon_memory(const struct virtio_balloon *b);
/* Ask the guest for new statistics; they arrive some time later, or never. */
void virtio_balloon_ask_stats(struct virtio_balloon *b);

#endif
