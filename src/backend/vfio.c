/* SPDX-License-Identifier: BSD-2-Clause */
/* PCI functions of the host by VFIO: see vfio.h. Runs in zhyve. */
#include "backend/vfio.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "backend/vfio_way.h"
#include "base/checked.h"
#include "base/fd.h"
#include "base/hostvfio.h"

#define INFO_MAX 65536u /* bytes of what the kernel says of a region */
#define RESERVED_HINT \
	"some of these addresses are the IOMMU's own or beyond it: give the guest less memory"

/* ---- memory ---- */

static int
map_failed(const struct gmem_range *r, int errnum, struct err *e)
{
	unsigned long long mib = r->len / MIB;
	struct rlimit lim = { 0 };

	if (errnum == ENOMEM && getrlimit(RLIMIT_MEMLOCK, &lim) == 0 &&
	    lim.rlim_cur != RLIM_INFINITY)
		return (err_say(e, ENOMEM,
		    "cannot wire %llu MiB of guest memory for the device's DMA: no more than %llu "
		    "MiB may be locked (ulimit -l), or memory is short",
		    mib, (unsigned long long)(lim.rlim_cur / MIB)));
	return (err_set(e, errnum, "cannot give the device %llu MiB of guest memory at 0x%llx%s",
	    mib, (unsigned long long)r->gpa, errnum == EINVAL ? " (" RESERVED_HINT ")" : ""));
}

static int
map_memory(struct vfio_container *c, const struct gmem *gm, struct err *e)
{
	int rc;

	for (unsigned i = 0; i < gm->nranges; i++) {
		if ((rc = c->way->map(c, &gm->range[i])) != 0)
			return (map_failed(&gm->range[i], -rc, e));
	}
	return (0);
}

/* ---- opening a device ---- */

/* The function belongs to vfio-pci; which group it is in. */
static int
look(struct vfio_device *d, struct err *e)
{
	char driver[HOSTPCI_DRIVER];
	int rc;

	if ((rc = hostpci_group(d->addr, &d->number, e)) != 0 ||
	    (rc = hostpci_driver(d->addr, driver, e)) != 0)
		return (rc);
	if (strcmp(driver, "vfio-pci") == 0)
		return (0);
	return (err_say(e, EBUSY,
	    "PCI device %s belongs to %s of the host, not to vfio-pci. To change that: modprobe "
	    "vfio-pci; "
	    "cd /sys/bus/pci/devices/%s; echo vfio-pci >driver_override;%s%s%s echo %s "
	    ">/sys/bus/pci/drivers_probe",
	    d->addr, driver[0] != '\0' ? driver : "no driver", d->addr,
	    driver[0] != '\0' ? " echo " : "", driver[0] != '\0' ? d->addr : "",
	    driver[0] != '\0' ? " >driver/unbind;" : "", d->addr));
}

