/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio entropy device: see rng.h. Gives at most REQUEST_MAX bytes for one request, so that a
 * guest with a buffer of gigabytes does not hold the event loop. Runs in zhyve.
 */
#include "devices/virtio/rng.h"

#include "base/checked.h"
#include "devices/state.h"

#define QUEUE_SIZE  64
#define REQUEST_MAX 4096u

/*
 * 5.4.6.1: at least one byte is placed in each buffer, unless the source fails; then none are,
 * and the length says so.
 */
static uint32_t
fill_chain(struct virtio_rng *rng, const struct vq_chain *c)
{
	uint32_t done = 0;

	for (unsigned i = c->nread; i < c->nread + c->nwrite && done < REQUEST_MAX; i++) {
		size_t want = MIN(c->iov[i].iov_len, REQUEST_MAX - done);
		long got = rng->fill(rng->fill_ctx, c->iov[i].iov_base, want);

		if (got <= 0)
			break;
		done += (uint32_t)got;
		if ((size_t)got < want)
			break;
	}
	return (done);
}

static void
rng_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_rng *rng = vd->softc;
	struct virtq *q = &vd->queue[queue];
	unsigned round = 0;

	do {
		virtq_kick_off(q);
		for (unsigned n = 0; n < q->size && virtio_pop(vd, queue, &rng->chain); n++)
			virtq_push(q, rng->chain.head, fill_chain(rng, &rng->chain));
		virtio_publish(vd, queue);
	} while (virtio_another_round(vd, queue, round++));
}

/* Nothing: what it has been asked for it has given. */
#define RNG_STATE(F, T)      \
	F(T, vd, OWNS, 0)    \
	F(T, chain, OWNS, 0) \
	F(T, fill, OWN, 0)   \
	F(T, fill_ctx, OWN, 0)
STATE_TYPE(rng_type, struct virtio_rng, RNG_STATE, "rng", 1);

static int
rng_state(struct virtio_dev *vd, struct state *st)
{
	return (state_struct(st, &rng_type, vd->softc));
}

static const struct virtio_dev_ops rng_ops = {
	.name = "virtio-rnd",
	.type = VIRTIO_TYPE_RNG,
	.pci_class = 0x100000, /* encryption controller, other */
	.notify = rng_notify,
	.state = rng_state,
};

int
virtio_rng_init(struct virtio_rng *rng, const struct gmem *gm, rng_fill *fill, void *fill_ctx)
{
	int rc;

	*rng = (struct virtio_rng){ .fill = fill, .fill_ctx = fill_ctx };
	if ((rc = virtio_init(&rng->vd, &rng_ops, rng, gm, 1, QUEUE_SIZE)) < 0)
		return (rc);
	if ((rc = vq_chain_init(&rng->chain, &rng->vd.queue[0])) < 0)
		virtio_rng_destroy(rng);
	return (rc);
}

void
virtio_rng_destroy(struct virtio_rng *rng)
{
	vq_chain_destroy(&rng->chain);
	virtio_destroy(&rng->vd);
}
