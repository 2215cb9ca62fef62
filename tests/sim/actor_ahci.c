/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI with a disk and a CD drive in the simulator. Oracles of its own: what reaches a backend is
 * inside what a command slot names, and each slot has one request at a time; a port says that it
 * runs as long as the backend has something of its; after a reset nothing is left; frames and data
 * go where the lists say and nowhere else; the line is what the registers say.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"
#include "disk.h"
#include "sim.h"

#define PORTS    2u
#define LISTS    0x1000u /* command lists, a kilobyte each */
#define FRAMES   0x1800u /* received frames, 256 bytes each */
#define TABLES   0x2000u /* command tables, 256 bytes for each slot */
#define SLOTS    16u     /* used of each port */
#define DATA     0x4000u
#define TAG_PORT 1u
#define TAG_SLOT 16u

struct port {
	struct disk disk;
	uint32_t data[SLOTS], len[SLOTS]; /* of the command in a slot */
	bool write[SLOTS];                /* to the guest */
};

struct actor {
	struct ahci hba;
	struct port port[PORTS];
	struct ahci_port saved[PORTS]; /* as they were when the device was saved */
	bool attached, up;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static uint32_t
tag_of(unsigned port, unsigned slot)
{
	return (TAG_SLOT + port * SLOTS + slot);
}

static void
reg(struct sim *s, unsigned off, uint32_t val)
{
	sim_bar_write(s, 5, off, 4, val);
}

static void
port_reg(struct sim *s, unsigned port, unsigned off, uint32_t val)
{
	reg(s, AHCI_PORT_BASE + port * AHCI_PORT_SIZE + off, val);
}

/* --- the backend --- */

static void
came(struct sim *s, struct block_req *io)
{
	struct ahci_slot *slot = io->arg;
	struct actor *a = actor_of(s);
	struct ahci_port *p = slot->port;
	struct port *m = &a->port[p->index];

	if ((p->cmd & CMD_ST) == 0 || (a->hba.ghc & GHC_HR) != 0)
		sim_fail(s, "reset", "port %u: the backend is asked while the port is stopped",
		    p->index);
	for (unsigned i = 0; i < io->niov && !s->wild; i++)
		if (slot->index >= SLOTS ||
		    !sim_owned(s, io->iov[i].iov_base, io->iov[i].iov_len, m->write[slot->index],
			tag_of(p->index, slot->index)))
			sim_fail(s, "backend",
			    "port %u slot %u: bytes that the command does not name", p->index,
			    slot->index);
	if (!s->wild && slot->index < SLOTS && io->op == BLOCK_WRITE && m->write[slot->index])
		sim_fail(s, "backend", "port %u slot %u: written from where data is to go",
		    p->index, slot->index);
}

static void
ends(struct sim *s, struct block_req *io, int result)
{
	s->count[SIM_REQUESTS]++;
}

static bool
end_one(struct sim *s, struct prng *r)
{
	unsigned first = prng_below(r, PORTS);

	return (disk_end_one(&actor_of(s)->port[first].disk, r) ||
	    disk_end_one(&actor_of(s)->port[!first].disk, r));
}

/* --- what must hold --- */

static void
after(struct sim *s)
{
	struct actor *a = actor_of(s);
	bool line;

	if (!a->attached)
		return;
	for (unsigned i = 0; i < PORTS; i++) {
		const struct ahci_port *p = &a->hba.port[i];
		unsigned n = (unsigned)__builtin_popcount(p->flying);

		if (n != a->port[i].disk.nwaiting)
			sim_fail(s, "inflight",
			    "port %u: %u requests are with the backend, it says %u", i,
			    a->port[i].disk.nwaiting, n);
		if (n != 0 && (p->cmd & CMD_CR) == 0 && (a->hba.ghc & GHC_HR) == 0 && !p->reset_due)
			sim_fail(s, "inflight",
			    "port %u says that it is idle with %u requests under way", i, n);
		if ((p->dropped & ~p->flying) != 0 || p->arrived != 0)
			sim_fail(s, "inflight", "port %u: dropped %#x, flying %#x", i, p->dropped,
			    p->flying);
		/* A slot that the port is done with is the driver's again. */
		for (unsigned k = 0; k < SLOTS; k++)
			if (((p->ci | p->sact | p->flying | p->tags) >> k & 1) == 0)
				sim_range_drop(s, tag_of(i, k));
	}
	line = (a->hba.ghc & (GHC_IE | GHC_HR)) == GHC_IE && a->hba.is != 0 &&
	    !pci_msi_enabled(s->dev) && (s->dev->cfg[5] & 4) == 0;
	if (s->line != line)
		sim_fail(s, "interrupt", "the line is %s", s->line ? "high" : "low");
}

/* --- the driver --- */

static void
op_up(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (a->up || (a->hba.ghc & GHC_HR) != 0)
		return;
	pci_calm(s);
	sim_range_add(s, LISTS, FRAMES + PORTS * 256 - LISTS, true, TAG_PORT);
	a->up = true;
	for (unsigned i = 0; i < PORTS; i++) {
		port_reg(s, i, PX_CLB, LISTS + i * 0x400);
		port_reg(s, i, PX_CLBU, 0);
		port_reg(s, i, PX_FB, FRAMES + i * 256);
		port_reg(s, i, PX_FBU, 0);
		port_reg(s, i, PX_IE, prng_one_in(r, 3) ? (uint32_t)prng_next(r) : ~0u);
		port_reg(s, i, PX_CMD, CMD_FRE);
		port_reg(s, i, PX_CMD, CMD_FRE | CMD_ST);
	}
	reg(s, AHCI_GHC, GHC_AE | (prng_one_in(r, 5) ? 0 : GHC_IE));
	sim_say(s, "up");
}

/* Header and table of a command; its data in one to three pieces. */
static bool
put_command(struct sim *s, struct prng *r, unsigned port, unsigned slot, const uint8_t *fis,
    uint32_t len, bool to_guest, const uint8_t *packet)
{
	struct actor *a = actor_of(s);
	struct port *m = &a->port[port];
	uint32_t table = TABLES + (port * SLOTS + slot) * 0x100, done = 0, n = 0;
	uint8_t hdr[32] = { 0 }, prd[16];

	while (done < len) {
		uint32_t part =
		    n == 2 || prng_one_in(r, 2) ? len - done : ((len - done) / 2 + 1) & ~1u;
		uint32_t at = sim_room(s, r, DATA, part, 2);

		if (at == 0) {
			sim_range_drop(s, tag_of(port, slot));
			return (false);
		}
		sim_range_add(s, at, part, to_guest, tag_of(port, slot));
		memset(prd, 0, sizeof(prd));
		le64_put(prd, prng_one_in(r, 40) ? sim_bad_gpa(s, r, part) | SIM_RAM : at);
		le32_put(prd + 12, (part - 1) | (prng_one_in(r, 4) ? PRD_INTR : 0));
		sim_poke(s, table + TBL_PRDT + n++ * 16, prd, sizeof(prd));
		done += part;
	}
	sim_poke(s, table, fis, FIS_LEN);
	if (packet != NULL)
		sim_poke(s, table + TBL_ACMD, packet, 16);
	le32_put(hdr, FIS_LEN / 4 | (packet != NULL ? HDR_ATAPI : 0) | n << HDR_PRDTL_SHIFT);
	le64_put(hdr + 8, prng_one_in(r, 60) ? sim_bad_gpa(s, r, 256) | SIM_RAM : table);
	sim_poke(s, LISTS + port * 0x400 + slot * 32, hdr, sizeof(hdr));
	m->write[slot] = to_guest;
	return (true);
}

static bool
ready(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (!a->up && prng_one_in(r, 2))
		op_up(s, r);
	return (a->up && !s->wild && s->mapped[5]);
}

/* After an error nothing is taken until the port was stopped and started (AHCI 1.3.1, 6.2.2). */
static void
recover(struct sim *s, struct prng *r, unsigned port)
{
	const struct ahci_port *p = &actor_of(s)->hba.port[port];

	if ((!p->halted && (p->cmd & CMD_ST) != 0) || prng_one_in(r, 3))
		return;
	sim_say(s, "port %u starts anew", port);
	port_reg(s, port, PX_CMD, CMD_FRE);
	for (unsigned n = 0; n < 50 && (p->cmd & CMD_CR) != 0; n++)
		(void)end_one(s, r);
	port_reg(s, port, PX_IS, ~0u);
	port_reg(s, port, PX_CMD, CMD_FRE | CMD_CLO);
	port_reg(s, port, PX_CMD, CMD_FRE | CMD_ST);
}

static bool
slot_free(struct actor *a, unsigned port, unsigned slot)
{
	const struct ahci_port *p = &a->hba.port[port];

	return (((p->ci | p->sact | p->flying) >> slot & 1) == 0);
}

static void
op_disk(struct sim *s, struct prng *r)
{
	static const uint8_t ops[] = { 0x60, 0x60, 0x61, 0x61, 0x25, 0x35, 0xC8, 0xCA, 0x20, 0x30,
		0xEA, 0xEC, 0x06, 0x2F, 0xB0, 0xEF, 0x3D, 0x40, 0x99 };
	struct actor *a = actor_of(s);
	unsigned slot = prng_below(r, SLOTS), op = ops[prng_below(r, NITEMS(ops))];
	uint32_t unit = a->port[0].disk.be.info.logical, count = prng_range(r, 1, 8192 / unit);
	uint32_t lba = prng_below(r, DISK_BYTES / unit + 2), len = count * unit;
	bool queued = op == 0x60 || op == 0x61;
	uint8_t fis[FIS_LEN] = { FIS_H2D, FIS_COMMAND, (uint8_t)op };

	if (!ready(s, r))
		return;
	recover(s, r, 0);
	if (!slot_free(a, 0, slot))
		return;
	fis[F_LBA] = (uint8_t)lba;
	fis[F_LBA + 1] = (uint8_t)(lba >> 8);
	fis[F_DEVICE] = DEVICE_LBA | (prng_one_in(r, 6) ? DEVICE_FUA : 0);
	fis[queued ? F_FEATURES : F_COUNT] = (uint8_t)count;
	if (queued)
		fis[F_COUNT] = (uint8_t)((prng_one_in(r, 30) ? slot + 1 : slot) << 3);
	if (op == 0x06)
		fis[F_FEATURES] = 1;
	if (op == 0xEF)
		fis[F_FEATURES] = prng_one_in(r, 2) ? 0x82 : 0x02;
	if (prng_one_in(r, 8))
		len = (uint32_t)prng_range(r, 1, 4096) & ~1u;
	if (!put_command(s, r, 0, slot, fis, len,
		op != 0x61 && op != 0x35 && op != 0xCA && op != 0x30 && op != 0x3D && op != 0x06,
		NULL))
		return;
	sim_say(s, "slot %u: command %#x of %u at %u, %u bytes", slot, op, count, lba, len);
	if (queued)
		port_reg(s, 0, PX_SACT, 1u << slot);
	port_reg(s, 0, PX_CI, 1u << slot);
}

static void
op_cd(struct sim *s, struct prng *r)
{
	static const uint8_t ops[] = { 0x28, 0x28, 0x28, 0xA8, 0x12, 0x25, 0x03, 0x00, 0x43, 0x4A,
		0x5A, 0x1B, 0x99 };
	struct actor *a = actor_of(s);
	unsigned slot = prng_below(r, SLOTS), op = ops[prng_below(r, NITEMS(ops))];
	uint32_t count = prng_range(r, 1, 4), lba = prng_below(r, DISK_BYTES / 2048 + 2);
	uint32_t len = op == 0x28 || op == 0xA8 ? count * 2048 : prng_range(r, 2, 200) & ~1u;
	uint8_t fis[FIS_LEN] = { FIS_H2D, FIS_COMMAND, 0xA0 }, packet[16] = { (uint8_t)op };

	if (!ready(s, r))
		return;
	recover(s, r, 1);
	if (!slot_free(a, 1, slot))
		return;
	packet[4] = op == 0x28 || op == 0xA8 ? (uint8_t)(lba >> 8) : (uint8_t)len;
	packet[5] = (uint8_t)lba;
	packet[8] = (uint8_t)count;
	if (op == 0xA8) {
		packet[8] = 0;
		packet[9] = (uint8_t)count;
	}
	if (prng_one_in(r, 8))
		len = prng_range(r, 1, 3000) & ~1u;
	if (prng_one_in(r, 10))
		fis[F_COMMAND] = prng_one_in(r, 2) ? 0xA1 : 0xEC;
	if (!put_command(s, r, 1, slot, fis, len, true, packet))
		return;
	sim_say(s, "slot %u: packet %#x of %u at %u, %u bytes", slot, op, count, lba, len);
	port_reg(s, 1, PX_CI, 1u << slot);
}

/* Things a driver may write to a port while it works. */
static void
op_port(struct sim *s, struct prng *r)
{
	unsigned port = prng_below(r, PORTS);

	if (!s->mapped[5] || !actor_of(s)->up)
		return;
	switch (prng_below(r, 8)) {
	case 0:
	case 1:
		port_reg(s, port, PX_IS, (uint32_t)prng_next(r));
		reg(s, AHCI_IS, 3);
		break;
	case 2: /* stop, and start again: at once, or not before it has stopped */
		sim_say(s, "port %u stops", port);
		port_reg(s, port, PX_CMD, CMD_FRE);
		if (prng_one_in(r, 2))
			(void)end_one(s, r);
		break;
	case 3:
		sim_say(s, "port %u starts", port);
		port_reg(s, port, PX_CMD, CMD_FRE | CMD_ST);
		break;
	case 4:
		sim_say(s, "port %u: COMRESET", port);
		port_reg(s, port, PX_SCTL, 1);
		port_reg(s, port, PX_SCTL, 0);
		break;
	case 5: /* a slot that is taken, or that nothing was put in */
		if (!s->wild)
			port_reg(s, port, prng_one_in(r, 3) ? PX_SACT : PX_CI,
			    actor_of(s)->hba.port[port].flying & (uint32_t)prng_next(r));
		break;
	case 6:
		port_reg(s, port, PX_IE, (uint32_t)prng_next(r));
		break;
	default:
		(void)sim_bar_read(s, 5, prng_below(r, 0x200) & ~3u, 4);
	}
}

/* Lists in memory that is not there, or anywhere. */
static void
op_lists(struct sim *s, struct prng *r)
{
	unsigned port = prng_below(r, PORTS);

	s->wild = true;
	port_reg(s, port, prng_one_in(r, 2) ? PX_CLB : PX_FB, (uint32_t)sim_bad_gpa(s, r, 1024));
	if (prng_one_in(r, 2))
		port_reg(s, port, prng_one_in(r, 2) ? PX_CLBU : PX_FBU, (uint32_t)prng_next(r));
	port_reg(s, port, PX_CI, (uint32_t)prng_next(r));
}

static void
op_end(struct sim *s, struct prng *r)
{
	(void)end_one(s, r);
}

static void
op_settle(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned n = 0;

	pci_calm(s);
	while (end_one(s, r))
		if (++n > 3000)
			sim_fail(s, "bounded", "the device goes on for ever");
	if ((a->hba.ghc & GHC_HR) != 0)
		sim_fail(s, "reset", "a reset does not end though nothing is under way");
	for (unsigned i = 0; i < PORTS; i++) {
		const struct ahci_port *p = &a->hba.port[i];

		if ((p->cmd & (CMD_ST | CMD_CR)) == CMD_CR || p->reset_due)
			sim_fail(s, "reset", "port %u does not come to rest", i);
		if ((p->cmd & CMD_ST) != 0 && !p->halted && !s->wild && p->ssts == SSTS_UP &&
		    !p->srst && (p->ci != 0 || p->tags != 0))
			sim_fail(s, "stuck",
			    "port %u: commands %#x, %#x are left though all is quiet", i, p->ci,
			    p->tags);
	}
}

static void
op_reset(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	if (!s->mapped[5])
		return;
	sim_say(s, "reset");
	a->up = false;
	if (prng_one_in(r, 4)) {
		sim_enter(s);
		pci_reset(s->pci);
		sim_leave(s);
	} else {
		reg(s, AHCI_GHC, GHC_AE | GHC_HR);
	}
	/* What the backend has is let go of when it is back: settle sees to it. */
	op_settle(s, r);
	for (unsigned i = 0; i < PORTS; i++)
		if (a->hba.port[i].ci != 0 || a->hba.port[i].sact != 0 || a->hba.port[i].tags != 0)
			sim_fail(s, "reset", "port %u: something is left of before", i);
	sim_range_drop_all(s);
	s->wild = false;
	s->count[SIM_RESETS]++;
}

static void
make(struct actor *a, struct sim *s)
{
	const struct ahci_drive drive[PORTS] = {
		{ .kind = AHCI_HD, .backend = &a->port[0].disk.be },
		{ .kind = AHCI_CD, .backend = &a->port[1].disk.be },
	};
	int rc = ahci_init(&a->hba, &s->gm, drive, PORTS);

	assert(rc == 0);
	(void)rc;
}

/* --- save, load --- */

static int
function_state(struct sim *s, struct state *st)
{
	return (ahci_state(&actor_of(s)->hba, st));
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	memcpy(a->saved, a->hba.port, sizeof(a->saved));
	a->attached = false;
	ahci_destroy(&a->hba);
	memset(&a->hba, SIM_JUNK, sizeof(a->hba));
	make(a, s);
	sim_replace(s, &a->hba.pci);
	a->attached = true;
}

/* All that a port and its drive have for themselves, but for what commands work with. */
static bool
port_same(const struct ahci_port *is, const struct ahci_port *was)
{
	return (!(SIM_DIFFERS(is, was, clb) || SIM_DIFFERS(is, was, fb) ||
	    SIM_DIFFERS(is, was, is) || SIM_DIFFERS(is, was, ie) || SIM_DIFFERS(is, was, cmd) ||
	    SIM_DIFFERS(is, was, tfd) || SIM_DIFFERS(is, was, sig) || SIM_DIFFERS(is, was, ssts) ||
	    SIM_DIFFERS(is, was, sctl) || SIM_DIFFERS(is, was, serr) ||
	    SIM_DIFFERS(is, was, sact) || SIM_DIFFERS(is, was, ci) || SIM_DIFFERS(is, was, last) ||
	    SIM_DIFFERS(is, was, halted) || SIM_DIFFERS(is, was, greeting_due) ||
	    SIM_DIFFERS(is, was, tags) || SIM_DIFFERS(is, was, srst) ||
	    SIM_DIFFERS(is, was, write_cache) || SIM_DIFFERS(is, was, look_ahead) ||
	    SIM_DIFFERS(is, was, smart) || SIM_DIFFERS(is, was, multiple) ||
	    SIM_DIFFERS(is, was, queue_error) || SIM_DIFFERS(is, was, sense_key) ||
	    SIM_DIFFERS(is, was, asc) || SIM_DIFFERS(is, was, ascq) ||
	    SIM_DIFFERS(is, was, attention) || SIM_DIFFERS(is, was, event) ||
	    SIM_DIFFERS(is, was, locked) || SIM_DIFFERS(is, was, open)));
}

static void
resume(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < PORTS; i++)
		if (!port_same(&a->hba.port[i], &a->saved[i]))
			sim_fail(s, "state", "port %u is not as it was", i);
	ahci_resume(&a->hba);
}

