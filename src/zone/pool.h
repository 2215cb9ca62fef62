/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of a host: where images and volumes are. Its configuration, /etc/zones/pool.json, says what
 * volumes are made of; without one they are files below /zones, on whatever file system that is. Whatever the
 * driver, images and the folders of zones are below /zones. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_POOL_H
#define ZHYVE_ZONE_POOL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define POOL_GROUP_MAX 64

struct pool_conf {
	char driver[8];             /* "file", "lvm", "zfs" */
	char group[POOL_GROUP_MAX]; /* lvm: the volume group; zfs: the dataset; else "" */
	char device[PATH_MAX];      /* of /zones, when we are to mount it there; else "" */
	char file[PATH_MAX];        /* the file that stands for a device, by a loop device; or "" */
};

/* {"file"} when there is none; -EINVAL for one that is damaged. */
int pool_conf_load(struct pool_conf *out, struct err *e);
int pool_conf_store(const struct pool_conf *c, struct err *e);
/* Back to files below /zones. */
int pool_conf_remove(struct err *e);

/*
 * Make the pool be there: its loop device, its file system at /zones, its volume group or pool imported. Nothing
 * when it is, or when there is none but files below /zones. Before anything is written there.
 */
int pool_ready(struct err *e);

struct pool_wish {
	const char *driver;  /* "file": XFS at /zones; "lvm"; "zfs" */
	const char *device;  /* a block device, all of it; NULL: a file of `size` bytes */
	const char *dataset; /* zfs, in the place of both: in a zpool that the host has */
	uint64_t size;
	bool force; /* also where the device has something on it */
};
/*
 * Set it up: what is on the device is lost. -EEXIST when there is a pool, -ENOTEMPTY when /zones or the host has
 * zones or images already, -EBUSY for a device with something on it. On failure nothing is left.
 */
int pool_create(const struct pool_wish *w, struct err *e);
/* Take it away, with its file; a device is left as it is. -EBUSY when it has zones, images or volumes. */
int pool_delete(struct err *e);

/* ---- for pool_setup.c ---- */

/* A loop device on a file, which goes when nobody uses it any more; its name in `device`. fd or -errno. */
int pool_loop_attach(const char *file, char device[64], struct err *e);
/* One that is there already: its name; -ENOENT, and no message, without one. */
int pool_loop_find(const char *file, char device[64]);

#endif
