/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function of the host, shown to a guest: see pci_pass.h. Registers are those of PCI 3.0, chapter
 * 6, PCI Power Management 1.2, 3.2, and PCI Express Base 3.0, 7.8. Pure; runs in zhyve.
 */
#include "devices/pci_pass.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/pci_regs.h"

#define CAPS_MAX ((PCI_CFG_SIZE - PCI_CAPS_START) / 4) /* they are aligned */

#define ID_NONE  0xffff

/* Power management. */
#define PM_LEN         8u
#define PMR_PMC        2
#define PMR_PMCSR      4
#define PMC_VERSION    0x0007
#define PMCSR_STATE    0x0003
#define PMCSR_NO_RESET 0x0008 /* going back to D0 resets nothing */

/* PCI Express, version 2 of the capability. */
#define EXP_LEN             60u
#define EXP_LEN_V1          20u /* of an endpoint: to the link's registers */
#define EXPR_CAPS           2
#define EXPR_DEVCAP         4
#define EXPR_DEVCTL         8
#define EXPR_DEVSTA         10
#define EXPR_LINK           12
#define EXPR_REST           20 /* slot, root */
#define EXPR_DEVCAP2        36
#define EXPR_DEVCTL2        40
#define EXPR_DEVSTA2        42
#define EXP_VERSION         0x000f
#define EXP_TYPE            0x00f0
#define EXP_TYPE_LAST       0x0010 /* 0 endpoint, 1 legacy endpoint */
#define EXP_TYPE_RCIE       0x0090
#define EXP_DEVCAP_FLR      (1u << 28)
#define EXP_DEVCTL_MASK     0x7fff /* all but "initiate function level reset" */
#define EXP_DEVCAP2_TIMEOUT 0x0000001fu
#define EXP_DEVCTL2_TIMEOUT 0x001f

#define VENDOR_LEN          2 /* where a vendor-specific capability says how long it is */
#define MSI_SEEN            (PCI_MSI_64BIT)
#define MSI_LEN             14u
#define MSI_LEN32           10u
#define MSIX_LEN            12u

/* ---- accesses by the guest ---- */

static bool
cfg_read(struct pci_dev *d, unsigned off, unsigned size, uint32_t *val)
{
	struct pci_pass *p = d->softc;
	uint32_t live = 0, own = 0;

	for (unsigned i = 0; i < size; i++) {
		live |= (uint32_t)p->live[off + i] << (8 * i);
		own |= (uint32_t)d->cfg[off + i] << (8 * i);
	}
	if (live == 0)
		return (false);
	*val = (own & ~live) | (p->ops->cfg_read(p, off, size) & live);
	return (true);
}

static enum pci_pass_irq
irq_of(const struct pci_pass *p)
{
	const struct pci_dev *d = &p->pci;

	if (pci_msix_enabled(d))
		return (PCI_PASS_MSIX);
	if (pci_msi_enabled(d))
		return (PCI_PASS_MSI);
	if (d->gsi == 0 || (le16_get(&d->cfg[PCIR_COMMAND]) & PCI_COMMAND_NOINTX) != 0)
		return (PCI_PASS_NONE);
	return (PCI_PASS_INTX);
}

/* Tell the owner what has become different. */
static void
update(struct pci_pass *p, bool msi_written)
{
	enum pci_pass_irq irq = irq_of(p);

	if (pci_bus_master(&p->pci) != p->is_master) {
		p->is_master = !p->is_master;
		p->ops->master(p, p->is_master);
	}
	if (irq == p->irq && !(msi_written && irq == PCI_PASS_MSI))
		return;
	p->irq = irq;
	p->ops->irq_changed(p);
}

/* Hand on what was written to bytes that are the device's, in one piece where all of it is. */
static void
write_through(struct pci_pass *p, unsigned off, unsigned size)
{
	uint32_t val = 0;
	bool all = true;

	for (unsigned i = 0; i < size; i++) {
		all &= p->through[off + i];
		val |= (uint32_t)p->pci.cfg[off + i] << (8 * i);
	}
	if (all) {
		p->ops->cfg_write(p, off, size, val);
		return;
	}
	for (unsigned i = 0; i < size; i++) {
		if (p->through[off + i])
			p->ops->cfg_write(p, off + i, 1, p->pci.cfg[off + i]);
	}
}

