/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes: block storage of zones in a pool, behind one table of drivers (volume_driver.h). Which one
 * makes new volumes is the pool's configuration (pool.h). Content is raw: nothing in a volume's bytes, which a guest writes, is
 * ever interpreted by the host. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_H
#define ZHYVE_ZONE_VOLUME_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VOLUME_SNAP_MAX 128 /* bytes of a snapshot's name, with its end; no slash in it */

struct volume_spec {
	const char *zone;       /* name of the zone; its folder exists */
	unsigned index;         /* N of diskN */
	uint64_t size;          /* bytes, of 512 a multiple; 0 with an image: the image's size */
	const char *image_uuid; /* NULL: empty */
	/*
	 * Or a clone of this volume (NULL: none), as it was at a snapshot, or, with no `from_snapshot`,
	 * as it is, when nobody runs on it (-EBUSY). `size` 0: its size.
	 */
	const char *from, *from_snapshot;
	/* Where the pool has such things (zfs); of 0 and NULL it decides. */
	uint32_t block_size; /* bytes that are written at a time; with an image or `from`: theirs */
	const char *compression;
	uint64_t refreservation; /* bytes that are the volume's own from the beginning */
	bool
	    replace; /* what the zone has under that number goes, at the moment the new one is whole */
};
/*
 * Make it; `path` (PATH_MAX bytes) is what the zone's device resource has as match. A clone of an
 * image shares its blocks where the filesystem can, else it is a sparse copy. -ENOSPC before
 * anything is written when the pool has not the room, -EEXIST when the zone has a disk of that
 * number, -ENOENT for an unknown image or snapshot, -EINVAL for a size below that of what it is made
 * of. On failure nothing is left.
 */
int volume_create(const struct volume_spec *spec, char *path, struct err *e);
int volume_destroy(const char *path, struct err *e); /* 0 also when it is gone already */
/* Where diskN of a zone is, or would be. -EINVAL for what is no name of a zone, -ENAMETOOLONG. */
int volume_path(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e);
/* Is it a volume of this zone's own? */
bool volume_is_of(const char *path, const char *zone);
/* N of diskN; false for a name of another kind. */
bool volume_number(const char *path, unsigned *n);
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

/* ---- snapshots ---- */

/*
 * Keep what is on it now under a name; one of that name, which an interrupted command may have left,
 * goes first. With `live` somebody runs on it, whose writes are held back for as long (the caller sees
 * to that): then only an instant snapshot will do, -EOPNOTSUPP where the pool cannot. Else a copy is
 * made there (-ENOSPC). It is durable after volume_settle, which need not be while writes are held back;
 * volume_flush before makes it short.
 */
int volume_snapshot(const char *path, const char *name, bool live, struct err *e);
/* Of many, in as few steps as their pool can: with zfs in one. When it fails, some may have theirs. */
int volume_snapshot_all(
    const char *const paths[], size_t n, const char *name, bool live, struct err *e);
int volume_flush(const char *path, struct err *e);
int volume_settle(const char *path, const char *name, struct err *e);
/*
 * Make it what it was; nobody may run on it (-EBUSY). The snapshot stays. It may be done again when it
 * was interrupted. -ENOENT.
 */
int volume_rollback(const char *path, const char *name, struct err *e);
/*
 * The same, when the caller is about to remove the snapshots of these names, which are later ones: they may go
 * with it where that is quicker.
 */
int volume_rollback_past(
    const char *path, const char *name, const char *const going[], size_t m, struct err *e);
int volume_snapshot_destroy(
    const char *path, const char *name, struct err *e); /* 0: gone already */
int volume_snapshot_destroy_all(
    const char *const paths[], size_t n, const char *name, struct err *e);
/* Bytes that nothing but this snapshot holds. -ENOENT; -EOPNOTSUPP where the pool does not tell. */
int volume_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e);
/* The same of m snapshots over n volumes, for each all of them together; what cannot be told counts as nothing. */
void volume_snapshots_usage(
    const char *const paths[], size_t n, const char *const names[], size_t m, uint64_t bytes[]);

/* ---- what volumes of some pools have (zfs) ---- */

struct volume_tuning {
	uint32_t block_size; /* bytes */
	char compression[16];
	uint64_t refreservation; /* bytes */
	char dataset[256];       /* what the pool calls it */
};
/* Each: -EOPNOTSUPP, and no message, where the pool has no such things. */
int volume_tuning_get(const char *path, struct volume_tuning *out, struct err *e);
/* Each may be NULL: as it is. Compression "": the zone's. Of what is written from now on. */
int volume_tune(
    const char *path, const char *compression, const uint64_t *refreservation, struct err *e);
/* The compression of all its volumes that have none of their own; "": the pool's. */
int volume_tune_zone(const char *zone, const char *compression, struct err *e);

/* ---- volumes that come as another host's pool sends them (zfs) ---- */

struct volume_arrival {
	const char *dataset;     /* what it is called where it comes from */
	struct volume_spec spec; /* what it is to be here: zone, index, size, and its tuning */
	bool here;               /* it has come */
};
bool volume_pool_receives(void);
/*
 * Make volumes of what `zfs send -R` writes of a dataset `sent` and those below it: those of `want`, all of one zone,
 * that are among them. It is read from `fd`, to its end and no further. The rest of it, and snapshots, are dropped.
 * Nothing is left when it fails, but for volumes of calls before. -EINTR: interrupt_pending(); -EOPNOTSUPP.
 */
int volume_receive(struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e);

/* ---- the pool ---- */

struct volume_pool {
	const char *driver;
	uint64_t size, free; /* bytes */
	bool instant;        /* clones and snapshots share blocks, and need no time */
	bool readonly;
	char problem[64]; /* in a word or two, what is wrong with it; "": nothing */
};
/* The pool that new volumes are made in. */
int volume_pool_get(struct volume_pool *out, struct err *e);
/* Do its volumes have a block size, compression, and space of their own? */
bool volume_pool_tunes(void);
/* An image is deleted: what the pool keeps of it to clone it goes as well. */
int volume_image_forget(const char *uuid, struct err *e);

#endif
