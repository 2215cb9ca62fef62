/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI bus by both mechanisms, with a device that has every kind of BAR, an interrupt pin and
 * MSI-X.
 */
#include <assert.h>

#include "fuzz_host.h"

static uint64_t
bar_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size)
{
	assert(off + size <= d->bar[bar].size);
	return (off);
}

static void
bar_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val)
{
	assert(off + size <= d->bar[bar].size);
}

static void
own(struct fuzz_host *h, struct fuzz *in, void *ctx)
{
	struct pci_dev *d = ctx;
	unsigned n = fuzz_u8(in);

	if ((n & 1) != 0)
		(void)pci_msix_notify(d, n >> 1);
	else if ((n & 2) != 0)
		pci_intx_set(d, (n & 4) != 0);
	else if ((n & 0xf8) == 0xf8)
		pci_reset(h->pci);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pci_dev_ops ops = { .bar_read = bar_read, .bar_write = bar_write };
	struct fuzz in = { data, size };
	struct pci_dev d;
	struct fuzz_host h;
	int rc = 0;

	fuzz_host_init(&h);
	h.own = own;
	h.ctx = &d;
	pci_dev_init(&d, "toy", &ops, NULL, 0x1234, 0x5678, 0xff0000, 1);
	rc |= pci_add_bar(&d, 0, PCI_BAR_IO, 32);
	rc |= pci_add_bar(&d, 1, PCI_BAR_MEM32, 8192);
	rc |= pci_add_bar(&d, 2, PCI_BAR_MEM64, 1u << 20);
	rc |= pci_add_msix(&d, 5, 1, 0, 4096);
	assert(rc == 0);
	fuzz_host_attach(&h, &d);
	if ((fuzz_u8(&in) & 1) != 0)
		fuzz_host_run(&h, &d, &in);
	else
		fuzz_host_run(&h, NULL, &in);
	fuzz_host_fini(&h);
	pci_dev_fini(&d);
	return (0);
}
