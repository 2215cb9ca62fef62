/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: registers, interrupts, resets: see e1000.h. A register that only tunes what this model
 * does not do keeps what is written to it; addresses that the chip does not have read as zero.
 * Runs in zhyve.
 */
#include "devices/e1000.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"
#include "devices/pci_regs.h"

#define BAR_REGS      0
#define BAR_REGS_SIZE 0x20000u
#define BAR_IO        2
#define BAR_IO_SIZE   8
#define IO_ADDR       0
#define IO_DATA       4
#define RING_UNIT     128u /* of the length of a ring, bytes */

/* --- interrupts (13.4.17 - 13.4.22) --- */

static void
irq_update(struct e1000 *n)
{
	pci_intx_set(&n->pci, (*e1000_reg(n, E1000_ICR) & *e1000_reg(n, E1000_IMS)) != 0);
}

void
e1000_interrupt(struct e1000 *n, uint32_t causes)
{
	*e1000_reg(n, E1000_ICR) |= causes;
	irq_update(n);
}

static uint32_t
read_icr(struct e1000 *n)
{
	uint32_t val = *e1000_reg(n, E1000_ICR);

	*e1000_reg(n, E1000_ICR) = 0;
	irq_update(n);
	return (val);
}

/* --- statistics: they stay at their largest value, and reading one clears it (13.7) --- */

static void
count64(struct e1000 *n, unsigned off, uint64_t add)
{
	uint32_t *r = e1000_reg(n, off);
	uint64_t v = r[0] | (uint64_t)r[1] << 32;

	if (!add_ok(v, add, &v))
		v = UINT64_MAX;
	r[0] = (uint32_t)v;
	r[1] = (uint32_t)(v >> 32);
}

static void
count(struct e1000 *n, unsigned off)
{
	uint32_t *r = e1000_reg(n, off);

	if (*r != UINT32_MAX)
		(*r)++;
}

void
e1000_count(struct e1000 *n, unsigned packets, unsigned bytes, size_t len)
{
	bool rx = packets == E1000_GPRC;

	count(n, packets);
	count(n, rx ? E1000_TPR : E1000_TPT);
	count64(n, bytes, len + 4); /* they count the checksum */
	count64(n, rx ? E1000_TOR : E1000_TOT, len + 4);
}

/* --- rings --- */

struct e1000_ring
e1000_ring_at(struct e1000 *n, unsigned base)
{
	const uint32_t *r = e1000_reg(n, base);
	struct e1000_ring ring = {
		.base = (r[0] & ~15u) | (uint64_t)r[1] << 32,
		.size = r[(E1000_RDLEN - E1000_RDBAL) / 4] / DESC_LEN,
		.head = r[(E1000_RDH - E1000_RDBAL) / 4],
		.tail = r[(E1000_RDT - E1000_RDBAL) / 4],
	};

	if (ring.head >= ring.size || ring.tail >= ring.size)
		ring.size = ring.head = ring.tail = 0;
	return (ring);
}

void
e1000_ring_step(struct e1000 *n, unsigned base, struct e1000_ring *r)
{
	r->head = r->head + 1 == r->size ? 0 : r->head + 1;
	*e1000_reg(n, base + E1000_RDH - E1000_RDBAL) = r->head;
}

/* --- resets --- */

static void
put_mac(struct e1000 *n)
{
	*e1000_reg(n, E1000_RAL) = le32_get(n->backend->mac);
	*e1000_reg(n, E1000_RAL + 4) = le16_get(n->backend->mac + 4) | RAH_AV;
}

/* CTRL.RST and power-on: all but the EEPROM. */
static void
reset(struct e1000 *n)
{
	e1000_tx_reset(n);
	e1000_rx_reset(n);
	memset(n->reg, 0, sizeof(n->reg));
	n->io_addr = 0;
	n->eecd = (struct e1000_eeprom_port){ 0 };
	*e1000_reg(n, E1000_CTRL) = CTRL_FD;
	*e1000_reg(n, E1000_STATUS) = STATUS_FD | STATUS_1000 | (n->link ? STATUS_LU : 0);
	*e1000_reg(n, E1000_VET) = 0x8100;
	*e1000_reg(n, E1000_LEDCTL) = 0x07068302;
	*e1000_reg(n, E1000_PBA) = 48;
	*e1000_reg(n, E1000_RXCW) = 0xC4000020; /* synchronized, a configuration received */
	put_mac(n);
	e1000_phy_reset(n);
	irq_update(n);
}

void
e1000_link(struct e1000 *n, bool up)
{
	uint32_t *status = e1000_reg(n, E1000_STATUS);

	if (n->link == up)
		return;
	n->link = up;
	*status = up ? *status | STATUS_LU : *status & ~STATUS_LU;
	e1000_phy_link(n);
	e1000_interrupt(n, INT_LSC);
}

/* --- registers --- */

void
e1000_run(struct e1000 *n)
{
	e1000_tx_run(n);
	e1000_rx_run(n);
}

void
e1000_resume(struct e1000 *n)
{
	if (n->kick != NULL)
		n->kick(n->kick_ctx);
	else
		e1000_run(n);
}

static void
write_ctrl(struct e1000 *n, uint32_t val)
{
	uint32_t old = *e1000_reg(n, E1000_CTRL);

	if ((val & CTRL_RST) != 0) {
		reset(n);
		return;
	}
	if ((val & CTRL_PHY_RST) != 0)
		e1000_phy_reset(n);
	*e1000_reg(n, E1000_CTRL) = val & ~CTRL_PHY_RST;
	if ((val & ~old & CTRL_SLU) != 0)
		e1000_interrupt(n, INT_LSC);
}

