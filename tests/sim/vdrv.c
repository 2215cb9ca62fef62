/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtio driver: rings, requests, and the oracles at the end of each entry. See vdrv.h; the way
 * to DRIVER_OK and back is in vdrv_life.c.
 */
#include "vdrv.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

/* --- buffers --- */

unsigned
vdrv_buffer(struct sim *s, struct prng *r, struct vseg *seg, uint32_t len, bool write, unsigned max)
{
	unsigned n = 0;

	while (len > 0) {
		uint32_t part = len, gpa;

		if (n + 1 < max && len > 1 && prng_below(r, 2) == 0)
			part = prng_range(r, 1, len);
		if ((gpa = sim_room(s, r, VDATA, part, 1)) == 0)
			return (0);
		sim_range_add(s, gpa, part, write, vdrv_of(s)->next_tag);
		seg[n++] = (struct vseg){ gpa, part, write };
		len -= part;
	}
	return (n);
}

void
vdrv_get(struct sim *s, const struct vreq *req, bool write, uint32_t skip, void *buf, uint32_t len)
{
	uint8_t *to = buf;

	for (unsigned i = 0; i < req->nseg && len > 0; i++) {
		const struct vseg *g = &req->seg[i];
		uint32_t n;

		if (g->write != write)
			continue;
		if (skip >= g->len) {
			skip -= g->len;
			continue;
		}
		n = MIN(g->len - skip, len);
		memcpy(to, sim_at(s, g->gpa + skip), n);
		to += n;
		len -= n;
		skip = 0;
	}
	assert(len == 0);
}

void
vdrv_put(
    struct sim *s, const struct vseg *seg, unsigned n, bool write, const void *buf, uint32_t len)
{
	const uint8_t *from = buf;

	for (unsigned i = 0; i < n && len > 0; i++) {
		uint32_t part = MIN(seg[i].len, len);

		if (seg[i].write != write)
			continue;
		sim_poke(s, seg[i].gpa, from, part);
		from += part;
		len -= part;
	}
}

/* --- submission --- */

static void
desc_put(struct sim *s, uint32_t at, const struct vseg *g, uint16_t more, uint16_t next)
{
	uint8_t raw[16];

	le64_put(raw, g->gpa);
	le32_put(raw + 8, g->len);
	le16_put(raw + 12, (uint16_t)(more | (g->write ? DESC_WRITE : 0)));
	le16_put(raw + 14, next);
	sim_poke(s, at, raw, sizeof(raw));
}

/* Any of the free descriptors; the caller knows that there is one. */
static uint16_t
desc_take(struct vq *q, struct prng *r)
{
	unsigned at = prng_below(r, q->size);

	while ((q->free >> at & 1) == 0)
		at = (at + 1) % q->size;
	q->free &= ~(1ull << at);
	return ((uint16_t)at);
}

/* Write pieces from..n as an indirect table into ring descriptor `at`. False: no room. */
static bool
indirect_put(
    struct sim *s, struct prng *r, struct vq *q, struct vreq *req, unsigned from, uint16_t at)
{
	unsigned n = req->nseg - from;
	uint32_t table = sim_room(s, r, VDATA, n * 16, 16);
	const struct vseg whole = { table, n * 16, false };

	if (table == 0)
		return (false);
	for (unsigned i = 0; i < n; i++)
		desc_put(s, table + i * 16, &req->seg[from + i], i + 1 < n ? DESC_NEXT : 0,
		    (uint16_t)(i + 1));
	sim_range_add(s, table, n * 16, false, req->tag);
	req->table = table;
	desc_put(s, q->desc + at * 16u, &whole, DESC_INDIRECT, (uint16_t)prng_next(r));
	return (true);
}

