/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X (PCI 3.0, 6.8.2): capability, vector table, pending bits. Table and PBA take aligned
 * accesses of 4 and 8 bytes, as the specification asks of software; smaller or crooked ones have
 * no effect and read as zero. Pure; runs in zhyve.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/pci.h"
#include "devices/pci_internal.h"
#include "devices/pci_regs.h"

#define ENTRY_SIZE 16u
#define ENTRY_CTRL 12u
#define CAP_LEN    12u

static uint64_t
table_len(const struct pci_dev *d)
{
	return ((uint64_t)d->msix.nvec * ENTRY_SIZE);
}

static uint64_t
pba_len(const struct pci_dev *d)
{
	return ((d->msix.nvec + 63) / 64 * sizeof(uint64_t));
}

static void
mask_all(struct pci_dev *d)
{
	memset(d->msix.table, 0, table_len(d));
	memset(d->msix.pba, 0, pba_len(d));
	for (unsigned i = 0; i < d->msix.nvec; i++)
		d->msix.table[i].ctrl = PCI_MSIX_VEC_MASK;
}

static bool
place_ok(const struct pci_dev *d, unsigned bar, uint64_t off, uint64_t len)
{
	const struct pci_bar *b;

	if (bar >= PCI_BARS)
		return (false);
	b = &d->bar[bar];
	return ((b->type == PCI_BAR_MEM32 || b->type == PCI_BAR_MEM64) && off % 8 == 0 &&
	    range_ok(off, len, b->size));
}

/* The places are 8-byte aligned, inside memory BARs, and apart. */
static bool
places_ok(const struct pci_dev *d, const struct pci_msix *m)
{
	uint64_t tlen = (uint64_t)m->nvec * ENTRY_SIZE, plen = (m->nvec + 63) / 64 * 8;

	return (place_ok(d, m->bar, m->table_off, tlen) &&
	    place_ok(d, m->pba_bar, m->pba_off, plen) &&
	    (m->bar != m->pba_bar || m->table_off + tlen <= m->pba_off ||
		m->pba_off + plen <= m->table_off));
}

int
pci_take_msix(struct pci_dev *d, unsigned off, unsigned nvec)
{
	struct pci_msix m = { .nvec = nvec, .cap_off = off };
	uint32_t table, pba;

	if (d->msix.nvec != 0)
		return (-EEXIST);
	if (off > PCI_CFG_SIZE - CAP_LEN || nvec == 0 || nvec > PCI_MSIX_MAX)
		return (-EINVAL);
	table = le32_get(&d->cfg[off + PCIR_MSIX_TABLE]);
	pba = le32_get(&d->cfg[off + PCIR_MSIX_PBA]);
	m.bar = table & PCI_MSIX_BIR;
	m.table_off = table & ~PCI_MSIX_BIR;
	m.pba_bar = pba & PCI_MSIX_BIR;
	m.pba_off = pba & ~PCI_MSIX_BIR;
	if (!places_ok(d, &m))
		return (-EINVAL);
	m.table = calloc(nvec, sizeof(*m.table));
	m.pba = calloc((nvec + 63) / 64, sizeof(*m.pba));
	d->msix = m;
	if (m.table == NULL || m.pba == NULL) {
		pci_dev_fini(d);
		return (-ENOMEM);
	}
	le16_put(&d->cfg[off + PCIR_MSIX_CTRL], (uint16_t)(nvec - 1));
	le16_put(&d->wmask[off + PCIR_MSIX_CTRL], PCI_MSIX_ENABLE | PCI_MSIX_MASKALL);
	mask_all(d);
	return (0);
}

int
pci_add_msix(struct pci_dev *d, unsigned nvec, unsigned bar, uint32_t table_off, uint32_t pba_off)
{
	const struct pci_msix m = {
		.nvec = nvec, .bar = bar, .pba_bar = bar, .table_off = table_off, .pba_off = pba_off
	};
	uint8_t body[CAP_LEN - 2];
	int off;

	if (d->msix.nvec != 0)
		return (-EEXIST);
	if (nvec == 0 || nvec > PCI_MSIX_MAX || !places_ok(d, &m))
		return (-EINVAL);
	le16_put(&body[0], (uint16_t)(nvec - 1));
	le32_put(&body[2], table_off | bar);
	le32_put(&body[6], pba_off | bar);
	if ((off = pci_add_cap(d, PCI_CAP_MSIX, body, CAP_LEN)) < 0)
		return (off);
	return (pci_take_msix(d, (unsigned)off, nvec));
}

bool
pci_msix_enabled(const struct pci_dev *d)
{
	return (d->msix.enabled);
}

bool
pci_msix_deliverable(const struct pci_dev *d, unsigned vec)
{
	const struct pci_msix *m = &d->msix;

	return (m->enabled && !m->masked && vec < m->nvec &&
	    (m->table[vec].ctrl & PCI_MSIX_VEC_MASK) == 0);
}

static void
deliver(struct pci_dev *d, unsigned vec)
{
	const struct msix_entry *e = &d->msix.table[vec];

	d->bus->host.msi(d->bus->host.ctx, e->addr, e->data);
}

