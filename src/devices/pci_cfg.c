/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How a guest reaches PCI: configuration space through CF8/CFC (PCI 3.0, 3.2.2.3.2) and ECAM (PCI
 * Express 3.0, 7.2.2), and BARs. Absent functions read all ones; writes go through the write
 * mask. Pure; runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "base/lock.h"
#include "devices/pci.h"
#include "devices/pci_internal.h"
#include "devices/pci_regs.h"

#define CONFIG_ENABLE  0x80000000u
#define PORT_RESET_CTL 1 /* 0xCF9 */
#define PORT_DATA      4 /* 0xCFC */

static uint64_t
ones(unsigned size)
{
	return (size >= 8 ? UINT64_MAX : (1ull << (8 * size)) - 1);
}

static bool
cfg_access_ok(unsigned off, unsigned size)
{
	return ((size == 1 || size == 2 || size == 4) && (off & (size - 1)) == 0);
}

static uint32_t
dev_cfg_read(struct pci_dev *d, unsigned off, unsigned size)
{
	uint32_t val = 0;

	if (d->ops->cfg_read != NULL && d->ops->cfg_read(d, off, size, &val))
		return (val);
	for (unsigned i = 0; i < size; i++)
		val |= (uint32_t)d->cfg[off + i] << (8 * i);
	if (off <= PCIR_STATUS && off + size > PCIR_STATUS && d->intx_level)
		val |= (uint32_t)PCI_STATUS_INTX << (8 * (PCIR_STATUS - off));
	return (val);
}

uint32_t
pci_cfg_read(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size)
{
	struct pci_dev *d = pci_find(bus, bdf);
	uint32_t val;

	if (d == NULL || !cfg_access_ok(off, size))
		return ((uint32_t)ones(size));
	if (off >= PCI_CFG_SIZE)
		return (0);
	lock_take(d->lock);
	val = dev_cfg_read(d, off, size);
	lock_drop(d->lock);
	return (val);
}

/* Room has become free: BARs that were refused it may be decoded now. */
static void
retry_others(struct pci_bus *bus, const struct pci_dev * not )
{
	for (unsigned i = 0; i < PCI_DEVFNS; i++) {
		if (bus->dev[i] == NULL || bus->dev[i] == not )
			continue;
		lock_take(bus->dev[i]->lock);
		(void)pci_bars_update(bus->dev[i]);
		lock_drop(bus->dev[i]->lock);
	}
}

static bool
overlaps(unsigned off, unsigned size, unsigned from, unsigned to)
{
	return (off < to && off + size > from);
}

/* Returns true when room for BARs may have become free. */
static bool
dev_cfg_write(struct pci_dev *d, unsigned off, unsigned size, uint32_t val)
{
	bool freed = false;

	for (unsigned i = 0; i < size; i++) {
		uint8_t m = d->wmask[off + i], v = (uint8_t)(val >> (8 * i));

		d->cfg[off + i] = (uint8_t)((d->cfg[off + i] & ~m) | (v & m));
	}
	if (overlaps(off, size, PCIR_COMMAND, PCIR_COMMAND + 2) ||
	    overlaps(off, size, PCIR_BAR(0), PCIR_BARS_END) ||
	    overlaps(off, size, PCIR_ROM, PCIR_ROM + 4))
		freed = pci_bars_update(d);
	if (d->msix.nvec != 0 &&
	    overlaps(
		off, size, d->msix.cap_off + PCIR_MSIX_CTRL, d->msix.cap_off + PCIR_MSIX_TABLE))
		pci_msix_ctrl_written(d);
	pci_intx_update(d);
	if (d->ops->cfg_written != NULL)
		d->ops->cfg_written(d, off, size);
	return (freed);
}

void
pci_cfg_write(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size, uint32_t val)
{
	struct pci_dev *d = pci_find(bus, bdf);
	bool freed;

	if (d == NULL || !cfg_access_ok(off, size) || off >= PCI_CFG_SIZE)
		return;
	lock_take(d->lock);
	freed = dev_cfg_write(d, off, size, val);
	lock_drop(d->lock);
	if (freed)
		retry_others(bus, d);
}

