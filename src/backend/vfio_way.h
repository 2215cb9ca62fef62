/* SPDX-License-Identifier: BSD-2-Clause */
/* The two ways to a device of the host: what backend/vfio.c has of each. For those files only. */
#ifndef ZHYVE_BACKEND_VFIO_WAY_H
#define ZHYVE_BACKEND_VFIO_WAY_H

#include "backend/vfio.h"

/* All give 0 or -errno. */
struct vfio_way {
	/* For the first device: c->fd. */
	int (*begin)(struct vfio_container *c, const struct vfio_where *w, struct err *e);
	/* The device's DMA goes through the container from here on, where there is no memory yet. */
	int (*join)(struct vfio_device *d, struct vfio_container *c, const struct vfio_where *w,
	    struct err *e);
	/* The device's addresses are the guest's. */
	int (*map)(const struct vfio_container *c, const struct gmem_range *r);
	/* d->fd, where `join` does not give that; NULL: it does. */
	int (*open)(struct vfio_device *d, struct err *e);
};

extern const struct vfio_way vfio_by_group, vfio_by_cdev;

#endif
