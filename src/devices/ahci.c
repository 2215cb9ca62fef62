/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: registers of the controller and of its ports, interrupts, resets: see ahci.h. Bits that
 * stand for things this controller has not (power states, hot plug, port multipliers, enclosures)
 * read as zero and take no writes. Runs in zhyve.
 */
#include "devices/ahci.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/ahci_internal.h"
#include "devices/pci_regs.h"

#define CLB_ALIGN  0x3FFull /* command list: 1 KiB */
#define FB_ALIGN   0xFFull  /* received frames: 256 bytes */
#define CMD_WMASK  (CMD_ST | CMD_FRE | CMD_ATAPI | CMD_DLAE)
#define CMD_ALWAYS (CMD_SUD | CMD_POD)

/* --- interrupts (10.7) --- */

/*
 * IS collects what the ports want; the line follows it, but not while the controller resets. True
 * while there is something to tell.
 */
static bool
irq_update(struct ahci *a)
{
	bool level;

	for (unsigned i = 0; i < a->nports; i++) {
		if ((a->port[i].is & a->port[i].ie) != 0)
			a->is |= 1u << i;
	}
	level = (a->ghc & (GHC_IE | GHC_HR)) == GHC_IE && a->is != 0;
	pci_intx_set(&a->pci, level);
	return (level);
}

/* After registers changed: a message for what is still there, lest it be lost. */
static void
irq_again(struct ahci *a)
{
	if (irq_update(a))
		(void)pci_msi_notify(&a->pci);
}

void
ahci_port_interrupt(struct ahci_port *p, uint32_t bits)
{
	uint32_t fresh = bits & ~p->is;

	p->is |= bits;
	if (irq_update(p->hba) && (fresh & p->ie) != 0)
		(void)pci_msi_notify(&p->hba->pci);
}

/* --- resets --- */

static bool
drained(const struct ahci *a)
{
	for (unsigned i = 0; i < a->nports; i++) {
		if (a->port[i].flying != 0)
			return (false);
	}
	return (true);
}

/* The drive after power-on and COMRESET: link up, signature, defaults. */
static void
drive_reset(struct ahci_port *p)
{
	p->reset_due = false;
	p->ssts = (p->sctl & SCTL_DET) == DET_OFFLINE ? SSTS_OFFLINE : SSTS_UP;
	if (p->kind == AHCI_CD)
		ahci_atapi_reset(p);
	else
		ahci_ata_reset(p);
	p->greeting_due = true;
	ahci_greet(p);
}

void
ahci_drive_reset(struct ahci_port *p)
{
	ahci_port_drop(p);
	p->tfd = ATA_S_BUSY;
	p->greeting_due = false;
	p->reset_due = true;
	if (p->flying == 0)
		drive_reset(p);
}

/* Forget all commands; the drive is reset when the last request has come back. */
static void
port_reset(struct ahci_port *p)
{
	p->ci = p->sact = 0;
	p->halted = false;
	p->ssts = 0;
	ahci_drive_reset(p);
}

/* HBA reset (10.4.3) ends: all is as at power-on but for the places of lists and frames. */
static void
hba_reset_done(struct ahci *a)
{
	a->ghc = GHC_AE;
	a->is = 0;
	for (unsigned i = 0; i < a->nports; i++) {
		struct ahci_port *p = &a->port[i];

		p->cmd = CMD_ALWAYS;
		p->is = p->ie = p->serr = p->sctl = 0;
		port_reset(p);
	}
	irq_again(a);
}

static void
hba_reset(struct ahci *a)
{
	a->ghc |= GHC_HR;
	for (unsigned i = 0; i < a->nports; i++) {
		a->port[i].cmd &= ~(CMD_ST | CMD_FRE | CMD_FR);
		port_reset(&a->port[i]);
	}
	if (drained(a))
		hba_reset_done(a);
	else
		(void)irq_update(a);
}

