/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume driver `lvm`: thin logical volumes of one thin pool, `pool`, in the pool's volume group:
 *
 *   ZONE.diskN           a volume, /dev/GROUP/ZONE.diskN, active as long as it is there
 *   ZONE.diskN+sNAME     a snapshot of it, kept inactive (lvm's activation skip)
 *   image-UUID           what an image's file holds, copied when the first volume is made of it, and inactive:
 *                        every volume made of the image is a snapshot of it, and takes no time
 *   ...+new, ...+old     on the way to one of these, or from it: what an interrupted command left; the next one's
 *                        to remove
 *
 * Names are escaped (volume_lvm.h). A volume is whole when it has its name. Sizes are rounded up to the
 * group's extents. Space is taken as it is written; the pool may fill up, and writes then fail. lvm(8) is run
 * for everything and is the only one to know what lies where. Tools and zoneadmd, root.
 */
#include "zone/volume_lvm.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/image.h"
#include "zone/image_store.h"
#include "zone/pool.h"
#include "zone/volume_driver.h"

/* A pool that is this full of metadata (percent) is about to stop. */
#define METADATA_FULL 95.0

/* A volume by the two names that lvm knows it by. */
struct place {
	char group[POOL_GROUP_MAX];
	char name[LVM_NAME_MAX];
};

/* GROUP/NAME, with a suffix of the driver's own. */
struct full {
	char text[POOL_GROUP_MAX + LVM_NAME_MAX + 8];
};

static struct full
full_name(const struct place *p, const char *suffix)
{
	struct full f;

	(void)snprintf(f.text, sizeof(f.text), "%s/%s%s", p->group, p->name, suffix);
	return (f);
}

static struct place
with_suffix(const struct place *p, const char *suffix)
{
	struct place out = *p;

	(void)lvm_name_join(out.name, out.group, suffix);
	return (out);
}

static int
too_long(const char *what, struct err *e)
{
	return (err_say(e, ENAMETOOLONG,
	    "the name of %s is too long for lvm, which has 127 characters for all of it", what));
}

/* The group, when lvm is the pool's driver. */
static bool
group_of_pool(char group[POOL_GROUP_MAX])
{
	struct pool_conf c;

	if (pool_conf_load(&c, NULL) != 0 || strcmp(c.driver, "lvm") != 0)
		return (false);
	(void)snprintf(group, POOL_GROUP_MAX, "%s", c.group);
	return (true);
}

/* "/dev/GROUP/NAME", back to its two names. */
static bool
lvm_place(const char *path, struct place *p)
{
	unsigned n;
	size_t len;

	*p = (struct place){ 0 };
	if (strncmp(path, "/dev/", 5) != 0 || !group_of_pool(p->group))
		return (false);
	path += 5;
	len = strlen(p->group);
	if (strncmp(path, p->group, len) != 0 || path[len] != '/' || !volume_number(path, &n))
		return (false);
	path += len + 1;
	return (lvm_name_valid(path) && lvm_name_join(p->name, p->group, path));
}

static bool
lvm_owns(const char *path)
{
	struct place p;

	return (lvm_place(path, &p));
}

/* The volume, or an error of those who call with what is none. */
static int
place_of(const char *path, struct place *p, struct err *e)
{
	return (lvm_place(path, p)
		? 0
		: err_say(e, EINVAL, "disk '%s' is no volume of the pool", path));
}

static int
place_of_snapshot(const char *path, const char *name, struct place *p, struct err *e)
{
	int rc = place_of(path, p, e);

	if (rc != 0)
		return (rc);
	return (lvm_name_join(p->name, p->group, "+s") && lvm_name_append(p->name, p->group, name)
		? 0
		: too_long(name, e));
}

static int
lvm_path(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e)
{
	struct place p = { 0 }, new;
	char number[24];

	if (!group_of_pool(p.group))
		return (err_say(e, EINVAL, "the pool is none of lvm's"));
	if (zone[0] == '\0' || zone[0] == '.' || strchr(zone, '/') != NULL)
		return (err_say(e, EINVAL, "'%s' is no name of a zone", zone));
	(void)snprintf(number, sizeof(number), ".disk%u", index);
	if (!lvm_name_append(p.name, p.group, zone) || !lvm_name_join(p.name, p.group, number))
		return (too_long(zone, e));
	new = p; /* there has to be room for the suffix */
	if (!lvm_name_join(new.name, new.group, "+new"))
		return (too_long(zone, e));
	(void)snprintf(buf, PATH_MAX, "/dev/%s/%s", p.group, p.name);
	return (0);
}

/* ---- steps ---- */

/* Remove it, and say nothing when it is not there. */
static int
remove_volume(const struct place *p, const char *suffix, struct err *e)
{
	struct full f = full_name(p, suffix);
	struct place there = with_suffix(p, suffix);
	int rc = lvm_find(there.group, there.name, NULL, e);

	if (rc == -ENOENT)
		return (0);
	return (rc != 0 ? rc : lvm_run(e, "lvremove", "-f", f.text, NULL));
}

/* A thin snapshot of a volume (with its suffix) under another name; active or not. */
static int
make_snapshot(
    const struct full *of, const struct place *p, const char *suffix, bool active, struct err *e)
{
	struct place as = with_suffix(p, suffix);

	return (lvm_run(e, "lvcreate", "-s", "-n", as.name, active ? "-kn" : "-ky",
	    active ? "-ay" : "-an", of->text, NULL));
}

static int
resize_volume(const struct place *p, const char *suffix, uint64_t size, struct err *e)
{
	struct full f = full_name(p, suffix);
	char bytes[32];

	(void)snprintf(bytes, sizeof(bytes), "%" PRIu64 "b", size);
	return (lvm_run(e, "lvresize", "-f", "-L", bytes, f.text, NULL));
}

static int
make_empty(const struct place *p, const char *suffix, uint64_t size, struct err *e)
{
	struct place as = with_suffix(p, suffix);
	char bytes[32], pool[POOL_GROUP_MAX + 16];

	(void)snprintf(bytes, sizeof(bytes), "%" PRIu64 "b", size);
	(void)snprintf(pool, sizeof(pool), "%s/" LVM_POOL, p->group);
	/* It reads as zeroes; signatures of what a guest wrote before are none of ours to look for. */
	return (lvm_run(e, "lvcreate", "-Wn", "-V", bytes, "--thinpool", pool, "-n", as.name, "-kn",
	    "-ay", NULL));
}

static int
rename_volume(const struct place *p, const char *from, const char *to, struct err *e)
{
	struct full a = full_name(p, from), b = full_name(p, to);

	return (lvm_run(e, "lvrename", a.text, b.text, NULL));
}

/* ---- room ---- */

static int
find_pool(const char *group, struct lvm_volume *out, struct err *e)
{
	int rc = lvm_find(group, LVM_POOL, out, e);

	if (rc == -ENOENT)
		return (
		    err_say(e, ENOENT, "volume group '%s' has no thin pool '" LVM_POOL "'", group));
	return (rc);
}

static uint64_t
free_of(const struct lvm_volume *pool)
{
	return ((uint64_t)((double)pool->size * (100 - pool->data) / 100));
}

static int
check_room(const char *group, uint64_t need, const char *what, struct err *e)
{
	struct lvm_volume pool;
	int rc = find_pool(group, &pool, e);

	if (rc != 0)
		return (rc);
	if (pool.metadata >= METADATA_FULL)
		return (err_say(e, ENOSPC,
		    "no space: the metadata of thin pool %s/" LVM_POOL
		    " is full (%.0f %%): lvextend --poolmetadatasize",
		    group, pool.metadata));
	if (need <= free_of(&pool))
		return (0);
	return (err_say(e, ENOSPC,
	    "no space: %s needs %llu MiB, but only %llu MiB are free in thin pool %s/" LVM_POOL,
	    what, (unsigned long long)(need / MIB + (need % MIB != 0)),
	    (unsigned long long)(free_of(&pool) / MIB), group));
}

/* ---- images ---- */

static bool
image_place(const char *group, const char *uuid, struct place *p)
{
	*p = (struct place){ 0 };
	(void)snprintf(p->group, sizeof(p->group), "%s", group);
	return (lvm_name_join(p->name, group, "image-") && lvm_name_join(p->name, group, uuid));
}

/* The file's content, on a volume that reads as zeroes. */
static int
copy_content(int in, const struct image *img, const struct place *p, struct err *e)
{
	char device[PATH_MAX];

	(void)snprintf(device, sizeof(device), "/dev/%s", full_name(p, "+new").text);
	return (volume_block_fill(in, img, device, e));
}

static int
make_image(const struct image *img, const struct place *p, struct err *e)
{
	CLEANUP_FD int in = -1;
	struct full f = full_name(p, "+new");
	uint64_t used;
	int rc;

	if ((in = volume_block_open_image(img, &used, e)) < 0)
		return (in);
	if ((rc = remove_volume(p, "+new", e)) != 0 ||
	    (rc = check_room(p->group, used, "an image's copy", e)) != 0 ||
	    (rc = make_empty(p, "+new", img->size, e)) != 0)
		return (rc);
	if ((rc = copy_content(in, img, p, e)) == 0 &&
	    (rc = lvm_run(e, "lvchange", "-an", f.text, NULL)) == 0 &&
	    (rc = lvm_run(e, "lvchange", "-ky", f.text, NULL)) == 0)
		rc = rename_volume(p, "+new", "", e);
	if (rc != 0)
		(void)remove_volume(p, "+new", NULL);
	return (rc);
}

/* What volumes of the image are to be made of, made when it is not there. */
static int
image_origin(const char *group, const char *uuid, struct place *p, uint64_t *size, struct err *e)
{
	CLEANUP_FD int store = -1;
	struct image img;
	int rc;

	if ((rc = image_get(uuid, &img, e)) != 0)
		return (rc);
	if (!image_place(group, img.uuid, p))
		return (too_long(img.uuid, e));
	*size = img.size;
	/* Two that want the first volume of it: the store's lock is theirs. */
	if ((rc = image_store_open(&store, e)) != 0)
		return (rc);
	rc = lvm_find(group, p->name, NULL, e);
	return (rc == -ENOENT ? make_image(&img, p, e) : rc);
}

static int
lvm_image_forget(const char *uuid, struct err *e)
{
	char group[POOL_GROUP_MAX];
	struct place p;
	int rc;

	if (!group_of_pool(group) || !image_place(group, uuid, &p))
		return (0);
	if ((rc = remove_volume(&p, "+new", e)) != 0)
		return (rc);
	return (remove_volume(&p, "", e));
}

/* ---- volumes ---- */

/* What a volume is made of: a volume of this pool. */
struct origin {
	bool there;
	struct place place;
	uint64_t size;
	char name[192]; /* for messages */
};

static int
find_origin(struct origin *o, struct err *e)
{
	struct lvm_volume v;
	int rc = lvm_find(o->place.group, o->place.name, &v, e);

	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "there is no %s", o->name));
	o->size = v.size;
	o->there = true;
	return (rc);
}

