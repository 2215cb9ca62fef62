/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of the volume driver `file`: /zones/<zone>/snapshots/diskN@NAME, files that share blocks
 * with their volume where the filesystem can, else sparse copies. A file of that name is the whole
 * snapshot: it is made under a hidden name. The name and the folder were checked by volume.c and by
 * file_owns. Tools, root.
 */
#include "zone/volume_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/paths.h"
#include "zone/sparse.h"

#define EXTENTS   256 /* asked for at a time */
#define SNAPSHOTS "snapshots"
#define SNAP_NAME (NAME_MAX + 1)

int
file_twin(int in, int out, uint64_t size, const char *what, const char *pool, struct err *e)
{
	uint64_t used;
	int rc;

	if (file_share(in, out) == 0)
		return (0);
	if ((rc = sparse_allocated(in, &used)) != 0)
		return (err_set(e, -rc, "cannot read what %s is made of", what));
	if ((rc = space_check(out, used, what, pool, e)) != 0)
		return (rc);
	if ((rc = sparse_copy(in, out, size)) != 0)
		return (err_set(e, -rc, "cannot copy to %s", what));
	return (0);
}

/* "disk0" of "/zones/z/disk0.raw". */
static void
stem_of(const char *path, char out[64])
{
	const char *name = strrchr(path, '/') + 1;

	(void)snprintf(out, 64, "%.*s", (int)MIN(strlen(name) - 4, 40), name);
}

/* The folder of the volume's snapshots; with `make`, made when it is missing. fd or -errno. */
static int
open_folder(const char *path, bool make, char folder[PATH_MAX], struct err *e)
{
	int fd, rc;

	rc = snprintf(folder, PATH_MAX, "%.*s/" SNAPSHOTS, (int)(strrchr(path, '/') - path), path);
	if (rc < 0 || rc >= PATH_MAX)
		return (err_set(e, ENAMETOOLONG, "snapshots of '%s'", path));
	if (make && mkdir(folder, 0700) != 0 && errno != EEXIST)
		return (err_set(e, errno, "cannot make '%s'", folder));
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return (fd >= 0 ? fd : err_set(e, errno, "cannot open '%s'", folder));
}

static int
no_snapshot(const char *path, const char *name, struct err *e)
{
	return (err_say(e, ENOENT, "disk '%s' has no snapshot '%s'", path, name));
}

int
file_snapshot_open(const char *path, const char *name, int *fd, uint64_t *size, struct err *e)
{
	char folder[PATH_MAX], file[SNAP_NAME], stem[64];
	CLEANUP_FD int dir = open_folder(path, false, folder, e);
	struct stat st;

	if (dir == -ENOENT)
		return (no_snapshot(path, name, e));
	if (dir < 0)
		return (dir);
	stem_of(path, stem);
	(void)snprintf(file, sizeof(file), "%s@%s", stem, name);
	*fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT)
		return (no_snapshot(path, name, e));
	if (*fd < 0 || fstat(*fd, &st) != 0)
		return (err_set(e, errno, "cannot open '%s/%s'", folder, file));
	*size = (uint64_t)st.st_size;
	return (0);
}

static int
take(int in, int out, const char *path, bool live, struct err *e)
{
	struct stat st;
	int rc;

	if (live && (rc = file_share(in, out)) != 0) {
		if (rc == -ENOSPC || rc == -EIO || rc == -EROFS || rc == -EDQUOT)
			return (err_set(e, -rc, "cannot take a snapshot of disk '%s'", path));
		return (err_say(e, EOPNOTSUPP,
		    "disk '%s' is in use, and its filesystem cannot share blocks (XFS and btrfs "
		    "can), "
		    "so that a snapshot is a copy: stop the VM first",
		    path));
	}
	if (live)
		return (0);
	if (fstat(in, &st) != 0)
		return (err_set(e, errno, "cannot read disk '%s'", path));
	return (file_twin(in, out, (uint64_t)st.st_size, path, path, e));
}

