/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a virtio device as its driver sees it: the way to DRIVER_OK (virtio 1.2, 3.1.1),
 * reset, reset of the machine, and the quiet at the end. See vdrv.h.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "vdrv.h"

#define ALIVE (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)

static void
hook_again(void *ctx, struct virtio_pci *vp, unsigned queue)
{
	struct sim *s = ctx;

	vdrv_of(s)->again |= 1ull << queue;
}

void
vdrv_start(struct sim *s, struct virtio_dev *vd, const struct vdrv_ops *ops, struct prng *r)
{
	static const struct virtio_pci_hooks hooks = { .again = hook_again };
	struct vdrv *v = vdrv_of(s);
	int rc;

	vd->no_msix = prng_one_in(r, 8);
	v->ops = ops;
	rc = virtio_pci_init(&v->vp, vd);
	assert(rc == 0);
	(void)rc;
	/* Some machines have a way to call the device again, some have not. */
	if (!prng_one_in(r, 4)) {
		v->vp.hooks = &hooks;
		v->vp.hooks_ctx = s;
	}
	vdrv_irq_reset(s, true);
	sim_attach(s, &v->vp.pci);
	v->vd = vd;
	v->nvec = s->dev->msix.nvec;
	v->nq = MIN(vd->nqueues, (unsigned)VQ_MAX);
	v->gen = vd->config_gen;
	vdrv_op_up(s, r);
}

/* --- save, load --- */

static int
function_state(struct sim *s, struct state *st)
{
	return (virtio_pci_state(&vdrv_of(s)->vp, st));
}

static bool
backend_ends_one(struct sim *s, struct prng *r)
{
	return (vdrv_of(s)->ops->end_one(s, r));
}

static void
function_remake(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);
	const struct virtio_pci_hooks *hooks = v->vp.hooks;
	struct virtio_dev *vd = v->vd;
	bool no_msix = vd->no_msix;
	int rc;

	v->saved_vector[0] = v->vp.config_vector;
	memcpy(&v->saved_vector[1], v->vp.queue_vector, sizeof(v->vp.queue_vector));
	v->vd = NULL; /* nobody is to look at it for now */
	virtio_pci_destroy(&v->vp);
	v->ops->remake(s);
	vd->no_msix = no_msix;
	rc = virtio_pci_init(&v->vp, vd);
	assert(rc == 0);
	(void)rc;
	v->vp.hooks = hooks;
	v->vp.hooks_ctx = s;
	sim_replace(s, &v->vp.pci);
	v->vd = vd;
	v->again = 0; /* whom the device waited for is not there any more; it is resumed instead */
}

static void
function_resume(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	/* Vectors are oracles of interrupts themselves. */
	if (v->vp.config_vector != v->saved_vector[0] ||
	    memcmp(v->vp.queue_vector, &v->saved_vector[1], sizeof(v->vp.queue_vector)) != 0)
		sim_fail(s, "state", "other vectors than before");
	if (v->ops->loaded != NULL)
		v->ops->loaded(s);
	virtio_pci_resume(&v->vp);
}

void
vdrv_op_save(struct sim *s, struct prng *r)
{
	/* Not the ISR, which reading clears. The messages of MSI-X are pci.c's. */
	static const struct sim_look regs[] = { { 0, 0, 0x3c }, { 0, V_CONFIG, 0x100 },
		{ 0, V_MSIX, 0x100 }, { 0 } };
	static const struct sim_saved how = { function_state, backend_ends_one, function_remake,
		function_resume, regs };

	if (vdrv_of(s)->ops->remake != NULL)
		sim_save_and_load(s, r, &how);
}

