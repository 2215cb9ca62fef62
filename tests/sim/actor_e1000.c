/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000 in the simulator. Oracles of its own: frames reach the link in the order of their
 * descriptors, each once, changed nowhere but where a checksum was asked for and has its place; a
 * frame of the link's is written into the buffers of free descriptors only; the line is what the
 * cause and mask registers say.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"
#include "sim.h"

#define RING     16u
#define TX_RING  0x1000u
#define RX_RING  (TX_RING + RING * 16)
#define DATA     0x2000u
#define FRAME    1600u
#define RX_SIZE  2048u
#define PENDING  32
#define TAG_RING 1u
#define TAG_RX   0x100u
#define TAG_TX   0x200u

struct sent { /* a frame that the link is to get */
	uint8_t bytes[FRAME];
	uint32_t len;
	bool hole[2];
	uint32_t at[2]; /* of a checksum, two bytes */
	bool loose;     /* segments: not foreseen here */
};

struct actor {
	struct e1000 nic;
	struct e1000 old; /* as it was when it was saved */
	struct net_backend be;
	struct prng chance;
	bool up, full, want_write, want_read;
	struct sent sent[PENDING];
	unsigned nsent;
	struct e1000_context ctx;
	uint32_t arriving; /* length of the frame that the link has */
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static uint32_t
reg_of(struct actor *a, unsigned off)
{
	return (a->nic.reg[off / 4]);
}

static void
reg(struct sim *s, unsigned off, uint32_t val)
{
	sim_bar_write(s, 0, off, 4, val);
}

/* --- the link --- */

static bool
differs(const struct sent *f, const uint8_t *got)
{
	for (uint32_t i = 0; i < f->len; i++) {
		bool hole = false;

		for (unsigned k = 0; k < 2; k++)
			hole |= f->hole[k] && i >= f->at[k] && i < f->at[k] + 2;
		if (!hole && got[i] != f->bytes[i])
			return (true);
	}
	return (false);
}

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);
	static uint8_t got[NET_HDR_LEN + E1000_FRAME_MAX + 64];
	size_t len = 0;

	if (a->full || prng_one_in(&a->chance, 6)) {
		a->full = true;
		return (-EAGAIN);
	}
	for (unsigned i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (len < NET_HDR_LEN + 14 || len > sizeof(got))
		sim_fail(s, "backend", "a frame of %zu bytes", len);
	(void)gmem_iov_to_buf(iov, niov, 0, got, len);
	if (s->wild)
		return ((ssize_t)len);
	if (a->nsent == 0)
		sim_fail(s, "backend", "a frame that was not sent");
	if (a->sent[0].loose)
		return ((ssize_t)len);
	if (len - NET_HDR_LEN != a->sent[0].len || differs(&a->sent[0], got + NET_HDR_LEN))
		sim_fail(s, "data", "another frame than the one sent");
	memmove(&a->sent[0], &a->sent[1], --a->nsent * sizeof(a->sent[0]));
	s->count[SIM_REQUESTS]++;
	return ((ssize_t)len);
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);
	size_t n = MIN((size_t)a->arriving, iov[0].iov_len);

	if (n == 0)
		return (-EAGAIN);
	a->arriving = 0;
	prng_fill(&a->chance, iov[0].iov_base, n);
	memset(iov[0].iov_base, 0xff, MIN(n, (size_t)NET_HDR_LEN + 6));
	s->count[SIM_REQUESTS]++;
	return ((ssize_t)n);
}

static void
link_want_read(struct net_backend *b, bool on)
{
	actor_of(b->softc)->want_read = on;
}

static void
link_want_write(struct net_backend *b, bool on)
{
	actor_of(b->softc)->want_write = on;
}

static int
link_offload(struct net_backend *b, uint64_t features)
{
	return (0);
}

static bool
end_one(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (a->want_write && a->full) {
		a->full = false;
		sim_enter(s);
		a->be.writable(a->be.dev);
		sim_leave(s);
		return (true);
	}
	if (a->arriving == 0 || !a->want_read)
		return (false);
	sim_enter(s);
	a->be.readable(a->be.dev);
	sim_leave(s);
	return (true);
}

/* --- the driver --- */