/* The areas of a region that can be mapped: all of it, or those in the kernel's list. */
static void
take_areas(struct vfio_region *r, const struct vfio_region_info *info, uint32_t len)
{
	const uint8_t *base = (const uint8_t *)info;
	uint32_t off = info->cap_offset;
	struct vfio_region_info_cap_sparse_mmap sparse;

	if ((info->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		return;
	r->nareas = 1;
	r->area[0] = (struct pci_pass_area){ 0, info->size };
	if ((info->flags & VFIO_REGION_INFO_FLAG_CAPS) == 0)
		return;
	for (unsigned i = 0; off != 0 && i < 16 && range_ok(off, sizeof(sparse), len); i++) {
		memcpy(&sparse, base + off, sizeof(sparse));
		if (sparse.header.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			break;
		off = sparse.header.next;
	}
	if (off == 0 || !range_ok(off, sizeof(sparse), len) ||
	    sparse.header.id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
		return;
	r->nareas = 0;
	off += (uint32_t)sizeof(sparse);
	for (unsigned i = 0; i < sparse.nr_areas && r->nareas < PCI_PASS_AREAS; i++) {
		struct vfio_region_sparse_mmap_area a;

		if (!range_ok(off, sizeof(a), len))
			break;
		memcpy(&a, base + off, sizeof(a));
		off += (uint32_t)sizeof(a);
		r->area[r->nareas++] = (struct pci_pass_area){ a.offset, a.size };
	}
}

static int
take_region(struct vfio_device *d, unsigned index, struct vfio_region *r)
{
	struct vfio_region_info *info = calloc(1, sizeof(*info)), *longer;
	int rc = 0;

	if (info == NULL)
		return (-ENOMEM);
	info->argsz = sizeof(*info);
	info->index = index;
	if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, info) != 0) {
		rc = -errno;
	} else if (info->argsz > sizeof(*info) && info->argsz <= INFO_MAX) {
		/* It has more to say. */
		uint32_t len = info->argsz;

		if ((longer = realloc(info, len)) == NULL) {
			rc = -ENOMEM;
		} else {
			info = longer;
			memset(info + 1, 0, len - sizeof(*info));
			info->argsz = len;
			if (ioctl(d->fd, VFIO_DEVICE_GET_REGION_INFO, info) != 0)
				rc = -errno;
		}
	}
	if (rc == 0 && info->size != 0) {
		r->at = info->offset;
		r->size = info->size;
		r->writable = (info->flags & VFIO_REGION_INFO_FLAG_WRITE) != 0;
		take_areas(r, info, MIN(info->argsz, INFO_MAX));
	}
	free(info);
	return (rc);
}

static int
take_device(struct vfio_device *d, struct err *e)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int rc;

	if (ioctl(d->fd, VFIO_DEVICE_GET_INFO, &info) != 0)
		return (err_set(e, errno, "cannot ask for PCI device %s", d->addr));
	if ((info.flags & VFIO_DEVICE_FLAGS_PCI) == 0 ||
	    info.num_regions <= VFIO_PCI_CONFIG_REGION_INDEX)
		return (err_say(e, EINVAL, "device %s is not on PCI", d->addr));
	d->can_reset = (info.flags & VFIO_DEVICE_FLAGS_RESET) != 0;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if ((rc = take_region(d, VFIO_PCI_BAR0_REGION_INDEX + i, &d->bar[i])) != 0)
			return (err_set(e, -rc, "BAR %u of PCI device %s", i, d->addr));
	}
	if ((rc = take_region(d, VFIO_PCI_CONFIG_REGION_INDEX, &d->cfg)) != 0 ||
	    d->cfg.size < PCI_CFG_SIZE)
		return (err_set(e, -rc, "configuration space of PCI device %s", d->addr));
	return (0);
}

static int
choose_way(const struct vfio_device *d, const struct vfio_container *c, const struct vfio_where *w,
    const struct vfio_way **way, struct err *e)
{
	bool by_group = w->group != NULL || w->container != NULL;
	bool by_cdev = w->cdev != NULL || w->iommufd != NULL;

	if (w->way != NULL && strcmp(w->way, "group") != 0 && strcmp(w->way, "cdev") != 0)
		return (err_say(e, EINVAL, "vfio: '%s' is neither group nor cdev", w->way));
	if (by_group || by_cdev) {
		if ((by_group && by_cdev) || (by_cdev && (w->cdev == NULL || w->iommufd == NULL)))
			return (err_say(e, EINVAL,
			    "what belongs together is group and container, or cdev and iommufd"));
		*way = by_group ? &vfio_by_group : &vfio_by_cdev;
	} else if (w->way != NULL) {
		*way = strcmp(w->way, "cdev") == 0 ? &vfio_by_cdev : &vfio_by_group;
	} else {
		*way = c->way != NULL       ? c->way
		    : hostvfio_has(d->addr) ? &vfio_by_cdev
					    : &vfio_by_group;
	}
	if (c->way != NULL && c->way != *way)
		return (err_say(e, EINVAL,
		    "PCI device %s: a guest has all its devices by their groups, or all by their "
		    "character devices (vfio=)",
		    d->addr));
	return (0);
}

int
vfio_device_open(struct vfio_device *d, struct vfio_container *c, const struct vfio_where *w,
    const struct gmem *gm, struct err *e)
{
	const struct vfio_way *way = NULL;
	int rc;

	d->group = d->fd = -1;
	if ((rc = choose_way(d, c, w, &way, e)) != 0)
		return (rc);
	if (w->group == NULL && w->cdev == NULL && (rc = look(d, e)) != 0)
		return (rc);
	if (c->way == NULL) {
		c->way = way;
		if ((rc = way->begin(c, w, e)) != 0)
			return (rc);
	}
	if ((rc = way->join(d, c, w, e)) != 0)
		return (rc);
	if (!c->ready) {
		if ((rc = map_memory(c, gm, e)) != 0)
			return (rc);
		c->ready = true;
	}
	if (way->open != NULL && (rc = way->open(d, e)) != 0)
		return (rc);
	return (take_device(d, e));
}