static void
cfg_written(struct pci_dev *d, unsigned off, unsigned size)
{
	struct pci_pass *p = d->softc;
	bool msi = d->msi_off != 0 && off < d->msi_off + MSI_LEN && off + size > d->msi_off;

	write_through(p, off, size);
	update(p, msi);
}

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	struct pci_pass *p = d->softc;

	return (p->ops->bar_read(p, bar, off, size));
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	struct pci_pass *p = d->softc;

	p->ops->bar_write(p, bar, off, size, val);
}

static void
bar_moved(struct pci_dev *d, unsigned bar, uint64_t gpa)
{
	struct pci_pass *p = d->softc;

	if (bar < PCI_BARS)
		p->ops->bar_moved(p, bar, gpa);
}

static void
msix_changed(struct pci_dev *d, unsigned vector)
{
	struct pci_pass *p = d->softc;

	p->ops->vector_changed(p, vector);
}

static void
reset(struct pci_dev *d)
{
	update(d->softc, true);
}

static const struct pci_dev_ops dev_ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.cfg_written = cfg_written,
	.cfg_read = cfg_read,
	.bar_moved = bar_moved,
	.msix_changed = msix_changed,
	.reset = reset,
};

/* ---- capabilities ---- */

/*
 * Where the device's capabilities are, in the order of its list; how many. A list that leaves the
 * space, or comes back to where it was, ends there.
 */
static unsigned
walk(const uint8_t *cfg, uint8_t at[CAPS_MAX])
{
	bool seen[CAPS_MAX + PCI_CAPS_START / 4] = { false };
	unsigned n = 0, off;

	if ((cfg[PCIR_STATUS] & PCI_STATUS_CAPS) == 0)
		return (0);
	for (off = cfg[PCIR_CAP] & ~3u; off >= PCI_CAPS_START && !seen[off / 4];
	     off = cfg[off + PCIR_CAP_NEXT] & ~3u) {
		seen[off / 4] = true;
		at[n++] = (uint8_t)off;
	}
	return (n);
}

/* How many bytes there are from `off` to the next capability, or to the end. */
static unsigned
room(const uint8_t *at, unsigned n, unsigned off)
{
	unsigned end = PCI_CFG_SIZE;

	for (unsigned i = 0; i < n; i++) {
		if (at[i] > off && at[i] < end)
			end = at[i];
	}
	return (end - off);
}

static bool
show_pm(struct pci_pass *p, const uint8_t *from, unsigned off, unsigned len)
{
	uint8_t *to = &p->pci.cfg[off];

	if (len < PM_LEN)
		return (false);
	/* No D1, no D2, no wake-up; D3 is a bit that is kept, the device stays awake. */
	le16_put(to + PMR_PMC, le16_get(from + PMR_PMC) & PMC_VERSION);
	le16_put(to + PMR_PMCSR, PMCSR_NO_RESET);
	le16_put(&p->pci.wmask[off + PMR_PMCSR], PMCSR_STATE);
	return (true);
}

static bool
show_msi(struct pci_pass *p, const uint8_t *from, unsigned off, unsigned len)
{
	bool wide = (le16_get(from + PCIR_MSI_CTRL) & PCI_MSI_64BIT) != 0;

	if (len < (wide ? MSI_LEN : MSI_LEN32))
		return (false);
	/* One message, not maskable: what is behind data and upper address is not shown. */
	le16_put(&p->pci.cfg[off + PCIR_MSI_CTRL], le16_get(from + PCIR_MSI_CTRL) & MSI_SEEN);
	return (pci_take_msi(&p->pci, off) == 0);
}

static bool
show_msix(struct pci_pass *p, const uint8_t *from, unsigned off, unsigned len, unsigned vectors)
{
	unsigned nvec = (le16_get(from + PCIR_MSIX_CTRL) & PCI_MSIX_SIZE) + 1u;

	if (len < MSIX_LEN || p->device_vectors != 0)
		return (false);
	p->device_vectors = nvec;
	le32_put(&p->pci.cfg[off + PCIR_MSIX_TABLE], le32_get(from + PCIR_MSIX_TABLE));
	le32_put(&p->pci.cfg[off + PCIR_MSIX_PBA], le32_get(from + PCIR_MSIX_PBA));
	nvec = MIN(MIN(nvec, vectors), PCI_PASS_VECTORS);
	return (pci_take_msix(&p->pci, off, nvec) == 0);
}