/* A receive buffer may be written while its descriptor is the device's. */
static void
after(struct sim *s)
{
	struct actor *a = actor_of(s);
	bool line;

	if (a->nic.pci.bus == NULL)
		return;
	line = (reg_of(a, E1000_ICR) & reg_of(a, E1000_IMS)) != 0 && (s->dev->cfg[5] & 4) == 0;
	if (s->line != line)
		sim_fail(s, "interrupt", "the line is %s", s->line ? "high" : "low");
	for (uint32_t i = 0; i < RING && a->up; i++) {
		uint32_t head = reg_of(a, E1000_RDH), tail = reg_of(a, E1000_RDT);

		if (((i + RING - head) & (RING - 1)) >= ((tail + RING - head) & (RING - 1)))
			sim_range_drop(s, TAG_RX + i);
	}
}

/* Give free receive descriptors buffers, and the device the descriptors. */
static void
op_receive(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint32_t tail = reg_of(a, E1000_RDT), n = prng_range(r, 1, 8);
	uint8_t d[16] = { 0 };

	if (!a->up || s->wild || !s->mapped[0])
		return;
	for (; n > 0 && ((tail + 1) & (RING - 1)) != reg_of(a, E1000_RDH); n--) {
		uint32_t at = sim_room(s, r, DATA, RX_SIZE, 16);

		if (at == 0)
			break;
		sim_range_drop(s, TAG_RX + tail);
		sim_range_add(s, at, RX_SIZE, true, TAG_RX + tail);
		le64_put(d, prng_one_in(r, 20) ? sim_bad_gpa(s, r, RX_SIZE) | SIM_RAM : at);
		sim_poke(s, RX_RING + tail * 16, d, sizeof(d));
		tail = (tail + 1) & (RING - 1);
	}
	reg(s, E1000_RDT, tail);
}

static void
op_up(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (a->up)
		return;
	pci_calm(s);
	sim_range_add(s, TX_RING, 2 * RING * 16, true, TAG_RING);
	reg(s, E1000_TDBAL, TX_RING);
	reg(s, E1000_TDLEN, RING * 16);
	reg(s, E1000_RDBAL, RX_RING);
	reg(s, E1000_RDLEN, RING * 16);
	reg(s, E1000_IMS, prng_one_in(r, 4) ? (uint32_t)prng_next(r) : ~0u);
	a->up = true;
	op_receive(s, r);
	reg(s, E1000_TCTL, TCTL_EN | (prng_one_in(r, 2) ? TCTL_PSP : 0));
	reg(s, E1000_RCTL, RCTL_EN | RCTL_BAM | (prng_one_in(r, 2) ? RCTL_LPE : 0));
	sim_say(s, "up");
}

static uint32_t
put_desc(struct sim *s, uint32_t tail, const uint8_t *d)
{
	sim_poke(s, TX_RING + tail * 16, d, 16);
	return ((tail + 1) & (RING - 1));
}

/* A context: where checksums go; anything, also what makes no sense. */
static uint32_t
put_context(struct sim *s, struct prng *r, uint32_t tail, uint32_t len, bool segment)
{
	struct actor *a = actor_of(s);
	uint8_t d[16];

	prng_fill(r, d, sizeof(d));
	if (!prng_one_in(r, 3)) { /* near the frame's end */
		d[1] = (uint8_t)(len - prng_range(r, 0, 4));
		d[5] = (uint8_t)(len - prng_range(r, 0, 4));
	}
	d[11] = (uint8_t)(0x20 | (segment ? 0x04 | (d[11] & 3) : 0));
	le16_put(d + 8, le16_get(d + 8));
	d[10] &= 0x0f; /* the type of a context */
	a->ctx = (struct e1000_context){ .ipcss = d[0],
		.ipcso = d[1],
		.ipcse = le16_get(d + 2),
		.tucss = d[4],
		.tucso = d[5],
		.tucse = le16_get(d + 6) };
	return (put_desc(s, tail, d));
}

/* Where a checksum is put, if it has a place in the frame at all. */
static void
hole(struct sent *f, unsigned k, bool asked, unsigned start, unsigned at, unsigned end)
{
	uint32_t last = end == 0 || end >= f->len ? f->len - 1 : end;

	f->hole[k] = asked && start < f->len && last >= start && at + 2 <= f->len;
	f->at[k] = at;
}