static void
op_save(struct sim *s, struct prng *r)
{
	static const struct sim_look regs[] = { { 5, 0, 0x100 + PORTS * 0x80 }, { 0 } };
	static const struct sim_saved how = { function_state, end_one, remake, resume, regs };

	sim_save_and_load(s, r, &how);
}

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < PORTS; i++) {
		struct disk *d = &a->port[i].disk;

		disk_init(d, s, r);
		d->be.info.queue_depth = DISK_DEPTH;
		d->came = came;
		d->ends = ends;
	}
	a->port[1].disk.be.info.logical = 512;
	make(a, s);
	sim_attach(s, &a->hba.pci);
	a->attached = true;
	op_up(s, r);
}

static void
finish(struct sim *s)
{
	struct prng r = { 2 };

	op_settle(s, &r);
	op_reset(s, &r);
	ahci_destroy(&actor_of(s)->hba);
}

static const struct sim_op op_table[] = {
	{ "disk", 45, op_disk },
	{ "cd", 20, op_cd },
	{ "port", 15, op_port },
	{ "lists", 1, op_lists },
	{ "end", 30, op_end },
	{ "settle", 4, op_settle },
	{ "up", 6, op_up },
	{ "reset", 3, op_reset },
	{ "save-load", 3, op_save },
	{ "pci", 3, pci_disturb },
};

const struct sim_actor actor_ahci = {
	.name = "ahci",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.after = after,
};