static int
origin_of(const struct volume_spec *spec, const char *group, struct origin *o, struct err *e)
{
	CLEANUP_FD int fd = -1;
	uint64_t size;
	int rc;

	*o = (struct origin){ 0 };
	if (spec->from != NULL && spec->from_snapshot != NULL) {
		(void)snprintf(o->name, sizeof(o->name), "snapshot '%s' of disk '%.100s'",
		    spec->from_snapshot, spec->from);
		if ((rc = place_of_snapshot(spec->from, spec->from_snapshot, &o->place, e)) != 0)
			return (rc);
		return (find_origin(o, e));
	}
	if (spec->from != NULL) {
		(void)snprintf(o->name, sizeof(o->name), "disk '%.150s'", spec->from);
		if ((rc = place_of(spec->from, &o->place, e)) != 0)
			return (rc);
		if ((fd = volume_open(spec->from, 0, &size, e)) < 0) /* nobody runs on it */
			return (fd);
		return (find_origin(o, e));
	}
	if (spec->image_uuid == NULL)
		return (0);
	(void)snprintf(o->name, sizeof(o->name), "image %s", spec->image_uuid);
	o->there = true;
	return (image_origin(group, spec->image_uuid, &o->place, &o->size, e));
}

/* All that there is to it, under the name of one on its way. */
static int
make_new(const struct place *p, const struct origin *o, uint64_t size, struct err *e)
{
	struct full of = full_name(&o->place, "");
	int rc;

	if (!o->there)
		return (make_empty(p, "+new", size, e));
	rc = make_snapshot(&of, p, "+new", true, e);
	if (rc == 0 && size > o->size)
		rc = resize_volume(p, "+new", size, e);
	return (rc);
}