static uint64_t
port_read(void *dev, uint64_t off, unsigned size)
{
	struct pci_bus *bus = dev;
	uint32_t a = bus->config_address;

	if (off >= PORT_DATA) {
		if ((a & CONFIG_ENABLE) == 0 || off + size > PCI_PORT_LEN)
			return (ones(size));
		return (pci_cfg_read(
		    bus, (a >> 8) & 0xffff, (a & 0xfc) + (unsigned)(off - PORT_DATA), size));
	}
	if (off == 0 && size == 4)
		return (a);
	if (off == PORT_RESET_CTL && size == 1 && bus->reset_ops != NULL)
		return (bus->reset_ops->read(bus->reset_dev, 0, 1));
	return (ones(size));
}

static void
port_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct pci_bus *bus = dev;
	uint32_t a = bus->config_address;

	if (off >= PORT_DATA) {
		if ((a & CONFIG_ENABLE) != 0 && off + size <= PCI_PORT_LEN)
			pci_cfg_write(bus, (a >> 8) & 0xffff,
			    (a & 0xfc) + (unsigned)(off - PORT_DATA), size, (uint32_t)val);
		return;
	}
	/* Only a whole 32-bit write reaches CONFIG_ADDRESS; smaller ones go to other devices. */
	if (off == 0 && size == 4)
		bus->config_address = (uint32_t)val & PCI_CONFIG_WMASK;
	else if (off == PORT_RESET_CTL && size == 1 && bus->reset_ops != NULL)
		bus->reset_ops->write(bus->reset_dev, 0, 1, val);
}

const struct bus_ops pci_port_ops = { port_read, port_write };

static uint64_t
ecam_read(void *dev, uint64_t off, unsigned size)
{
	unsigned bdf = (unsigned)(off >> 12) & 0xffff, reg = (unsigned)off & 0xfff;

	if (size == 8 && (reg & 7) == 0)
		return (pci_cfg_read(dev, bdf, reg, 4) |
		    (uint64_t)pci_cfg_read(dev, bdf, reg + 4, 4) << 32);
	if (size > 4)
		return (ones(size));
	return (pci_cfg_read(dev, bdf, reg, size));
}

static void
ecam_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	unsigned bdf = (unsigned)(off >> 12) & 0xffff, reg = (unsigned)off & 0xfff;

	if (size == 8 && (reg & 7) == 0) {
		pci_cfg_write(dev, bdf, reg, 4, (uint32_t)val);
		pci_cfg_write(dev, bdf, reg + 4, 4, (uint32_t)(val >> 32));
	} else if (size <= 4) {
		pci_cfg_write(dev, bdf, reg, size, (uint32_t)val);
	}
}

const struct bus_ops pci_ecam_ops = { ecam_read, ecam_write };

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	uint64_t val;

	if (!range_ok(off, size, d->bar[bar].size))
		return (ones(size));
	if (bar == PCI_ROM_BAR || d->bar[bar].mem != NULL) {
		const uint8_t *mem = bar == PCI_ROM_BAR ? d->rom : d->bar[bar].mem;

		val = 0;
		memcpy(&val, mem + off, size);
		return (val);
	}
	if (pci_msix_read(d, bar, off, size, &val))
		return (val);
	return (d->ops->bar_read != NULL ? d->ops->bar_read(d, bar, off, size) : ones(size));
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	if (bar == PCI_ROM_BAR || !range_ok(off, size, d->bar[bar].size))
		return;
	if (d->bar[bar].mem != NULL) {
		memcpy((uint8_t *)d->bar[bar].mem + off, &val, size);
		return;
	}
	if (pci_msix_write(d, bar, off, size, val))
		return;
	if (d->ops->bar_write != NULL)
		d->ops->bar_write(d, bar, off, size, val);
}

/* struct bus_ops carries no BAR number: one pair of functions for each. */
#define BAR_HANDLERS(n)                                                                \
	static uint64_t bar##n##_read(void *d, uint64_t off, unsigned size)            \
	{                                                                              \
		return (bar_read(d, n, off, size));                                    \
	}                                                                              \
	static void bar##n##_write(void *d, uint64_t off, unsigned size, uint64_t val) \
	{                                                                              \
		bar_write(d, n, off, size, val);                                       \
	}

BAR_HANDLERS(0)
BAR_HANDLERS(1)
BAR_HANDLERS(2)
BAR_HANDLERS(3)
BAR_HANDLERS(4)
BAR_HANDLERS(5)
BAR_HANDLERS(6)

const struct bus_ops pci_bar_ops[PCI_REGIONS] = {
	{ bar0_read, bar0_write },
	{ bar1_read, bar1_write },
	{ bar2_read, bar2_write },
	{ bar3_read, bar3_write },
	{ bar4_read, bar4_write },
	{ bar5_read, bar5_write },
	{ bar6_read, bar6_write },
};
