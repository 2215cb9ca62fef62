/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to a device of the host by its character device and an iommufd: see vfio.h. One address space
 * of the iommufd serves all devices of the machine. Runs in zhyve.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "backend/vfio_way.h"
#include "base/fd.h"
#include "base/hostvfio.h"
#include "base/iommufd_abi.h"
#include "base/parse.h"

static int
begin(struct vfio_container *c, const struct vfio_where *w, struct err *e)
{
	struct iommu_abi_ioas_alloc alloc = { .size = sizeof(alloc) };
	int rc;

	c->fd = -1;
	if (w->iommufd != NULL && parse_fd(w->iommufd, &c->fd) != 0)
		return (err_say(e, EINVAL, "iommufd: '%s' is not of the form fd:N", w->iommufd));
	if (w->iommufd == NULL && (rc = hostvfio_iommufd(&c->fd, e)) != 0)
		return (rc);
	if (ioctl(c->fd, IOMMU_ABI_IOAS_ALLOC, &alloc) != 0)
		return (err_set(e, errno, "cannot make an address space for devices' DMA with %s",
		    w->iommufd != NULL ? w->iommufd : "/dev/iommu"));
	c->ioas = alloc.out_ioas_id;
	return (0);
}

/* Opened here, it is also ours to bind. */
static int
open_bound(struct vfio_device *d, const struct vfio_container *c, struct err *e)
{
	int rc;

	if ((rc = hostpci_group_viable(d->number, e)) != 0 ||
	    (rc = hostvfio_open(d->addr, &d->fd, e)) != 0 ||
	    (rc = hostvfio_lock(d->fd, d->addr, e)) != 0)
		return (rc);
	return (hostvfio_bind(d->fd, c->fd, d->addr, e));
}

static int
join(struct vfio_device *d, struct vfio_container *c, const struct vfio_where *w, struct err *e)
{
	struct vfio_abi_attach attach = { .argsz = sizeof(attach), .pt_id = c->ioas };
	int rc;

	if (w->cdev != NULL && parse_fd(w->cdev, &d->fd) != 0)
		return (err_say(e, EINVAL, "cdev: '%s' is not of the form fd:N", w->cdev));
	if (w->cdev == NULL && (rc = open_bound(d, c, e)) != 0)
		return (rc);
	if (ioctl(d->fd, VFIO_ABI_ATTACH_IOMMUFD_PT, &attach) != 0)
		return (err_set(e, errno, "cannot put PCI device %s behind the IOMMU", d->addr));
	return (0);
}

static int
map(const struct vfio_container *c, const struct gmem_range *r)
{
	struct iommu_abi_ioas_map m = {
		.size = sizeof(m),
		.flags = IOMMU_ABI_MAP_FIXED | IOMMU_ABI_MAP_READABLE | IOMMU_ABI_MAP_WRITEABLE,
		.ioas_id = c->ioas,
		.user_va = (uintptr_t)r->hva,
		.length = r->len,
		.iova = r->gpa,
	};

	return (ioctl(c->fd, IOMMU_ABI_IOAS_MAP, &m) == 0 ? 0 : -errno);
}

const struct vfio_way vfio_by_cdev = { .begin = begin, .join = join, .map = map };
