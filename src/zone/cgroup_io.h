/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Limits of I/O by device (cgroup v2's io.max): a zone's disks may say how much of the host's device
 * behind them the zone may have, as properties of their resource. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_CGROUP_IO_H
#define ZHYVE_ZONE_CGROUP_IO_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/zconf.h"

enum io_limit {
	IO_READ_BPS,
	IO_WRITE_BPS,
	IO_READ_IOPS,
	IO_WRITE_IOPS,
	IO_LIMITS
};

/* One device of the host, and what the zone may have of it each second; 0: as much as it likes. */
struct cgroup_io {
	unsigned major, minor;
	uint64_t limit[IO_LIMITS];
};
#define CGROUP_IO_MAX      32
#define CGROUP_IO_TEXT_MAX 160

/*
 * The device behind a volume: the disk that it is, is a part of, or has its file system on. `sys` is
 * "/sys" but for tests. -ENOTSUP when there is no single one (a file system in memory, on the network
 * or on several).
 */
int cgroup_io_device(
    const char *sys, const char *volume, unsigned *major, unsigned *minor, struct err *e);
/*
 * From the configuration: properties read-bps, write-bps (bytes, or with K, M, G, T), read-iops and
 * write-iops of its disks; those of disks on one device add up. 0 or -errno.
 */
int cgroup_io_get(const char *sys, const struct zconf *c, struct cgroup_io out[CGROUP_IO_MAX],
    size_t *n, struct err *e);
/* A line of io.max. Pure. */
void cgroup_io_format(const struct cgroup_io *io, char out[CGROUP_IO_TEXT_MAX]);
/* Set them in a cgroup, and take away what is not among them. -ENOTSUP without the io controller. */
int cgroup_io_set(const char *path, const struct cgroup_io *io, size_t n, struct err *e);

#endif
