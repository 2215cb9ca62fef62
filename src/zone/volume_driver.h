/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kind of volume is made of. A driver is one file with one of these, and one line in the
 * table of volume.c. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_VOLUME_DRIVER_H
#define ZHYVE_ZONE_VOLUME_DRIVER_H

#include <stdbool.h>

#include "zone/volume.h"

struct volume_driver {
	const char *name;
	/* Is `path` a volume made by this driver? */
	bool (*owns)(const char *path);
	/* As volume_create and volume_destroy. */
	int (*create)(const struct volume_spec *spec, char *path, struct err *e);
	int (*destroy)(const char *path, struct err *e);
	/* As volume_resize; `fd` is the volume, open for writing, of `now` bytes. */
	int (*resize)(int fd, const char *path, uint64_t now, uint64_t size, struct err *e);
	/* As their namesakes in volume.h; for rollback the volume is open, and locked. */
	int (*snapshot)(const char *path, const char *name, bool live, struct err *e);
	int (*flush)(const char *path, struct err *e);
	int (*settle)(const char *path, const char *name, struct err *e);
	int (*rollback)(const char *path, const char *name, struct err *e);
	int (*snapshot_destroy)(const char *path, const char *name, struct err *e);
	int (*snapshot_usage)(const char *path, const char *name, uint64_t *bytes, struct err *e);
	int (*pool)(struct volume_pool *out, struct err *e);
};

extern const struct volume_driver volume_file;

#endif