static int
lvm_create(const struct volume_spec *spec, char *path, struct err *e)
{
	struct place p;
	struct origin o;
	uint64_t size;
	int rc;

	if ((rc = lvm_path(path, spec->zone, spec->index, e)) != 0 ||
	    (rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = lvm_find(p.group, p.name, NULL, e);
	if (rc == 0 && !spec->replace)
		return (err_say(e, EEXIST, "disk '%s' already exists", path));
	if ((rc != 0 && rc != -ENOENT) || (rc = origin_of(spec, p.group, &o, e)) != 0 ||
	    (rc = volume_size(spec, o.size, o.name, &size, e)) != 0 ||
	    (rc = check_room(p.group, o.there ? 0 : size, path, e)) != 0 ||
	    (rc = remove_volume(&p, "+new", e)) != 0)
		return (rc);
	if ((rc = make_new(&p, &o, size, e)) == 0 &&
	    (!spec->replace || (rc = remove_volume(&p, "", e)) == 0))
		rc = rename_volume(&p, "+new", "", e);
	if (rc == 0)
		return (0);
	(void)remove_volume(&p, "+new", NULL);
	return (err_ctx(e, "cannot make disk '%s'", path));
}

/* What the volume has beside itself: its snapshots, and what was left on the way. */
static int
remove_satellites(const struct place *p, struct err *e)
{
	CLEANUP_FREE struct lvm_volume *list = NULL;
	size_t n, len = strlen(p->name);
	int rc = lvm_list(p->group, &list, &n, e);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		struct place one = *p;

		if (strncmp(list[i].name, p->name, len) != 0 || list[i].name[len] != '+')
			continue;
		memcpy(one.name, list[i].name, sizeof(one.name));
		rc = lvm_run(e, "lvremove", "-f", full_name(&one, "").text, NULL);
	}
	return (rc);
}

static int
lvm_destroy(const char *path, struct err *e)
{
	struct place p;
	int rc;

	/* A disk that a zone runs on is not pulled away. */
	if ((rc = place_of(path, &p, e)) != 0 || (rc = volume_block_unused(path, e)) != 0)
		return (rc);
	if ((rc = remove_volume(&p, "", e)) != 0)
		return (rc);
	return (remove_satellites(&p, e));
}

static int
lvm_resize(int fd, const char *path, uint64_t now, uint64_t size, struct err *e)
{
	struct place p;
	int rc;

	(void)fd;
	if ((rc = place_of(path, &p, e)) != 0 ||
	    (size > now && (rc = check_room(p.group, size - now, path, e)) != 0))
		return (rc);
	return (resize_volume(&p, "", size, e));
}

/* Groups that came up after the others (a loop device's) have no device nodes yet. */
static int
lvm_ready(const char *path, struct err *e)
{
	struct place p;
	struct full f;
	int rc;

	if ((rc = place_of(path, &p, e)) != 0)
		return (rc);
	rc = lvm_find(p.group, p.name, NULL, e);
	if (rc == -ENOENT)
		return (err_set(e, ENOENT, "cannot open disk '%s'", path));
	f = full_name(&p, "");
	return (rc != 0 ? rc : lvm_run(e, "lvchange", "-ay", f.text, NULL));
}

/* ---- snapshots ---- */

/*
 * lvm suspends the volume for it, so that it is of one instant. What was written is in the kernel's cache of
 * the device first, and belongs to it as well.
 */
static int
lvm_snapshot(const char *path, const char *name, bool live, struct err *e)
{
	struct place of, p;
	struct full f;
	int rc;

	(void)live;
	if ((rc = place_of(path, &of, e)) != 0 ||
	    (rc = place_of_snapshot(path, name, &p, e)) != 0 ||
	    (rc = volume_block_flush(path, e)) != 0)
		return (rc);
	f = full_name(&of, "");
	if ((rc = make_snapshot(&f, &p, "", false, e)) == 0)
		return (0);
	/* One of that name may be in the way. */
	if (lvm_find(p.group, p.name, NULL, NULL) != 0)
		return (rc);
	err_clear(e);
	if ((rc = remove_volume(&p, "", e)) != 0)
		return (rc);
	return (make_snapshot(&f, &p, "", false, e));
}

/* lvm has written it down before it came back. */
static int
lvm_settle(const char *path, const char *name, struct err *e)
{
	struct place p;
	int rc;

	if ((rc = place_of_snapshot(path, name, &p, e)) != 0)
		return (rc);
	rc = lvm_find(p.group, p.name, NULL, e);
	return (rc == -ENOENT ? volume_block_no_snapshot(path, name, e) : rc);
}

static int
lvm_rollback(const char *path, const char *name, const char *const going[], size_t m, struct err *e)
{
	struct place of, p;
	struct full f;
	int rc;

	(void)going; /* none is in the way */
	(void)m;
	if ((rc = lvm_settle(path, name, e)) != 0 || (rc = place_of(path, &of, e)) != 0 ||
	    (rc = place_of_snapshot(path, name, &p, e)) != 0)
		return (rc);
	f = full_name(&p, "");
	if ((rc = remove_volume(&of, "+new", e)) != 0 ||
	    (rc = make_snapshot(&f, &of, "+new", true, e)) != 0 ||
	    (rc = remove_volume(&of, "+old", e)) != 0)
		return (rc);
	/* Interrupted here there is none of that name: it is rolled back again. */
	rc = lvm_find(of.group, of.name, NULL, e);
	if (rc == 0)
		rc = rename_volume(&of, "", "+old", e);
	if ((rc != 0 && rc != -ENOENT) || (rc = rename_volume(&of, "+new", "", e)) != 0)
		return (rc);
	return (remove_volume(&of, "+old", e));
}

static int
lvm_snapshot_destroy(const char *path, const char *name, struct err *e)
{
	struct place p;
	int rc;

	if ((rc = place_of_snapshot(path, name, &p, e)) != 0)
		return (rc);
	return (remove_volume(&p, "", e));
}

static int
lvm_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e)
{
	*bytes = 0;
	return (err_say(e, EOPNOTSUPP,
	    "lvm does not tell what snapshot '%s' of disk '%s' alone holds", name, path));
}