static bool
show_express(struct pci_pass *p, const uint8_t *from, unsigned off, unsigned len)
{
	uint16_t caps = le16_get(from + EXPR_CAPS);
	uint8_t *to = &p->pci.cfg[off], *wmask = &p->pci.wmask[off];
	bool v2 = (caps & EXP_VERSION) >= 2;

	if (len < (v2 ? EXP_LEN : EXP_LEN_V1) || (caps & EXP_TYPE) > EXP_TYPE_LAST)
		return (false);
	/* Links, slots and roots are the host's affair, and what belongs to them stays zero. */
	le16_put(to + EXPR_CAPS, (caps & EXP_VERSION) | EXP_TYPE_RCIE);
	le32_put(to + EXPR_DEVCAP, le32_get(from + EXPR_DEVCAP) & ~EXP_DEVCAP_FLR);
	le16_put(to + EXPR_DEVCTL, le16_get(from + EXPR_DEVCTL) & EXP_DEVCTL_MASK);
	le16_put(wmask + EXPR_DEVCTL, EXP_DEVCTL_MASK);
	if (v2) {
		le32_put(to + EXPR_DEVCAP2, le32_get(from + EXPR_DEVCAP2) & EXP_DEVCAP2_TIMEOUT);
		le16_put(wmask + EXPR_DEVCTL2, EXP_DEVCTL2_TIMEOUT);
	}
	return (true);
}

static bool
show_vendor(struct pci_pass *p, const uint8_t *from, unsigned off, unsigned len)
{
	unsigned n = from[VENDOR_LEN];

	if (n <= VENDOR_LEN || n > len)
		return (false);
	p->pci.cfg[off + VENDOR_LEN] = (uint8_t)n;
	for (unsigned i = off + VENDOR_LEN + 1; i < off + n; i++) {
		p->live[i] = 0xff;
		p->pci.wmask[i] = 0xff;
		p->through[i] = true;
	}
	return (true);
}

/* Put a capability where the device has it, as the guest may see it. False: it is hidden. */
static bool
show(struct pci_pass *p, const struct pci_pass_host *host, unsigned off, unsigned len)
{
	const uint8_t *from = &host->cfg[off];

	switch (from[0]) {
	case PCI_CAP_PM:
		return (show_pm(p, from, off, len));
	case PCI_CAP_MSI:
		return (host->msi && show_msi(p, from, off, len));
	case PCI_CAP_MSIX:
		return (host->vectors > 0 && show_msix(p, from, off, len, host->vectors));
	case PCI_CAP_EXPRESS:
		return (show_express(p, from, off, len));
	case PCI_CAP_VENDOR:
		return (show_vendor(p, from, off, len));
	default:
		return (false);
	}
}

static void
show_capabilities(struct pci_pass *p, const struct pci_pass_host *host)
{
	uint8_t at[CAPS_MAX] = { 0 };
	unsigned n = walk(host->cfg, at), link = PCIR_CAP;
	struct pci_dev *d = &p->pci;

	for (unsigned i = 0; i < n; i++) {
		unsigned off = at[i], len = room(at, n, off);

		if (len < 4 || !show(p, host, off, len)) {
			if (len >= 4)
				memset(&d->cfg[off], 0, len);
			continue;
		}
		d->cfg[off] = host->cfg[off];
		d->cfg[link] = (uint8_t)off;
		d->cfg[PCIR_STATUS] |= PCI_STATUS_CAPS;
		link = off + PCIR_CAP_NEXT;
	}
	d->cap_next = PCI_CFG_SIZE; /* nobody adds to it */
}

/* ---- making it ---- */

static int
add_bars(struct pci_pass *p, const struct pci_pass_host *host, struct err *e)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint32_t reg = le32_get(&host->cfg[PCIR_BAR(i)]);
		enum pci_bar_type type = PCI_BAR_MEM32;
		int rc;

		if (host->bar_size[i] == 0)
			continue;
		if ((reg & PCI_BAR_BIT_IO) != 0)
			type = PCI_BAR_IO;
		else if ((reg & PCI_BAR_MEM_TYPE) == PCI_BAR_BIT_MEM64)
			type = PCI_BAR_MEM64;
		if ((rc = pci_add_bar(&p->pci, i, type, host->bar_size[i])) != 0)
			return (err_say(e, -rc, "BAR %u of %llu bytes cannot be shown to a guest",
			    i, (unsigned long long)host->bar_size[i]));
		if (type != PCI_BAR_IO)
			p->pci.cfg[PCIR_BAR(i)] |= reg & PCI_BAR_BIT_PREF;
	}
	return (0);
}

