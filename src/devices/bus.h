/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address decoding: which device owns a port or a guest-physical address. Two buses (ports and
 * memory), one structure.
 *
 * Regions do not overlap: the second is refused. Lookup is by binary search over a table sorted
 * by base, sized at start. The bus itself is pure; its owner (vmm/) serialises changes against
 * lookups, takes region->lock around the handler calls, and gives unclaimed reads all ones. Runs
 * in zhyve.
 */
#ifndef ZHYVE_DEVICES_BUS_H
#define ZHYVE_DEVICES_BUS_H

#include "devices/device.h"

#define BUS_REGIONS_MAX 512

struct bus_ops {
	/*
	 * `off` is relative to the region; size is 1, 2, 4 or 8; the access lies wholly within
	 * the region, but nothing says that it is aligned. Values are numbers; bits above `size`
	 * bytes of a value written are zero, and those of a value read are ignored.
	 */
	uint64_t (*read)(void *dev, uint64_t off, unsigned size);
	void (*write)(void *dev, uint64_t off, unsigned size, uint64_t val);
};

struct bus_region {
	uint64_t base;
	uint64_t len;
	const struct bus_ops *ops;
	void *dev;
	struct lock *lock; /* held by the owner around ops */
	const char *name;  /* for messages */
};

struct bus {
	struct bus_region region[BUS_REGIONS_MAX]; /* sorted by base */
	unsigned nregions;
};

/* Add a copy of the region. 0, -EEXIST (overlaps another), -ENOSPC, -EINVAL (empty or wrapping). */
int bus_add(struct bus *bus, const struct bus_region *r);
/* Remove the region that begins at base. 0 or -ENOENT. */
int bus_remove(struct bus *bus, uint64_t base);
/* The region that holds the whole of [addr, addr + size), or NULL. */
const struct bus_region *bus_find(const struct bus *bus, uint64_t addr, unsigned size);

#endif
