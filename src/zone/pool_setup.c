/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Setting a pool up, having it there, and taking it away: see pool.h. mkfs.xfs(8), lvm(8) and zpool(8) do what
 * is theirs. The configuration is written when the pool works, and goes before it does. Tools and zoneadmd, root.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/image.h"
#include "zone/paths.h"
#include "zone/pool.h"
#include "zone/program.h"
#include "zone/sparse.h"
#include "zone/volume_lvm.h"
#include "zone/volume_zfs.h"
#include "zone/zconf.h"

#define FILE_FOLDER "/var/lib/zones"
#define FILE_NAME   FILE_FOLDER "/pool.img"
#define GROUP       "zones" /* the volume group, or the zpool */
#define SIZE_MIN    (512 * MIB)
#define MKFS        "/usr/sbin/mkfs.xfs"
#define BLKID       "/usr/sbin/blkid"
#define MOUNT_FLAGS (MS_NOATIME | MS_NODEV | MS_NOSUID)

/* ---- where files are: a file system at /zones ---- */

static bool
is_mounted(void)
{
	char path[PATH_MAX], above[PATH_MAX + 4];
	struct stat st, parent;

	(void)snprintf(above, sizeof(above), "%s/..", path_zones(path, "%s", ""));
	return (stat(path, &st) == 0 && stat(above, &parent) == 0 && st.st_dev != parent.st_dev);
}

/*
 * Space that a deleted volume had goes back to the file, or to a thin disk below (discard). Quotas (quota.h) are
 * for the kernels that have them.
 */
static int
mount_zones(const char *device, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = dir_make(path_zones(path, "%s", ""), 0755, e)) != 0)
		return (rc);
	if (mount(device, path, "xfs", MOUNT_FLAGS, "discard,prjquota") == 0 ||
	    (errno == EINVAL && mount(device, path, "xfs", MOUNT_FLAGS, "discard") == 0))
		return (0);
	return (err_set(
	    e, errno, "cannot mount the pool's file system, on '%s', at '%s'", device, path));
}

static int
file_make(const struct pool_conf *c, const char *device, struct err *e)
{
	const char *const words[] = { MKFS, "-q", "-f", "-m", "reflink=1", device, NULL };
	int rc = program_run(words, "", NULL, e);

	(void)c;
	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "there is no " MKFS ": install xfsprogs"));
	return (rc != 0 ? rc : mount_zones(device, e));
}

/* ---- lvm ---- */

/*
 * A guest that writes beyond what the pool has is told at once (errorwhenfull), and blocks that were
 * another's are zeroed before they are anybody's (-Z). Metadata for millions of blocks costs little; when it
 * ends, the pool does.
 */
static int
lvm_make(const struct pool_conf *c, const char *device, struct err *e)
{
	int rc;

	(void)c;
	if ((rc = lvm_run(e, "vgcreate", "-s", "1m", GROUP, device, NULL)) != 0)
		return (rc);
	if ((rc = lvm_run(e, "lvcreate", "--type", "thin-pool", "-l", "95%FREE", "-c", "64k", "-Zy",
		 "-n", LVM_POOL, GROUP, NULL)) == 0 &&
	    (rc = lvm_run(e, "lvchange", "--errorwhenfull", "y", GROUP "/" LVM_POOL, NULL)) == 0)
		return (0);
	(void)lvm_run(NULL, "vgremove", "-f", GROUP, NULL);
	return (rc);
}

/* ---- what may be in the way ---- */

/* Does it know of any zone, or image? */
static int
check_unused(const char *why, struct err *e)
{
	struct image *images = NULL;
	char **names = NULL;
	size_t nzones = 0, nimages = 0;
	int rc = zconf_list(&names, &nzones, e);

	if (rc == 0)
		zconf_list_free(names, nzones);
	if (rc == 0 && (rc = image_list(&images, &nimages, e)) == 0)
		free(images);
	if (rc != 0)
		return (rc);
	if (nzones > 0)
		return (
		    err_say(e, EBUSY, "%s: there are %zu zones: delete them first", why, nzones));
	if (nimages > 0)
		return (
		    err_say(e, EBUSY, "%s: there are %zu images: delete them first", why, nimages));
	return (0);
}

