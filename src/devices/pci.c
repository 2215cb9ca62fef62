/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI bus: devices under construction, slots, BAR placement and decoding, INTx lines, reset.
 * See pci.h; the guest's doors are in pci_cfg.c and pci_msix.c. A BAR that the guest puts outside
 * the host bridge's windows, or over another one, is not decoded. Pure; runs in zhyve.
 */
#include "devices/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/lock.h"
#include "devices/pci_internal.h"
#include "devices/pci_regs.h"

#define ROM_MIN (2 * KIB)
#define ROM_MAX (16 * MIB)

struct pci_bus *
pci_bus_create(const struct pci_host_ops *host, uint64_t mem32_base, uint64_t mem32_end,
    uint64_t mem64_base, uint64_t mem64_end)
{
	struct pci_bus *bus = calloc(1, sizeof(*bus));

	if (bus == NULL)
		return (NULL);
	bus->host = *host;
	bus->io = (struct pci_window){ PCI_IO_BASE, PCI_IO_END, PCI_IO_BASE, PCI_IO_END };
	bus->mem32 = (struct pci_window){ mem32_base, mem32_end, mem32_base, mem32_end };
	bus->mem64 = (struct pci_window){ mem64_base, mem64_end, mem64_base, mem64_end };
	bus->enable_bars = true;
	for (unsigned i = 0; i < PCI_INTX_GSIS; i++)
		bus->intx[i].out =
		    (struct irq_line){ host->intx, host->ctx, PCI_INTX_GSI_BASE + i };
	return (bus);
}

void
pci_bus_destroy(struct pci_bus *bus)
{
	free(bus);
}

void
pci_bus_widen_mem32(struct pci_bus *bus, uint64_t base, uint64_t end)
{
	bus->mem32.base = MIN(bus->mem32.base, base);
	bus->mem32.end = MAX(bus->mem32.end, end);
}

void
pci_bus_set_enable_bars(struct pci_bus *bus, bool on)
{
	bus->enable_bars = on;
}

void
pci_bus_set_reset_port(struct pci_bus *bus, const struct bus_ops *ops, void *dev)
{
	bus->reset_ops = ops;
	bus->reset_dev = dev;
}

void
pci_dev_init(struct pci_dev *d, const char *name, const struct pci_dev_ops *ops, void *softc,
    uint16_t vendor, uint16_t device, uint32_t class_code24, uint8_t revision)
{
	memset(d, 0, sizeof(*d));
	d->name = name;
	d->ops = ops;
	d->softc = softc;
	d->cap_next = PCI_CAPS_START;
	le16_put(&d->cfg[PCIR_VENDOR], vendor);
	le16_put(&d->cfg[PCIR_DEVICE], device);
	le32_put(&d->cfg[PCIR_REVISION], class_code24 << 8 | revision);
	le16_put(&d->wmask[PCIR_COMMAND],
	    PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
		PCI_COMMAND_SERR | PCI_COMMAND_NOINTX);
	d->wmask[PCIR_CACHELINE] = 0xff;
	d->wmask[PCIR_INTLINE] = 0xff;
}

void
pci_dev_fini(struct pci_dev *d)
{
	free(d->msix.table);
	free(d->msix.pba);
	d->msix.table = NULL;
	d->msix.pba = NULL;
	d->msix.nvec = 0;
}

void
pci_set_subsystem(struct pci_dev *d, uint16_t vendor, uint16_t device)
{
	le16_put(&d->cfg[PCIR_SUBVENDOR], vendor);
	le16_put(&d->cfg[PCIR_SUBDEVICE], device);
}

int
pci_add_bar(struct pci_dev *d, unsigned bar, enum pci_bar_type type, uint64_t size)
{
	uint64_t mask = ~(size - 1), min = type == PCI_BAR_IO ? 4 : 16;
	uint64_t max = type == PCI_BAR_IO ? 256 : type == PCI_BAR_MEM32 ? 1ull << 31 : 1ull << 62;
	unsigned n = type == PCI_BAR_MEM64 ? 2 : 1;
	uint32_t flags = 0;

	if (type == PCI_BAR_NONE || type == PCI_BAR_ROM || bar + n > PCI_BARS || !IS_POW2(size) ||
	    size < min || size > max)
		return (-EINVAL);
	for (unsigned i = bar; i < bar + n; i++) {
		if (d->bar[i].size != 0)
			return (-EEXIST);
	}
	if (type == PCI_BAR_IO)
		flags = PCI_BAR_BIT_IO;
	else if (type == PCI_BAR_MEM64)
		flags = PCI_BAR_BIT_MEM64;
	d->bar[bar].type = type;
	d->bar[bar].size = size;
	/* Sizing by the guest (write ones, read back) follows from the write mask alone. */
	le32_put(&d->cfg[PCIR_BAR(bar)], flags);
	le32_put(&d->wmask[PCIR_BAR(bar)], (uint32_t)mask);
	if (n == 2) {
		d->bar[bar + 1].size = size;
		le32_put(&d->wmask[PCIR_BAR(bar + 1)], (uint32_t)(mask >> 32));
	}
	return (0);
}

