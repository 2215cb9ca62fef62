/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio driver that breaks the rules: chains as decision 0010 wants them found, and registers
 * touched in any order. See vdrv.h.
 */
#include <string.h>

#include "base/checked.h"
#include "vdrv.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u

/* Where the descriptor of piece i of a chain stands, and how long its table is. */
static uint32_t
desc_of(const struct vq *q, const struct vreq *req, unsigned i, unsigned *table_len)
{
	bool inner = i >= req->direct;

	*table_len = inner ? req->nseg - req->direct : q->size;
	return (inner ? req->table + (i - req->direct) * 16 : q->desc + req->desc[i] * 16u);
}

static uint16_t
flags_of(struct sim *s, uint32_t desc)
{
	return (le16_get(sim_at(s, desc + 12)));
}

/* A chain that has no end, or goes where there is no descriptor. */
static const char *
bad_next(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	unsigned len, last = req->nseg - 1;
	uint32_t desc = desc_of(q, req, last, &len);
	bool loop = prng_one_in(r, 2);
	uint16_t back =
	    req->table != 0 ? (uint16_t)prng_below(r, len) : req->desc[prng_below(r, req->nseg)];

	sim_poke16(s, desc + 12, flags_of(s, desc) | DESC_NEXT);
	sim_poke16(s, desc + 14,
	    loop ? back : (uint16_t)prng_range(r, len, prng_one_in(r, 2) ? len : UINT16_MAX));
	return (loop ? "a chain that loops" : "a next descriptor out of range");
}

static const char *
bad_buffer(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	unsigned len, i = prng_below(r, req->nseg);
	uint32_t desc = desc_of(q, req, i, &len);

	if (prng_one_in(r, 4)) {
		sim_poke32(s, desc + 8, 0);
		return ("a buffer of no bytes");
	}
	if (prng_one_in(r, 4)) {
		sim_poke32(s, desc + 8, prng_one_in(r, 2) ? UINT32_MAX : SIM_RAM);
		return ("a buffer that ends outside of RAM");
	}
	sim_poke64(s, desc, sim_bad_gpa(s, r, req->seg[i].len));
	return ("a buffer outside of RAM");
}

static const char *
bad_order(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	unsigned len;
	uint32_t desc;

	if (req->nseg < 2)
		return (bad_buffer(s, r, q, req));
	for (unsigned i = 0; i < req->nseg; i++) {
		desc = desc_of(q, req, i, &len);
		sim_poke16(s, desc + 12,
		    (flags_of(s, desc) & ~DESC_WRITE) | (i + 1 < req->nseg ? DESC_WRITE : 0));
	}
	return ("a readable buffer behind a writable one");
}

/* The last descriptor of a table becomes a table with that descriptor in it: all else is right. */
static void
nest(struct sim *s, struct prng *r, uint32_t desc, uint32_t tag)
{
	uint32_t table = sim_room(s, r, VDATA, 16, 16);

	if (table != 0) {
		sim_range_add(s, table, 16, false, tag);
		sim_poke(s, table, sim_at(s, desc), 16);
		sim_poke64(s, desc, table);
	}
	sim_poke16(s, desc + 12, DESC_INDIRECT);
	sim_poke32(s, desc + 8, 16);
}

static const char *
bad_indirect(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	struct vdrv *v = vdrv_of(s);
	unsigned len, i = req->nseg - 1;
	uint32_t desc = desc_of(q, req, i, &len), outer = q->desc + req->desc[req->nat - 1] * 16u;

	if (req->table == 0 && !virtio_has(v->vd, VIRTIO_FEAT_INDIRECT_DESC)) {
		sim_poke16(s, desc + 12, DESC_INDIRECT);
		sim_poke32(s, desc + 8, 16);
		return ("an indirect descriptor that was not negotiated");
	}
	if (req->table == 0)
		return (bad_next(s, r, q, req));
	switch (prng_below(r, 5)) {
	case 0:
		nest(s, r, desc, req->tag);
		return ("an indirect table in an indirect table");
	case 1:
		sim_poke16(s, outer + 12, DESC_INDIRECT | DESC_NEXT);
		return ("an indirect descriptor with a next one");
	case 2:
		sim_poke32(s, outer + 8, prng_one_in(r, 2) ? 0 : prng_below(r, 100) * 16 + 7);
		return ("an indirect table that is not whole descriptors");
	case 3:
		sim_poke32(s, outer + 8, 0x100000);
		return ("an indirect table longer than any queue");
	default:
		sim_poke64(s, outer, sim_bad_gpa(s, r, (req->nseg - req->direct) * 16));
		return ("an indirect table outside of RAM");
	}
}

