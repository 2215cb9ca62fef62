/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI functions of the host, by VFIO (linux/vfio.h, Documentation/driver-api/vfio.rst). There are two
 * ways to one: by its IOMMU group, put into a container with a type 1 IOMMU; or by its own character
 * device, bound to an iommufd. All is opened before a guest runs; afterwards only registers are read
 * and written, and interrupts switched. Runs in zhyve.
 *
 * Closing the last descriptor resets the device, whoever closes it: also the kernel after a crash.
 */
#ifndef ZHYVE_BACKEND_VFIO_H
#define ZHYVE_BACKEND_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostpci.h"
#include "devices/pci_pass.h"
#include "gmem/gmem.h"

#define VFIO_GROUPS_MAX 32

struct vfio_way;

/* Whose DMA goes where: one for all devices of a machine. All zero before the first. */
struct vfio_container {
	const struct vfio_way *way; /* of all of them */
	int fd;                     /* the container, or the iommufd */
	bool ready;                 /* it has an IOMMU, and guest memory is in it */
	uint32_t ioas;              /* of the iommufd: the address space that they share */
	struct {
		unsigned number;
		int fd;
	} group[VFIO_GROUPS_MAX]; /* that were opened by number: a group can be opened once */
	unsigned ngroups;
};

/*
 * How a device is come by: `way` is "group" or "cdev", NULL the latter where the host has it. What
 * another has opened is handed over as fd:N, and settles the way: its group and the container, or the
 * device, bound to an iommufd, and that. NULL: opened here, by path.
 */
struct vfio_where {
	const char *way;
	const char *group, *container;
	const char *cdev, *iommufd;
};

struct vfio_region {
	uint64_t at; /* in the device's descriptor */
	uint64_t size;
	bool writable;
	unsigned nareas; /* that can be mapped */
	struct pci_pass_area area[PCI_PASS_AREAS];
};

struct vfio_device {
	char addr[HOSTPCI_TEXT]; /* for messages */
	unsigned number;         /* of its group, when it was opened by path */
	int group, fd;           /* group -1: it was not come by that way */
	bool can_reset;
	struct vfio_region bar[PCI_BARS], cfg;
};

enum vfio_irq {
	VFIO_INTX,
	VFIO_MSI,
	VFIO_MSIX
};

/*
 * Open the function at d->addr. Where that is by path it is checked first that vfio-pci has the function
 * and that its group is viable. With the first device the container gets its IOMMU, and all of `gm`,
 * wired, at the guest's own addresses. 0 or -errno; the message says what to do.
 */
int vfio_device_open(struct vfio_device *d, struct vfio_container *c, const struct vfio_where *w,
    const struct gmem *gm, struct err *e);
/*
 * All devices are open. The iommufd is closed, so that nobody can map more through it; the devices keep
 * it alive. (A container, by which less can be done, stays open.)
 */
void vfio_container_seal(struct vfio_container *c);
/* What the guest's view is made from. 0 or -errno. */
int vfio_describe(const struct vfio_device *d, struct pci_pass_host *host, struct err *e);
/* As after power-on. 0 or -errno (-ENOTTY: the device cannot). */
int vfio_reset(const struct vfio_device *d);

/* Registers, of 1, 2, 4 or 8 bytes; all ones where there are none, or the device fails. */
uint64_t vfio_read(
    const struct vfio_device *d, const struct vfio_region *r, uint64_t off, unsigned size);
void vfio_write(const struct vfio_device *d, const struct vfio_region *r, uint64_t off,
    unsigned size, uint64_t val);
/* A part of a BAR in our memory, as long as the device is open. NULL with errno set. */
void *vfio_map(const struct vfio_device *d, unsigned bar, const struct pci_pass_area *a);

/*
 * Interrupts of a kind raise these eventfds, one each; n 0: none of that kind any more. Returns how
 * many the host gives (fewer than n: none is on), or -errno. Any thread; at most PCI_PASS_VECTORS.
 */
int vfio_irqs(const struct vfio_device *d, enum vfio_irq kind, const int *eventfd, unsigned n);
/* The pin's interrupt, held back from when it is raised until `unmask` is signalled. 0 or -errno. */
int vfio_intx(const struct vfio_device *d, int raise, int unmask);

#endif