/* Nothing at /zones but what we put there ourselves. */
static int
check_empty(struct err *e)
{
	char path[PATH_MAX];
	struct dirent *de;
	int rc = 0;
	DIR *d = opendir(path_zones(path, "%s", ""));

	if (d == NULL)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot read '%s'", path));
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, "archive") == 0)
			rc = err_say(e, ENOTEMPTY,
			    "'%s/archive' is there, of VMs that were deleted: move it away", path);
		else if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0 &&
		    strcmp(de->d_name, "images") != 0)
			rc = err_say(e, ENOTEMPTY,
			    "'%s' is not empty: '%s' is in it, and belongs to nobody that zhyve "
			    "knows: "
			    "move it away",
			    path, de->d_name);
	}
	(void)closedir(d);
	return (rc);
}

/* A device that holds something is not overwritten by mistake. */
static int
check_device(const struct pool_wish *w, struct err *e)
{
	const char *const words[] = { BLKID, "-p", "-o", "value", "-s", "TYPE", "-s", "PTTYPE",
		w->device, NULL };
	CLEANUP_FD int fd = open(w->device, O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY);
	CLEANUP_FREE char *text = NULL;
	struct stat st;

	if (fd < 0 && errno == EBUSY)
		return (err_say(e, EBUSY, "'%s' is in use on this host", w->device));
	if (fd < 0 || fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot open '%s'", w->device));
	if (!S_ISBLK(st.st_mode))
		return (err_say(e, ENOTBLK, "'%s' is no block device", w->device));
	fd_close(&fd);
	/* blkid fails when it finds nothing. */
	if (w->force || program_run(words, "", &text, NULL) != 0 || text[0] == '\0')
		return (0);
	text[strcspn(text, "\n")] = '\0';
	return (err_say(e, EBUSY,
	    "'%s' has something on it (%s), which would be lost: -f if that is meant", w->device,
	    text));
}

/* ---- the file ---- */

static int
make_file(uint64_t size, struct err *e)
{
	CLEANUP_FD int fd = -1;
	int rc;

	if (size < SIZE_MIN)
		return (err_say(e, EINVAL, "a pool of %llu MiB is too small: %llu is the least",
		    (unsigned long long)(size / MIB), SIZE_MIN / MIB));
	if ((rc = dir_make(FILE_FOLDER, 0700, e)) != 0)
		return (rc);
	fd = open(FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return (err_say(e, EEXIST,
		    "'" FILE_NAME "' is there: of a pool that is none any more; remove it"));
	if (fd < 0)
		return (err_set(e, errno, "cannot make '" FILE_NAME "'"));
	if ((rc = space_check(fd, size, "the pool", FILE_FOLDER, e)) == 0 &&
	    ftruncate(fd, (off_t)size) != 0)
		rc = err_set(e, errno, "cannot make '" FILE_NAME "'");
	if (rc != 0)
		(void)unlink(FILE_NAME);
	return (rc);
}

/* The device that the pool is on; *fd keeps a loop device as long as nothing else does. */
static int
device_of(const struct pool_conf *c, char device[PATH_MAX], int *fd, struct err *e)
{
	char loop[64];
	int rc;

	*fd = -1;
	(void)snprintf(device, PATH_MAX, "%s", c->device);
	if (c->file[0] == '\0')
		return (0);
	if (pool_loop_find(c->file, loop) != 0) {
		if ((rc = pool_loop_attach(c->file, loop, e)) < 0)
			return (rc);
		*fd = rc;
	}
	(void)snprintf(device, PATH_MAX, "%s", loop);
	return (0);
}

/* ---- the drivers ---- */

/* What each does its own way. */
struct kind {
	const char *driver;
	bool grouped; /* it has a name (pool_conf.group) */
	int (*make)(const struct pool_conf *c, const char *device, struct err *e);
	int (*unmake)(const struct pool_conf *c, struct err *e);
	/* Is there nothing to be done? Runs nothing. */
	bool (*is_ready)(const struct pool_conf *c);
	/* Have it there; `fresh`: its loop device has just been made. */
	int (*bring)(const struct pool_conf *c, const char *device, bool fresh, struct err *e);
	/* -EBUSY when something is in it that no zone knows of. */
	int (*check_empty)(const struct pool_conf *c, struct err *e);
};

static int
file_unmake(const struct pool_conf *c, struct err *e)
{
	char path[PATH_MAX];

	(void)c;
	if (is_mounted() && umount(path_zones(path, "%s", "")) != 0)
		return (err_set(e, errno, "cannot unmount '%s'", path));
	return (0);
}

static bool
file_is_ready(const struct pool_conf *c)
{
	(void)c;
	return (is_mounted());
}

static int
file_bring(const struct pool_conf *c, const char *device, bool fresh, struct err *e)
{
	(void)c;
	(void)fresh;
	return (mount_zones(device, e));
}

static int
file_check_empty(const struct pool_conf *c, struct err *e)
{
	(void)c;
	return (check_empty(e));
}

static int
lvm_unmake(const struct pool_conf *c, struct err *e)
{
	return (lvm_run(e, "vgremove", "-f", c->group, NULL));
}

/* On a device the host itself sees to it; of a file only the loop device tells. */
static bool
lvm_is_ready(const struct pool_conf *c)
{
	return (c->file[0] == '\0');
}

static int
lvm_bring(const struct pool_conf *c, const char *device, bool fresh, struct err *e)
{
	(void)device;
	if (fresh) /* and with it its volumes, one of which keeps it from now on */
		return (lvm_run(e, "vgchange", "-ay", c->group, NULL));
	return (0);
}

static int
lvm_check_empty(const struct pool_conf *c, struct err *e)
{
	CLEANUP_FREE struct lvm_volume *list = NULL;
	size_t n;
	int rc;

	if ((rc = lvm_list(c->group, &list, &n, e)) == 0 && n > 1)
		rc = err_say(e, EBUSY,
		    "volume group '%s' has volumes that no zone knows: see lvs, and remove them",
		    c->group);
	return (rc);
}

static int
zfs_bring(const struct pool_conf *c, const char *device, bool fresh, struct err *e)
{
	(void)fresh;
	return (zfs_pool_import(c, device, e));
}

static const struct kind kinds[] = {
	{ "file", false, file_make, file_unmake, file_is_ready, file_bring, file_check_empty },
	{ "lvm", true, lvm_make, lvm_unmake, lvm_is_ready, lvm_bring, lvm_check_empty },
	{ "zfs", true, zfs_pool_make, zfs_pool_unmake, zfs_pool_is_there, zfs_bring,
	    zfs_pool_check_empty },
};

static const struct kind *
kind_of(const char *driver)
{
	for (size_t i = 0; i < NITEMS(kinds); i++) {
		if (strcmp(kinds[i].driver, driver) == 0)
			return (&kinds[i]);
	}
	return (NULL);
}

/* ---- the whole ---- */

static int
check_wish(const struct pool_wish *w, struct err *e)
{
	struct pool_conf now;
	char path[PATH_MAX];
	int rc;

	if (kind_of(w->driver) == NULL)
		return (
		    err_say(e, EINVAL, "'%s' is no driver of pools: file, lvm, zfs", w->driver));
	if (w->dataset != NULL &&
	    (strcmp(w->driver, "zfs") != 0 || !zfs_name_valid(w->dataset) ||
		strlen(w->dataset) >= POOL_GROUP_MAX))
		return (err_say(e, EINVAL, "'%s' cannot be a dataset of the pool", w->dataset));
	if ((rc = pool_conf_load(&now, e)) != 0)
		return (rc);
	if (access(path_etc(path, "pool.json"), F_OK) == 0)
		return (err_say(
		    e, EEXIST, "there is a pool already (%s): see imgadm pool list", now.driver));
	if ((rc = check_unused("cannot make another pool", e)) != 0 || (rc = check_empty(e)) != 0)
		return (rc);
	if (strcmp(w->driver, "file") == 0 && is_mounted())
		return (err_say(e, EEXIST,
		    "a file system is mounted at '%s' already: it can be used as it is",
		    path_zones(path, "%s", "")));
	return (w->device != NULL ? check_device(w, e) : 0);
}

int
pool_create(const struct pool_wish *w, struct err *e)
{
	struct pool_conf c = { 0 };
	const struct kind *k;
	CLEANUP_FD int loop = -1;
	char device[PATH_MAX];
	int rc;

	if ((rc = check_wish(w, e)) != 0)
		return (rc);
	k = kind_of(w->driver);
	(void)snprintf(c.driver, sizeof(c.driver), "%s", w->driver);
	if (k->grouped)
		(void)snprintf(
		    c.group, sizeof(c.group), "%s", w->dataset != NULL ? w->dataset : GROUP);
	(void)snprintf(c.device, sizeof(c.device), "%s", w->device != NULL ? w->device : "");
	if (w->device == NULL && w->dataset == NULL) {
		(void)snprintf(c.file, sizeof(c.file), FILE_NAME);
		if ((rc = make_file(w->size, e)) != 0)
			return (rc);
	}
	if ((rc = device_of(&c, device, &loop, e)) == 0 && (rc = k->make(&c, device, e)) == 0) {
		if ((rc = pool_conf_store(&c, e)) == 0)
			return (0);
		(void)k->unmake(&c, NULL);
	}
	if (c.file[0] != '\0')
		(void)unlink(c.file);
	return (err_ctx(e, "cannot make the pool"));
}

int
pool_ready(struct err *e)
{
	CLEANUP_FD int lock = -1, loop = -1;
	char path[PATH_MAX], device[PATH_MAX];
	const struct kind *k;
	struct pool_conf c;
	int rc;

	if ((rc = pool_conf_load(&c, e)) != 0)
		return (rc);
	k = kind_of(c.driver);
	if ((c.device[0] == '\0' && c.file[0] == '\0') || k->is_ready(&c))
		return (0);
	/* Two that want it at the same time: one makes it. */
	lock = open(path_etc(path, "pool.json"), O_RDONLY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) != 0)
		return (err_set(e, errno, "cannot lock '%s'", path));
	if ((rc = device_of(&c, device, &loop, e)) != 0)
		return (err_ctx(e, "the pool is not there"));
	return (k->is_ready(&c) ? 0 : k->bring(&c, device, loop >= 0, e));
}

int
pool_delete(struct err *e)
{
	char path[PATH_MAX];
	const struct kind *k;
	struct pool_conf c;
	int rc;

	if ((rc = pool_conf_load(&c, e)) != 0)
		return (rc);
	k = kind_of(c.driver);
	if (access(path_etc(path, "pool.json"), F_OK) != 0)
		return (err_say(e, ENOENT,
		    "there is no pool that was made by imgadm pool create: files are kept below "
		    "/zones"));
	if ((rc = pool_ready(e)) != 0 || (rc = check_unused("the pool is used", e)) != 0 ||
	    (rc = k->check_empty(&c, e)) != 0 || (rc = k->unmake(&c, e)) != 0 ||
	    (rc = pool_conf_remove(e)) != 0)
		return (rc);
	if (c.file[0] != '\0' && unlink(c.file) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", c.file));
	return (0);
}
