/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the volume driver `zfs` share: names, zfs(8) itself (volume_zfs_run.c), what holds what
 * (volume_zfs_tree.c), and the devices of zvols (volume_zfs_dev.c). Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_ZFS_H
#define ZHYVE_ZONE_VOLUME_ZFS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/pool.h"
#include "zone/volume.h"

#define ZFS_NAME_MAX 256       /* of a dataset's or snapshot's whole name, with its end */
#define ZFS_NEW      ":new"    /* suffix of a volume on its way to its name */
#define ZFS_COMING   ":coming" /* of disk0: below it is what is received */
#define ZFS_DEVICES  "/dev/zvol/"

/* A name of zfs's: a dataset, or a snapshot DATASET@NAME. */
struct zfs_name {
	char text[ZFS_NAME_MAX];
};

/* ---- names ---- */

/* Both appended; false when the whole gets too long for zfs. */
bool zfs_name_join(struct zfs_name *out, const struct zfs_name *base, const char *suffix);
/*
 * The snapshot that is called `name` by its owner: letters, digits, '-', '_' and '.' as they are, every other
 * byte as ':' and two hexadecimal digits. So the driver's own names, which have a ':' before other letters, are
 * nobody's.
 */
bool zfs_name_snapshot(struct zfs_name *out, const struct zfs_name *dataset, const char *name);
/* A snapshot's name that nobody asks for, and no other has. */
bool zfs_name_hidden(struct zfs_name *out, const struct zfs_name *dataset);
bool zfs_is_hidden(const char *snapshot);
/* The dataset, one with a suffix of ours ("DATASET:was3"), or a snapshot of these. */
bool zfs_is_part(const char *row, const struct zfs_name *dataset);
/* The dataset of a snapshot. */
struct zfs_name zfs_dataset_of(const char *snapshot);
/* Made of what dataset names of ours are made of, without snapshot? */
bool zfs_name_valid(const char *name);

/* ---- reports ---- */

/* A dataset or a snapshot, as zfs-list(8) reports it. */
struct zfs_row {
	struct zfs_name name;
	uint64_t size;         /* bytes of the volume; of a filesystem 0 */
	uint64_t used;         /* bytes that nothing but it holds */
	uint64_t available;    /* of a snapshot 0 */
	uint64_t txg;          /* grows with each snapshot of a dataset */
	struct zfs_name clone; /* of a snapshot: one that is made of it; "": none */
};

/*
 * The answer of `zfs list -H -p -o ZFS_COLUMNS`: the caller's array (free). -EPROTO for anything that is not
 * as OpenZFS has it.
 */
#define ZFS_COLUMNS "name,volsize,used,available,createtxg,clones"
int zfs_parse(const char *text, struct zfs_row **out, size_t *n, struct err *e);

/* ---- commands ---- */

/* Run `zfs COMMAND ARGUMENT... NULL`, or zpool. */
int zfs_run(struct err *e, const char *command, ...) __attribute__((sentinel));
/* The same with names, all in one. */
int zfs_run_on(struct err *e, const char *command, const struct zfs_name *names, size_t n);
int zpool_run(struct err *e, const char *command, ...) __attribute__((sentinel));
/* What a command says; the caller's (free). -ENOENT, and no message, for a dataset that is not there. */
int zfs_ask(char **out, struct err *e, const char *command, ...) __attribute__((sentinel));
int zpool_ask(char **out, struct err *e, const char *command, ...) __attribute__((sentinel));
/*
 * A dataset and all below it, with their snapshots; the caller's (free). -ENOENT, and no message, when it is not
 * there.
 */
int zfs_list(const struct zfs_name *top, struct zfs_row **out, size_t *n, struct err *e);
/* One dataset or snapshot; -ENOENT, and no message. `out` may be NULL. */
int zfs_find(const struct zfs_name *name, struct zfs_row *out, struct err *e);
/* As it stands in `zfs get`: value and source; -ENOENT, and no message. */
int zfs_get(
    const struct zfs_name *name, const char *property, char value[64], bool *local, struct err *e);

/* ---- what holds what ---- */

/* A snapshot that is a volume's: its own, or one of those who were it before a rollback. -ENOENT, and no message. */
int zfs_snapshot_find(
    const struct zfs_name *volume, const char *name, struct zfs_row *out, struct err *e);
