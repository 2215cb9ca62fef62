/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the two files of the volume driver `file` share: volumes (volume_file.c) and their snapshots
 * (volume_file_snap.c). Tools, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_FILE_H
#define ZHYVE_ZONE_VOLUME_FILE_H

#include "zone/volume.h"

/*
 * Make of `out`, an empty file, a twin of the first `size` bytes of `in`: by sharing blocks, or, where
 * the filesystem cannot, by a sparse copy, when `pool` has the room (-ENOSPC says that of `what`).
 */
int file_twin(int in, int out, uint64_t size, const char *what, const char *pool, struct err *e);

int file_snapshot(const char *path, const char *name, bool live, struct err *e);
int file_flush(const char *path, struct err *e);
int file_settle(const char *path, const char *name, struct err *e);
int file_rollback(
    const char *path, const char *name, const char *const going[], size_t m, struct err *e);
int file_snapshot_destroy(const char *path, const char *name, struct err *e);
int file_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e);
int file_pool(struct volume_pool *out, struct err *e);
/* For reading; the caller's (volume_close). */
int file_snapshot_open(const char *path, const char *name, int *fd, uint64_t *size, struct err *e);
/* Remove all of a volume that is gone. */
int file_snapshots_sweep(const char *path, struct err *e);

#endif