void
ahci_port_drained(struct ahci_port *p)
{
	if (p->reset_due)
		drive_reset(p);
	/* The command that kept it busy is over, if nobody else does. */
	else if (p->ssts == SSTS_UP && !p->srst && (p->tfd & ATA_S_BUSY) != 0)
		p->tfd = ATA_S_OK;
	if ((p->cmd & CMD_ST) == 0)
		p->cmd &= ~CMD_CR;
	if ((p->hba->ghc & GHC_HR) != 0 && drained(p->hba))
		hba_reset_done(p->hba);
}

/* --- registers of a port (3.3) --- */

static void
start(struct ahci_port *p)
{
	p->cmd |= CMD_ST | CMD_CR;
	p->last = AHCI_SLOTS - 1;
}

/* Clearing ST empties both registers of commands; CR says when nothing moves any more (10.3.2). */
static void
stop(struct ahci_port *p)
{
	p->cmd &= ~(CMD_ST | CMD_CCS_MASK);
	p->ci = p->sact = 0;
	p->halted = false;
	ahci_port_drop(p);
	if (p->flying == 0)
		p->cmd &= ~CMD_CR;
}

static void
write_cmd(struct ahci_port *p, uint32_t val)
{
	bool was = (p->cmd & CMD_ST) != 0, want = (val & CMD_ST) != 0;

	p->cmd = (p->cmd & ~(CMD_WMASK & ~CMD_ST)) | (val & CMD_WMASK & ~CMD_ST) | CMD_ALWAYS;
	if (was && !want)
		stop(p);
	if ((val & CMD_CLO) != 0 && !want)
		p->tfd &= ~(uint32_t)(ATA_S_BUSY | ATA_S_DRQ);
	p->cmd &= ~CMD_FR;
	if ((p->cmd & CMD_FRE) != 0)
		p->cmd |= CMD_FR;
	ahci_greet(p);
	if (!was && want)
		start(p);
	ahci_port_run(p);
}

static void
write_sctl(struct ahci_port *p, uint32_t val)
{
	uint32_t old = p->sctl & SCTL_DET, now = val & SCTL_DET;

	p->sctl = val & SCTL_MASK;
	if (old == now)
		return;
	if (now == DET_COMRESET || now == DET_OFFLINE) {
		ahci_port_drop(p);
		p->ci = p->sact = 0;
		p->tfd = now == DET_COMRESET ? ATA_S_BUSY : 0x7f;
		p->ssts = now == DET_OFFLINE ? SSTS_OFFLINE : 0;
	} else if (now == 0)
		port_reset(p);
}

static uint32_t
port_read(const struct ahci_port *p, unsigned reg)
{
	switch (reg) {
	case PX_CLB:
		return ((uint32_t)p->clb);
	case PX_CLBU:
		return ((uint32_t)(p->clb >> 32));
	case PX_FB:
		return ((uint32_t)p->fb);
	case PX_FBU:
		return ((uint32_t)(p->fb >> 32));
	case PX_IS:
		return (p->is);
	case PX_IE:
		return (p->ie);
	case PX_CMD:
		return (p->cmd);
	case PX_TFD:
		return (p->tfd);
	case PX_SIG:
		return (p->sig);
	case PX_SSTS:
		return (p->ssts);
	case PX_SCTL:
		return (p->sctl);
	case PX_SERR:
		return (p->serr);
	case PX_SACT:
		return (p->sact);
	case PX_CI:
		return (p->ci);
	default:
		return (0);
	}
}

static uint64_t
low_half(uint64_t old, uint32_t val, uint64_t align)
{
	return ((old & ~0xffffffffull) | (val & ~align));
}

static uint64_t
high_half(uint64_t old, uint32_t val)
{
	return ((old & 0xffffffffull) | (uint64_t)val << 32);
}

