/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI: a SATA controller with disks and CD drives (Serial ATA AHCI 1.3.1; ATA8-ACS; SFF-8020i and
 * MMC-5 for the drives). bhyve's ahci, ahci-hd and ahci-cd: 8086:2821, registers in BAR 5, MSI or
 * INTA. One drive per port, each on a block backend of its own; native command queueing with 32
 * tags. Ports have no port multiplier, enclosure management, hot plug or power management.
 *
 * Guest memory is read once and copied: command header, table, each entry of the descriptor
 * table. What the guest does to a command's registers while it runs changes nothing about the
 * command; a request that the backend has is never forgotten: the port says that it is running
 * (PxCMD.CR, GHC.HR) until the last one has come back. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_AHCI_H
#define ZHYVE_DEVICES_AHCI_H

#include "devices/block.h"
#include "devices/pci.h"
#include "gmem/gmem.h"

#define AHCI_PORTS_MAX    32
#define AHCI_SERIAL_LEN   20
#define AHCI_REVISION_LEN 8
#define AHCI_MODEL_LEN    40

enum ahci_kind {
	AHCI_HD, /* an ATA disk */
	AHCI_CD  /* an ATAPI drive: sectors of 2048 bytes, never written */
};

struct ahci_drive {
	enum ahci_kind kind;
	struct block_backend *backend; /* its own; NULL: a CD drive without a disc */
	/* Cut to their lengths; NULL: the default. */
	const char *serial, *revision, *model;
	uint16_t nmrr; /* IDENTIFY word 217: 0 not told, 1 solid state, or rpm */
};

struct ahci_port;

struct ahci {
	struct pci_dev pci;
	const struct gmem *gm;
	unsigned nports;
	uint32_t ghc, is;
	struct ahci_port *port; /* nports, allocated by ahci_init */
};

/*
 * A controller with drive[0] to drive[n - 1] on its ports, to be given bdf and lock and then to be
 * attached. The backends outlive it and serve it alone. 0, -ENOMEM, -EINVAL (no drive or too
 * many, a disk without a backend, sectors that do not fit a CD).
 */
int ahci_init(
    struct ahci *a, const struct gmem *gm, const struct ahci_drive *drive, unsigned ndrives);
/* Nothing is in flight. */
void ahci_destroy(struct ahci *a);

struct state;
/*
 * Save or load the controller, its drives and its PCI function (state.h). -EBUSY while a backend has
 * a request. Loading wants one that is attached and fresh, with the same drives, and then
 * ahci_resume. (ahci_state.c)
 */
int ahci_state(struct ahci *a, struct state *st);
/* Look at every port: commands may not have been taken. */
void ahci_resume(struct ahci *a);

#endif