int
file_snapshot(const char *path, const char *name, bool live, struct err *e)
{
	char folder[PATH_MAX], file[SNAP_NAME], tmp[SNAP_NAME], stem[64];
	CLEANUP_FD int out = -1, dir = open_folder(path, true, folder, e);
	uint64_t size;
	int in, rc;

	if (dir < 0)
		return (dir);
	stem_of(path, stem);
	(void)snprintf(file, sizeof(file), "%s@%s", stem, name);
	(void)snprintf(tmp, sizeof(tmp), ".%s.new", stem);
	/* Unless somebody runs on it, nobody may begin to while it is copied. */
	in = live ? open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : volume_open(path, 1, &size, e);
	if (in < 0)
		return (live ? err_set(e, errno, "cannot open disk '%s'", path) : in);
	(void)unlinkat(dir, tmp, 0);
	out = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	rc = out < 0 ? err_set(e, errno, "cannot make '%s/%s'", folder, file)
		     : take(in, out, path, live, e);
	if (live)
		fd_close(&in); /* not its lock, which is another's */
	else
		volume_close(&in);
	if (rc == 0 && renameat(dir, tmp, dir, file) != 0)
		rc = err_set(e, errno, "cannot make '%s/%s'", folder, file);
	if (rc != 0)
		(void)unlinkat(dir, tmp, 0);
	return (rc);
}

int
file_flush(const char *path, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fdatasync(fd) != 0)
		return (err_set(e, errno, "cannot write disk '%s'", path));
	return (0);
}

int
file_settle(const char *path, const char *name, struct err *e)
{
	char folder[PATH_MAX];
	CLEANUP_FD int fd = -1, dir = open_folder(path, false, folder, e);
	uint64_t size;
	int rc;

	if (dir < 0)
		return (dir);
	if ((rc = file_snapshot_open(path, name, &fd, &size, e)) != 0)
		return (rc);
	if (fsync(fd) != 0 || fsync(dir) != 0)
		return (err_set(e, errno, "cannot make the snapshot of disk '%s' durable", path));
	return (0);
}

