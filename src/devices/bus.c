/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address decoding by a sorted table: see bus.h. It refuses overlaps, so that the answer for an
 * address never depends on the order in which devices came. Pure; runs in zhyve.
 */
#include "devices/bus.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

/* Index of the first region whose base is above addr. */
static unsigned
upper_bound(const struct bus *bus, uint64_t addr)
{
	unsigned lo = 0, hi = bus->nregions, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (bus->region[mid].base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

int
bus_add(struct bus *bus, const struct bus_region *r)
{
	uint64_t last;
	unsigned i;

	/*
	 * The last byte and not the end, so that a region may touch the top of the address space.
	 */
	if (r->len == 0 || !add_ok(r->base, r->len - 1, &last))
		return (-EINVAL);
	i = upper_bound(bus, r->base);
	if (i > 0 && r->base - bus->region[i - 1].base < bus->region[i - 1].len)
		return (-EEXIST);
	if (i < bus->nregions && bus->region[i].base <= last)
		return (-EEXIST);
	if (bus->nregions == BUS_REGIONS_MAX)
		return (-ENOSPC);
	memmove(&bus->region[i + 1], &bus->region[i], (bus->nregions - i) * sizeof(bus->region[0]));
	bus->region[i] = *r;
	bus->nregions++;
	return (0);
}

int
bus_remove(struct bus *bus, uint64_t base)
{
	unsigned i = upper_bound(bus, base);

	if (i == 0 || bus->region[i - 1].base != base)
		return (-ENOENT);
	bus->nregions--;
	memmove(&bus->region[i - 1], &bus->region[i],
	    (bus->nregions - (i - 1)) * sizeof(bus->region[0]));
	return (0);
}

const struct bus_region *
bus_find(const struct bus *bus, uint64_t addr, unsigned size)
{
	const struct bus_region *r;
	unsigned i = upper_bound(bus, addr);

	if (i == 0)
		return (NULL);
	r = &bus->region[i - 1];
	return (range_ok(addr - r->base, size, r->len) ? r : NULL);
}
