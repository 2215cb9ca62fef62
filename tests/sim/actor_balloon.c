/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-balloon (virtio 1.2, 5.5) in the simulator. Oracles of its own: only pages that the request
 * in hand gives are discarded, and all of those that are RAM; a page with the guest's pattern is
 * kept; the buffer for statistics comes back when new ones are asked for.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/balloon.h"
#include "vdrv.h"

#define PAGE    4096u
#define PAGES   16
#define INFLATE 0
#define DEFLATE 1
#define STATS   2
#define POISON  12 /* of the configuration */

struct actor {
	struct vdrv v;
	struct virtio_balloon b;
	struct prng chance;
	/* When the device was saved. */
	uint64_t stats[VIRTIO_BALLOON_STATS];
	uint16_t stats_valid;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

/* Is this page one that the request gives away? */
static bool
given(struct sim *s, const struct vreq *req, uint32_t gpa)
{
	for (unsigned i = 0; i < req->nseg; i++) {
		const struct vseg *g = &req->seg[i];

		if (req->queue >= STATS && g->write && gpa >= g->gpa &&
		    gpa + PAGE <= g->gpa + g->len)
			return (true);
	}
	for (uint32_t at = 0; req->queue == INFLATE && at + 4 <= req->rlen; at += 4) {
		uint8_t number[4];

		vdrv_get(s, req, false, at, number, 4);
		if ((uint64_t)le32_get(number) * PAGE == gpa)
			return (true);
	}
	return (false);
}

static struct vreq *
current(struct sim *s, uint32_t gpa)
{
	struct vdrv *v = vdrv_of(s);
	struct vreq *req;

	for (unsigned q = 0; q < v->nq; q++)
		if ((req = vdrv_current(s, q)) != NULL && given(s, req, gpa))
			return (req);
	return (NULL);
}

static int
discard(void *ctx, void *p, size_t len)
{
	struct sim *s = ctx;
	struct actor *a = actor_of(s);
	uint64_t at = (uint64_t)((uint8_t *)p - s->ram);
	struct vreq *req;

	if (!virtio_running(&a->b.vd))
		sim_fail(s, "reset", "a device that does not run gives memory back");
	if (at % PAGE != 0 || len % PAGE != 0 || len == 0 || !range_ok(at, len, SIM_RAM))
		sim_fail(
		    s, "backend", "%zu bytes at %#llx are discarded", len, (unsigned long long)at);
	if (s->wild)
		return (0);
	for (uint32_t gpa = (uint32_t)at; gpa < at + len; gpa += PAGE) {
		if ((req = current(s, gpa)) == NULL)
			sim_fail(
			    s, "backend", "the page at %#x is discarded, but nobody gave it", gpa);
		req->result++;
	}
	if (prng_one_in(&a->chance, 4))
		return (-ENOMEM);
	memset(p, 0, len);
	sim_expect(s, at, len);
	return (0);
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	if (len != 0)
		sim_fail(s, "used", "%u bytes written", len);
	if (req->queue == INFLATE && req->result != req->kind)
		sim_fail(s, "data", "%u pages discarded, %u were given", req->result, req->kind);
}

/* Some free pages, and numbers that are none. */
static void
op_inflate(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	unsigned queue = prng_one_in(r, 4) ? DEFLATE : INFLATE, n = prng_range(r, 1, 8), good = 0;
	struct vseg seg[VSEG_MAX];
	uint8_t list[8 * 4];
	struct vreq *req;
	uint32_t gpa;
	unsigned k;

	if (!vdrv_want(s, r))
		return;
	for (unsigned i = 0; i < n; i++) {
		gpa = prng_one_in(r, 3) ? 0 : sim_room(s, r, VDATA, PAGE, PAGE);
		if (gpa == 0) {
			le32_put(list + i * 4, prng_range(r, SIM_RAM / PAGE, UINT32_MAX));
			continue;
		}
		sim_range_add(s, gpa, PAGE, false, v->next_tag);
		le32_put(list + i * 4, gpa / PAGE);
		good++;
	}
	k = vdrv_buffer(s, r, seg, n * 4, false, 3);
	vdrv_put(s, seg, k, false, list, n * 4);
	if ((req = vdrv_submit(s, r, queue, seg, k)) == NULL)
		return;
	req->kind = good;
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

static void
op_report(struct sim *s, struct prng *r)
{
	unsigned queue = prng_range(r, STATS, 4), n;
	struct vseg seg[VSEG_MAX];

	if (!vdrv_want(s, r))
		return;
	n = vdrv_buffer(s, r, seg, prng_range(r, 1, 3 * PAGE), true, 3);
	if (vdrv_submit(s, r, queue, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

static void
op_stats(struct sim *s, struct prng *r)
{
	struct vseg seg[VSEG_MAX];
	uint8_t body[60];
	unsigned n;

	if (!vdrv_want(s, r))
		return;
	prng_fill(r, body, sizeof(body));
	le16_put(body, (uint16_t)prng_below(r, 12));
	le16_put(body + 10, (uint16_t)prng_below(r, 12));
	n = vdrv_buffer(s, r, seg, prng_range(r, 1, sizeof(body)), false, 3);
	vdrv_put(s, seg, n, false, body, sizeof(body));
	if (vdrv_submit(s, r, STATS, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, STATS, false);
}

static void
op_ask(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	sim_enter(s);
	virtio_balloon_ask_stats(&a->b);
	sim_leave(s);
	sim_enter(s);
	virtio_balloon_set_target(&a->b, prng_below(r, 2 * SIM_RAM));
	sim_leave(s);
}

static void
op_config(struct sim *s, struct prng *r)
{
	unsigned off = prng_one_in(r, 2) ? POISON : prng_below(r, 20);

	sim_bar_write(s, 0, V_CONFIG + off, 1u << prng_below(r, 3), prng_below(r, 2));
}

static bool
end_one(struct sim *s, struct prng *r)
{
	return (false);
}

static bool
drains(struct sim *s, unsigned queue)
{
	return (queue != STATS || !virtio_has(&actor_of(s)->b.vd, VIRTIO_BALLOON_F_STATS_VQ));
}

static void
was_reset(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (a->b.stats_held || virtio_balloon_memory(&a->b) != SIM_RAM ||
	    le32_get(a->b.config + POISON) != 0)
		sim_fail(s, "reset", "something of the last driver is left");
}

static void
make(struct sim *s)
{
	int rc = virtio_balloon_init(&actor_of(s)->b, &s->gm, discard, s);

	assert(rc == 0);
	(void)rc;
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	memcpy(a->stats, a->b.stats, sizeof(a->stats));
	a->stats_valid = a->b.stats_valid;
	virtio_balloon_destroy(&a->b);
	memset(&a->b, SIM_JUNK, sizeof(a->b));
	make(s);
}

static void
loaded(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (a->b.stats_valid != a->stats_valid ||
	    memcmp(a->b.stats, a->stats, sizeof(a->stats)) != 0)
		sim_fail(s, "state", "other statistics than before");
}

static const struct vdrv_ops ops = {
	.used = used,
	.end_one = end_one,
	.drains = drains,
	.was_reset = was_reset,
	.remake = remake,
	.loaded = loaded,
};

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	a->chance.state = prng_next(r);
	make(s);
	vdrv_start(s, &a->b.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_balloon_destroy(&actor_of(s)->b);
}

static const struct sim_op op_table[] = {
	{ "inflate", 20, op_inflate },
	{ "report", 10, op_report },
	{ "stats", 8, op_stats },
	{ "ask", 6, op_ask },
	{ "config", 3, op_config },
	VDRV_OPS(3),
};

const struct sim_actor actor_balloon = {
	.name = "virtio-balloon",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
