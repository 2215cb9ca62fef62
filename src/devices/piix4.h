/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power management function of Intel's 82371AB (PIIX4), which boot ROMs look for at 0:1.3
 * beside an i440fx host bridge: OVMF reads from it where the ACPI timer is, SeaBIOS puts the PM
 * block at port 0x600 through it. Nothing but that register: the block is pm.c's, it stands at
 * PM_PORT_ROM (which is where SeaBIOS wants it) and does not move; OVMF leaves a block that is
 * enabled where it is. There is no SMBus and no system management mode, and the register that
 * says so to SeaBIOS is set. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PIIX4_H
#define ZHYVE_DEVICES_PIIX4_H

#include "devices/pci.h"

#define PIIX4_PM_BDF PCI_BDF(0, 1, 3)

struct piix4_pm {
	struct pci_dev pci; /* the caller attaches it */
};

/* A function that says the PM block is at `pm_base`. */
void piix4_pm_init(struct piix4_pm *p, uint16_t pm_base);

#endif