bool
vdrv_ready(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	return (
	    v->up && !v->resetting && !s->wild && (v->vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0);
}

/* Ask for a reset; false when it is not done at once. */
static bool
ask_reset(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	if (!s->mapped[0])
		return (false);
	sim_say(s, "reset");
	v->resetting = true;
	v->up = false;
	sim_bar_write(s, 0, V_STATUS, 1, 0);
	return (!v->resetting);
}

/* Three parts one after the other, in any order, each as it wants to be aligned (2.7). */
static void
ring_place(struct vq *q, struct prng *r, uint32_t at)
{
	uint32_t len[3] = { q->size * 16u, 4 + q->size * 2u + 2, 4 + q->size * 8u + 2 };
	uint32_t align[3] = { 16, 2, 4 }, *where[3] = { &q->desc, &q->avail, &q->used };
	unsigned first = prng_below(r, 3);

	for (unsigned i = 0; i < 3; i++) {
		unsigned k = (first + i) % 3;

		at = ROUND_UP(at, align[k]);
		*where[k] = at;
		at += len[k];
	}
}

static void
queue_up(struct sim *s, struct prng *r, unsigned i, unsigned slot)
{
	static const uint8_t zeros[VQ_SIZE * 8 + 8];
	struct vdrv *v = vdrv_of(s);
	struct vq *q = &v->q[i];
	unsigned most;

	sim_bar_write(s, 0, V_Q_SELECT, 2, i);
	most = (unsigned)MIN(sim_bar_read(s, 0, V_Q_SIZE, 2), (uint64_t)VQ_SIZE);
	/* Somebody may have written there before. */
	while ((most & (most - 1)) != 0)
		most &= most - 1;
	most = MAX(most, 1u);
	*q = (struct vq){ .size = (uint16_t)(1u << prng_range(r, 2, 6)) };
	if (q->size > most || prng_one_in(r, 16))
		q->size = prng_one_in(r, 2) ? 1 : (uint16_t)most;
	q->free = q->size == 64 ? UINT64_MAX : (1ull << q->size) - 1;
	ring_place(q, r, 0x1000 + slot * 0x800);
	sim_poke(s, q->avail, zeros, 4 + q->size * 2u + 2);
	sim_poke(s, q->used, zeros, 4 + q->size * 8u + 2);
	sim_bar_write(s, 0, V_Q_SIZE, 2, q->size);
	sim_bar_write(s, 0, V_Q_DESC, 8, q->desc);
	sim_bar_write(s, 0, V_Q_DRIVER, 4, q->avail);
	sim_bar_write(s, 0, V_Q_DRIVER + 4, 4, 0);
	sim_bar_write(s, 0, V_Q_DEVICE, 8, q->used);
	q->up = true;
	sim_bar_write(s, 0, V_Q_ENABLE, 2, 1);
	if (sim_bar_read(s, 0, V_Q_ENABLE, 2) != 1)
		sim_fail(s, "lawful", "queue %u of %u entries was refused", i, q->size);
}

/* Propose features; false when the device does not take these. */
static bool
features_up(struct sim *s, struct prng *r, bool all)
{
	struct vdrv *v = vdrv_of(s);
	uint64_t f = 0, take = all ? UINT64_MAX : prng_next(r);

	sim_bar_write(s, 0, V_STATUS, 1, VIRTIO_STATUS_ACKNOWLEDGE);
	sim_bar_write(s, 0, V_STATUS, 1, ALIVE);
	for (unsigned i = 0; i < 2; i++) {
		sim_bar_write(s, 0, V_DFSELECT, 4, i);
		f |= sim_bar_read(s, 0, V_DF, 4) << (32 * i);
	}
	f &= (take | VIRTIO_FEAT_VERSION_1 | v->ops->always) & ~v->ops->never;
	for (unsigned i = 0; i < 2; i++) {
		sim_bar_write(s, 0, V_GFSELECT, 4, i);
		sim_bar_write(s, 0, V_GF, 4, (uint32_t)(f >> (32 * i)));
	}
	sim_bar_write(s, 0, V_STATUS, 1, ALIVE | VIRTIO_STATUS_FEATURES_OK);
	if ((sim_bar_read(s, 0, V_STATUS, 1) & VIRTIO_STATUS_FEATURES_OK) == 0)
		return (false);
	if (v->vd->features != f)
		sim_fail(s, "frozen", "features %#llx instead of %#llx",
		    (unsigned long long)v->vd->features, (unsigned long long)f);
	sim_say(s, "features %#llx", (unsigned long long)f);
	return (true);
}

void
vdrv_op_up(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	unsigned turn = prng_below(r, VQ_MAX);

	if (v->resetting || (vdrv_ready(s) && !prng_one_in(r, 8)))
		return;
	pci_calm(s);
	if ((v->vd->status != 0 || s->wild) && !ask_reset(s))
		return;
	if (!features_up(s, r, prng_one_in(r, 3)) && (!ask_reset(s) || !features_up(s, r, true)))
		sim_fail(s, "lawful", "the device does not take the features that it offers");
	for (unsigned i = 0; i < v->nq; i++)
		if (!prng_one_in(r, 24))
			queue_up(s, r, i, (i + turn) % VQ_MAX);
	vdrv_irq_setup(s, r);
	v->up = true;
	sim_bar_write(
	    s, 0, V_STATUS, 1, ALIVE | VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	if (!virtio_running(v->vd))
		sim_fail(s, "lawful", "the device does not run after DRIVER_OK");
	if (v->ops->came_up != NULL)
		v->ops->came_up(s);
}

bool
vdrv_want(struct sim *s, struct prng *r)
{
	if (!vdrv_ready(s) && prng_one_in(r, 2))
		vdrv_op_up(s, r);
	return (vdrv_ready(s));
}

void
vdrv_op_reset(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);

	if (v->vd->status != 0 || s->wild)
		(void)ask_reset(s);
}

void
vdrv_op_machine_reset(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);

	sim_say(s, "the machine is reset");
	v->resetting = true;
	v->up = false;
	vdrv_irq_reset(s, true);
	sim_enter(s);
	pci_reset(s->pci);
	sim_leave(s);
}

