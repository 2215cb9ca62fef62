/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe (NVM Express 1.4) in the simulator: the controller's life, its queues and their oracles. The
 * commands are in actor_nvme_cmd.c. Oracles of its own: each command is answered once, by its
 * completion queue, with the phase and head that are due; a queue is never overrun; after a reset
 * nothing comes; an interrupt is there when entries are, and not else.
 */
#include "actor_nvme.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"

#define R_CC     0x14
#define R_CSTS   0x1c
#define R_AQA    0x24
#define R_ASQ    0x28
#define R_ACQ    0x30
#define R_INTMS  0x0c
#define R_INTMC  0x10
#define CC_READY 0x00460001u /* entries of 64 and 16 bytes, on */
#define MSG_ADDR 0xFEE00000u
#define MSG_DATA 0x4000u

/* --- oracles --- */

static void
check_entry(struct sim *s, struct nvme_actor *a, unsigned i)
{
	struct nvme_ring *cq = &a->cq[i];
	uint32_t at = cq->base + cq->tail * 16;
	uint16_t status = le16_get(sim_at(s, at + 14)), cid = le16_get(sim_at(s, at + 12));
	uint16_t sqid = le16_get(sim_at(s, at + 10));
	struct nvme_job *job = NULL;

	for (unsigned k = 0; k < NVME_JOBS; k++)
		if (a->job[k].live && a->job[k].cid == cid && a->job[k].queue == sqid)
			job = &a->job[k];
	if (job == NULL || a->sq[sqid].cq != i)
		sim_fail(s, "used",
		    "queue %u answers command %u of queue %u, which it does not have", i, cid,
		    sqid);
	if (++cq->unseen > cq->size - 1)
		sim_fail(s, "used", "completion queue %u of %u entries is overrun", i, cq->size);
	sim_expect(s, at, 16);
	cq->tail = (cq->tail + 1) % cq->size;
	cq->phase ^= cq->tail == 0;
	job->live = false;
	job->status = (uint16_t)(status >> 1 & 0x7ff);
	job->word = le32_get(sim_at(s, at));
	a->done[a->ndone++] = job;
	a->due[i] = a->n.cq[i].live; /* a queue that is deleted by now has none */
	s->count[SIM_REQUESTS]++;
}

void
nvme_before(struct sim *s)
{
	struct nvme_actor *a = nvme_of(s);

	a->ndone = 0;
	memset(a->due, 0, sizeof(a->due));
	for (unsigned i = 0; i < NVME_QUEUES && !s->wild; i++) {
		struct nvme_ring *cq = &a->cq[i];

		while (cq->live &&
		    (le16_get(sim_at(s, cq->base + cq->tail * 16 + 14)) & 1) == cq->phase) {
			if (a->held)
				sim_fail(s, "reset", "an answer comes while the controller resets");
			check_entry(s, a, i);
		}
	}
}

static void
check_interrupts(struct sim *s, struct nvme_actor *a)
{
	bool level = false;

	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		bool sent = false;

		for (unsigned k = 0; k < s->nmsi; k++)
			sent |= s->msi[k].data == MSG_DATA + i;
		a->pending[i] |= a->due[i] && a->msix;
		if (a->msix && !a->mask[i] && a->pending[i] && !sent)
			sim_fail(s, "interrupt", "vector %u: an interrupt was lost", i);
		if (sent && (!a->pending[i] || !a->msix || a->mask[i]))
			sim_fail(s, "interrupt", "vector %u: an interrupt without a cause", i);
		if (sent)
			a->pending[i] = false;
		level |= a->cq[i].live && a->cq[i].unseen > 0;
	}
	level &= !a->n.resetting && !a->msix && !a->intx_mask && (s->dev->cfg[5] & 4) == 0;
	if (s->line != level)
		sim_fail(s, "interrupt", "the line is %s", s->line ? "high" : "low");
}

/* The reset is done: all is the driver's. */
static void
reset_done(struct sim *s, struct nvme_actor *a)
{
	if (a->disk.nwaiting != 0 || a->n.inwork != 0)
		sim_fail(s, "reset",
		    "the reset is done, %u requests are with the backend, %u in work",
		    a->disk.nwaiting, a->n.inwork);
	memset(a->job, 0, sizeof(a->job));
	memset(a->sq, 0, sizeof(a->sq));
	memset(a->cq, 0, sizeof(a->cq));
	sim_range_drop_all(s);
	a->resetting = a->up = false;
	a->intx_mask = false;
	s->count[SIM_RESETS]++;
	sim_say(s, "(reset is done)");
}

