/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes: block storage of zones in a pool, behind one table of drivers (file now; zfs, lvm later). The file driver keeps raw
 * files /zones/<zone>/diskN.raw; a clone of an image shares its blocks where the filesystem can (FICLONE), else is a sparse copy. Space is checked before:
 * on a full pool a clear error and nothing left. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_H
#define ZHYVE_ZONE_VOLUME_H

#include <stdint.h>

#include "base/err.h"

struct volume_spec {
	const char *zone;       /* name of the zone; its folder exists */
	unsigned index;         /* N of diskN */
	uint64_t size;          /* bytes; 0 with an image: the image's size */
	const char *image_uuid; /* NULL: empty */
};
/* Make it; the path (PATH_MAX bytes) is what the zone's device resource has as match. */
int volume_create(const struct volume_spec *spec, char *path, struct err *e);
int volume_destroy(const char *path, struct err *e); /* 0 also when it is gone already */
/* Open for a zone: checks that it is a regular file or block device below the pool or named by the configuration. fd or -errno. */
int volume_open(const char *path, int readonly, uint64_t *size, struct err *e);

#endif
