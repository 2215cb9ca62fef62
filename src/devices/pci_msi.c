/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI (PCI 3.0, 6.8.1): a capability of one message, with a 64-bit address but for functions of
 * the host's that have a 32-bit one, for functions whose hardware had no MSI-X. Without per-vector masking there is nothing pending to keep: a message
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
	return (pci_take_msi(d, (unsigned)off));
}

int
pci_take_msi(struct pci_dev *d, unsigned off)
{
	bool wide = (le16_get(&d->cfg[off + PCIR_MSI_CTRL]) & PCI_MSI_64BIT) != 0;

	if (d->msi_off != 0)
		return (-EEXIST);
	if (off > PCI_CFG_SIZE - CAP_LEN)
		return (-ENOSPC);
	d->msi_off = off;
	le16_put(&d->wmask[off + PCIR_MSI_CTRL], PCI_MSI_ENABLE);
	le32_put(&d->wmask[off + PCIR_MSI_ADDR], ~3u); /* messages are aligned */
	if (wide)
		le32_put(&d->wmask[off + PCIR_MSI_UPPER], ~0u);
	le16_put(&d->wmask[off + (wide ? PCIR_MSI_DATA : PCIR_MSI_DATA32)], 0xffff);
	return (0);
}

void
pci_msi_message(const struct pci_dev *d, uint64_t *addr, uint32_t *data)
{
	const uint8_t *cap = &d->cfg[d->msi_off];

	*addr = le32_get(cap + PCIR_MSI_ADDR);
	if ((le16_get(cap + PCIR_MSI_CTRL) & PCI_MSI_64BIT) != 0) {
		*addr |= (uint64_t)le32_get(cap + PCIR_MSI_UPPER) << 32;
		*data = le16_get(cap + PCIR_MSI_DATA);
	} else {
		*data = le16_get(cap + PCIR_MSI_DATA32);
	}
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
	uint64_t addr;
	uint32_t data;

	if (!pci_msi_enabled(d))
		return (false);
	pci_msi_message(d, &addr, &data);
	d->bus->host.msi(d->bus->host.ctx, addr, data);
	return (true);
}