void
nvme_after(struct sim *s)
{
	struct nvme_actor *a = nvme_of(s);

	if (!a->made)
		return;
	if (a->resetting && !a->n.resetting)
		reset_done(s, a);
	if (!s->wild)
		check_interrupts(s, a);
	for (unsigned i = 0; i < a->ndone; i++) {
		struct nvme_job *job = a->done[i];

		sim_say(
		    s, "(command %u of queue %u: status %#x)", job->cid, job->queue, job->status);
		nvme_job_done(s, job);
		sim_range_drop(s, job->tag);
	}
	a->ndone = 0;
	a->held = a->n.resetting;
}

/* --- queues --- */

static void
ring_up(struct sim *s, struct nvme_ring *q, uint32_t base, uint32_t size, unsigned cq)
{
	static const uint8_t zeros[4096];

	*q = (struct nvme_ring){ .live = true, .base = base, .size = size, .cq = cq, .phase = 1 };
	sim_poke(s, base, zeros, sizeof(zeros));
}

void
nvme_ring_tail(struct sim *s, unsigned queue, uint32_t val)
{
	sim_bar_write(s, 0, 0x1000 + queue * 8ull, 4, val);
}

/* Take what has come: the head moves up to somewhere before the tail. */
void
nvme_take(struct sim *s, unsigned i, uint32_t n)
{
	struct nvme_actor *a = nvme_of(s);
	struct nvme_ring *cq = &a->cq[i];

	if (!cq->live || cq->unseen == 0 || !s->mapped[0] || a->resetting)
		return;
	n = MIN(n, cq->unseen);
	cq->unseen -= n;
	cq->head = (cq->head + n) % cq->size;
	sim_bar_write(s, 0, 0x1000 + i * 8ull + 4, 4, cq->head);
}

/* Let all end that has begun; then nothing may be left. */
void
nvme_actor_settle(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	bool more = true;
	unsigned n = 0;

	pci_calm(s);
	while (more) {
		more = disk_end_one(&a->disk, r);
		for (unsigned i = 0; i < NVME_QUEUES; i++) {
			more |= a->cq[i].live && a->cq[i].unseen > 0 && !a->resetting;
			nvme_take(s, i, UINT32_MAX);
		}
		if (++n > 3000)
			sim_fail(s, "bounded", "the device goes on for ever");
	}
	if (a->resetting)
		sim_fail(s, "reset", "a reset does not end though nothing is under way");
	for (unsigned k = 0; k < NVME_JOBS && a->up && !s->wild; k++)
		if (a->job[k].live && a->job[k].rung && !a->job[k].waits)
			sim_fail(s, "stuck", "command %u of queue %u is left though all is quiet",
			    a->job[k].cid, a->job[k].queue);
}

static void
op_settle(struct sim *s, struct prng *r)
{
	nvme_actor_settle(s, r);
}

/* --- life --- */

static void
msix_up(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	for (unsigned i = 0; i < NVME_QUEUES; i++) {
		sim_bar_write(s, 4, i * 16ull, 8, MSG_ADDR);
		sim_bar_write(s, 4, i * 16ull + 8, 4, MSG_DATA + i);
		a->mask[i] = prng_one_in(r, 8);
		sim_bar_write(s, 4, i * 16ull + 12, 4, a->mask[i]);
	}
	a->msix = !prng_one_in(r, 4);
	sim_cfg_write(s, s->dev->msix.cap_off + 2, 2, a->msix ? 0x8000 : 0);
}

void
nvme_up(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	if (a->resetting || a->up)
		return;
	pci_calm(s);
	msix_up(s, r);
	ring_up(s, &a->sq[0], NVME_RINGS, prng_range(r, 2, 16), 0);
	ring_up(s, &a->cq[0], NVME_RINGS + 0x1000, prng_range(r, 2, 16), 0);
	sim_bar_write(s, 0, R_AQA, 4, (a->sq[0].size - 1) | (a->cq[0].size - 1) << 16);
	sim_bar_write(s, 0, R_ASQ, 8, a->sq[0].base);
	sim_bar_write(s, 0, R_ACQ, 4, a->cq[0].base);
	sim_bar_write(s, 0, R_ACQ + 4, 4, 0);
	sim_bar_write(s, 0, R_CC, 4, CC_READY);
	if ((sim_bar_read(s, 0, R_CSTS, 4) & 3) != 1)
		sim_fail(s, "lawful", "the controller does not come up");
	a->up = true;
	for (unsigned i = 1; i < NVME_QUEUES; i++)
		nvme_make_queue(s, r, i);
}