int
file_rollback(
    const char *path, const char *name, const char *const going[], size_t m, struct err *e)
{
	CLEANUP_FD int in = -1, out = -1, dir = -1;
	char folder[PATH_MAX], tmp[80], stem[64];
	uint64_t size;
	int rc;

	(void)going; /* none is in the way */
	(void)m;
	if ((rc = file_snapshot_open(path, name, &in, &size, e)) != 0)
		return (rc);
	stem_of(path, stem);
	(void)snprintf(tmp, sizeof(tmp), ".%s.raw.new", stem);
	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	if ((dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot open '%s'", folder));
	(void)unlinkat(dir, tmp, 0);
	out = openat(dir, tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out < 0)
		return (err_set(e, errno, "cannot make disk '%s'", path));
	rc = file_twin(in, out, size, path, folder, e);
	if (rc == 0 && fsync(out) != 0)
		rc = err_set(e, errno, "cannot make disk '%s' durable", path);
	if (rc == 0 && (renameat(dir, tmp, dir, strrchr(path, '/') + 1) != 0 || fsync(dir) != 0))
		rc = err_set(e, errno, "cannot roll back disk '%s'", path);
	if (rc != 0)
		(void)unlinkat(dir, tmp, 0);
	return (rc);
}

int
file_snapshot_destroy(const char *path, const char *name, struct err *e)
{
	char folder[PATH_MAX], file[SNAP_NAME], stem[64];
	CLEANUP_FD int dir = open_folder(path, false, folder, e);

	if (dir == -ENOENT) {
		err_clear(e);
		return (0);
	}
	if (dir < 0)
		return (dir);
	stem_of(path, stem);
	(void)snprintf(file, sizeof(file), "%s@%s", stem, name);
	if (unlinkat(dir, file, 0) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s/%s'", folder, file));
	return (0);
}

int
file_snapshots_sweep(const char *path, struct err *e)
{
	char folder[PATH_MAX], stem[64];
	int dir = open_folder(path, false, folder, e), rc = 0;
	struct dirent *de;
	size_t len;
	DIR *d;

	if (dir == -ENOENT) {
		err_clear(e);
		return (0);
	}
	if (dir < 0)
		return (dir);
	if ((d = fdopendir(dir)) == NULL) {
		(void)close(dir);
		return (err_set(e, ENOMEM, "cannot read '%s'", folder));
	}
	stem_of(path, stem);
	len = strlen(stem);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (strncmp(de->d_name, stem, len) == 0 && de->d_name[len] == '@' &&
		    unlinkat(dir, de->d_name, 0) != 0)
			rc = err_set(e, errno, "cannot remove '%s/%s'", folder, de->d_name);
	}
	(void)closedir(d);
	return (rc);
}

/* Bytes of the file that no other shares; all that it occupies where the filesystem cannot tell. */
static int
unshared(int fd, uint64_t *bytes)
{
	CLEANUP_FREE struct fiemap *map =
	    calloc(1, sizeof(*map) + EXTENTS * sizeof(struct fiemap_extent));
	uint64_t at = 0;
	bool last = false;

	if (map == NULL)
		return (-ENOMEM);
	*bytes = 0;
	while (!last) {
		*map = (struct fiemap){
			.fm_start = at, .fm_length = UINT64_MAX - at, .fm_extent_count = EXTENTS
		};
		if (ioctl(fd, FS_IOC_FIEMAP, map) != 0)
			return (sparse_allocated(fd, bytes));
		last = map->fm_mapped_extents == 0 || map->fm_mapped_extents > EXTENTS;
		for (uint32_t i = 0; !last && i < map->fm_mapped_extents; i++) {
			const struct fiemap_extent *x = &map->fm_extents[i];

			if ((x->fe_flags & FIEMAP_EXTENT_SHARED) == 0)
				*bytes += x->fe_length;
			at = x->fe_logical + x->fe_length;
			last = x->fe_length == 0 || (x->fe_flags & FIEMAP_EXTENT_LAST) != 0;
		}
	}
	return (0);
}

int
file_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e)
{
	CLEANUP_FD int fd = -1;
	uint64_t size;
	int rc;

	if ((rc = file_snapshot_open(path, name, &fd, &size, e)) != 0)
		return (rc);
	if ((rc = unshared(fd, bytes)) != 0)
		return (
		    err_set(e, -rc, "cannot tell what snapshot '%s' of '%s' holds", name, path));
	return (0);
}

/* Try it: two files without a name. What is wrong with the pool, when even that fails, in `problem`. */
static bool
shares_blocks(const char *folder, char *problem, size_t size)
{
	CLEANUP_FD int a = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	CLEANUP_FD int b = open(folder, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	if (a < 0 && (errno == EIO || errno == ENODEV || errno == ENXIO || errno == ENOTCONN))
		(void)snprintf(problem, size, "%s", strerror(errno));
	return (a >= 0 && b >= 0 && pwrite(a, "x", 1, 0) == 1 && file_share(a, b) == 0);
}

int
file_pool(struct volume_pool *out, struct err *e)
{
	char path[PATH_MAX];
	struct statvfs fs;
	int rc;

	if ((rc = dir_make(path_zones(path, "%s", ""), 0755, e)) != 0)
		return (rc);
	if (statvfs(path, &fs) != 0)
		return (err_set(e, errno, "cannot look at the pool '%s'", path));
	*out = (struct volume_pool){
		.driver = "file",
		.size = (uint64_t)fs.f_blocks * fs.f_frsize,
		.free = (uint64_t)fs.f_bavail * fs.f_frsize,
		.readonly = (fs.f_flag & ST_RDONLY) != 0,
	};
	out->instant = shares_blocks(path, out->problem, sizeof(out->problem));
	return (0);
}
