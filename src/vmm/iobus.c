/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dispatch of port and memory accesses: see iobus.h. Refuses nothing: what nobody claims reads
 * as all ones. Runs in zhyve.
 */
#include "vmm/iobus.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/lock.h"

void
iobus_init(struct iobus *b)
{
	/*
	 * The tables start out empty in zeroed memory; touching 56 KiB of them here would cost
	 * every start.
	 */
	b->port.nregions = b->mem.nregions = 0;
	b->strict = false;
	(void)pthread_rwlock_init(&b->tables, NULL);
}

int
iobus_add(struct iobus *b, bool io, const struct bus_region *r)
{
	int rc;

	(void)pthread_rwlock_wrlock(&b->tables);
	rc = bus_add(io ? &b->port : &b->mem, r);
	(void)pthread_rwlock_unlock(&b->tables);
	return (rc);
}

int
iobus_remove(struct iobus *b, bool io, uint64_t base)
{
	int rc;

	(void)pthread_rwlock_wrlock(&b->tables);
	rc = bus_remove(io ? &b->port : &b->mem, base);
	(void)pthread_rwlock_unlock(&b->tables);
	return (rc);
}

static bool
access_region(
    struct iobus *b, const struct bus *bus, uint64_t addr, bool write, unsigned size, uint64_t *val)
{
	const struct bus_region *found;
	struct bus_region r;

	(void)pthread_rwlock_rdlock(&b->tables);
	if ((found = bus_find(bus, addr, size)) != NULL)
		r = *found;
	(void)pthread_rwlock_unlock(&b->tables);
	if (found == NULL)
		return (false);
	lock_take(r.lock);
	if (write)
		r.ops->write(r.dev, addr - r.base, size, *val);
	else
		*val = r.ops->read(r.dev, addr - r.base, size);
	lock_drop(r.lock);
	return (true);
}

bool
iobus_port(struct iobus *b, uint16_t port, bool write, unsigned size, uint32_t *val)
{
	uint64_t v = *val;

	if (!access_region(b, &b->port, port, write, size, &v)) {
		if (!write)
			*val = UINT32_MAX;
		return (!b->strict);
	}
	*val = (uint32_t)v;
	return (true);
}

bool
iobus_mem(struct iobus *b, uint64_t addr, bool write, unsigned len, uint8_t *data)
{
	unsigned step = len == 2 || len == 4 || len == 8 ? len : 1;
	bool claimed = false;

	for (unsigned i = 0; i < len; i += step) {
		uint64_t v = UINT64_MAX;

		if (write) {
			v = 0;
			memcpy(&v, data + i, step);
		}
		claimed |= access_region(b, &b->mem, addr + i, write, step, &v);
		if (!write)
			memcpy(data + i, &v, step);
	}
	return (claimed);
}