static void
op_up(struct sim *s, struct prng *r)
{
	nvme_up(s, r);
}

/* Two pages for each pair; called when the completion queue, then the other, is there. */
void
nvme_queue_made(struct sim *s, unsigned i, bool cq, uint32_t size, unsigned to)
{
	struct nvme_actor *a = nvme_of(s);
	uint32_t base = NVME_RINGS + i * 0x2000;

	ring_up(s, cq ? &a->cq[i] : &a->sq[i], cq ? base + 0x1000 : base, size, to);
}

static void
op_reset(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	if (!s->mapped[0] || a->resetting || !a->up)
		return;
	sim_say(s, "reset");
	if (prng_one_in(r, 4)) /* to be switched off: a last flush */
		sim_bar_write(s, 0, R_CC, 4, CC_READY | 1u << 14);
	a->resetting = true;
	sim_bar_write(s, 0, R_CC, 4, 0);
}

static void
op_machine_reset(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	sim_say(s, "the machine is reset");
	a->resetting = true;
	a->msix = a->intx_mask = false;
	memset(a->pending, 0, sizeof(a->pending));
	for (unsigned i = 0; i < NVME_QUEUES; i++)
		a->cq[i].live = false; /* no interrupt is left of them */
	sim_enter(s);
	pci_reset(s->pci);
	sim_leave(s);
}

/* Queues that cannot be: the controller says that it cannot go on. */
static void
op_bad_up(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	uint64_t at = prng_one_in(r, 2) ? sim_bad_gpa(s, r, 4096) : NVME_RINGS + 64;

	if (a->resetting || a->up || !s->mapped[0])
		return;
	sim_bar_write(s, 0, R_AQA, 4, 0x000f000f);
	sim_bar_write(s, 0, R_ASQ, 8, prng_one_in(r, 2) ? at : NVME_RINGS);
	sim_bar_write(s, 0, R_ACQ, 8, at | 1ull << 40);
	sim_bar_write(s, 0, R_CC, 4, CC_READY);
	if ((sim_bar_read(s, 0, R_CSTS, 4) & 3) == 1)
		sim_fail(s, "breach", "enabled with queues that are not in RAM");
	s->count[SIM_BREACHES]++;
	a->resetting = true;
	sim_bar_write(s, 0, R_CC, 4, 0);
}

static void
op_interrupts(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	unsigned i = prng_below(r, NVME_QUEUES);

	if (prng_one_in(r, 3)) {
		if (!s->mapped[0] || a->resetting)
			return;
		a->intx_mask = !a->intx_mask;
		sim_bar_write(s, 0, a->intx_mask ? R_INTMS : R_INTMC, 4, UINT32_MAX);
		return;
	}
	if (!s->mapped[4])
		return;
	a->mask[i] = !a->mask[i];
	sim_bar_write(s, 4, i * 16ull + 12, 4, a->mask[i]);
}

static void
op_end(struct sim *s, struct prng *r)
{
	for (unsigned n = prng_range(r, 1, 3); n > 0; n--)
		(void)disk_end_one(&nvme_of(s)->disk, r);
}

static void
op_take(struct sim *s, struct prng *r)
{
	nvme_take(s, prng_below(r, NVME_QUEUES), prng_range(r, 1, 4));
}

static void
make(struct nvme_actor *a, struct sim *s)
{
	const struct nvme_options opt = {
		.serial = "SIM", .queues = NVME_QUEUES - 1, .entries = 64
	};
	int rc = nvme_init(&a->n, &s->gm, &a->disk.be, &opt);

	assert(rc == 0);
	(void)rc;
}

/* --- save, load --- */

static int
function_state(struct sim *s, struct state *st)
{
	return (nvme_state(&nvme_of(s)->n, st));
}

