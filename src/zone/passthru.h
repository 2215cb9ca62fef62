/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions of the host that zones are given: taken from the host's driver, handed to vfio-pci,
 * and given back. Runs in zoneadmd, as root; giving back also where a killed zoneadmd is cleaned up
 * after.
 */
#ifndef ZHYVE_ZONE_PASSTHRU_H
#define ZHYVE_ZONE_PASSTHRU_H

#include <stdbool.h>

#include "base/err.h"
#include "base/hostpci.h"

#define PASSTHRU_ARG (HOSTPCI_TEXT + HOSTPCI_DRIVER)

/*
 * May the function be taken, and must it be: *needed is false when vfio-pci has it already. Then
 * `arg` says how it is now, for the ledger. -EBUSY: the host uses a disk or an interface of it;
 * -ENODEV: no such function, no IOMMU, or no vfio-pci.
 */
int passthru_look(const char *addr, bool *needed, char arg[PASSTHRU_ARG], struct err *e);
/* Take it from its driver; 0 or -errno. What is done half is undone by passthru_give_back. */
int passthru_take(const char *addr, struct err *e);
/*
 * By the ledger's `arg`: from vfio-pci back to the driver it had. 0 also when the function is not
 * there any more, or its driver is not.
 */
int passthru_give_back(const char *arg, struct err *e);

/* Open the function's group: *fd, which nobody else can open meanwhile. 0 or -errno. */
int passthru_open_group(const char *addr, unsigned *number, int *fd, struct err *e);

#endif