void
vfio_container_seal(struct vfio_container *c)
{
	if (c->way == &vfio_by_cdev)
		fd_close(&c->fd);
}

static unsigned
irq_count(const struct vfio_device *d, unsigned index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(d->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) != 0 ||
	    (info.flags & VFIO_IRQ_INFO_EVENTFD) == 0)
		return (0);
	return (info.count);
}

int
vfio_describe(const struct vfio_device *d, struct pci_pass_host *host, struct err *e)
{
	int rc;

	*host = (struct pci_pass_host){ 0 };
	if ((rc = fd_pread_full(d->fd, host->cfg, sizeof(host->cfg), (off_t)d->cfg.at)) != 0)
		return (err_set(e, -rc, "cannot read the configuration of PCI device %s", d->addr));
	for (unsigned i = 0; i < PCI_BARS; i++)
		host->bar_size[i] = d->bar[i].size;
	host->intx = irq_count(d, VFIO_PCI_INTX_IRQ_INDEX) > 0;
	host->msi = irq_count(d, VFIO_PCI_MSI_IRQ_INDEX) > 0;
	host->vectors = irq_count(d, VFIO_PCI_MSIX_IRQ_INDEX);
	return (0);
}

int
vfio_reset(const struct vfio_device *d)
{
	if (!d->can_reset)
		return (-ENOTTY);
	return (ioctl(d->fd, VFIO_DEVICE_RESET) == 0 ? 0 : -errno);
}

/* ---- registers ---- */

uint64_t
vfio_read(const struct vfio_device *d, const struct vfio_region *r, uint64_t off, unsigned size)
{
	uint64_t val = 0;

	if (!range_ok(off, size, r->size) ||
	    pread(d->fd, &val, size, (off_t)(r->at + off)) != (ssize_t)size)
		return (UINT64_MAX);
	return (val);
}

void
vfio_write(const struct vfio_device *d, const struct vfio_region *r, uint64_t off, unsigned size,
    uint64_t val)
{
	if (range_ok(off, size, r->size) && r->writable)
		(void)!pwrite(d->fd, &val, size, (off_t)(r->at + off));
}

void *
vfio_map(const struct vfio_device *d, unsigned bar, const struct pci_pass_area *a)
{
	void *p = mmap(NULL, a->len, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd,
	    (off_t)(d->bar[bar].at + a->off));

	return (p == MAP_FAILED ? NULL : p);
}

/* ---- interrupts ---- */

static const uint32_t irq_index[] = {
	[VFIO_INTX] = VFIO_PCI_INTX_IRQ_INDEX,
	[VFIO_MSI] = VFIO_PCI_MSI_IRQ_INDEX,
	[VFIO_MSIX] = VFIO_PCI_MSIX_IRQ_INDEX,
};

/* An array of eventfds, or none of them. */
static int
set_irqs(const struct vfio_device *d, uint32_t index, uint32_t action, const int *fd, unsigned n)
{
	union {
		struct vfio_irq_set set;
		uint8_t room[sizeof(struct vfio_irq_set) + PCI_PASS_VECTORS * sizeof(int32_t)];
	} u;
	int rc;

	u.set = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(u.set) + n * sizeof(int32_t)),
		.flags = action | (n > 0 ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.count = n,
	};
	for (unsigned i = 0; i < n; i++) {
		int32_t v = fd[i];

		memcpy(u.room + sizeof(u.set) + i * sizeof(v), &v, sizeof(v));
	}
	rc = ioctl(d->fd, VFIO_DEVICE_SET_IRQS, &u.set);
	return (rc < 0 ? -errno : rc);
}

int
vfio_irqs(const struct vfio_device *d, enum vfio_irq kind, const int *eventfd, unsigned n)
{
	int rc;

	n = MIN(n, PCI_PASS_VECTORS);
	rc = set_irqs(d, irq_index[kind], VFIO_IRQ_SET_ACTION_TRIGGER, eventfd, n);
	/* A number is how many there could have been. */
	return (rc == 0 ? (int)n : rc);
}

int
vfio_intx(const struct vfio_device *d, int raise, int unmask)
{
	int rc = vfio_irqs(d, VFIO_INTX, &raise, 1);

	if (rc != 1)
		return (rc < 0 ? rc : -EIO);
	if ((rc = set_irqs(d, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK, &unmask, 1)) < 0)
		(void)vfio_irqs(d, VFIO_INTX, NULL, 0);
	return (rc);
}