int
pci_pass_init(struct pci_pass *p, const struct pci_pass_host *host, const struct pci_pass_ops *ops,
    void *ctx, struct err *e)
{
	const uint8_t *cfg = host->cfg;
	int rc;

	if (le16_get(&cfg[PCIR_VENDOR]) == ID_NONE)
		return (err_say(e, EINVAL, "the device does not answer"));
	if ((cfg[PCIR_HEADER] & PCI_HEADER_TYPE) != 0)
		return (err_say(e, EINVAL, "it is a bridge, not a device"));
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->ctx = ctx;
	pci_dev_init(&p->pci, "passthru", &dev_ops, p, le16_get(&cfg[PCIR_VENDOR]),
	    le16_get(&cfg[PCIR_DEVICE]), le32_get(&cfg[PCIR_REVISION]) >> 8, cfg[PCIR_REVISION]);
	pci_set_subsystem(&p->pci, le16_get(&cfg[PCIR_SUBVENDOR]), le16_get(&cfg[PCIR_SUBDEVICE]));
	if ((rc = add_bars(p, host, e)) != 0)
		return (rc);
	p->pci.no_intx = !host->intx || cfg[PCIR_INTPIN] == 0;
	if (!p->pci.no_intx)
		p->live[PCIR_STATUS] = PCI_STATUS_INTX;
	show_capabilities(p, host);
	return (0);
}

void
pci_pass_start(struct pci_pass *p)
{
	update(p, false);
}

/* ---- what the guest reaches directly ---- */

/* Take [from, to) out of the areas; at most PCI_PASS_AREAS stay. */
static unsigned
cut(struct pci_pass_area a[PCI_PASS_AREAS], unsigned n, uint64_t from, uint64_t to)
{
	struct pci_pass_area out[PCI_PASS_AREAS];
	unsigned m = 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t end = a[i].off + a[i].len;
		uint64_t before = MIN(end, from), after = MAX(a[i].off, to);

		if (before > a[i].off && m < PCI_PASS_AREAS)
			out[m++] = (struct pci_pass_area){ a[i].off, before - a[i].off };
		if (end > after && m < PCI_PASS_AREAS)
			out[m++] = (struct pci_pass_area){ after, end - after };
	}
	memcpy(a, out, m * sizeof(out[0]));
	return (m);
}

unsigned
pci_pass_areas(const struct pci_pass *p, unsigned bar, const struct pci_pass_area *in, unsigned n,
    struct pci_pass_area out[PCI_PASS_AREAS])
{
	const struct pci_bar *b = &p->pci.bar[bar];
	const struct pci_msix *m = &p->pci.msix;
	uint64_t table = m->table_off, pba = m->pba_off;
	unsigned count = 0;

	if (b->type != PCI_BAR_MEM32 && b->type != PCI_BAR_MEM64)
		return (0);
	for (unsigned i = 0; i < n && count < PCI_PASS_AREAS; i++) {
		uint64_t from, to;

		if (!range_ok(in[i].off, in[i].len, b->size))
			continue;
		from = ROUND_UP(in[i].off, (uint64_t)PCI_PASS_PAGE);
		to = ROUND_DOWN(in[i].off + in[i].len, (uint64_t)PCI_PASS_PAGE);
		if (from < to)
			out[count++] = (struct pci_pass_area){ from, to - from };
	}
	if (m->nvec != 0 && bar == m->bar)
		count = cut(out, count, ROUND_DOWN(table, (uint64_t)PCI_PASS_PAGE),
		    ROUND_UP(table + p->device_vectors * 16ull, (uint64_t)PCI_PASS_PAGE));
	if (m->nvec != 0 && bar == m->pba_bar)
		count = cut(out, count, ROUND_DOWN(pba, (uint64_t)PCI_PASS_PAGE),
		    ROUND_UP(pba + (p->device_vectors + 63) / 64 * 8ull, (uint64_t)PCI_PASS_PAGE));
	return (count);
}
