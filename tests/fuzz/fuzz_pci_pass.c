/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A function of the host, passed through: its configuration space and the sizes of its BARs are the
 * input's first part (a device that lies), what the guest does with it the rest.
 */
#include <assert.h>
#include <string.h>

#include "devices/pci_pass.h"
#include "fuzz_host.h"

static uint8_t device_cfg[PCI_CFG_SIZE];

static uint32_t
cfg_read(struct pci_pass *p, unsigned off, unsigned size)
{
	uint32_t v = 0;

	assert(
	    (size == 1 || size == 2 || size == 4) && off % size == 0 && off + size <= PCI_CFG_SIZE);
	memcpy(&v, &device_cfg[off], size);
	return (v);
}

/* Nothing but bodies of vendor-specific capabilities is ever written. */
static void
cfg_write(struct pci_pass *p, unsigned off, unsigned size, uint32_t val)
{
	assert(off % size == 0 && off + size <= PCI_CFG_SIZE);
	for (unsigned i = off; i < off + size; i++)
		assert(i >= 0x43 && p->through[i]);
	memcpy(&device_cfg[off], &val, size);
}

static uint64_t
bar_read(struct pci_pass *p, unsigned bar, uint64_t off, unsigned size)
{
	assert(off + size <= p->pci.bar[bar].size);
	return (off);
}

static void
bar_write(struct pci_pass *p, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	assert(off + size <= p->pci.bar[bar].size);
}

static void
bar_moved(struct pci_pass *p, unsigned bar, uint64_t gpa)
{
	assert(bar < PCI_BARS);
}

static void
master(struct pci_pass *p, bool on)
{
	assert(on == pci_bus_master(&p->pci));
}

static void
irq_changed(struct pci_pass *p)
{
	assert(p->irq != PCI_PASS_INTX || !p->pci.no_intx);
}

static void
vector_changed(struct pci_pass *p, unsigned vector)
{
	assert(vector < PCI_PASS_VECTORS);
}

/* What the guest reaches directly holds neither table nor pending bits, and nothing twice. */
static void
check_areas(const struct pci_pass *p, struct fuzz *in)
{
	const struct pci_msix *m = &p->pci.msix;
	struct pci_pass_area a[3], out[PCI_PASS_AREAS];

	for (unsigned i = 0; i < 3; i++)
		a[i] = (struct pci_pass_area){ (uint64_t)i << 14 | fuzz_u8(in),
			(uint64_t)fuzz_u8(in) << 6 };
	for (unsigned bar = 0; bar < PCI_BARS; bar++) {
		unsigned n = pci_pass_areas(p, bar, a, 3, out);

		assert(n <= PCI_PASS_AREAS);
		for (unsigned i = 0; i < n; i++) {
			uint64_t end = out[i].off + out[i].len;

			assert(out[i].len != 0 && out[i].off % 4096 == 0 && end % 4096 == 0);
			assert(end <= p->pci.bar[bar].size);
			if (m->nvec == 0)
				continue;
			assert(bar != m->bar || end <= m->table_off ||
			    out[i].off >= m->table_off + m->nvec * 16ull);
			assert(bar != m->pba_bar || end <= m->pba_off ||
			    out[i].off >= m->pba_off + (m->nvec + 63) / 64 * 8ull);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pci_pass_ops ops = { cfg_read, cfg_write, bar_read, bar_write,
		bar_moved, master, irq_changed, vector_changed };
	struct fuzz in = { data, size };
	struct pci_pass_host desc = { .intx = true, .msi = true };
	struct pci_pass p;
	struct fuzz_host h;
	uint8_t how = fuzz_u8(&in);

	desc.intx = (how & 1) != 0;
	desc.vectors = how & 2 ? 2048 : how >> 2;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint8_t bits = fuzz_u8(&in) & 31;

		desc.bar_size[i] = bits == 0 ? 0 : 1ull << bits;
	}
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		desc.cfg[i] = fuzz_u8(&in);
	desc.cfg[0x0e] &= 0x80; /* most others are refused at once */
	memcpy(device_cfg, desc.cfg, sizeof(device_cfg));
	if (pci_pass_init(&p, &desc, &ops, NULL, NULL) != 0)
		return (0);
	fuzz_host_init(&h);
	p.pci.bdf = PCI_BDF(0, 3, 0);
	if (pci_attach(h.pci, &p.pci, NULL) == 0) {
		pci_pass_start(&p);
		check_areas(&p, &in);
		fuzz_host_run(&h, &p.pci, &in);
		pci_reset(h.pci);
	}
	fuzz_host_fini(&h);
	pci_dev_fini(&p.pci);
	return (0);
}