/* Lay a chain out in the ring's table, from `direct` on in an indirect one. False: no room. */
static bool
chain_put(struct sim *s, struct prng *r, struct vq *q, struct vreq *req, unsigned direct)
{
	unsigned ring = direct < req->nseg ? direct + 1 : req->nseg;
	uint64_t before = q->free;
	uint16_t *at = req->desc;

	if ((unsigned)__builtin_popcountll(q->free) < ring)
		return (false);
	for (unsigned i = 0; i < ring; i++)
		at[i] = desc_take(q, r);
	req->head = at[0];
	req->nat = ring;
	req->direct = direct;
	for (unsigned i = 0; i < direct; i++)
		desc_put(s, q->desc + at[i] * 16u, &req->seg[i], i + 1 < ring ? DESC_NEXT : 0,
		    i + 1 < ring ? at[i + 1] : (uint16_t)prng_next(r));
	if (direct < req->nseg && !indirect_put(s, r, q, req, direct, at[direct])) {
		q->free = before;
		sim_range_drop(s, req->tag);
		return (false);
	}
	return (true);
}

struct vreq *
vdrv_submit(struct sim *s, struct prng *r, unsigned queue, const struct vseg *seg, unsigned n)
{
	struct vdrv *v = vdrv_of(s);
	struct vq *q = &v->q[queue];
	struct vreq fresh = { .live = true, .queue = queue, .nseg = n, .tag = v->next_tag };
	unsigned direct = n;

	if (!vdrv_ready(s) || !q->up || q->breach || n == 0 || n > VSEG_MAX)
		return (NULL);
	memcpy(fresh.seg, seg, n * sizeof(*seg));
	for (unsigned i = 0; i < n; i++)
		*(seg[i].write ? &fresh.wlen : &fresh.rlen) += seg[i].len;
	if (virtio_has(v->vd, VIRTIO_FEAT_INDIRECT_DESC) && prng_one_in(r, 2))
		direct = prng_one_in(r, 4) ? prng_below(r, n) : 0;
	/* A table has as many entries as the ring at most (2.7.5.3.1). */
	if (n > q->size || !chain_put(s, r, q, &fresh, direct))
		return (NULL);
	v->next_tag++;
	fresh.place = q->avail_idx;
	q->req[fresh.head] = fresh;
	q->live++;
	sim_poke16(s, q->avail + 4 + (q->avail_idx & (q->size - 1u)) * 2u, fresh.head);
	sim_poke16(s, q->avail + 2, ++q->avail_idx);
	sim_say(s, "queue %u head %u (%u readable, %u writable bytes, %u pieces)", queue,
	    fresh.head, fresh.rlen, fresh.wlen, n);
	return (&q->req[fresh.head]);
}

bool
vdrv_taken_last(struct sim *s, const struct vreq *req)
{
	const struct virtq *dq = &vdrv_of(s)->vd->queue[req->queue];

	return (req->live && dq->enabled && req->place == (uint16_t)(dq->last_avail - 1));
}

static bool
passed(uint16_t event, uint16_t to, uint16_t from)
{
	return ((uint16_t)(to - event - 1) < (uint16_t)(to - from));
}

void
vdrv_kick(struct sim *s, struct prng *r, unsigned queue, bool force)
{
	struct vdrv *v = vdrv_of(s);
	struct vq *q = &v->q[queue];
	bool want = force;

	if (q->up && virtio_has(v->vd, VIRTIO_FEAT_EVENT_IDX))
		want |= passed(
		    le16_get(sim_at(s, q->used + 4 + q->size * 8u)), q->avail_idx, q->kicked);
	else if (q->up)
		want |= (le16_get(sim_at(s, q->used)) & 1) == 0;
	q->kicked = q->avail_idx;
	if (!want)
		return;
	sim_say(s, "kick %u", queue);
	if (prng_one_in(r, 2) && s->mapped[0]) {
		sim_bar_write(s, 0, V_NOTIFY + queue * 4, 2, queue);
		return;
	}
	/* By an ioeventfd, which reaches the device also where the BAR has moved meanwhile. */
	sim_enter(s);
	virtio_pci_notify_queue(&v->vp, queue);
	sim_leave(s);
}

void
vdrv_breach(struct sim *s, unsigned queue, const struct vreq *req, const char *why)
{
	struct vq *q = &vdrv_of(s)->q[queue];

	q->breach = true;
	q->breach_at = req->place;
	q->breach_why = why;
	vdrv_of(s)->breach = true;
	sim_say(s, "[against the rules: %s]", why);
}