static void
write_mdic(struct e1000 *n, uint32_t val)
{
	bool renegotiated;

	*e1000_reg(n, E1000_MDIC) = e1000_mdic(n, val, &renegotiated);
	e1000_interrupt(n, (renegotiated ? INT_LSC : 0) | (val >> 29 & 1 ? INT_MDAC : 0));
}

uint32_t
e1000_masked(unsigned off, uint32_t val)
{
	switch (off) {
	case E1000_RDBAL:
	case E1000_TDBAL:
		return (val & ~15u);
	case E1000_RDLEN:
	case E1000_TDLEN:
		return (val & 0xfffff & ~(RING_UNIT - 1));
	case E1000_RDH:
	case E1000_RDT:
	case E1000_TDH:
	case E1000_TDT:
	case E1000_VET:
		return (val & 0xffff);
	default:
		return (val);
	}
}

static void
reg_write(struct e1000 *n, uint64_t off, uint32_t val)
{
	if (off >= sizeof(n->reg))
		return;
	switch (off) {
	case E1000_CTRL:
	case E1000_CTRL + 4: /* the same once more */
		write_ctrl(n, val);
		return;
	case E1000_STATUS:
	case E1000_RXCW:
		return;
	case E1000_EECD:
		e1000_eecd_write(n, val);
		return;
	case E1000_EERD:
		*e1000_reg(n, E1000_EERD) = e1000_eerd(n, val);
		return;
	case E1000_MDIC:
		write_mdic(n, val);
		return;
	case E1000_ICR:
		*e1000_reg(n, E1000_ICR) &= ~val;
		irq_update(n);
		return;
	case E1000_ICS:
		e1000_interrupt(n, val & INT_ALL);
		return;
	case E1000_IMS:
		*e1000_reg(n, E1000_IMS) |= val & INT_ALL;
		irq_update(n);
		return;
	case E1000_IMC:
		*e1000_reg(n, E1000_IMS) &= ~val;
		irq_update(n);
		return;
	}
	*e1000_reg(n, (unsigned)off) = e1000_masked((unsigned)off, val);
	if (off == E1000_TDT || off == E1000_TCTL || off == E1000_RDT || off == E1000_RCTL)
		e1000_resume(n);
}

static uint32_t
reg_read(struct e1000 *n, uint64_t off)
{
	uint32_t val;

	if (off >= sizeof(n->reg))
		return (0);
	switch (off) {
	case E1000_CTRL + 4:
		return (*e1000_reg(n, E1000_CTRL));
	case E1000_EECD:
		return (e1000_eecd_read(n));
	case E1000_ICR:
		return (read_icr(n));
	case E1000_ICS:
	case E1000_IMC:
		return (0);
	}
	val = *e1000_reg(n, (unsigned)off);
	if (off >= E1000_STATS && off < E1000_STATS_END)
		*e1000_reg(n, (unsigned)off) = 0;
	return (val);
}

/* BAR 2: an address, and the register there (13.2.2). */
static void
io_write(struct e1000 *n, uint64_t off, uint32_t val)
{
	if (off == IO_ADDR)
		n->io_addr = val;
	else if ((n->io_addr & 3) == 0)
		reg_write(n, n->io_addr, val);
}

static uint32_t
io_read(struct e1000 *n, uint64_t off)
{
	if (off == IO_ADDR)
		return (n->io_addr);
	return ((n->io_addr & 3) == 0 ? reg_read(n, n->io_addr) : 0);
}

/* Accesses are of 32 bits, aligned; 64 bits are two of them. */
static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct e1000 *n = d->softc;
	uint64_t val;

	if (size < 4 || off % 4 != 0)
		return (0);
	if (bar == BAR_IO)
		return (io_read(n, off));
	val = reg_read(n, off);
	if (size == 8)
		val |= (uint64_t)reg_read(n, off + 4) << 32;
	return (val);
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct e1000 *n = d->softc;

	if (size < 4 || off % 4 != 0)
		return;
	if (bar == BAR_IO) {
		io_write(n, off, (uint32_t)val);
		return;
	}
	reg_write(n, off, (uint32_t)val);
	if (size == 8)
		reg_write(n, off + 4, (uint32_t)(val >> 32));
}

static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	if (off <= PCIR_COMMAND && off + size > PCIR_COMMAND)
		e1000_resume(d->softc);
}

static void
machine_reset(struct pci_dev *d)
{
	reset(d->softc);
}

static const struct pci_dev_ops e1000_pci_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.cfg_written = cfg_written,
	.reset = machine_reset,
};

int
e1000_init(struct e1000 *n, const struct gmem *gm, struct net_backend *backend)
{
	int rc;

	memset(n, 0, sizeof(*n));
	n->gm = gm;
	n->backend = backend;
	n->link = true;
	pci_dev_init(&n->pci, "e1000", &e1000_pci_ops, n, 0x8086, 0x100F, 0x020000, 1);
	pci_set_subsystem(&n->pci, 0x8086, 0x1008);
	if ((rc = pci_add_bar(&n->pci, BAR_REGS, PCI_BAR_MEM32, BAR_REGS_SIZE)) != 0 ||
	    (rc = pci_add_bar(&n->pci, BAR_IO, PCI_BAR_IO, BAR_IO_SIZE)) != 0)
		return (rc);
	backend->readable = e1000_rx_readable;
	backend->writable = e1000_tx_writable;
	backend->dev = n;
	e1000_eeprom_init(n, backend->mac);
	reset(n);
	return (0);
}

void
e1000_destroy(struct e1000 *n)
{
	n->backend->readable = n->backend->writable = NULL;
	pci_dev_fini(&n->pci);
}
