/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * VFIO's character devices, one for each function that vfio-pci has, and the iommufd that they are bound
 * to: Linux 6.6 and newer, where the kernel was built so (Documentation/driver-api/vfio.rst). Opened by
 * zoneadmd for a zone's zhyve, else by zhyve itself; not in a jail, which has no such paths.
 *
 * The kernel lets any number of programs open a device, and one bind it. Ours also lock it, so that
 * who has it can close it and open it again without losing it to another of ours.
 */
#ifndef ZHYVE_BASE_HOSTVFIO_H
#define ZHYVE_BASE_HOSTVFIO_H

#include <stdbool.h>

#include "base/err.h"

/* Does the host have iommufd, and a character device for this function? */
bool hostvfio_has(const char *addr);
/* Open the function's device. It does nothing before it is bound. 0 or -errno. */
int hostvfio_open(const char *addr, int *fd, struct err *e);
/* Keep others from it until this is closed (and copies of it). -EBUSY: another has it. */
int hostvfio_lock(int fd, const char *addr, struct err *e);
/*
 * A new iommufd. What is wired through it is counted per process, as with a container, if we may say
 * so (CAP_SYS_RESOURCE); else all that its user has wired is counted together. 0 or -errno.
 */
int hostvfio_iommufd(int *fd, struct err *e);
/*
 * From here on the function is `iommufd`'s, and with it its IOMMU group, until fd is closed (and copies
 * of it): then it is reset. 0 or -errno; the message says what is in the way.
 */
int hostvfio_bind(int fd, int iommufd, const char *addr, struct err *e);

#endif