void
vdrv_condemn(struct sim *s, struct prng *r, struct vreq *req, const char *why)
{
	struct vdrv *v = vdrv_of(s);

	/* Nor by the driver: what the device finds there, however late, is against the rules. */
	sim_range_freeze(s, req->tag);
	req->live = false;
	v->q[req->queue].live--;
	vdrv_breach(s, req->queue, req, why);
	vdrv_kick(s, r, req->queue, false);
}

void
vdrv_maybe_breach(struct sim *s)
{
	vdrv_of(s)->breach = true;
}

struct vreq *
vdrv_current(struct sim *s, unsigned queue)
{
	struct vdrv *v = vdrv_of(s);

	for (unsigned i = 0; i < v->q[queue].size && v->q[queue].up; i++)
		if (vdrv_taken_last(s, &v->q[queue].req[i]))
			return (&v->q[queue].req[i]);
	return (NULL);
}

/* --- the end of an entry --- */

/* One element of the used ring. */
static void
take_used(struct sim *s, struct vdrv *v, unsigned queue, uint16_t place)
{
	struct vq *q = &v->q[queue];
	uint32_t at = q->used + 4 + (place & (q->size - 1u)) * 8u;
	uint32_t id = le32_get(sim_at(s, at)), len = le32_get(sim_at(s, at + 4));

	if (id >= q->size || !q->req[id].live)
		sim_fail(s, "used",
		    "queue %u: head %u is given back, which the device does not have", queue, id);
	if (len > q->req[id].wlen)
		sim_fail(s, "used", "queue %u: %u bytes written to head %u, which has room for %u",
		    queue, len, id, q->req[id].wlen);
	q->req[id].live = false;
	q->live--;
	v->done[v->ndone] = &q->req[id];
	v->done_len[v->ndone++] = len;
	s->count[SIM_REQUESTS]++;
}

static void
check_used(struct sim *s, struct vdrv *v, unsigned queue)
{
	const struct virtq *dq = &v->vd->queue[queue];
	struct vq *q = &v->q[queue];
	uint16_t from = q->used_idx, to = le16_get(sim_at(s, q->used + 2)), event;
	uint16_t flags = le16_get(sim_at(s, q->used));

	if (from != to && (v->broken || v->held))
		sim_fail(s, "reset", "queue %u: the used ring moves while the device %s", queue,
		    v->held ? "is being reset" : "needs a reset");
	if ((uint16_t)(to - from) > q->live)
		sim_fail(s, "used", "queue %u: index from %u to %u, but only %u are under way",
		    queue, from, to, q->live);
	for (; q->used_idx != to; q->used_idx++)
		take_used(s, v, queue, q->used_idx);
	/* What it has put down but not shown yet. */
	for (uint16_t i = from; dq->enabled && i != dq->used_idx; i++)
		sim_expect(s, q->used + 4 + (i & (q->size - 1u)) * 8u, 8);
	if (flags > 1)
		sim_fail(s, "used", "queue %u: used ring flags %#x", queue, flags);
	sim_expect(s, q->used, 4);
	sim_expect(s, q->used + 4 + q->size * 8u, 2);
	event = le16_get(sim_at(s, q->avail + 4 + q->size * 2u));
	if (from != to &&
	    (virtio_has(v->vd, VIRTIO_FEAT_EVENT_IDX) ? passed(event, to, from)
						      : (le16_get(sim_at(s, q->avail)) & 1) == 0))
		vdrv_irq_due(s, queue);
}

