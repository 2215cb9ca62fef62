/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports and device memory of a running machine: finds the region an access belongs to and
 * enters its handler with the device's lock held. Regions may come and go (a guest moving BARs)
 * while other vCPUs look them up. Runs in zhyve, on every vCPU's thread.
 *
 * A lookup copies the region under the tables' lock and lets go of it before the handler runs:
 * a handler may therefore add and remove regions itself. An access that races with the removal
 * of its region may still reach the device, as on a real bus; devices are never freed while the
 * machine runs.
 */
#ifndef ZHYVE_VMM_IOBUS_H
#define ZHYVE_VMM_IOBUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "devices/bus.h"

struct iobus {
	pthread_rwlock_t tables;
	struct bus port;
	struct bus mem;
	bool strict; /* x86.strictio: an unclaimed port is an error */
};

void iobus_init(struct iobus *b);

/* As bus_add and bus_remove, for ports (io) or memory. Any thread. */
int iobus_add(struct iobus *b, bool io, const struct bus_region *r);
int iobus_remove(struct iobus *b, bool io, uint64_t base);

/*
 * One port access of 1, 2 or 4 bytes. Unclaimed reads give all ones, unclaimed writes nothing.
 * False: nobody claims the port and `strict` is set.
 */
bool iobus_port(struct iobus *b, uint16_t port, bool write, unsigned size, uint32_t *val);

/*
 * A memory access of 1 to 8 bytes; sizes other than 1, 2, 4, 8 are done as bytes. False: nobody
 * claims it (data is all ones).
 */
bool iobus_mem(struct iobus *b, uint64_t addr, bool write, unsigned len, uint8_t *data);

#endif
