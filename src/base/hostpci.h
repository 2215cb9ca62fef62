/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions of the host, as /sys shows them: address, driver, IOMMU group and who else is in it.
 * Reads only, with bounds. zhyve run by hand, zoneadmd and tools; not in a jail, which has no /sys.
 */
#ifndef ZHYVE_BASE_HOSTPCI_H
#define ZHYVE_BASE_HOSTPCI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define HOSTPCI_TEXT   13 /* "0000:03:00.0", with the end byte */
#define HOSTPCI_DRIVER 64
#define HOSTPCI_VFIO   32

/*
 * Take an address: 0000:03:00.0, 03:00.0 (domain 0), bhyve's 3/0/0 (decimal), also with /sys's or
 * SmartOS's folder before it (/sys/bus/pci/devices/). The canonical form is put into `out`.
 * -EINVAL: it is none.
 */
int hostpci_parse(const char *text, char out[HOSTPCI_TEXT]);

/* For tests: another folder in the place of /sys/. NULL: /sys again. */
void hostpci_set_root(const char *path);

/* -ENODEV with a message when there is no such function. */
int hostpci_exists(const char *addr, struct err *e);
/* The driver that has it; "" for none. 0 or -errno. */
int hostpci_driver(const char *addr, char out[HOSTPCI_DRIVER], struct err *e);
/* The name that VFIO gave it ("vfio3"); "" while vfio-pci does not have it. 0 or -errno. */
int hostpci_vfio(const char *addr, char out[HOSTPCI_VFIO], struct err *e);
/* The number of its IOMMU group. -ENODEV with what to do: there is no IOMMU. */
int hostpci_group(const char *addr, unsigned *group, struct err *e);
/*
 * Can the group be handed to a guest? Each function in it has the driver vfio-pci, no driver, or is a
 * bridge. -EBUSY: the message names those that are in the way.
 */
int hostpci_group_viable(unsigned group, struct err *e);
/* Its folder. */
const char *hostpci_folder(const char *addr, char buf[PATH_MAX]);
bool hostpci_driver_loaded(const char *driver);
/* Write `text` to a file of a function ("driver_override") or, with addr NULL, of the PCI bus. */
int hostpci_write(const char *addr, const char *file, const char *text, struct err *e);

#endif