static void
port_write(struct ahci_port *p, unsigned reg, uint32_t val)
{
	switch (reg) {
	case PX_CLB:
		p->clb = low_half(p->clb, val, CLB_ALIGN);
		break;
	case PX_CLBU:
		p->clb = high_half(p->clb, val);
		break;
	case PX_FB:
		p->fb = low_half(p->fb, val, FB_ALIGN);
		break;
	case PX_FBU:
		p->fb = high_half(p->fb, val);
		break;
	case PX_IS:
		p->is &= ~val;
		irq_again(p->hba);
		break;
	case PX_IE:
		p->ie = val & IS_ALL;
		irq_again(p->hba);
		break;
	case PX_CMD:
		write_cmd(p, val);
		break;
	case PX_SCTL:
		write_sctl(p, val);
		break;
	case PX_SERR:
		p->serr &= ~val;
		break;
	case PX_SACT:
		if ((p->cmd & CMD_ST) != 0)
			p->sact |= val;
		break;
	case PX_CI:
		if ((p->cmd & CMD_ST) != 0)
			p->ci |= val;
		ahci_port_run(p);
		break;
	}
}

/* --- registers of the controller (3.1) --- */

static uint32_t
hba_read(const struct ahci *a, unsigned reg)
{
	switch (reg) {
	case AHCI_CAP:
		return (CAP_S64A | CAP_SNCQ | CAP_SCLO | CAP_SAM | 3u << CAP_ISS_SHIFT |
		    (AHCI_SLOTS - 1) << CAP_NCS_SHIFT | (a->nports - 1));
	case AHCI_GHC:
		return (a->ghc);
	case AHCI_IS:
		return (a->is);
	case AHCI_PI:
		return ((uint32_t)((1ull << a->nports) - 1));
	case AHCI_VS:
		return (VS_1_3);
	default:
		return (0);
	}
}

static void
hba_write(struct ahci *a, unsigned reg, uint32_t val)
{
	switch (reg) {
	case AHCI_GHC:
		if ((val & GHC_HR) != 0) {
			hba_reset(a);
			break;
		}
		a->ghc = (a->ghc & ~GHC_IE) | (val & GHC_IE);
		irq_again(a);
		break;
	case AHCI_IS:
		a->is &= ~val;
		irq_again(a);
		break;
	}
}

static struct ahci_port *
port_at(struct ahci *a, uint64_t off)
{
	uint64_t n = (off - AHCI_PORT_BASE) / AHCI_PORT_SIZE;

	return (n < a->nports ? &a->port[n] : NULL);
}

static uint32_t
reg_read(struct ahci *a, uint64_t off)
{
	const struct ahci_port *p;

	if (off < AHCI_PORT_BASE)
		return (hba_read(a, (unsigned)off));
	p = port_at(a, off);
	return (p == NULL ? 0 : port_read(p, (off - AHCI_PORT_BASE) % AHCI_PORT_SIZE));
}

static void
reg_write(struct ahci *a, uint64_t off, uint32_t val)
{
	struct ahci_port *p;

	if (off < AHCI_PORT_BASE)
		hba_write(a, (unsigned)off, val);
	/* While the controller resets, its ports hear nothing. */
	else if ((p = port_at(a, off)) != NULL && (a->ghc & GHC_HR) == 0)
		port_write(p, (off - AHCI_PORT_BASE) % AHCI_PORT_SIZE, val);
}

/* Registers are of 32 bits; smaller reads get their part, smaller writes are ignored. */
static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	uint64_t val;

	(void)bar;
	if (off % size != 0)
		return (UINT64_MAX);
	val = reg_read(d->softc, off & ~3ull);
	if (size == 8)
		return (val | (uint64_t)reg_read(d->softc, off + 4) << 32);
	return (val >> (8 * (off & 3)));
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	(void)bar;
	if (size < 4 || off % size != 0)
		return;
	reg_write(d->softc, off, (uint32_t)val);
	if (size == 8)
		reg_write(d->softc, off + 4, (uint32_t)(val >> 32));
}

void
ahci_resume(struct ahci *a)
{
	for (unsigned i = 0; i < a->nports; i++)
		ahci_port_run(&a->port[i]);
}

