/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volume driver `file`: raw files /zones/<zone>/diskN.raw, mode 0600, sparse. A volume is made
 * under a hidden name and gets its own when it is whole, so what an interrupted command left is no
 * disk, and is overwritten by the next. Space: a new volume must fit into what is free when it is
 * made; a clone that shares blocks needs none, a copy what the image occupies. It is not reserved:
 * the pool may fill up later. Tools, root.
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
#include "zone/volume_driver.h"

#define VOLUME_SIZE_MAX (1ull << 60)

static bool
file_owns(const char *path)
{
	char top[PATH_MAX];
	size_t len = strlen(path_zones(top, "%s", "")), n = strlen(path);

	return (strncmp(path, top, len) == 0 && path[len] == '/' && n > 4 &&
	    strcmp(path + n - 4, ".raw") == 0);
}

/* The image's content, by sharing or by a copy. */
static int
fill_from_image(int fd, const struct image *img, const char *what, const char *pool, struct err *e)
{
	CLEANUP_FD int in = open(img->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t used;
	int rc;

	if (in < 0)
		return (err_set(e, errno, "cannot open '%s' of image %s", img->path, img->uuid));
	if (file_share(in, fd) == 0)
		return (0);
	if ((rc = sparse_allocated(in, &used)) != 0)
		return (err_set(e, -rc, "cannot read image %s", img->uuid));
	if ((rc = space_check(fd, used, what, pool, e)) != 0)
		return (rc);
	if ((rc = sparse_copy(in, fd, img->size)) != 0)
		return (err_set(e, -rc, "cannot copy image %s to %s", img->uuid, what));
	return (0);
}

static int
fill(int fd, const struct volume_spec *spec, uint64_t size, const struct image *img,
    const char *pool, struct err *e)
{
	char what[128];
	int rc;

	(void)snprintf(what, sizeof(what), "disk%u of zone '%s'", spec->index, spec->zone);
	rc = img != NULL ? fill_from_image(fd, img, what, pool, e)
			 : space_check(fd, size, what, pool, e);
	if (rc == 0 && ftruncate(fd, (off_t)size) != 0)
		rc = err_set(e, errno, "cannot give %s its size", what);
	return (rc);
}

/* The size asked for, or the image's. */
static int
decide_size(const struct volume_spec *spec, const struct image *img, uint64_t *size, struct err *e)
{
	*size = spec->size != 0 ? spec->size : img != NULL ? img->size : 0;
	if (*size == 0 || *size % 512 != 0 || *size > VOLUME_SIZE_MAX)
		return (err_say(e, EINVAL,
		    "disk%u of zone '%s': a size of %llu bytes is not possible; a multiple of 512, "
		    "not 0, is wanted",
		    spec->index, spec->zone, (unsigned long long)*size));
	if (img != NULL && *size < img->size)
		return (err_say(e, EINVAL,
		    "disk%u of zone '%s': %llu MiB are less than the %llu MiB of image %s",
		    spec->index, spec->zone, (unsigned long long)(*size / MIB),
		    (unsigned long long)(img->size / MIB), img->uuid));
	return (0);
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

static int
file_create(const struct volume_spec *spec, char *path, struct err *e)
{
	CLEANUP_FD int dir = -1, fd = -1;
	char folder[PATH_MAX], name[32], tmp[40];
	struct image img, *from = NULL;
	uint64_t size;
	int rc;

	if (spec->image_uuid != NULL) {
		if ((rc = image_get(spec->image_uuid, &img, e)) != 0)
			return (rc);
		from = &img;
	}
	if ((rc = decide_size(spec, from, &size, e)) != 0)
		return (rc);
	if ((dir = open_zone_folder(spec->zone, folder, e)) < 0)
		return (dir);
	(void)snprintf(name, sizeof(name), "disk%u.raw", spec->index);
	(void)snprintf(tmp, sizeof(tmp), ".%s.new", name);
	(void)path_zones(path, "%s/%s", spec->zone, name);
	if (faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return (err_say(e, EEXIST, "disk '%s' already exists", path));
	(void)unlinkat(dir, tmp, 0);
	fd = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return (err_set(e, errno, "cannot make disk '%s'", path));
	rc = fill(fd, spec, size, from, folder, e);
	if (rc == 0 && fsync(fd) != 0)
		rc = err_set(e, errno, "cannot make disk '%s' durable", path);
	if (rc == 0 && renameat2(dir, tmp, dir, name, RENAME_NOREPLACE) != 0)
		rc = err_set(e, errno, "cannot make disk '%s'", path);
	if (rc != 0)
		(void)unlinkat(dir, tmp, 0);
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
		return (0);
	}
	/* A symbolic link in a volume's place: nothing runs on it, and what it leads to is not ours. */
	if (fd < 0 && fd != -ELOOP)
		return (fd);
	err_clear(e);
	if (unlink(path) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove disk '%s'", path));
	return (0);
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
	.create = file_create,
	.destroy = file_destroy,
	.resize = file_resize,
};
