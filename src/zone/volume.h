/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes: block storage of zones in a pool, behind one table of drivers (volume_driver.h; `file`
 * now, zfs and lvm to come). Content is raw: nothing in a volume's bytes, which a guest writes, is
 * ever interpreted by the host. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_H
#define ZHYVE_ZONE_VOLUME_H

#include <stdint.h>

#include "base/err.h"

struct volume_spec {
	const char *zone;       /* name of the zone; its folder exists */
	unsigned index;         /* N of diskN */
	uint64_t size;          /* bytes, of 512 a multiple; 0 with an image: the image's size */
	const char *image_uuid; /* NULL: empty */
};
/*
 * Make it; `path` (PATH_MAX bytes) is what the zone's device resource has as match. A clone of an
 * image shares its blocks where the filesystem can, else it is a sparse copy. -ENOSPC before
 * anything is written when the pool has not the room, -EEXIST when the zone has a disk of that
 * number, -ENOENT for an unknown image, -EINVAL for a size below the image's. On failure nothing
 * is left.
 */
int volume_create(const struct volume_spec *spec, char *path, struct err *e);
int volume_destroy(const char *path, struct err *e); /* 0 also when it is gone already */
/*
 * Give it another size, of 512 a multiple. It may be larger while a zone runs on it, which is then
 * to be told; smaller only when none does (-EBUSY), and what was beyond is lost. -ENOSPC when the
 * pool has not the room, -EINVAL for what is no volume of the pool.
 */
int volume_resize(const char *path, uint64_t size, struct err *e);
/*
 * Open a volume for a zone: a regular file or a block device, below the pool without symbolic
 * links. The descriptor holds a lock (shared when readonly) as long as it or a copy of it in
 * another process is open; -EBUSY, naming the holder, when another has it. *size in bytes. Returns
 * the descriptor or -errno.
 */
int volume_open(const char *path, int readonly, uint64_t *size, struct err *e);
/*
 * Give it back: the lock is released for every copy of the descriptor, the descriptor closed and
 * set to -1 (nothing when it is -1). For when whoever was given a copy has ended: the kernel may
 * keep the copy of a dead process a little longer, in its io_uring, whose requests have ended but
 * whose teardown is put off.
 */
void volume_close(int *fd);
/*
 * Is it there and of a kind that volume_open takes, and how large? Neither locks it nor minds a
 * lock: also for a disk that a zone runs on. 0 or -errno.
 */
int volume_stat(const char *path, uint64_t *size, struct err *e);

#endif