/* What the device says about itself. */
static void
check_queue(struct sim *s, struct vdrv *v, unsigned queue)
{
	const struct virtq *dq = &v->vd->queue[queue];
	struct vq *q = &v->q[queue];

	if (!dq->enabled || dq->desc != q->desc || dq->avail != q->avail || dq->used != q->used ||
	    dq->size != q->size)
		sim_fail(s, "frozen", "queue %u changed while in use", queue);
	if (dq->inflight != (uint16_t)(dq->last_avail - dq->used_idx))
		sim_fail(s, "inflight",
		    "queue %u: %u in flight, but %u were taken and %u given back", queue,
		    dq->inflight, dq->last_avail, dq->used_idx);
	for (unsigned i = 0; i < q->size; i++)
		if (q->req[i].live && (int16_t)(dq->last_avail - q->req[i].place) > 0)
			q->req[i].taken = true;
	if (q->breach && (v->vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0 &&
	    (int16_t)(dq->last_avail - q->breach_at) > 0)
		sim_fail(s, "breach", "queue %u: not found: %s", queue, q->breach_why);
}

static void
check_status(struct sim *s, struct vdrv *v)
{
	uint8_t status = v->vd->status, now = status & (uint8_t)~v->status;

	if ((now & VIRTIO_STATUS_NEEDS_RESET) != 0) {
		if (!v->breach)
			sim_fail(s, "lawful", "NEEDS_RESET, but the driver broke no rule");
		s->count[SIM_BREACHES]++;
		if ((status & VIRTIO_STATUS_DRIVER_OK) != 0)
			vdrv_irq_due_config(s);
	}
	if (v->vd->config_gen != v->gen && (status & VIRTIO_STATUS_DRIVER_OK) != 0)
		vdrv_irq_due_config(s);
	if ((v->vd->features & ~v->vd->offered) != 0)
		sim_fail(s, "frozen", "features that were not offered");
	if (v->vd->started && (status & VIRTIO_STATUS_FEATURES_OK) == 0)
		sim_fail(s, "frozen", "started without features");
}

void
vdrv_before(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	sim_range_drop(s, v->next_tag); /* of a request that was not submitted after all */
	v->ndone = 0;
	memset(v->due, 0, sizeof(v->due));
	v->due_line = false;
	if (v->vd == NULL)
		return;
	s->idle &= (v->vd->status & VIRTIO_STATUS_DRIVER_OK) == 0;
	if (v->resetting && v->vd->status == 0)
		return; /* it is over: nothing may have changed */
	for (unsigned i = 0; i < v->nq && !s->wild; i++) {
		if (!v->q[i].up)
			continue;
		check_used(s, v, i);
		check_queue(s, v, i);
	}
	check_status(s, v);
}

/* The device has been reset: all buffers are the driver's again. */
static void
reset_done(struct sim *s, struct vdrv *v)
{
	for (unsigned i = 0; i < v->vd->nqueues; i++)
		if (v->vd->queue[i].enabled || v->vd->queue[i].inflight != 0)
			sim_fail(s, "reset", "queue %u: enabled %u, %u in flight after a reset", i,
			    v->vd->queue[i].enabled, v->vd->queue[i].inflight);
	if (v->vd->started || v->vd->features != 0)
		sim_fail(s, "reset", "something is left of before the reset");
	for (unsigned i = 0; i < v->nq; i++)
		v->q[i] = (struct vq){ 0 };
	sim_range_drop_all(s);
	v->up = v->resetting = v->breach = false;
	v->again = 0;
	s->wild = false;
	vdrv_irq_reset(s, false);
	if (v->ops->was_reset != NULL)
		v->ops->was_reset(s);
	s->count[SIM_RESETS]++;
	sim_say(s, "(reset is done)");
}

void
vdrv_after(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	if (v->vd == NULL)
		return;
	if (v->resetting && v->vd->status == 0)
		reset_done(s, v);
	vdrv_irq_check(s);
	for (unsigned i = 0; i < v->ndone; i++) {
		struct vreq *req = v->done[i];
		struct vq *q = &v->q[req->queue];

		sim_say(s, "(queue %u head %u came back, %u bytes)", req->queue, req->head,
		    v->done_len[i]);
		v->ops->used(s, req, v->done_len[i]);
		sim_range_drop(s, req->tag);
		for (unsigned k = 0; k < req->nat; k++)
			q->free |= 1ull << req->desc[k];
	}
	v->ndone = 0;
	v->status = v->vd->status;
	v->gen = v->vd->config_gen;
	v->broken = (v->status & VIRTIO_STATUS_NEEDS_RESET) != 0;
	v->held = v->vd->resetting;
	s->idle = (v->status & VIRTIO_STATUS_DRIVER_OK) == 0 && !v->held;
}
