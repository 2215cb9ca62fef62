/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume driver `zfs`: zvols below one dataset, GROUP, named as SmartOS has them:
 *
 *   GROUP/ZONE/diskN            a volume, /dev/zvol/GROUP/ZONE/diskN; a zone's dataset is there as long as it has any
 *   GROUP/ZONE/diskN@NAME       a snapshot of it
 *   GROUP/ZONE/diskN:wasM       what it was before it was rolled back past snapshots, which this one keeps
 *   GROUP/ZONE/diskN:new        on the way to a volume: what an interrupted command left; the next one's to remove
 *   GROUP/ZONE/disk0:coming     what is received, with all that is below it; as :new
 *   GROUP/images/UUID@image     what an image's file holds, copied when the first volume is made of it: every volume
 *                               made of the image is a clone of it, and takes no time
 *
 * volume_zfs_tree.c says what becomes of snapshots in use. Snapshots' names are escaped (volume_zfs.h); zones' need
 * not be. A volume is whole when it has its name. Sizes are rounded up to 128 KiB, of which every block size is a
 * part. Space is taken as it is written, but for what is reserved (refreservation). zfs(8) is run for everything.
 * Tools and zoneadmd, root.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/image.h"
#include "zone/image_store.h"
#include "zone/pool.h"
#include "zone/volume_driver.h"
#include "zone/volume_zfs.h"

#define GRAIN (128 * KIB) /* the largest volblocksize */

/* A volume, and the dataset of its zone. */
struct place {
	struct zfs_name zone, volume;
};

static bool
group_of_pool(struct zfs_name *group)
{
	struct pool_conf c;

	if (pool_conf_load(&c, NULL) != 0 || strcmp(c.driver, "zfs") != 0)
		return (false);
	(void)snprintf(group->text, sizeof(group->text), "%s", c.group);
	return (true);
}

/* "/dev/zvol/GROUP/ZONE/diskN". */
static bool
zfs_place(const char *path, struct place *p)
{
	struct zfs_name group;
	const char *last;
	unsigned n;
	size_t len;

	if (strncmp(path, ZFS_DEVICES, strlen(ZFS_DEVICES)) != 0 || !group_of_pool(&group))
		return (false);
	path += strlen(ZFS_DEVICES);
	len = strlen(group.text);
	if (strncmp(path, group.text, len) != 0 || path[len] != '/' || !zfs_name_valid(path) ||
	    !volume_number(path, &n) || (last = strchr(path + len + 1, '/')) == NULL ||
	    strncmp(last, "/disk", 5) != 0 || strchr(last + 1, '/') != NULL)
		return (false);
	(void)snprintf(p->volume.text, sizeof(p->volume.text), "%s", path);
	(void)snprintf(p->zone.text, sizeof(p->zone.text), "%.*s", (int)(last - path), path);
	return (true);
}

static bool
zfs_owns(const char *path)
{
	struct place p;

	return (zfs_place(path, &p));
}

/* The volume, or an error of those who call with what is none. */
static int
place_of(const char *path, struct place *p, struct err *e)
{
	return (zfs_place(path, p)
		? 0
		: err_say(e, EINVAL, "disk '%s' is no volume of the pool", path));
}

static int
too_long(const char *what, struct err *e)
{
	return (err_say(e, ENAMETOOLONG,
	    "the name of %s is too long for zfs, which has 255 characters for all of it", what));
}

static int
zfs_path(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e)
{
	struct zfs_name name, new;
	char below[PATH_MAX];

	if (!group_of_pool(&name))
		return (err_say(e, EINVAL, "the pool is none of zfs's"));
	if (strchr(zone, '/') != NULL || !zfs_name_valid(zone))
		return (err_say(e, EINVAL, "'%s' is no name of a zone", zone));
	(void)snprintf(below, sizeof(below), "/%s/disk%u", zone, index);
	/* There has to be room for the suffix. */
	if (!zfs_name_join(&name, &name, below) || !zfs_name_join(&new, &name, ZFS_NEW))
		return (too_long(zone, e));
	(void)snprintf(buf, PATH_MAX, ZFS_DEVICES "%s", name.text);
	return (0);
}