static bool
end_one(struct sim *s, struct prng *r)
{
	return (disk_end_one(&nvme_of(s)->disk, r));
}

static bool
features_same(const struct nvme_features *is, const struct nvme_features *was)
{
	return (!(SIM_DIFFERS(is, was, arbitration) || SIM_DIFFERS(is, was, error_recovery) ||
	    SIM_DIFFERS(is, was, coalescing) || SIM_DIFFERS(is, was, atomicity) ||
	    SIM_DIFFERS(is, was, events) || SIM_DIFFERS(is, was, over) ||
	    SIM_DIFFERS(is, was, under) || SIM_DIFFERS(is, was, no_write_cache) ||
	    SIM_DIFFERS(is, was, queues_sq) || SIM_DIFFERS(is, was, queues_cq) ||
	    SIM_DIFFERS(is, was, no_coalescing)));
}

static bool
error_same(const struct nvme_error *is, const struct nvme_error *was)
{
	return (!(SIM_DIFFERS(is, was, count) || SIM_DIFFERS(is, was, sqid) ||
	    SIM_DIFFERS(is, was, cid) || SIM_DIFFERS(is, was, status)));
}

static void
events_of(const struct nvme *n, unsigned *events)
{
	events[0] = n->naers;
	events[1] = n->events;
	events[2] = n->events_masked;
	events[3] = n->ns_changed;
}

static void
remake(struct sim *s)
{
	struct nvme_actor *a = nvme_of(s);

	a->feat = a->n.feat;
	a->error = a->n.error;
	a->stats = a->n.stats;
	events_of(&a->n, a->events);
	a->made = false;
	nvme_destroy(&a->n);
	memset(&a->n, SIM_JUNK, sizeof(a->n));
	make(a, s);
	sim_replace(s, &a->n.pci);
	a->made = true;
}

static void
resume(struct sim *s)
{
	struct nvme_actor *a = nvme_of(s);
	unsigned events[NITEMS(a->events)];

	events_of(&a->n, events);
	if (!features_same(&a->n.feat, &a->feat) || !error_same(&a->n.error, &a->error) ||
	    memcmp(&a->n.stats, &a->stats, sizeof(a->stats)) != 0 ||
	    memcmp(events, a->events, sizeof(events)) != 0)
		sim_fail(s, "state", "features or log pages tell something else than before");
	nvme_resume(&a->n);
}

static void
op_save(struct sim *s, struct prng *r)
{
	static const struct sim_look regs[] = { { 0, 0, 0x40 }, { 4, 0, 0x40 }, { 0 } };
	static const struct sim_saved how = { function_state, end_one, remake, resume, regs };

	sim_save_and_load(s, r, &how);
}

static void
start(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	disk_init(&a->disk, s, r);
	a->disk.be.info.queue_depth = MAX(a->disk.be.info.queue_depth, 2u);
	a->disk.came = nvme_came;
	a->disk.ends = nvme_ends;
	make(a, s);
	sim_attach(s, &a->n.pci);
	a->made = true;
	nvme_up(s, r);
}

static void
finish(struct sim *s)
{
	struct nvme_actor *a = nvme_of(s);
	struct prng r = { 1 };

	nvme_actor_settle(s, &r);
	op_reset(s, &r);
	nvme_actor_settle(s, &r);
	if (a->n.inwork != 0)
		sim_fail(s, "inflight", "%u commands are still in work", a->n.inwork);
	nvme_destroy(&a->n);
}

static const struct sim_op op_table[] = {
	{ "io", 60, nvme_op_io },
	{ "bad-io", 8, nvme_op_bad_io },
	{ "admin", 10, nvme_op_admin },
	{ "doorbell", 3, nvme_op_doorbell },
	{ "resize", 2, nvme_op_resize },
	{ "take", 20, op_take },
	{ "end", 25, op_end },
	{ "settle", 4, op_settle },
	{ "up", 6, op_up },
	{ "bad-up", 2, op_bad_up },
	{ "reset", 3, op_reset },
	{ "machine-reset", 1, op_machine_reset },
	{ "save-load", 3, op_save },
	{ "interrupts", 5, op_interrupts },
	{ "pci", 3, pci_disturb },
};

const struct sim_actor actor_nvme = {
	.name = "nvme",
	.size = sizeof(struct nvme_actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = nvme_before,
	.after = nvme_after,
};
