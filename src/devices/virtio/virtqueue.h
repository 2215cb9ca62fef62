/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split virtqueue (virtio 1.2, 2.7), seen from the device: chains of buffers taken from the
 * guest and given back.
 *
 * Everything the guest writes is hostile. A descriptor is read once into a private copy and
 * turned into host addresses through gmem; ring addresses and size are fixed by virtq_enable and
 * cannot change until virtq_reset. What the specification forbids and a careless device could be
 * hurt by is found here, once, for every device: a head used again while in flight, an index that
 * runs ahead of the ring, loops, nested or misshapen indirect tables, buffers that are not RAM,
 * empty buffers, a readable buffer after a writable one. After such a find the queue is broken:
 * it gives nothing more, and says why.
 *
 * It allocates at virtq_init only. Not thread-safe: the device's lock is held. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_VIRTQUEUE_H
#define ZHYVE_DEVICES_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "devices/virtio/inflight.h"
#include "gmem/gmem.h"

#define VIRTQ_SIZE_MAX 32768 /* virtio 1.2, 2.7 */

/* One chain of descriptors as host memory: what the device reads first, then what it writes. */
struct vq_chain {
	uint16_t head;
	unsigned nread, nwrite; /* iov[0..nread) readable, iov[nread..nread+nwrite) writable */
	uint64_t read_len, write_len; /* bytes in all of them */
	unsigned max;
	struct iovec *iov;
};

struct virtq {
	const struct gmem *gm;
	uint16_t size_max; /* power of two, set by the device */
	uint16_t size;     /* as the driver chose, a power of two <= size_max */
	bool enabled;
	bool reopened;      /* was reset by itself while the device runs: may be enabled again */
	bool indirect;      /* VIRTIO_FEAT_INDIRECT_DESC accepted */
	bool event_idx;     /* VIRTIO_FEAT_EVENT_IDX accepted */
	const char *broken; /* why, once the guest has broken a rule; NULL before */
	uint64_t desc, avail, used; /* guest-physical, as the driver wrote them */
	/* The three areas in our address space, valid while enabled. Shared with the guest. */
	const uint8_t *desc_p;
	uint8_t *avail_p, *used_p;
	uint16_t last_avail; /* heads taken */
	uint16_t used_idx;   /* heads given back, published or not */
	uint16_t published;  /* what the guest sees in used->idx */
	unsigned inflight;
	uint64_t *inflight_map; /* one bit per head */
	struct virtq_inflight
	    *track; /* where that is remembered beyond this process; NULL: nowhere */
};

/* For a queue of at most size_max (a power of two). 0 or -ENOMEM, -EINVAL. */
int virtq_init(struct virtq *q, const struct gmem *gm, uint16_t size_max);
void virtq_destroy(struct virtq *q);
/* Back to the state after virtq_init. The caller has made sure that nothing is in flight. */
void virtq_reset(struct virtq *q);

/* Room for the longest chain that the queue may carry. 0 or -ENOMEM. */
int vq_chain_init(struct vq_chain *c, const struct virtq *q);
void vq_chain_destroy(struct vq_chain *c);

/*
 * Check what the driver has set (size, addresses: aligned and RAM) and freeze it. 0, or -EINVAL
 * with q->broken set.
 */
int virtq_enable(struct virtq *q);
/*
 * After virtq_enable, for a queue that another has served before: go on where the used ring ends,
 * with the available entry number `base` next, or, where requests in flight are remembered
 * (`track`, NULL: they are not; it outlives the queue's use), with those first.
 */
void virtq_resume(struct virtq *q, uint16_t base, struct virtq_inflight *track);

struct state;
/*
 * Save or load `n` queues (state.h). Loading is for queues that are fresh; what was enabled is again,
 * and goes on with the chains that the driver has not been shown as used. 0 or -errno.
 */
int virtq_state(struct virtq *q, unsigned n, struct state *st);

/*
 * Take the next chain. 1: taken; 0: there is none; -EPROTO: the queue is broken (q->broken says
 * why). A taken head stays in flight until virtq_push or virtq_unpop.
 */
int virtq_pop(struct virtq *q, struct vq_chain *c);
/*
 * Take back all that was pushed since the last virtq_publish: those chains come again. For a queue
 * with nothing in flight whose chains are done in their order, and not with virtq_resume's `track`.
 */
void virtq_rewind(struct virtq *q);
/*
 * Give back the chain taken last, as if it had not been: it comes again at the next virtq_pop. Not
 * with virtq_resume's `track`.
 */
void virtq_unpop(struct virtq *q, const struct vq_chain *c);
/* Is there a chain to take? Never true when broken or disabled. */
bool virtq_has_work(const struct virtq *q);

/* Put a head into the used ring with the bytes written to it; the guest does not see it yet. */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);
/* Show the guest all that has been pushed. True when it wants an interrupt. */
bool virtq_publish(struct virtq *q);

/* Ask the guest not to kick while the device looks at the queue anyway. */
void virtq_kick_off(struct virtq *q);
/* Ask for kicks again. True when work came in meanwhile: then look again. */
bool virtq_kick_on(struct virtq *q);

#endif
