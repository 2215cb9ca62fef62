/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to a device of the host by its IOMMU group, in a container with a type 1 IOMMU: see vfio.h.
 * Runs in zhyve.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "backend/vfio_way.h"
#include "base/parse.h"

#define NODE "/dev/vfio/vfio"

static int
begin(struct vfio_container *c, const struct vfio_where *w, struct err *e)
{
	const char *where = w->container;
	int version;

	c->fd = -1;
	if (where == NULL && (c->fd = open(NODE, O_RDWR | O_CLOEXEC)) < 0)
		return (err_set(
		    e, errno, "cannot open '" NODE "' (modprobe vfio-pci vfio_iommu_type1)"));
	if (where != NULL && parse_fd(where, &c->fd) != 0)
		return (err_say(e, EINVAL, "container: '%s' is not of the form fd:N", where));
	if ((version = ioctl(c->fd, VFIO_GET_API_VERSION)) != VFIO_API_VERSION)
		return (err_say(e, ENODEV, "%s is not VFIO's device, or of an unknown version (%d)",
		    where != NULL ? where : NODE, version));
	if (ioctl(c->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return (err_say(e, ENODEV,
		    "VFIO has no driver for this host's IOMMU (modprobe vfio_iommu_type1)"));
	return (0);
}

static int
open_group(struct vfio_device *d, struct vfio_container *c, struct err *e)
{
	char path[64];

	for (unsigned i = 0; i < c->ngroups; i++) {
		if (c->group[i].number == d->number) {
			d->group = c->group[i].fd;
			return (0);
		}
	}
	if (c->ngroups == VFIO_GROUPS_MAX)
		return (err_say(e, E2BIG, "more than %d IOMMU groups", VFIO_GROUPS_MAX));
	(void)snprintf(path, sizeof(path), "/dev/vfio/%u", d->number);
	if ((d->group = open(path, O_RDWR | O_CLOEXEC)) < 0 && errno == EBUSY)
		return (err_say(e, EBUSY,
		    "PCI device %s is in use by another guest (its group, '%s', is open)", d->addr,
		    path));
	if (d->group < 0)
		return (err_set(e, errno, "cannot open '%s'", path));
	c->group[c->ngroups].number = d->number;
	c->group[c->ngroups++].fd = d->group;
	return (0);
}

/* The group belongs to us alone, and DMA of it goes through the container. */
static int
enter(struct vfio_device *d, struct vfio_container *c, bool by_path, struct err *e)
{
	struct vfio_group_status st = { .argsz = sizeof(st) };
	int rc;

	if (ioctl(d->group, VFIO_GROUP_GET_STATUS, &st) != 0)
		return (err_set(e, errno, "this is not a group of VFIO's"));
	if ((st.flags & VFIO_GROUP_FLAGS_VIABLE) == 0) {
		if (by_path && (rc = hostpci_group_viable(d->number, e)) != 0)
			return (rc);
		return (err_say(e, EBUSY,
		    "the IOMMU group of PCI device %s holds another device that the host uses",
		    d->addr));
	}
	if ((st.flags & VFIO_GROUP_FLAGS_CONTAINER_SET) != 0)
		return (0); /* by another device of the same group */
	if (ioctl(d->group, VFIO_GROUP_SET_CONTAINER, &c->fd) != 0)
		return (errno == EBUSY || errno == EINVAL
			? err_say(e, EBUSY, "PCI device %s is in use by another guest", d->addr)
			: err_set(e, errno, "cannot put PCI device %s behind the IOMMU", d->addr));
	return (0);
}

static int
join(struct vfio_device *d, struct vfio_container *c, const struct vfio_where *w, struct err *e)
{
	int rc;

	if (w->group != NULL && parse_fd(w->group, &d->group) != 0)
		return (err_say(e, EINVAL, "group: '%s' is not of the form fd:N", w->group));
	if (w->group == NULL && (rc = open_group(d, c, e)) != 0)
		return (rc);
	if ((rc = enter(d, c, w->group == NULL, e)) != 0)
		return (rc);
	/* A container can be told of its IOMMU when there is a first group in it. */
	if (!c->ready && ioctl(c->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0)
		return (err_set(e, errno, "cannot use the IOMMU for PCI device %s%s", d->addr,
		    errno == EPERM ? " (without interrupt remapping the host is not safe from it: "
				     "the kernel's "
				     "log says more)"
				   : ""));
	return (0);
}

static int
map(const struct vfio_container *c, const struct gmem_range *r)
{
	struct vfio_iommu_type1_dma_map m = {
		.argsz = sizeof(m),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)r->hva,
		.iova = r->gpa,
		.size = r->len,
	};

	return (ioctl(c->fd, VFIO_IOMMU_MAP_DMA, &m) == 0 ? 0 : -errno);
}

static int
open_device(struct vfio_device *d, struct err *e)
{
	if ((d->fd = ioctl(d->group, VFIO_GROUP_GET_DEVICE_FD, d->addr)) < 0)
		return (err_set(e, errno, "cannot open PCI device %s%s", d->addr,
		    errno == ENODEV ? " (is it bound to vfio-pci?)" : ""));
	if (fcntl(d->fd, F_SETFD, FD_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot open PCI device %s", d->addr));
	return (0);
}

const struct vfio_way vfio_by_group = {
	.begin = begin,
	.join = join,
	.map = map,
	.open = open_device,
};