int
pci_add_cap(struct pci_dev *d, uint8_t id, const void *body, unsigned len)
{
	unsigned off = d->cap_next;

	if (len < 2 || len > PCI_CFG_SIZE - off)
		return (-ENOSPC);
	d->cfg[off] = id;
	if (body != NULL)
		memcpy(&d->cfg[off + 2], body, len - 2);
	d->cfg[d->cap_last == 0 ? PCIR_CAP : d->cap_last + 1] = (uint8_t)off;
	d->cfg[PCIR_STATUS] |= PCI_STATUS_CAPS;
	d->cap_last = off;
	d->cap_next = ROUND_UP(off + len, 4u);
	return ((int)off);
}

int
pci_add_mem_bar(struct pci_dev *d, unsigned bar, enum pci_bar_type type, void *mem, uint64_t size)
{
	int rc;

	if (type != PCI_BAR_MEM32 && type != PCI_BAR_MEM64)
		return (-EINVAL);
	if ((rc = pci_add_bar(d, bar, type, size)) != 0)
		return (rc);
	d->cfg[PCIR_BAR(bar)] |= PCI_BAR_BIT_PREF;
	d->bar[bar].mem = mem;
	return (0);
}

int
pci_add_rom(struct pci_dev *d, const void *image, uint64_t size)
{
	if (!IS_POW2(size) || size < ROM_MIN || size > ROM_MAX)
		return (-EINVAL);
	if (d->bar[PCI_ROM_BAR].size != 0)
		return (-EEXIST);
	d->bar[PCI_ROM_BAR].type = PCI_BAR_ROM;
	d->bar[PCI_ROM_BAR].size = size;
	d->rom = image;
	le32_put(&d->wmask[PCIR_ROM], (uint32_t) ~(size - 1) | PCI_ROM_ENABLE);
	return (0);
}

/* Where the register of a BAR, or of the expansion ROM, is. */
static unsigned
bar_reg(unsigned bar)
{
	return (bar == PCI_ROM_BAR ? PCIR_ROM : PCIR_BAR(bar));
}

/* The address in the registers of a BAR. */
static uint64_t
bar_addr(const struct pci_dev *d, unsigned bar)
{
	uint64_t v = le32_get(&d->cfg[bar_reg(bar)]);

	if (d->bar[bar].type == PCI_BAR_MEM64)
		v |= (uint64_t)le32_get(&d->cfg[PCIR_BAR(bar + 1)]) << 32;
	return (v & ~(d->bar[bar].size - 1));
}

static void
bar_set_addr(struct pci_dev *d, unsigned bar, uint64_t addr)
{
	uint32_t flags = le32_get(&d->cfg[bar_reg(bar)]) & 0xf;

	/* The flags lie below the smallest size but for I/O BARs of 4 bytes: they have two. */
	if (d->bar[bar].type == PCI_BAR_IO)
		flags &= 0x3;
	le32_put(&d->cfg[bar_reg(bar)], (uint32_t)addr | flags);
	if (d->bar[bar].type == PCI_BAR_MEM64)
		le32_put(&d->cfg[PCIR_BAR(bar + 1)], (uint32_t)(addr >> 32));
}

/* Find room for a BAR in the window of its kind. 0 or -ENOSPC. */
static int
bar_place(struct pci_bus *bus, struct pci_dev *d, unsigned bar)
{
	struct pci_bar *b = &d->bar[bar];
	struct pci_window *w = &bus->mem32;
	uint64_t align = b->size, addr, end;

	if (b->type == PCI_BAR_IO) {
		w = &bus->io;
		align = MAX(align, 32);
	} else {
		/* Own pages, so that the guest may map one device without another. */
		align = MAX(align, 4096);
		if (b->type == PCI_BAR_MEM64 && bus->mem64.end > bus->mem64.base)
			w = &bus->mem64;
	}
	if (!add_ok(w->next, align - 1, &addr))
		return (-ENOSPC);
	addr &= ~(align - 1);
	if (!add_ok(addr, b->size, &end) || end > w->place_end)
		return (-ENOSPC);
	w->next = end;
	bar_set_addr(d, bar, addr);
	return (0);
}

