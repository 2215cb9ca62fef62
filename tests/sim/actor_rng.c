/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-rnd (virtio 1.2, 5.4) in the simulator. Oracles of its own: the source is asked to fill the
 * buffers of the request in hand, one after the other, and the length says how much it has given.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/rng.h"
#include "vdrv.h"

struct actor {
	struct vdrv v;
	struct virtio_rng rng;
	struct prng source;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static long
fill(void *ctx, void *buf, size_t len)
{
	struct sim *s = ctx;
	struct actor *a = actor_of(s);
	struct vreq *req;
	size_t n = len;

	if (!virtio_running(&a->rng.vd))
		sim_fail(s, "reset", "the source is asked by a device that does not run");
	if (prng_one_in(&a->source, 6))
		n = prng_below(&a->source, (uint32_t)len + 1);
	else if (prng_one_in(&a->source, 12))
		return (-EIO);
	if (!s->wild) {
		req = vdrv_current(s, 0);
		if (req == NULL || !sim_owned(s, buf, len, true, req->tag))
			sim_fail(s, "backend", "the source is to fill %zu bytes that are no buffer",
			    len);
		req->result += (uint32_t)n;
	}
	prng_fill(&a->source, buf, n);
	return ((long)n);
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	if (len != req->result)
		sim_fail(s, "used", "%u bytes, but the source gave %u", len, req->result);
}

static void
op_request(struct sim *s, struct prng *r)
{
	struct vseg seg[VSEG_MAX];
	unsigned n = 0;

	if (!vdrv_want(s, r))
		return;
	if (prng_one_in(r, 8)) /* of no use, but not forbidden */
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, 32), false, 2);
	n += vdrv_buffer(s, r, seg + n, prng_range(r, 1, prng_one_in(r, 6) ? 6000 : 100), true, 4);
	if (vdrv_submit(s, r, 0, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, 0, false);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	return (false);
}

static bool
drains(struct sim *s, unsigned queue)
{
	return (true);
}

static void
make(struct sim *s)
{
	int rc = virtio_rng_init(&actor_of(s)->rng, &s->gm, fill, s);

	assert(rc == 0);
	(void)rc;
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	virtio_rng_destroy(&a->rng);
	memset(&a->rng, SIM_JUNK, sizeof(a->rng));
	make(s);
}

static const struct vdrv_ops ops = {
	.used = used, .end_one = end_one, .drains = drains, .remake = remake
};

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	a->source.state = prng_next(r);
	make(s);
	vdrv_start(s, &a->rng.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_rng_destroy(&actor_of(s)->rng);
}

static const struct sim_op op_table[] = { { "request", 40, op_request }, VDRV_OPS(4) };

const struct sim_actor actor_rng = {
	.name = "virtio-rnd",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
