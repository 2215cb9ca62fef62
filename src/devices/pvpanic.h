/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvpanic: the guest's way to say that it has panicked (QEMU's docs/specs/pvpanic.rst). The PCI
 * form, 1b36:0011, which needs no ACPI: Linux has its driver since 5.14, Windows in virtio-win.
 * One register of one byte at the start of BAR 0: reading gives the events that are understood,
 * writing reports some. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PVPANIC_H
#define ZHYVE_DEVICES_PVPANIC_H

#include "devices/pci.h"

#define PVPANIC_PANICKED    0x01 /* the guest panicked and does nothing more by itself */
#define PVPANIC_CRASHLOADED 0x02 /* it panicked, and its crash kernel takes over */
#define PVPANIC_EVENTS      (PVPANIC_PANICKED | PVPANIC_CRASHLOADED)

struct pvpanic {
	struct pci_dev pci; /* the caller sets bdf and lock and attaches it */
	/* The guest reported: bits of PVPANIC_EVENTS, never 0. On the vCPU's thread. */
	void (*report)(void *ctx, uint8_t events);
	void *ctx;
};

void pvpanic_init(struct pvpanic *p, void (*report)(void *ctx, uint8_t events), void *ctx);

#endif