/* Bus mastering or MSI may have been switched on. */
static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	struct ahci *a = d->softc;

	if (off <= PCIR_COMMAND && off + size > PCIR_COMMAND)
		ahci_resume(a);
	else if (off >= d->msi_off && off < d->msi_off + PCIR_MSI_ADDR)
		irq_again(a);
}

static void
machine_reset(struct pci_dev *d)
{
	struct ahci *a = d->softc;

	for (unsigned i = 0; i < a->nports; i++)
		a->port[i].clb = a->port[i].fb = 0;
	hba_reset(a);
}

static const struct pci_dev_ops ahci_pci_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.cfg_written = cfg_written,
	.reset = machine_reset,
};

/* --- making one --- */

static void
copy_text(char *to, size_t size, const char *text, const char *otherwise)
{
	if (text == NULL)
		text = otherwise;
	memset(to, 0, size);
	memcpy(to, text, strnlen(text, size - 1));
}

static bool
drive_ok(const struct ahci_drive *d)
{
	if (d->kind == AHCI_HD)
		return (d->backend != NULL);
	return (d->backend == NULL ||
	    (d->backend->info.logical <= AHCI_CD_SECTOR &&
		d->backend->info.size >= AHCI_CD_SECTOR));
}

static void
port_init(struct ahci_port *p, struct ahci *a, unsigned index, const struct ahci_drive *d)
{
	p->hba = a;
	p->index = index;
	p->kind = d->kind;
	p->backend = d->backend;
	p->nmrr = d->nmrr;
	copy_text(p->serial, sizeof(p->serial), d->serial, "");
	copy_text(p->revision, sizeof(p->revision), d->revision, "001");
	copy_text(p->model, sizeof(p->model), d->model,
	    d->kind == AHCI_HD ? "BHYVE SATA DISK" : "BHYVE SATA DVD ROM");
	for (unsigned i = 0; i < AHCI_SLOTS; i++) {
		p->slot[i].port = p;
		p->slot[i].index = i;
	}
	if (p->backend != NULL) {
		p->backend->batch_done = ahci_batch_done;
		p->backend->dev = p;
	}
}

int
ahci_init(struct ahci *a, const struct gmem *gm, const struct ahci_drive *drive, unsigned ndrives)
{
	uint64_t size = 4096;
	int rc;

	if (ndrives == 0 || ndrives > AHCI_PORTS_MAX)
		return (-EINVAL);
	for (unsigned i = 0; i < ndrives; i++) {
		if (!drive_ok(&drive[i]))
			return (-EINVAL);
	}
	while (size < AHCI_PORT_BASE + (uint64_t)ndrives * AHCI_PORT_SIZE)
		size *= 2;
	*a = (struct ahci){ .gm = gm, .nports = ndrives };
	if ((a->port = calloc(ndrives, sizeof(*a->port))) == NULL)
		return (-ENOMEM);
	pci_dev_init(&a->pci, "ahci", &ahci_pci_ops, a, 0x8086, 0x2821, 0x010601, 2);
	pci_set_subsystem(&a->pci, 0x8086, 0x2821);
	if ((rc = pci_add_bar(&a->pci, 5, PCI_BAR_MEM32, size)) != 0 ||
	    (rc = pci_add_msi(&a->pci)) < 0) {
		ahci_destroy(a);
		return (rc);
	}
	for (unsigned i = 0; i < ndrives; i++)
		port_init(&a->port[i], a, i, &drive[i]);
	hba_reset_done(a);
	return (0);
}

void
ahci_destroy(struct ahci *a)
{
	for (unsigned i = 0; a->port != NULL && i < a->nports; i++) {
		assert(a->port[i].flying == 0);
		if (a->port[i].backend != NULL)
			a->port[i].backend->batch_done = NULL;
	}
	free(a->port);
	a->port = NULL;
	pci_dev_fini(&a->pci);
}