static void
op_send(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint32_t tail = reg_of(a, E1000_TDT), head = reg_of(a, E1000_TDH), pieces, done = 0;
	uint32_t len = prng_range(r, 60, prng_one_in(r, 2) ? 250 : 1500);
	bool extended = prng_one_in(r, 2), segment = extended && prng_one_in(r, 4);
	struct sent *f = &a->sent[a->nsent];
	uint8_t d[16] = { 0 }, popts = (uint8_t)prng_below(r, 4);

	if (!a->up && prng_one_in(r, 2))
		op_up(s, r);
	if (!a->up || s->wild || !s->mapped[0] || a->nsent == PENDING ||
	    ((head + RING - tail - 1) & (RING - 1)) < 4)
		return;
	/* Nothing else is under way when it is sent: it may become any number of frames. */
	segment &= a->nsent == 0 && head == tail && pci_bus_master(s->dev);
	*f = (struct sent){ .len = len, .loose = segment };
	prng_fill(r, f->bytes, len);
	if (extended)
		tail = put_context(s, r, tail, len, segment);
	hole(f, 0, extended && (popts & 1) != 0, a->ctx.ipcss, a->ctx.ipcso, a->ctx.ipcse);
	hole(f, 1, extended && (popts & 2) != 0, a->ctx.tucss, a->ctx.tucso, a->ctx.tucse);
	for (pieces = prng_range(r, 1, 3); pieces > 0; pieces--) {
		uint32_t part = pieces == 1 ? len - done : (len - done) / 2;
		uint32_t at = sim_room(s, r, DATA, part, 1);

		if (at == 0)
			return; /* the descriptors before it wait for a tail that does not come */
		sim_range_drop(s, TAG_TX + tail); /* the buffer that it had before */
		sim_range_add(s, at, part, false, TAG_TX + tail);
		sim_poke(s, at, f->bytes + done, part);
		le64_put(d, at);
		le32_put(d + 8, part | (extended ? 1u << 20 : 0));
		d[11] = (uint8_t)((pieces == 1 ? 0x01 : 0) | (prng_one_in(r, 2) ? 0x08 : 0) |
		    (extended ? 0x20 : 0) | (segment ? 0x04 : 0));
		d[13] = extended ? popts : 0;
		tail = put_desc(s, tail, d);
		done += part;
	}
	sim_say(s, "%u bytes%s%s", len, extended ? ", offloads" : "", segment ? ", segments" : "");
	a->nsent++;
	reg(s, E1000_TDT, tail);
	if (segment) { /* let it be over: nothing is foreseen of it */
		while (end_one(s))
			;
		if (!a->nic.tx.held && reg_of(a, E1000_TDH) == reg_of(a, E1000_TDT))
			a->nsent = 0;
	}
}

static void
op_frame(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	a->arriving = NET_HDR_LEN + prng_range(r, 1, prng_one_in(r, 6) ? 9000 : 1514);
	(void)end_one(s);
}

static void
op_registers(struct sim *s, struct prng *r)
{
	static const uint16_t offs[] = { 0x00C0, 0x00C8, 0x00D0, 0x00D8, 0x0020, 0x0010, 0x0014,
		0x4000, 0x5200, 0x5408, 0x0038 };
	uint16_t off = offs[prng_below(r, NITEMS(offs))];

	if (prng_one_in(r, 2))
		reg(s, off == 0x0038 ? 0x00D0 : off, (uint32_t)prng_next(r));
	else
		(void)sim_bar_read(s, 0, off, 4);
}

/* Ring registers that make no sense: nothing may come of it. */
static void
op_bad_ring(struct sim *s, struct prng *r)
{
	static const uint16_t offs[] = { 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x3800, 0x3804,
		0x3808, 0x3810, 0x3818 };

	if (!s->mapped[0])
		return;
	s->wild = true; /* a ring anywhere in RAM is a ring */
	reg(s, offs[prng_below(r, NITEMS(offs))], (uint32_t)prng_next(r) >> prng_below(r, 32));
}

static void
op_reset(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (!s->mapped[0])
		return;
	if (prng_one_in(r, 4)) {
		sim_enter(s);
		pci_reset(s->pci);
		a->up = false;
		sim_leave(s);
	} else {
		a->up = false;
		reg(s, E1000_CTRL, CTRL_RST);
	}
	if (a->nic.tx.held || a->want_read || a->want_write)
		sim_fail(s, "reset", "something of before the reset is left");
	sim_range_drop_all(s);
	a->nsent = 0;
	s->wild = a->full = false;
	s->count[SIM_RESETS]++;
	sim_say(s, "reset");
}