/* ---- the pool ---- */

static int
lvm_pool(struct volume_pool *out, struct err *e)
{
	char group[POOL_GROUP_MAX];
	struct lvm_volume pool;
	int rc;

	if (!group_of_pool(group))
		return (err_say(e, EINVAL, "the pool is none of lvm's"));
	if ((rc = find_pool(group, &pool, e)) != 0)
		return (rc);
	*out = (struct volume_pool){
		.driver = "lvm",
		.size = pool.size,
		.free = free_of(&pool),
		.instant = true,
		.readonly = pool.readonly,
	};
	if (pool.health[0] != '\0')
		(void)snprintf(out->problem, sizeof(out->problem), "%s", pool.health);
	else if (pool.metadata >= METADATA_FULL)
		(void)snprintf(out->problem, sizeof(out->problem), "metadata full");
	return (0);
}

const struct volume_driver volume_lvm = {
	.name = "lvm",
	.owns = lvm_owns,
	.path = lvm_path,
	.ready = lvm_ready,
	.create = lvm_create,
	.destroy = lvm_destroy,
	.resize = lvm_resize,
	.snapshot = lvm_snapshot,
	.flush = volume_block_flush,
	.settle = lvm_settle,
	.rollback = lvm_rollback,
	.snapshot_destroy = lvm_snapshot_destroy,
	.snapshot_usage = lvm_snapshot_usage,
	.image_forget = lvm_image_forget,
	.pool = lvm_pool,
};