bool
pci_msix_notify(struct pci_dev *d, unsigned vec)
{
	struct pci_msix *m = &d->msix;

	if (!m->enabled)
		return (false);
	if (vec >= m->nvec)
		return (true);
	if (pci_msix_deliverable(d, vec))
		deliver(d, vec);
	else
		m->pba[vec / 64] |= 1ull << (vec % 64);
	return (true);
}

/* Send what became deliverable of vector `vec`. */
static void
flush_pending(struct pci_dev *d, unsigned vec)
{
	uint64_t bit = 1ull << (vec % 64), *word = &d->msix.pba[vec / 64];

	if ((*word & bit) == 0 || !pci_msix_deliverable(d, vec))
		return;
	*word &= ~bit;
	deliver(d, vec);
}

static void
tell(struct pci_dev *d, unsigned vec)
{
	if (d->ops->msix_changed != NULL)
		d->ops->msix_changed(d, vec);
}

void
pci_msix_ctrl_written(struct pci_dev *d)
{
	struct pci_msix *m = &d->msix;
	uint16_t ctrl = le16_get(&d->cfg[m->cap_off + PCIR_MSIX_CTRL]);
	bool enabled = (ctrl & PCI_MSIX_ENABLE) != 0, masked = (ctrl & PCI_MSIX_MASKALL) != 0;

	if (enabled == m->enabled && masked == m->masked)
		return;
	m->enabled = enabled;
	m->masked = masked;
	for (unsigned i = 0; i < m->nvec; i++) {
		tell(d, i);
		flush_pending(d, i);
	}
}

void
pci_msix_reset(struct pci_dev *d)
{
	if (d->msix.nvec == 0)
		return;
	mask_all(d);
	d->msix.enabled = false;
	d->msix.masked = false;
	for (unsigned i = 0; i < d->msix.nvec; i++)
		tell(d, i);
}

static uint32_t
table_load(const struct pci_dev *d, uint64_t off)
{
	const struct msix_entry *e = &d->msix.table[off / ENTRY_SIZE];

	switch (off % ENTRY_SIZE) {
	case 0:
		return ((uint32_t)e->addr);
	case 4:
		return ((uint32_t)(e->addr >> 32));
	case 8:
		return (e->data);
	default:
		return (e->ctrl);
	}
}

static void
table_store(struct pci_dev *d, uint64_t off, uint32_t val)
{
	struct msix_entry *e = &d->msix.table[off / ENTRY_SIZE];

	switch (off % ENTRY_SIZE) {
	case 0: /* bits 1:0 are zero: messages are aligned */
		e->addr = (e->addr & ~0xffffffffull) | (val & ~3u);
		break;
	case 4:
		e->addr = (e->addr & 0xffffffffull) | (uint64_t)val << 32;
		break;
	case 8:
		e->data = val;
		break;
	default:
		e->ctrl = val & PCI_MSIX_VEC_MASK;
		break;
	}
}

static uint32_t
pba_load(const struct pci_dev *d, uint64_t off)
{
	return ((uint32_t)(d->msix.pba[off / 8] >> (8 * (off % 8))));
}

/* Whether the access touches [start, start + len), which then owns it. */
static bool
touches(uint64_t off, unsigned size, uint64_t start, uint64_t len)
{
	return (off < start + len && off + size > start);
}

/* An access that the ranges take: of 4 or 8 bytes, aligned, wholly inside. */
static bool
proper(uint64_t off, unsigned size, uint64_t start, uint64_t len)
{
	return ((size == 4 || size == 8) && off % size == 0 && off >= start &&
	    off - start + size <= len);
}

/* Whether the access touches the table; whether it touches the PBA. */
static bool
in_table(const struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	return (d->msix.nvec != 0 && bar == d->msix.bar &&
	    touches(off, size, d->msix.table_off, table_len(d)));
}

static bool
in_pba(const struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	return (d->msix.nvec != 0 && bar == d->msix.pba_bar &&
	    touches(off, size, d->msix.pba_off, pba_len(d)));
}

bool
pci_msix_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t *val)
{
	uint32_t (*load)(const struct pci_dev *, uint64_t) = table_load;
	uint64_t start = d->msix.table_off, len = table_len(d);

	if (!in_table(d, bar, off, size)) {
		if (!in_pba(d, bar, off, size))
			return (false);
		start = d->msix.pba_off;
		len = pba_len(d);
		load = pba_load;
	}
	*val = 0;
	if (!proper(off, size, start, len))
		return (true);
	*val = load(d, off - start);
	if (size == 8)
		*val |= (uint64_t)load(d, off - start + 4) << 32;
	return (true);
}

bool
pci_msix_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	uint64_t start = d->msix.table_off, len = table_len(d);
	unsigned vec;

	if (!in_table(d, bar, off, size)) /* the PBA is read-only */
		return (in_pba(d, bar, off, size));
	if (!proper(off, size, start, len))
		return (true);
	off -= start;
	vec = (unsigned)(off / ENTRY_SIZE);
	table_store(d, off, (uint32_t)val);
	if (size == 8)
		table_store(d, off + 4, (uint32_t)(val >> 32));
	tell(d, vec);
	flush_pending(d, vec);
	return (true);
}
