/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume driver `file`: raw files /zones/<zone>/diskN.raw, mode 0600, sparse. A volume is made
 * under a hidden name and gets its own when it is whole, so what an interrupted command left is no
 * disk, and is overwritten by the next. Space: a new volume must fit into what is free when it is
 * made; a clone that shares blocks needs none, a copy what its source occupies. It is not reserved:
 * the pool may fill up later. Snapshots are files as well, and in volume_file_snap.c. Tools, root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/image.h"
#include "zone/paths.h"
#include "zone/sparse.h"
#include "zone/zconf.h"
#include "zone/volume_driver.h"
#include "zone/volume_file.h"

/* What a volume is made of; fd -1: nothing. */
struct source {
	int fd;
	uint64_t size;
	char name[192]; /* for messages */
};

static bool
file_owns(const char *path)
{
	char top[PATH_MAX];
	size_t len = strlen(path_zones(top, "%s", "")), n = strlen(path);

	return (strncmp(path, top, len) == 0 && path[len] == '/' && n > 4 &&
	    strcmp(path + n - 4, ".raw") == 0);
}

static int
file_path(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e)
{
	(void)e;
	(void)path_zones(buf, "%s/disk%u.raw", zone, index);
	return (0);
}

/* Open what it is to be made of. */
static int
open_source(const struct volume_spec *spec, struct source *src, struct err *e)
{
	struct image img;
	int rc;

	*src = (struct source){ .fd = -1 };
	if (spec->from != NULL && spec->from_snapshot != NULL) {
		(void)snprintf(src->name, sizeof(src->name), "snapshot '%s' of its source",
		    spec->from_snapshot);
		return (
		    file_snapshot_open(spec->from, spec->from_snapshot, &src->fd, &src->size, e));
	}
	if (spec->from != NULL) {
		(void)snprintf(src->name, sizeof(src->name), "its source");
		src->fd = volume_open(spec->from, 1, &src->size, e);
		return (src->fd < 0 ? src->fd : 0);
	}
	if (spec->image_uuid == NULL)
		return (0);
	if ((rc = image_get(spec->image_uuid, &img, e)) != 0)
		return (rc);
	(void)snprintf(src->name, sizeof(src->name), "image %s", img.uuid);
	src->size = img.size;
	src->fd = open(img.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (src->fd < 0)
		return (err_set(e, errno, "cannot open '%s' of image %s", img.path, img.uuid));
	return (0);
}

static int
fill(int fd, const struct volume_spec *spec, uint64_t size, const struct source *src,
    const char *pool, struct err *e)
{
	char what[ZONENAME_MAX + 32];
	int rc;

	(void)snprintf(what, sizeof(what), "disk%u of zone '%s'", spec->index, spec->zone);
	rc = src->fd >= 0 ? file_twin(src->fd, fd, src->size, what, pool, e)
			  : space_check(fd, size, what, pool, e);
	if (rc == 0 && ftruncate(fd, (off_t)size) != 0)
		rc = err_set(e, errno, "cannot give %s its size", what);
	return (rc);
}

static int
open_zone_folder(const char *zone, char *path, struct err *e)
{
	int fd;

	if (zone[0] == '\0' || zone[0] == '.' || strchr(zone, '/') != NULL)
		return (err_say(e, EINVAL, "'%s' is no name of a zone", zone));
	fd = open(path_zones(path, "%s", zone), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return (err_set(e, errno, "cannot open zone path '%s'", path));
	return (fd);
}

/* Make it under the hidden name, and give it its own. */
static int
make(int dir, const struct volume_spec *spec, const struct source *src, uint64_t size,
    const char *folder, const char *path, struct err *e)
{
	CLEANUP_FD int fd = -1;
	char name[32], tmp[40];
	int rc;

	(void)snprintf(name, sizeof(name), "disk%u.raw", spec->index);
	(void)snprintf(tmp, sizeof(tmp), ".%s.new", name);
	if (!spec->replace && faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return (err_say(e, EEXIST, "disk '%s' already exists", path));
	(void)unlinkat(dir, tmp, 0);
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return (err_set(e, errno, "cannot make disk '%s'", path));
	rc = fill(fd, spec, size, src, folder, e);
	if (rc == 0 && fsync(fd) != 0)
		rc = err_set(e, errno, "cannot make disk '%s' durable", path);
	if (rc == 0 && renameat2(dir, tmp, dir, name, spec->replace ? 0 : RENAME_NOREPLACE) != 0)
		rc = err_set(e, errno, "cannot make disk '%s'", path);
	if (rc == 0 && fsync(dir) != 0)
		rc = err_set(e, errno, "cannot make disk '%s' durable", path);
	if (rc != 0)
		(void)unlinkat(dir, tmp, 0);
	return (rc);
}

static int
file_create(const struct volume_spec *spec, char *path, struct err *e)
{
	CLEANUP_FD int dir = -1;
	char folder[PATH_MAX];
	struct source src;
	uint64_t size;
	int rc;

	if ((rc = open_source(spec, &src, e)) != 0)
		return (rc);
	if ((rc = volume_size(spec, src.size, src.name, &size, e)) == 0 &&
	    (dir = open_zone_folder(spec->zone, folder, e)) < 0)
		rc = dir;
	if (rc == 0) {
		(void)file_path(path, spec->zone, spec->index, e);
		rc = make(dir, spec, &src, size, folder, path, e);
	}
	volume_close(&src.fd);
	return (rc);
}

static int
file_destroy(const char *path, struct err *e)
{
	CLEANUP_FD int fd = -1;
	uint64_t size;

	/* Opening takes the lock: a disk that a zone runs on is not pulled away. */
	fd = volume_open(path, 0, &size, e);
	if (fd == -ENOENT) {
		err_clear(e);
		return (file_snapshots_sweep(path, e));
	}
	/* A symbolic link in a volume's place: nothing runs on it, and what it leads to is not ours. */
	if (fd < 0 && fd != -ELOOP)
		return (fd);
	err_clear(e);
	if (unlink(path) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove disk '%s'", path));
	return (file_snapshots_sweep(path, e));
}

static int
file_resize(int fd, const char *path, uint64_t now, uint64_t size, struct err *e)
{
	char top[PATH_MAX];
	int rc;

	if (size > VOLUME_SIZE_MAX)
		return (err_say(e, EFBIG, "disk '%s' cannot be so large", path));
	if (size > now &&
	    (rc = space_check(fd, size - now, path, path_zones(top, "%s", ""), e)) != 0)
		return (rc);
	if (ftruncate(fd, (off_t)size) != 0 || fsync(fd) != 0)
		return (err_set(e, errno, "cannot resize disk '%s'", path));
	return (0);
}

const struct volume_driver volume_file = {
	.name = "file",
	.owns = file_owns,
	.path = file_path,
	.create = file_create,
	.destroy = file_destroy,
	.resize = file_resize,
	.snapshot = file_snapshot,
	.flush = file_flush,
	.settle = file_settle,
	.rollback = file_rollback,
	.snapshot_destroy = file_snapshot_destroy,
	.snapshot_usage = file_snapshot_usage,
	.pool = file_pool,
};