static bool
in_window(const struct pci_window *w, uint64_t addr, uint64_t len)
{
	return (addr >= w->base && w->end >= w->base &&
	    range_ok(addr - w->base, len, w->end - w->base));
}

/* Whether the registers ask for this BAR to be decoded, at an address where that may be. */
static bool
bar_wanted(const struct pci_dev *d, unsigned bar)
{
	const struct pci_bus *bus = d->bus;
	const struct pci_bar *b = &d->bar[bar];
	uint16_t cmd = le16_get(&d->cfg[PCIR_COMMAND]);

	switch (b->type) {
	case PCI_BAR_IO:
		return ((cmd & PCI_COMMAND_IO) != 0 && in_window(&bus->io, b->addr, b->size));
	case PCI_BAR_MEM32:
		return ((cmd & PCI_COMMAND_MEM) != 0 && in_window(&bus->mem32, b->addr, b->size));
	case PCI_BAR_MEM64:
		return ((cmd & PCI_COMMAND_MEM) != 0 &&
		    (in_window(&bus->mem32, b->addr, b->size) ||
			in_window(&bus->mem64, b->addr, b->size)));
	case PCI_BAR_ROM:
		return ((cmd & PCI_COMMAND_MEM) != 0 && (d->cfg[PCIR_ROM] & PCI_ROM_ENABLE) != 0 &&
		    in_window(&bus->mem32, b->addr, b->size));
	default:
		return (false);
	}
}

static void
bar_unmap(struct pci_dev *d, unsigned bar)
{
	struct pci_bar *b = &d->bar[bar];

	if (d->ops->bar_moved != NULL)
		d->ops->bar_moved(d, bar, 0);
	d->bus->host.unmap(
	    d->bus->host.ctx, d, bar, b->type == PCI_BAR_IO, b->mapped_addr, b->size);
	b->mapped = false;
}

static int
bar_map(struct pci_dev *d, unsigned bar)
{
	struct pci_bar *b = &d->bar[bar];
	int rc;

	rc = d->bus->host.map(d->bus->host.ctx, d, bar, b->type == PCI_BAR_IO, b->addr, b->size);
	if (rc != 0)
		return (rc);
	b->mapped = true;
	b->mapped_addr = b->addr;
	if (d->ops->bar_moved != NULL)
		d->ops->bar_moved(d, bar, b->addr);
	return (0);
}

bool
pci_bars_update(struct pci_dev *d)
{
	bool freed = false, want;

	for (unsigned i = 0; i < PCI_REGIONS; i++) {
		struct pci_bar *b = &d->bar[i];

		if (b->type == PCI_BAR_NONE)
			continue;
		b->addr = bar_addr(d, i);
		want = bar_wanted(d, i);
		if (b->mapped && (!want || b->addr != b->mapped_addr)) {
			bar_unmap(d, i);
			freed = true;
		}
		if (want && !b->mapped)
			(void)bar_map(d, i);
	}
	return (freed);
}

/* Keep the multi-function bit of function 0 true to the slot. */
static void
mark_multifunction(struct pci_bus *bus, unsigned devfn)
{
	unsigned f0 = devfn & ~7u;

	if (bus->dev[f0] == NULL)
		return;
	for (unsigned f = 1; f < 8; f++) {
		if (bus->dev[f0 + f] == NULL)
			continue;
		bus->dev[f0]->cfg[PCIR_HEADER] |= PCI_HEADER_MULTI;
		bus->dev[f0]->cfg_attached[PCIR_HEADER] |= PCI_HEADER_MULTI;
	}
}

static void
connect_intx(struct pci_dev *d)
{
	bool has_bar = false;

	for (unsigned i = 0; i < PCI_BARS; i++)
		has_bar |= d->bar[i].type != PCI_BAR_NONE;
	if (!has_bar || d->no_intx)
		return;
	d->cfg[PCIR_INTPIN] = 1;
	d->gsi = PCI_INTX_GSI_BASE + ((d->bdf >> 3) & 31) % PCI_INTX_GSIS;
	d->cfg[PCIR_INTLINE] = (uint8_t)d->gsi;
}