/*
 * The same; *last: it is the volume's own, and there is none after it, but for those of the names `going` of which
 * nothing is made.
 */
int zfs_snapshot_find_past(const struct zfs_name *volume, const char *name,
    const char *const going[], size_t m, struct zfs_row *out, bool *last, struct err *e);
/* Remove it everywhere; what is made of it goes on having what it holds. 0: gone already. */
int zfs_snapshot_remove(const struct zfs_name *volume, const char *name, bool own, struct err *e);
/*
 * All snapshots of that name in a zone's dataset, in one, when they are of these volumes and nothing is made of
 * them. *done: it was so; else nothing has been done.
 */
int zfs_snapshots_remove(const struct zfs_name *zone, const struct zfs_name *volumes, size_t n,
    const char *name, bool *done, struct err *e);
/* What snapshots of these names hold, added up over the volumes, all of this zone. */
int zfs_snapshots_used(const struct zfs_name *zone, const struct zfs_name *volumes, size_t n,
    const char *const names[], size_t m, uint64_t bytes[], struct err *e);
/*
 * zfs destroy, again and again while udev looks at a device of it. `how`: "-r", "-R"; NULL: only where nothing
 * depends on it. 0: gone already.
 */
int zfs_remove(const struct zfs_name *name, const char *how, struct err *e);
/* Remove a dataset with its snapshots; what is made of these goes on without. 0: gone already. */
int zfs_dataset_remove(const struct zfs_name *dataset, struct err *e);
/* A volume with all that was it. */
int zfs_volume_remove(const struct zfs_name *volume, struct err *e);
/* Rename a volume, if it is there, to one that was it, kept as long as it has snapshots. */
int zfs_volume_retire(const struct zfs_name *volume, struct err *e);
/* Those that were it hold nothing but snapshots, and go when they have none. */
int zfs_retired_tidy(const struct zfs_name *volume, struct err *e);

/* ---- streams (volume_zfs_recv.c) ---- */

/* As volume_receive; `volumes` are the names that those of `want` are to have, below `zone`. */
int zfs_stream_receive(const struct zfs_name *zone, const struct zfs_name *volumes,
    struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e);
/* Remove what a stream brought that was not taken to its end, and what is made of it. 0: nothing there. */
int zfs_coming_remove(const struct zfs_name *zone, struct err *e);

/* ---- tuning ---- */

int zfs_set_number(
    const struct zfs_name *name, const char *property, uint64_t value, struct err *e);
/* "": that of the dataset above it. */
int zfs_set_compression(const struct zfs_name *name, const char *kind, struct err *e);
/* As volume_tune. */
int zfs_tune(const struct zfs_name *name, const char *compression, const uint64_t *refreservation,
    struct err *e);
/* As volume_tuning_get. */
int zfs_tuning(const struct zfs_name *name, struct volume_tuning *out, struct err *e);
/* What is a volume's own goes on with the one that takes its place, which may be smaller. */
int zfs_keep_tuning(const struct zfs_name *from, const struct zfs_name *to, struct err *e);

/* ---- devices ---- */

/*
 * Wait until the device of a zvol is there under its name; where no udev runs, see to it. -ETIMEDOUT.
 */
int zfs_device_ready(const struct zfs_name *volume, struct err *e);
/* Is the device there the zvol of that name? False also when it is none, or is not there. */
bool zfs_device_at(const char *path, const struct zfs_name *volume);
/* It has been removed: without udev its name would stay. */
void zfs_device_forget(const struct zfs_name *volume);

/* ---- the pool, for pool_setup.c ---- */

/* A zpool called c->group on a device, or a dataset of that name in a pool that the host has. */
int zfs_pool_make(const struct pool_conf *c, const char *device, struct err *e);
int zfs_pool_unmake(const struct pool_conf *c, struct err *e);
/* Is it imported? Runs nothing. */
bool zfs_pool_is_there(const struct pool_conf *c);
int zfs_pool_import(const struct pool_conf *c, const char *device, struct err *e);
/* -EBUSY when it has volumes. */
int zfs_pool_check_empty(const struct pool_conf *c, struct err *e);
/* As volume_pool_get. */
int zfs_pool_get(struct volume_pool *out, struct err *e);

#endif