static void
op_end(struct sim *s, struct prng *r)
{
	(void)end_one(s);
}

static void
op_settle(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned n = 0;

	pci_calm(s);
	while (end_one(s))
		if (++n > 3000)
			sim_fail(s, "bounded", "the device goes on for ever");
	if (a->up && !s->wild &&
	    ((a->nsent != 0 && !a->sent[0].loose) || reg_of(a, E1000_TDH) != reg_of(a, E1000_TDT)))
		sim_fail(s, "stuck", "%u frames are left though all is quiet", a->nsent);
}

/* --- save, load --- */

static void
make(struct actor *a, struct sim *s)
{
	int rc = e1000_init(&a->nic, &s->gm, &a->be);

	assert(rc == 0);
	(void)rc;
}

static int
function_state(struct sim *s, struct state *st)
{
	return (e1000_state(&actor_of(s)->nic, st));
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	e1000_destroy(&a->nic);
	memcpy(&a->old, &a->nic, sizeof(a->old));
	memset(&a->nic, SIM_JUNK, sizeof(a->nic));
	a->want_read = a->want_write = false;
	make(a, s);
	sim_replace(s, &a->nic.pci);
}

static bool
nic_same(const struct e1000 *is, const struct e1000 *was)
{
	return (!(SIM_DIFFERS(is, was, link) || SIM_DIFFERS(is, was, reg) ||
	    SIM_DIFFERS(is, was, io_addr) || SIM_DIFFERS(is, was, phy) ||
	    SIM_DIFFERS(is, was, eecd.last) || SIM_DIFFERS(is, was, eecd.in) ||
	    SIM_DIFFERS(is, was, eecd.nin) || SIM_DIFFERS(is, was, eecd.out) ||
	    SIM_DIFFERS(is, was, eecd.reading) || SIM_DIFFERS(is, was, tx.ctx) ||
	    SIM_DIFFERS(is, was, tx.len) || SIM_DIFFERS(is, was, tx.begun) ||
	    SIM_DIFFERS(is, was, tx.too_long) || SIM_DIFFERS(is, was, tx.extended) ||
	    SIM_DIFFERS(is, was, tx.segment) || SIM_DIFFERS(is, was, tx.popts) ||
	    SIM_DIFFERS(is, was, tx.held) || SIM_DIFFERS(is, was, tx.tagged) ||
	    SIM_DIFFERS(is, was, tx.tag) || SIM_DIFFERS(is, was, tx.next) ||
	    SIM_DIFFERS(is, was, tx.frame)));
}

static void
resume(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (!nic_same(&a->nic, &a->old))
		sim_fail(s, "state", "the nic is not as it was");
	e1000_resume(&a->nic);
}

static void
op_save(struct sim *s, struct prng *r)
{
	static const struct sim_look regs[] = { { 0, 0, 0xC0 }, { 0, E1000_IMS, 4 },
		{ 0, 0x100, 0x100 }, { 0, 0x2800, 0x20 }, { 0, 0x3800, 0x20 }, { 0, 0x5200, 0x600 },
		{ 0 } };
	static const struct sim_saved how = { function_state, NULL, remake, resume, regs };

	sim_save_and_load(s, r, &how);
}

static void
start(struct sim *s, struct prng *r)
{
	static const struct net_ops link = { link_send, link_recv, link_want_read, link_want_write,
		link_offload, NULL };
	struct actor *a = actor_of(s);

	a->chance.state = prng_next(r);
	a->be = (struct net_backend){ .ops = &link, .softc = s, .mac = { 2, 0, 0, 0, 0, 1 } };
	make(a, s);
	sim_attach(s, &a->nic.pci);
	op_up(s, r);
}

static void
finish(struct sim *s)
{
	struct prng r = { 1 };

	op_settle(s, &r);
	e1000_destroy(&actor_of(s)->nic);
}

static const struct sim_op op_table[] = {
	{ "send", 40, op_send },
	{ "receive", 20, op_receive },
	{ "frame", 25, op_frame },
	{ "end", 20, op_end },
	{ "settle", 4, op_settle },
	{ "registers", 5, op_registers },
	{ "bad-ring", 1, op_bad_ring },
	{ "up", 5, op_up },
	{ "reset", 3, op_reset },
	{ "save-load", 3, op_save },
	{ "pci", 3, pci_disturb },
};

const struct sim_actor actor_e1000 = {
	.name = "e1000",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.after = after,
};