void
vdrv_op_kick(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);

	if (prng_one_in(r, 6)) { /* a queue that is not there, or not up */
		unsigned queue = prng_below(r, VIRTIO_QUEUES_MAX + 4);

		sim_say(s, "stray kick %u", queue);
		sim_enter(s);
		virtio_pci_notify_queue(&v->vp, queue);
		sim_leave(s);
		return;
	}
	vdrv_kick(s, r, prng_below(r, v->nq), prng_one_in(r, 3));
}

/* When does the driver want interrupts? */
void
vdrv_op_suppress(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	struct vq *q = &v->q[prng_below(r, v->nq)];

	if (!q->up || s->wild)
		return;
	if (virtio_has(v->vd, VIRTIO_FEAT_EVENT_IDX)) {
		uint16_t at = (uint16_t)(q->used_idx + prng_range(r, 0, 4) - 1);

		if (prng_one_in(r, 8))
			at = (uint16_t)prng_next(r);
		sim_say(s, "used event %u", at);
		sim_poke16(s, q->avail + 4 + q->size * 2u, at);
		return;
	}
	sim_say(s, "flags");
	sim_poke16(s, q->avail, (uint16_t)prng_below(r, 2));
}

static bool
run_again(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);
	uint64_t queues = v->again;

	v->again = 0;
	for (unsigned i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		if ((queues >> i & 1) == 0)
			continue;
		sim_enter(s);
		virtio_pci_notify_queue(&v->vp, i);
		sim_leave(s);
	}
	return (queues != 0);
}

void
vdrv_op_again(struct sim *s, struct prng *r)
{
	(void)run_again(s);
}

void
vdrv_op_end(struct sim *s, struct prng *r)
{
	unsigned n = prng_range(r, 1, 3);

	while (n-- > 0 && vdrv_of(s)->ops->end_one(s, r))
		;
}

static void
check_stuck(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	for (unsigned i = 0; i < v->nq; i++) {
		struct vq *q = &v->q[i];

		if (!q->up || !v->ops->drains(s, i))
			continue;
		if (q->breach)
			sim_fail(s, "breach", "queue %u: not found though all is quiet: %s", i,
			    q->breach_why);
		if (q->live != 0)
			sim_fail(s, "stuck", "queue %u: %u requests are left though all is quiet",
			    i, q->live);
	}
}

void
vdrv_settle(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	unsigned n = 0;

	pci_calm(s);
	for (unsigned i = 0; i < v->nq && vdrv_ready(s); i++)
		vdrv_kick(s, r, i, false);
	while (v->ops->end_one(s, r) || run_again(s))
		if (++n > 3000)
			sim_fail(s, "bounded", "the device goes on asking its backend for ever");
	if (v->resetting)
		sim_fail(s, "reset", "a reset does not end though nothing is under way");
	if (vdrv_ready(s))
		check_stuck(s);
}

void
vdrv_op_settle(struct sim *s, struct prng *r)
{
	vdrv_settle(s, r);
}

void
vdrv_finish(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);
	struct prng r = { 1 };

	vdrv_settle(s, &r);
	vdrv_op_reset(s, &r);
	vdrv_settle(s, &r);
	if (v->vd->status != 0 || v->resetting)
		sim_fail(s, "reset", "the device does not come to rest");
	virtio_pci_destroy(&v->vp);
}