static bool
zfs_current(const char *path)
{
	struct place p;

	return (zfs_place(path, &p) && zfs_device_at(path, &p.volume));
}

/* The pool may have been imported a moment ago, or a volume renamed. */
static int
zfs_ready(const char *path, struct err *e)
{
	struct place p;
	int rc;

	if ((rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = zfs_find(&p.volume, NULL, e);
	if (rc == -ENOENT)
		return (err_set(e, ENOENT, "cannot open disk '%s'", path));
	return (rc != 0 ? rc : zfs_device_ready(&p.volume, e));
}

/* ---- steps ---- */

static uint64_t
rounded(uint64_t size)
{
	return ((size + GRAIN - 1) / GRAIN * GRAIN);
}

static int
check_room(uint64_t need, const char *what, struct err *e)
{
	struct zfs_name group;
	struct zfs_row r;
	int rc;

	if (!group_of_pool(&group))
		return (err_say(e, EINVAL, "the pool is none of zfs's"));
	rc = zfs_find(&group, &r, e);
	if (rc == -ENOENT)
		return (err_say(e, ENOENT,
		    "there is no dataset '%s', of which the pool is made: zpool import?",
		    group.text));
	if (rc != 0 || need <= r.available)
		return (rc);
	return (err_say(e, ENOSPC,
	    "no space: %s needs %llu MiB, but only %llu MiB are free in zfs dataset '%s'", what,
	    (unsigned long long)(need / MIB + (need % MIB != 0)),
	    (unsigned long long)(r.available / MIB), group.text));
}

/* A dataset that only has others below it. */
static int
make_folder(const struct zfs_name *folder, struct err *e)
{
	int rc = zfs_find(folder, NULL, e);

	return (rc == -ENOENT ? zfs_run(e, "create", "-p", folder->text, NULL) : rc);
}

/* It goes with the last that it has. */
static int
tidy_folder(const struct zfs_name *folder, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	size_t n;
	int rc = zfs_list(folder, &list, &n, e);

	if (rc != 0)
		return (rc == -ENOENT ? 0 : rc);
	return (n == 1 ? zfs_run(e, "destroy", folder->text, NULL) : 0);
}

static int
make_empty(const struct zfs_name *name, uint64_t size, uint32_t block_size, struct err *e)
{
	char bytes[32], block[32];

	(void)snprintf(bytes, sizeof(bytes), "%" PRIu64, size);
	(void)snprintf(block, sizeof(block), "%" PRIu32, block_size);
	return (block_size == 0
		? zfs_run(e, "create", "-s", "-V", bytes, name->text, NULL)
		: zfs_run(e, "create", "-s", "-b", block, "-V", bytes, name->text, NULL));
}

/* ---- images ---- */

static bool
image_names(const char *uuid, struct zfs_name *folder, struct zfs_name *image)
{
	return (group_of_pool(folder) && zfs_name_join(folder, folder, "/images") &&
	    zfs_name_join(image, folder, "/") && zfs_name_join(image, image, uuid));
}

/* The file's content, on a volume that reads as zeroes. */
static int
copy_content(int in, const struct image *img, const struct zfs_name *to, struct err *e)
{
	char device[PATH_MAX];
	int rc;

	if ((rc = zfs_device_ready(to, e)) != 0)
		return (rc);
	(void)snprintf(device, sizeof(device), ZFS_DEVICES "%s", to->text);
	return (volume_block_fill(in, img, device, e));
}

/* It is whole when it has its name, and nothing needs its device any more. */
static int
finish_image(const struct zfs_name *new, const struct zfs_name *image, struct err *e)
{
	struct zfs_name snapshot;
	int rc;

	if (!zfs_name_join(&snapshot, new, "@image"))
		return (too_long(image->text, e));
	if ((rc = zfs_run(e, "snapshot", snapshot.text, NULL)) != 0 ||
	    (rc = zfs_run(e, "set", "volmode=none", new->text, NULL)) != 0 ||
	    (rc = zfs_run(e, "rename", new->text, image->text, NULL)) != 0)
		return (rc);
	zfs_device_forget(new);
	return (0);
}

static int
make_image(const struct image *img, const struct zfs_name *folder, const struct zfs_name *image,
    struct err *e)
{
	CLEANUP_FD int in = -1;
	struct zfs_name new;
	uint64_t used;
	int rc;

	if ((in = volume_block_open_image(img, &used, e)) < 0)
		return (in);
	if (!zfs_name_join(&new, image, ZFS_NEW))
		return (too_long(img->uuid, e));
	if ((rc = make_folder(folder, e)) != 0 || (rc = zfs_dataset_remove(&new, e)) != 0 ||
	    (rc = check_room(used, "an image's copy", e)) != 0 ||
	    (rc = make_empty(&new, rounded(img->size), 0, e)) != 0)
		return (rc);
	if ((rc = copy_content(in, img, &new, e)) == 0)
		rc = finish_image(&new, image, e);
	if (rc != 0)
		(void)zfs_dataset_remove(&new, NULL);
	return (rc);
}

/* What volumes of the image are to be made of, made when it is not there. */
static int
image_origin(const char *uuid, struct zfs_name *snapshot, uint64_t *size, struct err *e)
{
	CLEANUP_FD int store = -1;
	struct zfs_name folder, image;
	struct image img;
	int rc;

	if ((rc = image_get(uuid, &img, e)) != 0)
		return (rc);
	if (!image_names(img.uuid, &folder, &image) || !zfs_name_join(snapshot, &image, "@image"))
		return (too_long(img.uuid, e));
	*size = img.size;
	/* Two that want the first volume of it: the store's lock is theirs. */
	if ((rc = image_store_open(&store, e)) != 0)
		return (rc);
	rc = zfs_find(&image, NULL, e);
	return (rc == -ENOENT ? make_image(&img, &folder, &image, e) : rc);
}

static int
zfs_image_forget(const char *uuid, struct err *e)
{
	struct zfs_name folder, image, new;
	int rc;

	if (!image_names(uuid, &folder, &image) || !zfs_name_join(&new, &image, ZFS_NEW))
		return (0);
	if ((rc = zfs_dataset_remove(&new, e)) != 0 || (rc = zfs_dataset_remove(&image, e)) != 0)
		return (rc);
	return (tidy_folder(&folder, e));
}

/* ---- volumes ---- */

/* What a volume is made of: a snapshot of this pool. */
struct origin {
	struct zfs_name snapshot; /* "": nothing */
	bool ours;                /* made for this clone only: it goes with it */
	uint64_t size;
	char name[192]; /* for messages */
};

/* A volume as it is: a snapshot that nobody asked for. */
static int
origin_now(const char *path, struct origin *o, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct place from;
	int rc;

	(void)snprintf(o->name, sizeof(o->name), "disk '%.150s'", path);
	if ((rc = place_of(path, &from, e)) != 0)
		return (rc);
	if ((fd = volume_open(path, 0, &o->size, e)) < 0) /* nobody runs on it */
		return (fd);
	if (fsync(fd) != 0)
		return (err_set(e, errno, "cannot write disk '%s'", path));
	if (!zfs_name_hidden(&o->snapshot, &from.volume))
		return (too_long(o->name, e));
	if ((rc = zfs_run(e, "snapshot", o->snapshot.text, NULL)) == 0)
		o->ours = true;
	return (rc);
}

static int
origin_of(const struct volume_spec *spec, struct origin *o, struct err *e)
{
	struct place from;
	struct zfs_row r;
	int rc;

	*o = (struct origin){ 0 };
	if (spec->from != NULL && spec->from_snapshot != NULL) {
		(void)snprintf(o->name, sizeof(o->name), "snapshot '%s' of disk '%.100s'",
		    spec->from_snapshot, spec->from);
		if ((rc = place_of(spec->from, &from, e)) != 0)
			return (rc);
		rc = zfs_snapshot_find(&from.volume, spec->from_snapshot, &r, e);
		if (rc == -ENOENT)
			return (err_say(e, ENOENT, "there is no %s", o->name));
		o->snapshot = r.name;
		o->size = r.size;
		return (rc);
	}
	if (spec->from != NULL)
		return (origin_now(spec->from, o, e));
	if (spec->image_uuid == NULL)
		return (0);
	(void)snprintf(o->name, sizeof(o->name), "image %s", spec->image_uuid);
	return (image_origin(spec->image_uuid, &o->snapshot, &o->size, e));
}

/* All that there is to it, under the name of one on its way. */
static int
make_new(const struct zfs_name *new, const struct origin *o, uint64_t size,
    const struct volume_spec *spec, struct err *e)
{
	int rc;

	if (o->snapshot.text[0] == '\0') {
		rc = make_empty(new, rounded(size), spec->block_size, e);
	} else {
		rc = zfs_run(e, "clone", o->snapshot.text, new->text, NULL);
		if (rc == 0 && rounded(size) > rounded(o->size))
			rc = zfs_set_number(new, "volsize", rounded(size), e);
	}
	if (rc != 0)
		return (rc);
	return (zfs_tune(
	    new, spec->compression, spec->refreservation != 0 ? &spec->refreservation : NULL, e));
}

/* From what it is made of to its name. */
static int
create_from(
    const struct place *p, const struct origin *o, const struct volume_spec *spec, struct err *e)
{
	struct zfs_name new;
	uint64_t size;
	int rc;

	if (!zfs_name_join(&new, &p->volume, ZFS_NEW))
		return (too_long(p->volume.text, e));
	if ((rc = volume_size(spec, o->size, o->name, &size, e)) != 0 ||
	    (rc = check_room(o->snapshot.text[0] != '\0' ? 0 : size, p->volume.text, e)) != 0 ||
	    (rc = make_folder(&p->zone, e)) != 0 || (rc = zfs_dataset_remove(&new, e)) != 0)
		return (rc);
	if ((rc = make_new(&new, o, size, spec, e)) != 0 ||
	    (spec->replace && (rc = zfs_volume_retire(&p->volume, e)) != 0) ||
	    (rc = zfs_run(e, "rename", new.text, p->volume.text, NULL)) != 0) {
		(void)zfs_dataset_remove(&new, NULL);
		return (rc);
	}
	zfs_device_forget(&new);
	if (spec->replace && (rc = zfs_retired_tidy(&p->volume, e)) != 0)
		return (rc);
	return (zfs_device_ready(&p->volume, e));
}

static int
zfs_create(const struct volume_spec *spec, char *path, struct err *e)
{
	struct place p;
	struct origin o;
	int rc;

	if ((rc = zfs_path(path, spec->zone, spec->index, e)) != 0 ||
	    (rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = zfs_find(&p.volume, NULL, e);
	if (rc == 0 && !spec->replace)
		return (err_say(e, EEXIST, "disk '%s' already exists", path));
	if ((rc != 0 && rc != -ENOENT) || (rc = origin_of(spec, &o, e)) != 0)
		return (rc);
	rc = create_from(&p, &o, spec, e);
	/* In use it goes with its clone. */
	if (o.ours)
		(void)zfs_run(NULL, "destroy", "-d", o.snapshot.text, NULL);
	if (rc == 0)
		return (0);
	(void)tidy_folder(&p.zone, NULL);
	return (err_ctx(e, "cannot make disk '%s'", path));
}

static int
zfs_destroy(const char *path, struct err *e)
{
	struct place p;
	int rc;

	/* A disk that a zone runs on is not pulled away. */
	if ((rc = place_of(path, &p, e)) != 0 || (rc = volume_block_unused(path, e)) != 0)
		return (rc);
	if ((rc = zfs_coming_remove(&p.zone, e)) != 0 ||
	    (rc = zfs_volume_remove(&p.volume, e)) != 0)
		return (rc);
	return (tidy_folder(&p.zone, e));
}

static int
zfs_receive(struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e)
{
	CLEANUP_FREE struct zfs_name *volumes = calloc(n, sizeof(*volumes));
	struct place p = { 0 };
	char path[PATH_MAX];
	int rc = 0;

	if (volumes == NULL)
		return (err_set(e, ENOMEM, "cannot receive disks"));
	for (size_t i = 0; i < n; i++) {
		if ((rc = zfs_path(path, want[i].spec.zone, want[i].spec.index, e)) != 0 ||
		    (rc = place_of(path, &p, e)) != 0)
			return (rc);
		volumes[i] = p.volume;
	}
	if ((rc = make_folder(&p.zone, e)) == 0)
		rc = zfs_stream_receive(&p.zone, volumes, want, n, sent, fd, e);
	if (rc != 0)
		(void)tidy_folder(&p.zone, NULL);
	return (rc);
}

static int
zfs_resize(int fd, const char *path, uint64_t now, uint64_t size, struct err *e)
{
	struct place p;
	int rc;

	(void)fd;
	if ((rc = place_of(path, &p, e)) != 0 ||
	    (size > now && (rc = check_room(size - now, path, e)) != 0))
		return (rc);
	return (zfs_set_number(&p.volume, "volsize", rounded(size), e));
}

static int
zfs_tune_volume(
    const char *path, const char *compression, const uint64_t *refreservation, struct err *e)
{
	struct place p;
	int rc = place_of(path, &p, e);

	return (rc != 0 ? rc : zfs_tune(&p.volume, compression, refreservation, e));
}

static int
zfs_tuning_get(const char *path, struct volume_tuning *out, struct err *e)
{
	struct place p;
	int rc = place_of(path, &p, e);

	return (rc != 0 ? rc : zfs_tuning(&p.volume, out, e));
}

static int
zfs_tune_zone(const char *zone, const char *compression, struct err *e)
{
	struct place p;
	char path[PATH_MAX];
	int rc;

	if ((rc = zfs_path(path, zone, 0, e)) != 0 || (rc = place_of(path, &p, e)) != 0)
		return (rc);
	/* Without volumes it has no dataset. */
	if ((rc = zfs_find(&p.zone, NULL, e)) != 0)
		return (rc == -ENOENT ? 0 : rc);
	return (zfs_set_compression(&p.zone, compression, e));
}

/* ---- snapshots ---- */

/* Where volumes are; the caller's (free). */
static int
places_of(const char *const paths[], size_t n, struct place **out, struct err *e)
{
	struct place *list = calloc(n, sizeof(*list));
	int rc = list != NULL ? 0 : err_set(e, ENOMEM, "cannot look at the disks");

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = place_of(paths[i], &list[i], e);
	if (rc != 0) {
		free(list);
		list = NULL;
	}
	*out = list;
	return (rc);
}

/* Of a pool that is suspended zfs(8) says so; a flush would stand in the kernel until it is not. */
static int
zfs_flush(const char *path, struct err *e)
{
	struct place p;
	int rc = place_of(path, &p, e);

	if (rc == 0 && (rc = zfs_find(&p.volume, NULL, e)) == -ENOENT)
		(void)err_set(e, ENOENT, "cannot open disk '%s'", path);
	return (rc != 0 ? rc : volume_block_flush(path, e));
}

/* Of the names one or another may be taken: by what an interrupted command left. */
static int
make_way(const struct place *p, const struct zfs_name *snapshots, size_t n, const char *name,
    bool *found, struct err *e)
{
	int rc = 0;

	*found = false;
	for (size_t i = 0; rc == 0 && i < n; i++) {
		if (zfs_find(&snapshots[i], NULL, NULL) != 0)
			continue;
		*found = true;
		rc = zfs_snapshot_remove(&p[i].volume, name, true, e);
	}
	return (rc);
}

/* All in one zfs(8), which takes them in one transaction: of one instant, and held for one program's run. */
static int
zfs_snapshot_all(const char *const paths[], size_t n, const char *name, bool live, struct err *e)
{
	CLEANUP_FREE struct zfs_name *snapshots = calloc(n, sizeof(*snapshots));
	CLEANUP_FREE struct place *p = NULL;
	struct err way = { 0 };
	bool found;
	int rc;

	if (snapshots == NULL)
		return (err_set(e, ENOMEM, "cannot take snapshot '%s'", name));
	if ((rc = places_of(paths, n, &p, e)) != 0)
		return (rc);
	for (size_t i = 0; i < n; i++) {
		if (!zfs_name_snapshot(&snapshots[i], &p[i].volume, name))
			return (too_long(name, e));
		/* Of a VM that runs zfs_flush was called before it had to wait. */
		rc = live ? volume_block_flush(paths[i], e) : zfs_flush(paths[i], e);
		if (rc != 0)
			return (rc);
	}
	if ((rc = zfs_run_on(e, "snapshot", snapshots, n)) == 0 ||
	    (make_way(p, snapshots, n, name, &found, &way) == 0 && !found))
		return (rc);
	err_clear(e);
	if (way.errnum != 0) {
		*e = way;
		return (-way.errnum);
	}
	return (zfs_run_on(e, "snapshot", snapshots, n));
}

/* zfs has written it down before it came back; one of that name from before a rollback may still be there. */
static int
zfs_settle(const char *path, const char *name, struct err *e)
{
	struct place p;
	struct zfs_name own;
	struct zfs_row r;
	int rc;

	if ((rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = zfs_snapshot_find(&p.volume, name, &r, e);
	if (rc == -ENOENT)
		return (volume_block_no_snapshot(path, name, e));
	own = zfs_dataset_of(r.name.text);
	return (rc != 0 || strcmp(own.text, p.volume.text) != 0
		? rc
		: zfs_snapshot_remove(&p.volume, name, false, e));
}

/* A clone of the snapshot takes the volume's place, and with it the snapshots up to that one. */
static int
put_in_place(const struct place *p, const struct zfs_name *snapshot, struct err *e)
{
	struct zfs_name new;
	int rc;

	if (!zfs_name_join(&new, &p->volume, ZFS_NEW))
		return (too_long(p->volume.text, e));
	if ((rc = zfs_dataset_remove(&new, e)) != 0 ||
	    (rc = zfs_run(e, "clone", snapshot->text, new.text, NULL)) != 0 ||
	    (rc = zfs_keep_tuning(&p->volume, &new, e)) != 0 ||
	    /* Interrupted after this there is none of that name: it is rolled back again. */
	    (rc = zfs_volume_retire(&p->volume, e)) != 0 ||
	    (rc = zfs_run(e, "rename", new.text, p->volume.text, NULL)) != 0)
		return (rc);
	zfs_device_forget(&new);
	if ((rc = zfs_run(e, "promote", p->volume.text, NULL)) != 0)
		return (rc);
	return (zfs_retired_tidy(&p->volume, e));
}

static int
zfs_rollback(const char *path, const char *name, const char *const going[], size_t m, struct err *e)
{
	struct place p;
	struct zfs_row r;
	bool last;
	int rc;

	if ((rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = zfs_snapshot_find_past(&p.volume, name, going, m, &r, &last, e);
	if (rc == -ENOENT)
		return (volume_block_no_snapshot(path, name, e));
	if (rc != 0 ||
	    (rc = !last     ? put_in_place(&p, &r.name, e)
		    : m > 0 ? zfs_run(e, "rollback", "-r", r.name.text, NULL)
			    : zfs_run(e, "rollback", r.name.text, NULL)) != 0)
		return (rc);
	return (zfs_device_ready(&p.volume, e));
}

/* Volumes by name (free), and the dataset of the zone that all are of; "": there is no such one. */
static int
volumes_of(const char *const paths[], size_t n, struct zfs_name *zone, struct zfs_name **out,
    struct err *e)
{
	CLEANUP_FREE struct zfs_name *list = calloc(n, sizeof(*list));
	CLEANUP_FREE struct place *p = NULL;
	int rc;

	if (list == NULL)
		return (err_set(e, ENOMEM, "cannot look at the disks"));
	if ((rc = places_of(paths, n, &p, e)) != 0)
		return (rc);
	*zone = p[0].zone;
	for (size_t i = 0; i < n; i++) {
		list[i] = p[i].volume;
		if (strcmp(p[i].zone.text, p[0].zone.text) != 0)
			zone->text[0] = '\0';
	}
	*out = list;
	list = NULL;
	return (0);
}

/* Of a VM's disks, all in one zfs(8) where nothing speaks against it. */
static int
zfs_snapshot_destroy_all(const char *const paths[], size_t n, const char *name, struct err *e)
{
	CLEANUP_FREE struct zfs_name *volumes = NULL;
	struct zfs_name zone;
	bool done = false;
	int rc;

	if ((rc = volumes_of(paths, n, &zone, &volumes, e)) != 0)
		return (rc);
	if (n > 1 && zone.text[0] != '\0')
		rc = zfs_snapshots_remove(&zone, volumes, n, name, &done, e);
	for (size_t i = 0; rc == 0 && !done && i < n; i++)
		rc = zfs_snapshot_remove(&volumes[i], name, true, e);
	return (rc);
}

static int
zfs_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e)
{
	struct place p;
	struct zfs_row r;
	int rc = place_of(path, &p, e);

	if (rc == 0 && (rc = zfs_snapshot_find(&p.volume, name, &r, e)) == -ENOENT)
		return (volume_block_no_snapshot(path, name, e));
	*bytes = rc == 0 ? r.used : 0;
	return (rc);
}

static int
zfs_snapshots_usage(
    const char *const paths[], size_t n, const char *const names[], size_t m, uint64_t bytes[])
{
	CLEANUP_FREE struct zfs_name *volumes = NULL;
	struct zfs_name zone;
	int rc = volumes_of(paths, n, &zone, &volumes, NULL);

	if (rc != 0 || zone.text[0] == '\0')
		return (rc != 0 ? rc : -EXDEV);
	return (zfs_snapshots_used(&zone, volumes, n, names, m, bytes, NULL));
}

const struct volume_driver volume_zfs = {
	.name = "zfs",
	.tune = zfs_tune_volume,
	.tuning_get = zfs_tuning_get,
	.tune_zone = zfs_tune_zone,
	.owns = zfs_owns,
	.path = zfs_path,
	.current = zfs_current,
	.ready = zfs_ready,
	.create = zfs_create,
	.destroy = zfs_destroy,
	.resize = zfs_resize,
	.snapshot_all = zfs_snapshot_all,
	.flush = zfs_flush,
	.settle = zfs_settle,
	.rollback = zfs_rollback,
	.snapshot_destroy_all = zfs_snapshot_destroy_all,
	.snapshot_usage = zfs_snapshot_usage,
	.snapshots_usage = zfs_snapshots_usage,
	.image_forget = zfs_image_forget,
	.receive = zfs_receive,
	.pool = zfs_pool_get,
};