/* The last place of the available ring that was filled in. */
static uint32_t
last_slot(const struct vq *q)
{
	return (q->avail + 4 + ((q->avail_idx - 1u) & (q->size - 1u)) * 2u);
}

static const char *
bad_head(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	sim_poke16(s, last_slot(q),
	    (uint16_t)(prng_one_in(r, 2) ? q->size : prng_range(r, q->size, UINT16_MAX)));
	return ("a head out of range");
}

/* The index runs ahead of what the ring can hold: no chain at all is to be taken any more. */
static const char *
bad_index(struct sim *s, struct prng *r, struct vq *q, struct vreq *req)
{
	const struct virtq *dq = &vdrv_of(s)->vd->queue[req->queue];

	q->avail_idx = (uint16_t)(dq->last_avail + q->size + prng_range(r, 1, 1000));
	sim_poke16(s, q->avail + 2, q->avail_idx);
	req->place = dq->last_avail;
	return ("an available index ahead of the ring");
}

/*
 * A head again that is in flight. Only now is it known to be: the kick follows at once, and where
 * the device does not come to it, nobody knows what it will be later.
 */
static void
double_head(struct sim *s, struct prng *r, unsigned queue)
{
	struct vdrv *v = vdrv_of(s);
	const struct virtq *dq = &v->vd->queue[queue];
	struct vq *q = &v->q[queue];
	struct vreq twice = { .queue = queue, .place = q->avail_idx };
	int head = -1;

	/* Not one that is given back and not shown yet: to the device it is the driver's again. */
	for (unsigned i = 0, at = prng_below(r, q->size); i < q->size && head < 0; i++) {
		unsigned k = (at + i) % q->size;

		if (q->req[k].live && q->req[k].taken && (dq->inflight_map[0] >> k & 1) != 0)
			head = (int)k;
	}
	/* Of what is before it in the ring the device could give that head back. */
	if (head < 0 || q->live == q->size || dq->last_avail != q->avail_idx)
		return;
	sim_say(s, "queue %u head %d", queue, head);
	sim_poke16(s, q->avail + 4 + (q->avail_idx & (q->size - 1u)) * 2u, (uint16_t)head);
	sim_poke16(s, q->avail + 2, ++q->avail_idx);
	vdrv_breach(s, queue, &twice, "a head that is in flight");
	vdrv_kick(s, r, queue, true);
	if ((v->vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0)
		s->wild = true;
}

void
vdrv_bad_chain(struct sim *s, struct prng *r)
{
	static const char *(*const make[])(struct sim *, struct prng *, struct vq *,
	    struct vreq *) = { bad_next, bad_next, bad_buffer, bad_buffer, bad_order, bad_indirect,
		bad_indirect, bad_head, bad_index };
	struct vdrv *v = vdrv_of(s);
	unsigned queue = prng_below(r, v->nq), n = 0;
	struct vq *q = &v->q[queue];
	struct vseg seg[VSEG_MAX];
	struct vreq *req;
	const char *why;

	if (!vdrv_ready(s) || !q->up || q->breach)
		return;
	if (prng_one_in(r, 4)) {
		double_head(s, r, queue);
		return;
	}
	n += vdrv_buffer(s, r, seg, prng_range(r, 1, 64), false, 3);
	n += vdrv_buffer(s, r, seg + n, prng_range(r, 1, 64), true, 3);
	if ((req = vdrv_submit(s, r, queue, seg, n)) == NULL)
		return;
	why = make[prng_below(r, NITEMS(make))](s, r, q, req);
	vdrv_condemn(s, r, req, why);
}

/*
 * A queue whose rings are not RAM, not aligned, or of an impossible size: it must not become
 * enabled. The device is reset before and after.
 */
void
vdrv_bad_ring(struct sim *s, struct prng *r)
{
	static const uint8_t reg[] = { V_Q_DESC, V_Q_DRIVER, V_Q_DEVICE };
	struct vdrv *v = vdrv_of(s);
	unsigned k = prng_below(r, NITEMS(reg)), len = k == 0 ? 64 * 16 : k == 1 ? 64 * 2 : 64 * 8;
	uint64_t bad = sim_bad_gpa(s, r, len);

	/* Aligned, but not to where it would fit. */
	bad = bad < SIM_RAM ? ROUND_UP(bad, 16) : bad & ~15ull;
	vdrv_op_reset(s, r);
	if (v->resetting || v->vd->status != 0 || !s->mapped[0])
		return;
	sim_bar_write(s, 0, V_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	sim_bar_write(s, 0, V_Q_SELECT, 2, 0);
	sim_bar_write(s, 0, V_Q_SIZE, 2, 64);
	for (unsigned i = 0; i < NITEMS(reg); i++)
		sim_bar_write(s, 0, reg[i], 8, 0x1000 + i * 0x1000);
	if (prng_one_in(r, 4))
		sim_bar_write(s, 0, V_Q_SIZE, 2, prng_one_in(r, 2) ? 63 : 0x8000);
	else if (prng_one_in(r, 4))
		sim_bar_write(s, 0, reg[k], 8, 0x1001);
	else
		sim_bar_write(s, 0, reg[k], 8, bad);
	v->breach = true;
	sim_bar_write(s, 0, V_Q_ENABLE, 2, 1);
	if (v->vd->queue[0].enabled || (v->vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0)
		sim_fail(s, "breach", "a queue is enabled whose rings cannot be");
	vdrv_op_reset(s, r);
}

/* --- registers in any order --- */

struct queue_regs {
	uint64_t size, desc, avail, used, enable;
};

static struct queue_regs
queue_regs(struct sim *s)
{
	return ((struct queue_regs){ sim_bar_read(s, 0, V_Q_SIZE, 2),
	    sim_bar_read(s, 0, V_Q_DESC, 4) | sim_bar_read(s, 0, V_Q_DESC + 4, 4) << 32,
	    sim_bar_read(s, 0, V_Q_DRIVER, 4) | sim_bar_read(s, 0, V_Q_DRIVER + 4, 4) << 32,
	    sim_bar_read(s, 0, V_Q_DEVICE, 4) | sim_bar_read(s, 0, V_Q_DEVICE + 4, 4) << 32,
	    sim_bar_read(s, 0, V_Q_ENABLE, 2) });
}

/*
 * Write a queue's registers at the wrong time. Before the queue is enabled that is the driver's
 * right, and only the device has to be careful; after that nothing may come of it.
 */
static void
queue_write(struct sim *s, struct prng *r)
{
	static const struct {
		uint8_t off, size;
	} reg[] = { { V_Q_SIZE, 2 }, { V_Q_SIZE, 2 }, { V_Q_DESC, 8 }, { V_Q_DRIVER, 4 },
		{ V_Q_DEVICE + 4, 4 }, { V_Q_DEVICE, 8 }, { V_Q_ENABLE, 2 }, { V_Q_RESET, 2 } };
	struct vdrv *v = vdrv_of(s);
	unsigned k = prng_below(r, NITEMS(reg)), i = prng_below(r, v->vd->nqueues);
	uint64_t val = prng_one_in(r, 3) ? prng_next(r) : prng_below(r, 0x8000) * 2ull;
	struct queue_regs before, after;
	bool open;

	if (reg[k].off == V_Q_ENABLE || reg[k].off == V_Q_RESET)
		val = prng_below(r, 3);
	else if (reg[k].off == V_Q_SIZE && prng_one_in(r, 2))
		val = 1ull << prng_below(r, 16);
	sim_bar_write(s, 0, V_Q_SELECT, 2, i);
	open = !v->vd->queue[i].enabled && (v->status & VIRTIO_STATUS_DRIVER_OK) == 0;
	before = queue_regs(s);
	sim_say(s, "queue %u register %#x := %#llx%s", i, reg[k].off, (unsigned long long)val,
	    open ? "" : ", too late");
	if (open && reg[k].off == V_Q_ENABLE && val == 1) {
		/* Of rings that nobody has laid out: the device may refuse or go on. */
		v->breach = true;
		s->wild = true;
	}
	sim_bar_write(s, 0, reg[k].off, reg[k].size, val);
	after = queue_regs(s);
	if (!open && memcmp(&before, &after, sizeof(before)) != 0)
		sim_fail(s, "frozen",
		    "queue %u: register %#x changes something when it is too late", i, reg[k].off);
}

static void
status_write(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	uint8_t val = (uint8_t)prng_range(r, 1, 255), before = v->vd->status, after;

	sim_say(s, "status %#x", val);
	sim_bar_write(s, 0, V_STATUS, 1, val);
	after = v->vd->status;
	if (!v->resetting && (after & before) != before)
		sim_fail(
		    s, "frozen", "status bits went away without a reset: %#x, %#x", before, after);
	if ((after & ~before & VIRTIO_STATUS_NEEDS_RESET) != 0 && !v->breach)
		sim_fail(s, "frozen", "the driver set NEEDS_RESET");
	if (!v->up && (after & VIRTIO_STATUS_DRIVER_OK) != 0)
		s->wild = true; /* it runs, with whatever is set up so far */
}

static void
features_write(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	uint64_t before = v->vd->features, proposed = v->vd->proposed;
	bool done = (v->vd->status & VIRTIO_STATUS_FEATURES_OK) != 0;
	uint32_t sel = prng_below(r, 4), val = (uint32_t)prng_next(r);

	sim_say(s, "features %u := %#x", sel, val);
	sim_bar_write(s, 0, V_GFSELECT, 4, sel);
	sim_bar_write(s, 0, V_GF, 4, val);
	if (done && (v->vd->features != before || v->vd->proposed != proposed))
		sim_fail(s, "frozen", "features change after FEATURES_OK");
}

static void
any_read(struct sim *s, struct prng *r)
{
	static const uint16_t page[] = { 0, 0x2000, 0x3000, 0x4000, 0x6000, 0x7000 };
	uint64_t off = page[prng_below(r, NITEMS(page))], val;
	unsigned size = 1u << prng_below(r, 4);
	struct vdrv *v = vdrv_of(s);
	uint64_t in = prng_below(r, prng_one_in(r, 4) ? 0x1000 - size : 0x80);

	off += in;
	val = sim_bar_read(s, 0, off, size);
	sim_say(s, "read %#llx/%u: %#llx", (unsigned long long)off, size, (unsigned long long)val);
	/* What is past the device's configuration is nobody's. */
	if (off >= V_CONFIG && off < V_NOTIFY && !range_ok(in, size, v->vd->config_len) && val != 0)
		sim_fail(s, "leak", "configuration at %#llx/%u reads %#llx, but it ends at %u",
		    (unsigned long long)in, size, (unsigned long long)val, v->vd->config_len);
}

void
vdrv_disorder(struct sim *s, struct prng *r)
{
	if (!s->mapped[0])
		return;
	switch (prng_below(r, 8)) {
	case 0:
	case 1:
	case 2:
		queue_write(s, r);
		break;
	case 3:
		status_write(s, r);
		break;
	case 4:
		features_write(s, r);
		break;
	default:
		any_read(s, r);
	}
}