int
pci_attach(struct pci_bus *bus, struct pci_dev *d, struct err *e)
{
	unsigned devfn = d->bdf;
	uint16_t cmd = 0;
	int rc;

	if (devfn >= PCI_DEVFNS)
		return (err_say(e, EINVAL, "%s: PCI devices can be on bus 0 only, not on bus %u",
		    d->name, d->bdf >> 8));
	if (bus->dev[devfn] != NULL)
		return (err_say(e, EEXIST, "%s: PCI slot %u:%u is in use by %s", d->name,
		    devfn >> 3, devfn & 7, bus->dev[devfn]->name));
	for (unsigned i = 0; i < PCI_REGIONS; i++) {
		if (d->bar[i].type == PCI_BAR_NONE)
			continue;
		rc = bar_place(bus, d, i);
		if (rc != 0)
			return (err_say(e, ENOSPC,
			    "%s: no room in the PCI window for BAR %u of %llu bytes", d->name, i,
			    (unsigned long long)d->bar[i].size));
		cmd |= d->bar[i].type == PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEM;
	}
	d->bus = bus;
	connect_intx(d);
	if (bus->enable_bars)
		le16_put(&d->cfg[PCIR_COMMAND], cmd);
	memcpy(d->cfg_attached, d->cfg, sizeof(d->cfg));
	bus->dev[devfn] = d;
	mark_multifunction(bus, devfn);
	lock_take(d->lock);
	(void)pci_bars_update(d);
	lock_drop(d->lock);
	for (unsigned i = 0; i < PCI_REGIONS; i++) {
		if (bar_wanted(d, i) && !d->bar[i].mapped)
			return (err_say(e, EBUSY, "%s: the machine cannot decode BAR %u at 0x%llx",
			    d->name, i, (unsigned long long)d->bar[i].addr));
	}
	return (0);
}

struct pci_dev *
pci_find(struct pci_bus *bus, unsigned bdf)
{
	return (bdf < PCI_DEVFNS ? bus->dev[bdf] : NULL);
}

struct pci_dev *
pci_nth(struct pci_bus *bus, unsigned n)
{
	for (unsigned i = 0; i < PCI_DEVFNS; i++) {
		if (bus->dev[i] != NULL && n-- == 0)
			return (bus->dev[i]);
	}
	return (NULL);
}

bool
pci_bus_master(const struct pci_dev *d)
{
	return ((d->cfg[PCIR_COMMAND] & PCI_COMMAND_MASTER) != 0);
}

void
pci_intx_update(struct pci_dev *d)
{
	bool out = d->intx_level && !d->msix.enabled && !pci_msi_enabled(d) &&
	    (le16_get(&d->cfg[PCIR_COMMAND]) & PCI_COMMAND_NOINTX) == 0;

	if (d->gsi == 0 || out == d->intx_out)
		return;
	d->intx_out = out;
	if (out)
		irq_share_hold(&d->bus->intx[d->gsi - PCI_INTX_GSI_BASE]);
	else
		irq_share_release(&d->bus->intx[d->gsi - PCI_INTX_GSI_BASE]);
}

void
pci_intx_set(struct pci_dev *d, bool level)
{
	d->intx_level = level;
	if (d->bus != NULL)
		pci_intx_update(d);
}

static void
dev_reset(struct pci_dev *d)
{
	/* Stop decoding first: a device's reset must not meet a half-changed map. */
	for (unsigned i = 0; i < PCI_REGIONS; i++) {
		if (d->bar[i].mapped)
			bar_unmap(d, i);
	}
	memcpy(d->cfg, d->cfg_attached, sizeof(d->cfg));
	pci_msix_reset(d);
	if (d->ops->reset != NULL)
		d->ops->reset(d);
	pci_intx_set(d, false);
}

void
pci_reset(struct pci_bus *bus)
{
	struct pci_dev *d;

	bus->config_address = 0;
	for (unsigned n = 0; (d = pci_nth(bus, n)) != NULL; n++) {
		lock_take(d->lock);
		dev_reset(d);
		lock_drop(d->lock);
	}
	/* Only now is every old place free. */
	for (unsigned n = 0; (d = pci_nth(bus, n)) != NULL; n++) {
		lock_take(d->lock);
		(void)pci_bars_update(d);
		lock_drop(d->lock);
	}
}
