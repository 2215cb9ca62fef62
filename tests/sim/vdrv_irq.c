/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupts of a virtio function over PCI (virtio 1.2, 4.1.4.5, 4.1.5; PCI 3.0, 6.8): what the
 * driver sets, and the oracle: each interrupt has a cause, none is missing; what comes while a
 * vector is masked is pending, and comes when it is unmasked. See vdrv.h.
 */
#include <string.h>

#include "devices/pci_regs.h"
#include "vdrv.h"

#define MSG_ADDR    0xFEE00000ull
#define MSG_DATA    0x4000u
#define CTRL_ENABLE 0x8000u
#define CTRL_MASK   0x4000u
#define ISR_QUEUE   1u
#define ISR_CONFIG  2u

/* Write a vector: its message, which is always the same, and its mask bit. */
static void
vector_write(struct sim *s, struct vdrv *v, unsigned vec, bool masked)
{
	uint64_t at = V_MSIX + vec * 16ull;

	if (!s->mapped[0])
		return;
	sim_bar_write(s, 0, at, 8, MSG_ADDR + vec * 4096ull);
	sim_bar_write(s, 0, at + 8, 4, MSG_DATA + vec);
	v->mask[vec] = masked;
	sim_bar_write(s, 0, at + 12, 4, masked);
}

static void
control_write(struct sim *s, struct vdrv *v, bool on, bool mask_all)
{
	if (v->nvec == 0)
		return;
	v->msix = on;
	v->mask_all = mask_all;
	sim_cfg_write(
	    s, s->dev->msix.cap_off + 2, 2, (on ? CTRL_ENABLE : 0) | (mask_all ? CTRL_MASK : 0));
}

static void
msi_write(struct sim *s, struct vdrv *v, bool on)
{
	unsigned cap = s->dev->msi_off;

	if (cap == 0)
		return;
	sim_cfg_write(s, cap + 4, 4, (uint32_t)MSG_ADDR);
	sim_cfg_write(s, cap + 8, 4, 0);
	sim_cfg_write(s, cap + 12, 2, MSG_DATA);
	v->msi = on;
	sim_cfg_write(s, cap + 2, 2, on);
}

/* Messages, vectors; or the line. For a device that is being set up: features are accepted. */
void
vdrv_irq_setup(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	bool on = !prng_one_in(r, 5);

	v->nvec = s->dev->msix.nvec;
	msi_write(s, v, on);
	if (v->nvec == 0)
		return;
	control_write(s, v, on, prng_one_in(r, 8));
	for (unsigned i = 0; i < v->nvec; i++)
		vector_write(s, v, i, prng_one_in(r, 8));
	sim_bar_write(s, 0, V_CONFIG_VECTOR, 2,
	    prng_one_in(r, 6) ? VIRTIO_MSI_NO_VECTOR : prng_below(r, v->nvec));
	for (unsigned i = 0; i < v->nq; i++) {
		sim_bar_write(s, 0, V_Q_SELECT, 2, i);
		sim_bar_write(s, 0, V_Q_VECTOR, 2,
		    prng_one_in(r, 6)       ? VIRTIO_MSI_NO_VECTOR
			: prng_one_in(r, 4) ? prng_below(r, v->nvec)
					    : i % v->nvec);
	}
	sim_say(s, "%s", v->msix ? "MSI-X" : "line");
}

void
vdrv_irq_reset(struct sim *s, bool machine)
{
	struct vdrv *v = vdrv_of(s);

	v->level = false;
	if (!machine) {
		v->isr = 0;
		return;
	}
	v->msix = v->msi = v->mask_all = false;
	memset(v->pending, 0, sizeof(v->pending));
	memset(v->mask, 1, sizeof(v->mask));
}

/* An interrupt is due now, by the vector that the function shows. */
static void
due(struct vdrv *v, uint16_t vector, uint8_t isr)
{
	if (v->msix) {
		if (vector < v->nvec)
			v->due[vector] = true;
		return;
	}
	v->isr |= isr;
	v->due_line = true;
	if (!v->msi)
		v->level = true;
}

void
vdrv_irq_due(struct sim *s, unsigned queue)
{
	struct vdrv *v = vdrv_of(s);

	due(v, v->vp.queue_vector[queue], ISR_QUEUE);
}

void
vdrv_irq_due_config(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);

	due(v, v->vp.config_vector, ISR_CONFIG);
}

