/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI (PCI 3.0, 6.8.1): a capability of one message with a 64-bit address, for functions whose
 * hardware had no MSI-X. Without per-vector masking there is nothing pending to keep: a message
 * is sent while MSI is enabled or not at all. Pure; runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/pci.h"
#include "devices/pci_internal.h"
#include "devices/pci_regs.h"

#define CAP_LEN 14u /* header, control, address, upper address, data */

int
pci_add_msi(struct pci_dev *d)
{
	uint8_t body[CAP_LEN - 2] = { 0 };
	int off;

	if (d->msi_off != 0)
		return (-EEXIST);
	le16_put(&body[PCIR_MSI_CTRL - 2], PCI_MSI_64BIT);
	if ((off = pci_add_cap(d, PCI_CAP_MSI, body, CAP_LEN)) < 0)
		return (off);
	d->msi_off = (unsigned)off;
	le16_put(&d->wmask[off + PCIR_MSI_CTRL], PCI_MSI_ENABLE);
	le32_put(&d->wmask[off + PCIR_MSI_ADDR], ~3u); /* messages are aligned */
	le32_put(&d->wmask[off + PCIR_MSI_UPPER], ~0u);
	le16_put(&d->wmask[off + PCIR_MSI_DATA], 0xffff);
	return (0);
}

bool
pci_msi_enabled(const struct pci_dev *d)
{
	return (d->msi_off != 0 &&
	    (le16_get(&d->cfg[d->msi_off + PCIR_MSI_CTRL]) & PCI_MSI_ENABLE) != 0);
}

bool
pci_msi_notify(struct pci_dev *d)
{
	const uint8_t *cap = &d->cfg[d->msi_off];
	uint64_t addr;

	if (!pci_msi_enabled(d))
		return (false);
	addr = le32_get(cap + PCIR_MSI_ADDR) | (uint64_t)le32_get(cap + PCIR_MSI_UPPER) << 32;
	d->bus->host.msi(d->bus->host.ctx, addr, le16_get(cap + PCIR_MSI_DATA));
	return (true);
}
