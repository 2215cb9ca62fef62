/* SPDX-License-Identifier: BSD-2-Clause */
/* What pci.c, pci_cfg.c and pci_msix.c share; nobody else includes it. */
#ifndef ZHYVE_DEVICES_PCI_INTERNAL_H
#define ZHYVE_DEVICES_PCI_INTERNAL_H

#include "devices/irq_share.h"
#include "devices/pci.h"

#define PCI_DEVFNS       256         /* of one bus */
#define PCI_CONFIG_WMASK 0x80FFFFFCu /* of CONFIG_ADDRESS */

struct pci_window {
	uint64_t base, end; /* end exclusive */
	uint64_t next;      /* where placement goes on ... */
	uint64_t place_end; /* ... and ends */
};

struct pci_bus {
	struct pci_host_ops host;
	struct pci_window io, mem32, mem64;
	struct pci_dev *dev[PCI_DEVFNS]; /* by device and function, of bus 0 */
	uint32_t config_address;         /* 0xCF8 */
	const struct bus_ops *reset_ops; /* 0xCF9, may be NULL */
	void *reset_dev;
	bool enable_bars;
	struct irq_share intx[PCI_INTX_GSIS];
};

/* Make decoding of d's BARs follow its registers. True when room may have become free. */
bool pci_bars_update(struct pci_dev *d);
/* Let the INTx line follow what device, command register and MSI-X say. */
void pci_intx_update(struct pci_dev *d);

/* The MSI-X message control word was written. */
void pci_msix_ctrl_written(struct pci_dev *d);
void pci_msix_reset(struct pci_dev *d);
/* Serve an access to table or PBA: true when it was one. */
bool pci_msix_read(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t *val);
bool pci_msix_write(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val);

#endif