static void
check_vectors(struct sim *s, struct vdrv *v)
{
	unsigned sent[VIRTIO_QUEUES_MAX + 1] = { 0 };

	for (unsigned i = 0; i < s->nmsi; i++) {
		uint32_t vec = s->msi[i].data - MSG_DATA;

		if (vec >= v->nvec || s->msi[i].addr != MSG_ADDR + vec * 4096ull)
			sim_fail(s, "interrupt", "a message %#x to %#llx, which no vector has",
			    s->msi[i].data, (unsigned long long)s->msi[i].addr);
		sent[vec]++;
	}
	for (unsigned i = 0; i < v->nvec; i++) {
		bool open = v->msix && !v->mask_all && !v->mask[i];

		v->pending[i] |= v->due[i];
		if (open && v->pending[i] && sent[i] == 0)
			sim_fail(s, "interrupt", "vector %u: an interrupt was lost", i);
		if (sent[i] > 0 && !open)
			sim_fail(s, "interrupt", "vector %u: sent though masked or off", i);
		if (sent[i] > 0 && !v->pending[i])
			sim_fail(s, "interrupt", "vector %u: an interrupt without a cause", i);
		if (open)
			v->pending[i] = false;
	}
}

void
vdrv_irq_check(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);
	bool line = v->level && !v->msix && !v->msi &&
	    (s->dev->cfg[PCIR_COMMAND + 1] & PCI_COMMAND_NOINTX >> 8) == 0;

	if (s->wild) {
		/* Nobody knows what should have come; whatever did is no news now. */
		v->isr = v->vp.isr;
		v->level = s->dev->intx_level;
		for (unsigned i = 0; i < v->nvec; i++)
			v->pending[i] = (s->dev->msix.pba[i / 64] >> (i % 64) & 1) != 0;
		return;
	}
	if (v->nvec != 0)
		check_vectors(s, v);
	else if (v->msi && (s->nmsi > 0) != v->due_line)
		sim_fail(s, "interrupt", "MSI: %u messages, %s was due", s->nmsi,
		    v->due_line ? "one" : "none");
	if (v->vp.isr != v->isr)
		sim_fail(s, "interrupt", "ISR status %u instead of %u", v->vp.isr, v->isr);
	if (s->line != line)
		sim_fail(s, "interrupt", "the line is %s", s->line ? "high" : "low");
}

uint8_t
vdrv_isr_read(struct sim *s)
{
	struct vdrv *v = vdrv_of(s);
	uint8_t want = v->isr, got;

	if (!s->mapped[0])
		return (0);
	v->isr = 0;
	v->level = false;
	got = (uint8_t)sim_bar_read(s, 0, V_ISR, 1);
	if (got != want && !s->wild)
		sim_fail(s, "interrupt", "ISR status reads %u instead of %u", got, want);
	return (got);
}

/* Masks, enables, vectors, the ISR: at any time. */
void
vdrv_irq_step(struct sim *s, struct prng *r)
{
	struct vdrv *v = vdrv_of(s);
	unsigned vec = v->nvec == 0 ? 0 : prng_below(r, v->nvec);

	switch (prng_below(r, 6)) {
	case 0:
		sim_say(s, "function: %s", v->mask_all ? "unmask" : "mask");
		control_write(s, v, v->msix, !v->mask_all);
		break;
	case 1:
	case 2:
		if (v->nvec == 0)
			break;
		sim_say(s, "vector %u: %s", vec, v->mask[vec] ? "unmask" : "mask");
		vector_write(s, v, vec, !v->mask[vec]);
		break;
	case 3:
		sim_say(s, "ISR");
		(void)vdrv_isr_read(s);
		break;
	case 4:
		sim_say(s, "messages %s", v->msix || v->msi ? "off" : "on");
		if (v->nvec != 0)
			control_write(s, v, !v->msix, v->mask_all);
		else
			msi_write(s, v, !v->msi);
		break;
	default:
		if (v->nvec == 0 || v->vd->resetting)
			break;
		sim_say(s, "queue vector %u", vec);
		sim_bar_write(s, 0, V_Q_SELECT, 2, prng_below(r, v->nq));
		sim_bar_write(s, 0, V_Q_VECTOR, 2, prng_one_in(r, 4) ? vec + v->nvec : vec);
	}
}
