/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI function of the host as a guest sees it: what of its configuration space is the device's
 * own, what is ours, and what is hidden.
 *
 * The guest never reaches the device's configuration space but for the bus master bit, the
 * interrupt status bit and the bodies of vendor-specific capabilities. All else is a copy made at
 * the start: identity; BARs (whose addresses are the guest's); power management without states;
 * MSI and MSI-X, which the owner programs in the host; a PCI Express capability of an endpoint
 * integrated into the root complex, which is where the guest finds it, without function level
 * reset. Capabilities that are not named here are not in the list, registers outside capabilities
 * read as zero and cannot be written, the extended space is not there.
 *
 * The device may be as hostile as the guest: its capability list is walked with bounds, and what
 * makes no sense in it is hidden. Pure (device.h): what reaches the device goes through struct
 * pci_pass_ops. Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PCI_PASS_H
#define ZHYVE_DEVICES_PCI_PASS_H

#include "devices/pci.h"

#define PCI_PASS_VECTORS 256 /* of MSI-X, at most, that the guest sees */
#define PCI_PASS_PAGE    4096u

/* How the function is to interrupt. */
enum pci_pass_irq {
	PCI_PASS_NONE,
	PCI_PASS_INTX,
	PCI_PASS_MSI,
	PCI_PASS_MSIX,
};

struct pci_pass;

struct pci_pass_ops {
	/* The device's configuration; within it, of 1, 2 or 4 bytes, aligned. */
	uint32_t (*cfg_read)(struct pci_pass *p, unsigned off, unsigned size);
	void (*cfg_write)(struct pci_pass *p, unsigned off, unsigned size, uint32_t val);
	/* A BAR where the guest does not reach it directly. */
	uint64_t (*bar_read)(struct pci_pass *p, unsigned bar, uint64_t off, unsigned size);
	void (*bar_write)(
	    struct pci_pass *p, unsigned bar, uint64_t off, unsigned size, uint64_t val);
	/* As in pci.h: a BAR was mapped at `gpa`, or unmapped (0). */
	void (*bar_moved)(struct pci_pass *p, unsigned bar, uint64_t gpa);
	/* DMA is allowed, or no longer. */
	void (*master)(struct pci_pass *p, bool on);
	/* It interrupts in another way than before, or MSI's message has changed. */
	void (*irq_changed)(struct pci_pass *p);
	/* MSI-X: as in pci.h. */
	void (*vector_changed)(struct pci_pass *p, unsigned vector);
};

/* What the host knows of the function. */
struct pci_pass_host {
	uint8_t cfg[PCI_CFG_SIZE];
	uint64_t bar_size[PCI_BARS]; /* 0: none, or the upper half of a 64-bit one */
	bool intx;                   /* the host can deliver its pin */
	bool msi;
	unsigned vectors; /* of MSI-X; 0: none */
};

struct pci_pass {
	struct pci_dev pci;
	const struct pci_pass_ops *ops;
	void *ctx; /* the owner's */
	enum pci_pass_irq irq;
	bool is_master;
	/* Bits of the configuration that are read from the device; bytes that are written to it. */
	uint8_t live[PCI_CFG_SIZE];
	bool through[PCI_CFG_SIZE];
	unsigned device_vectors; /* entries of the device's own MSI-X table */
};

/*
 * Make the function that the guest sees; pci.bdf and pci.lock are the caller's to fill, then
 * pci_attach. 0, -EINVAL (it is a bridge, does not answer, has a BAR that cannot be shown), -ENOMEM.
 */
int pci_pass_init(struct pci_pass *p, const struct pci_pass_host *host,
    const struct pci_pass_ops *ops, void *ctx, struct err *e);
/* After pci_attach: tell the owner how it interrupts now. */
void pci_pass_start(struct pci_pass *p);

/* A part of a BAR. */
struct pci_pass_area {
	uint64_t off, len;
};
#define PCI_PASS_AREAS 8
/*
 * What of memory BAR `bar` the guest may reach directly: of `n` areas that the host can map, whole
 * pages that hold neither MSI-X table nor pending bits. At most PCI_PASS_AREAS are put into `out`;
 * how many. What is left out is reached through bar_read and bar_write.
 */
unsigned pci_pass_areas(const struct pci_pass *p, unsigned bar, const struct pci_pass_area *in,
    unsigned n, struct pci_pass_area out[PCI_PASS_AREAS]);

#endif
