/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a kind of volume is made of. A driver is one file with one of these, and one line in the
 * table of volume.c. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_VOLUME_DRIVER_H
#define ZHYVE_ZONE_VOLUME_DRIVER_H

#include <limits.h>
#include <stdbool.h>

#include "zone/volume.h"

struct volume_driver {
	const char *name;
	/* Is `path` a volume made by this driver? */
	bool (*owns)(const char *path);
	/* As volume_path. */
	int (*path)(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e);
	/* Does the path, which is there, lead to the volume? NULL: where else? */
	bool (*current)(const char *path);
	/* See to it that it does, and is there. NULL: nothing can be done. */
	int (*ready)(const char *path, struct err *e);
	/* As volume_create and volume_destroy. */
	int (*create)(const struct volume_spec *spec, char *path, struct err *e);
	int (*destroy)(const char *path, struct err *e);
	/* As volume_resize; `fd` is the volume, open for writing, of `now` bytes. */
	int (*resize)(int fd, const char *path, uint64_t now, uint64_t size, struct err *e);
	/*
	 * As their namesakes in volume.h. For rollback the volume is locked where it is a file; nobody had a
	 * device open.
	 */
	int (*snapshot)(const char *path, const char *name, bool live, struct err *e);
	/* In the place of that one where many are as quick as one; all are this driver's. */
	int (*snapshot_all)(
	    const char *const paths[], size_t n, const char *name, bool live, struct err *e);
	int (*flush)(const char *path, struct err *e);
	int (*settle)(const char *path, const char *name, struct err *e);
	int (*rollback)(
	    const char *path, const char *name, const char *const going[], size_t m, struct err *e);
	int (*snapshot_destroy)(const char *path, const char *name, struct err *e);
	int (*snapshot_destroy_all)(
	    const char *const paths[], size_t n, const char *name, struct err *e);
	int (*snapshot_usage)(const char *path, const char *name, uint64_t *bytes, struct err *e);
	/* Of many, when it can tell them together: added to `bytes`. NULL, or not 0: one after the other. */
	int (*snapshots_usage)(const char *const paths[], size_t n, const char *const names[],
	    size_t m, uint64_t bytes[]);
	/* As volume_image_forget. NULL: it keeps nothing of images. */
	int (*image_forget)(const char *uuid, struct err *e);
	/* As their namesakes in volume.h, all three or none. */
	int (*tune)(const char *path, const char *compression, const uint64_t *refreservation,
	    struct err *e);
	int (*tuning_get)(const char *path, struct volume_tuning *out, struct err *e);
	int (*tune_zone)(const char *zone, const char *compression, struct err *e);
	/* As volume_receive. NULL: it cannot. */
	int (*receive)(
	    struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e);
	int (*pool)(struct volume_pool *out, struct err *e);
};

#define VOLUME_SIZE_MAX (1ull << 60)
/*
 * The size asked for, or, with none, that of what it is made of (`source` bytes of `name`; 0: nothing), which
 * it may not be below.
 */
int volume_size(const struct volume_spec *spec, uint64_t source, const char *name, uint64_t *size,
    struct err *e);

/* ---- what drivers of block devices have in common (volume_block.c) ---- */

struct image;

/* As volume_flush. */
int volume_block_flush(const char *path, struct err *e);
/* -EBUSY when somebody has it open, who is named; 0 also when it is not there. */
int volume_block_unused(const char *path, struct err *e);
/* An image's file, of which `used` bytes are more than holes. The descriptor or -errno. */
int volume_block_open_image(const struct image *img, uint64_t *used, struct err *e);
/* Its content, on a device that reads as zeroes and that nobody else has. */
int volume_block_fill(int in, const struct image *img, const char *device, struct err *e);
/* -ENOENT. */
int volume_block_no_snapshot(const char *path, const char *name, struct err *e);

extern const struct volume_driver volume_file;
extern const struct volume_driver volume_lvm;
extern const struct volume_driver volume_zfs;

#endif
