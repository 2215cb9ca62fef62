/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Volumes: the table of drivers, and opening, which is the same for all of them: see volume.h. A
 * path is looked at (O_PATH) before it is opened, so that no FIFO can block us and no character
 * device is touched. Tools and zoneadmd, root.
 */
#include "zone/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/paths.h"
#include "zone/pool.h"
#include "zone/volume_driver.h"

static const struct volume_driver *const drivers[] = {
	&volume_file,
	&volume_lvm,
	&volume_zfs,
};

static const struct volume_driver *
driver_of(const char *path)
{
	for (size_t i = 0; i < NITEMS(drivers); i++)
		if (drivers[i]->owns(path))
			return (drivers[i]);
	return (NULL);
}

/* The one that new volumes are made by. */
static int
pool_driver(const struct volume_driver **out, struct err *e)
{
	struct pool_conf conf;
	int rc;

	if ((rc = pool_conf_load(&conf, e)) != 0)
		return (rc);
	for (size_t i = 0; i < NITEMS(drivers); i++) {
		if (strcmp(drivers[i]->name, conf.driver) == 0) {
			*out = drivers[i];
			return (0);
		}
	}
	return (err_say(e, EINVAL, "there is no pool driver '%s'", conf.driver));
}

int
volume_size(const struct volume_spec *spec, uint64_t source, const char *name, uint64_t *size,
    struct err *e)
{
	*size = spec->size != 0 ? spec->size : source;
	if (*size == 0 || *size % 512 != 0 || *size > VOLUME_SIZE_MAX)
		return (err_say(e, EINVAL,
		    "disk%u of zone '%s': a size of %llu bytes is not possible; a multiple of 512, "
		    "not 0, is wanted",
		    spec->index, spec->zone, (unsigned long long)*size));
	if (*size < source)
		return (err_say(e, EINVAL,
		    "disk%u of zone '%s': %llu MiB are less than the %llu MiB of %s", spec->index,
		    spec->zone, (unsigned long long)(*size / MIB),
		    (unsigned long long)(source / MIB), name));
	return (0);
}

int
volume_create(const struct volume_spec *spec, char *path, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	return (rc != 0 ? rc : d->create(spec, path, e));
}

int
volume_destroy(const char *path, struct err *e)
{
	const struct volume_driver *d = driver_of(path);

	if (d == NULL)
		return (err_say(
		    e, EINVAL, "disk '%s' is no volume of the pool: it is left alone", path));
	return (d->destroy(path, e));
}

int
volume_path(char buf[PATH_MAX], const char *zone, unsigned index, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	return (rc != 0 ? rc : d->path(buf, zone, index, e));
}

bool
volume_number(const char *path, unsigned *n)
{
	const char *last = NULL;
	int end = 0;

	for (const char *p = path; (p = strstr(p, "disk")) != NULL; p++)
		last = p;
	return (last != NULL && last > path && strchr("/.", last[-1]) != NULL &&
	    sscanf(last, "disk%3u%n", n, &end) == 1 &&
	    (last[end] == '\0' || strcmp(last + end, ".raw") == 0));
}

bool
volume_is_of(const char *path, const char *zone)
{
	const struct volume_driver *d = driver_of(path);
	char own[PATH_MAX];
	unsigned n;

	(void)path_zones(own, "%s/", zone);
	if (strncmp(path, own, strlen(own)) == 0)
		return (strstr(path, "/../") == NULL);
	return (d != NULL && volume_number(path, &n) && d->path(own, zone, n, NULL) == 0 &&
	    strcmp(path, own) == 0);
}

int
volume_pool_get(struct volume_pool *out, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	return (rc != 0 ? rc : d->pool(out, e));
}

bool
volume_pool_tunes(void)
{
	const struct volume_driver *d;

	return (pool_driver(&d, NULL) == 0 && d->tune != NULL);
}

bool
volume_pool_receives(void)
{
	const struct volume_driver *d;

	return (pool_driver(&d, NULL) == 0 && d->receive != NULL);
}

int
volume_receive(struct volume_arrival *want, size_t n, const char *sent, int fd, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	if (rc != 0)
		return (rc);
	if (d->receive == NULL)
		return (err_say(e, EOPNOTSUPP, "a pool of %s cannot read zfs's streams", d->name));
	return (d->receive(want, n, sent, fd, e));
}

int
volume_tune(
    const char *path, const char *compression, const uint64_t *refreservation, struct err *e)
{
	const struct volume_driver *d = driver_of(path);

	if (d == NULL || d->tune == NULL)
		return (-EOPNOTSUPP);
	return (d->tune(path, compression, refreservation, e));
}

int
volume_tuning_get(const char *path, struct volume_tuning *out, struct err *e)
{
	const struct volume_driver *d = driver_of(path);

	if (d == NULL || d->tuning_get == NULL)
		return (-EOPNOTSUPP);
	return (d->tuning_get(path, out, e));
}

int
volume_tune_zone(const char *zone, const char *compression, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	if (rc != 0)
		return (rc);
	return (d->tune_zone != NULL ? d->tune_zone(zone, compression, e) : -EOPNOTSUPP);
}

int
volume_image_forget(const char *uuid, struct err *e)
{
	const struct volume_driver *d;
	int rc = pool_driver(&d, e);

	return (rc != 0 || d->image_forget == NULL ? rc : d->image_forget(uuid, e));
}

/* ---- snapshots ---- */

/* The driver of a volume; a name that is to be part of a file's name is checked on the way. NULL: -EINVAL. */
static const struct volume_driver *
snapshot_driver(const char *path, const char *name, struct err *e)
{
	const struct volume_driver *d = driver_of(path);

	if (d == NULL) {
		(void)err_say(e, EINVAL, "disk '%s' is no volume of the pool: no snapshots", path);
		return (NULL);
	}
	if (name[0] == '\0' || strlen(name) >= VOLUME_SNAP_MAX || strchr(name, '/') != NULL) {
		(void)err_say(e, EINVAL, "'%s' is no name of a snapshot", name);
		return (NULL);
	}
	return (d);
}

/* What is done with the volumes of one driver. */
typedef int many_fn(const struct volume_driver *d, const char *const paths[], size_t n,
    const char *name, bool live, struct err *e);

static int
take(const struct volume_driver *d, const char *const paths[], size_t n, const char *name,
    bool live, struct err *e)
{
	int rc = 0;

	if (d->snapshot_all != NULL)
		return (d->snapshot_all(paths, n, name, live, e));
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = d->snapshot(paths[i], name, live, e);
	return (rc);
}

static int
drop(const struct volume_driver *d, const char *const paths[], size_t n, const char *name,
    bool live, struct err *e)
{
	int rc = 0;

	(void)live;
	if (d->snapshot_destroy_all != NULL)
		return (d->snapshot_destroy_all(paths, n, name, e));
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = d->snapshot_destroy(paths[i], name, e);
	return (rc);
}

/* All are looked at before anything is done: driver by driver, of which there is one as a rule. */
static int
each_driver(
    many_fn *fn, const char *const paths[], size_t n, const char *name, bool live, struct err *e)
{
	CLEANUP_FREE const char **own = calloc(n + 1, sizeof(*own));
	int rc = 0;

	if (own == NULL)
		return (err_set(e, ENOMEM, "cannot look at the disks"));
	for (size_t i = 0; i < n; i++)
		if (snapshot_driver(paths[i], name, e) == NULL)
			return (-EINVAL);
	for (size_t k = 0; rc == 0 && k < NITEMS(drivers); k++) {
		size_t m = 0;

		for (size_t i = 0; i < n; i++)
			if (driver_of(paths[i]) == drivers[k])
				own[m++] = paths[i];
		if (m > 0)
			rc = fn(drivers[k], own, m, name, live, e);
	}
	return (rc);
}

int
volume_snapshot_all(const char *const paths[], size_t n, const char *name, bool live, struct err *e)
{
	return (each_driver(take, paths, n, name, live, e));
}

int
volume_snapshot(const char *path, const char *name, bool live, struct err *e)
{
	return (each_driver(take, &path, 1, name, live, e));
}

int
volume_flush(const char *path, struct err *e)
{
	const struct volume_driver *d = snapshot_driver(path, "any", e);

	return (d != NULL ? d->flush(path, e) : -EINVAL);
}

int
volume_settle(const char *path, const char *name, struct err *e)
{
	const struct volume_driver *d = snapshot_driver(path, name, e);

	return (d != NULL ? d->settle(path, name, e) : -EINVAL);
}

int
volume_snapshot_destroy_all(const char *const paths[], size_t n, const char *name, struct err *e)
{
	return (each_driver(drop, paths, n, name, false, e));
}

int
volume_snapshot_destroy(const char *path, const char *name, struct err *e)
{
	return (each_driver(drop, &path, 1, name, false, e));
}

int
volume_snapshot_usage(const char *path, const char *name, uint64_t *bytes, struct err *e)
{
	const struct volume_driver *d = snapshot_driver(path, name, e);

	return (d != NULL ? d->snapshot_usage(path, name, bytes, e) : -EINVAL);
}

void
volume_snapshots_usage(
    const char *const paths[], size_t n, const char *const names[], size_t m, uint64_t bytes[])
{
	const struct volume_driver *d = n > 0 ? driver_of(paths[0]) : NULL;
	bool same = true;
	uint64_t one;

	memset(bytes, 0, m * sizeof(bytes[0]));
	for (size_t i = 1; i < n; i++)
		same = same && driver_of(paths[i]) == d;
	if (same && d != NULL && d->snapshots_usage != NULL &&
	    d->snapshots_usage(paths, n, names, m, bytes) == 0)
		return;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < m; k++)
			if (volume_snapshot_usage(paths[i], names[k], &one, NULL) == 0)
				bytes[k] += one;
}

int
volume_rollback(const char *path, const char *name, struct err *e)
{
	return (volume_rollback_past(path, name, NULL, 0, e));
}

int
volume_rollback_past(
    const char *path, const char *name, const char *const going[], size_t m, struct err *e)
{
	const struct volume_driver *d = snapshot_driver(path, name, e);
	uint64_t size;
	struct stat st;
	int rc, fd;

	if (d == NULL)
		return (-EINVAL);
	/* One that was interrupted may have left a device under another name only. */
	fd = volume_open(path, 0, &size, e);
	if (fd < 0 && fd != -ENOENT)
		return (fd);
	err_clear(e);
	/* Who holds a device keeps its driver from it: that nobody else did is known now. */
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISBLK(st.st_mode))
		volume_close(&fd);
	rc = d->rollback(path, name, going, m, e);
	volume_close(&fd);
	return (rc);
}

/* ---- opening ---- */

/* A device that is not there may only have to be made so, and one that is may be another's. */
static int
open_device(const char *path, struct err *e)
{
	const struct volume_driver *d = driver_of(path);
	int fd = open(path, O_PATH | O_CLOEXEC), rc;

	if (fd >= 0 && (d == NULL || d->current == NULL || d->current(path)))
		return (fd);
	if (fd < 0 && (errno != ENOENT || d == NULL || d->ready == NULL))
		return (err_set(e, errno, "cannot open disk '%s'", path));
	fd_close(&fd);
	if ((rc = d->ready(path, e)) != 0)
		return (rc);
	fd = open(path, O_PATH | O_CLOEXEC);
	return (fd >= 0 ? fd : err_set(e, errno, "cannot open disk '%s'", path));
}

/*
 * An O_PATH descriptor. Below the pool nothing may lead elsewhere; outside (a disk of the host, by
 * name) only a device may be reached by a symbolic link.
 */
static int
look_up(const char *path, struct stat *st, struct err *e)
{
	CLEANUP_FD int fd = -1, pool = -1;
	char top[PATH_MAX];
	size_t len;

	len = strlen(path_zones(top, "%s", ""));
	if (strncmp(path, top, len) == 0 && path[len] == '/') {
		if ((pool = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			return (err_set(e, errno, "cannot open the pool '%s'", top));
		if ((fd = fd_open_beneath(pool, path + len + 1, O_PATH, 0)) < 0)
			return (err_set(e, -fd, "cannot open disk '%s'", path));
	} else if ((fd = open_device(path, e)) < 0) {
		return (fd);
	}
	if (fstat(fd, st) != 0)
		return (err_set(e, errno, "cannot open disk '%s'", path));
	if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
		return (err_say(e, EINVAL,
		    "cannot open disk '%s': neither a regular file nor a block device", path));
	if (S_ISREG(st->st_mode) && pool < 0) {
		struct stat link;
		if (lstat(path, &link) != 0 || S_ISLNK(link.st_mode))
			return (err_say(e, ELOOP,
			    "cannot open disk '%s': a symbolic link to a file; name the file "
			    "itself",
			    path));
	}
	return (fd_steal(&fd));
}

/* "process 812 (zoneadmd -z z1)", from /proc/locks, or "another process". */
static void
describe_holder(const struct stat *st, char *out, size_t size)
{
	CLEANUP_FD int fd = -1;
	char line[256], path[64], cmd[128] = "";
	unsigned maj, min;
	uint64_t ino;
	ssize_t n = 0, i;
	FILE *f;
	int pid = 0, p;

	(void)snprintf(out, size, "another process");
	if ((f = fopen("/proc/locks", "re")) == NULL)
		return;
	while (pid == 0 && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%" SCNu64, &p, &maj, &min, &ino) ==
			4 &&
		    ino == st->st_ino && maj == major(st->st_dev) && min == minor(st->st_dev))
			pid = p;
	}
	(void)fclose(f);
	if (pid <= 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
		n = read(fd, cmd, sizeof(cmd) - 1);
	for (i = 0; i + 1 < n; i++) {
		if (cmd[i] == '\0')
			cmd[i] = ' ';
	}
	if (n > 0)
		(void)snprintf(out, size, "process %d (%s)", pid, cmd);
	else
		(void)snprintf(out, size, "process %d", pid);
}

static int
lock_volume(int fd, const char *path, int readonly, const struct stat *st, struct err *e)
{
	char holder[256];

	if (flock(fd, (readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
		return (0);
	if (errno != EWOULDBLOCK)
		return (err_set(e, errno, "cannot lock disk '%s'", path));
	describe_holder(st, holder, sizeof(holder));
	return (err_say(e, EBUSY, "disk '%s' is in use by %s", path, holder));
}

/* Open what look_up found. */
static int
reopen(int at, const char *path, int flags, struct err *e)
{
	char self[64];
	int fd;

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", at);
	if ((fd = open(self, flags | O_CLOEXEC | O_NOCTTY)) >= 0)
		return (fd);
	if (errno == EBUSY)
		return (err_say(e, EBUSY, "disk '%s' is in use on this host", path));
	return (err_set(e, errno, "cannot open disk '%s'", path));
}

static int
device_size(int fd, const char *path, uint64_t *size, struct err *e)
{
	if (ioctl(fd, BLKGETSIZE64, size) != 0)
		return (err_set(e, errno, "cannot tell the size of disk '%s'", path));
	return (0);
}

int
volume_stat(const char *path, uint64_t *size, struct err *e)
{
	CLEANUP_FD int at = -1, fd = -1;
	struct stat st;

	if ((at = look_up(path, &st, e)) < 0)
		return (at);
	*size = (uint64_t)st.st_size;
	if (!S_ISBLK(st.st_mode))
		return (0);
	if ((fd = reopen(at, path, O_RDONLY, e)) < 0)
		return (fd);
	return (device_size(fd, path, size, e));
}

int
volume_open(const char *path, int readonly, uint64_t *size, struct err *e)
{
	CLEANUP_FD int at = -1, fd = -1;
	int flags = readonly ? O_RDONLY : O_RDWR, rc;
	struct stat st;

	if ((at = look_up(path, &st, e)) < 0)
		return (at);
	/*
	 * O_EXCL claims a block device: not while a filesystem, a volume manager or another zone
	 * has it.
	 */
	if (S_ISBLK(st.st_mode) && !readonly)
		flags |= O_EXCL;
	if ((fd = reopen(at, path, flags, e)) < 0)
		return (fd);
	if (S_ISBLK(st.st_mode)) {
		if ((rc = device_size(fd, path, size, e)) != 0)
			return (rc);
		return (fd_steal(&fd));
	}
	if ((rc = lock_volume(fd, path, readonly, &st, e)) != 0)
		return (rc);
	if (fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot tell the size of disk '%s'", path));
	*size = (uint64_t)st.st_size;
	return (fd_steal(&fd));
}

/* To grow, a volume need not be locked: who runs on it goes on doing so. */
static int
open_to_grow(const char *path, uint64_t *size, struct err *e)
{
	CLEANUP_FD int at = -1, fd = -1;
	struct stat st;
	int rc;

	if ((at = look_up(path, &st, e)) < 0)
		return (at);
	*size = (uint64_t)st.st_size;
	if ((fd = reopen(at, path, O_RDWR, e)) < 0)
		return (fd);
	if (S_ISBLK(st.st_mode) && (rc = device_size(fd, path, size, e)) != 0)
		return (rc);
	return (fd_steal(&fd));
}

int
volume_resize(const char *path, uint64_t size, struct err *e)
{
	const struct volume_driver *d = driver_of(path);
	CLEANUP_FD int fd = -1;
	uint64_t now;

	if (d == NULL || size == 0 || size % 512 != 0)
		return (err_say(
		    e, EINVAL, "disk '%s' cannot have %llu bytes", path, (unsigned long long)size));
	if ((fd = open_to_grow(path, &now, e)) < 0)
		return (fd);
	if (size < now) {
		fd_close(&fd);
		if ((fd = volume_open(path, 0, &now, e)) < 0)
			return (fd);
	}
	return (size == now ? 0 : d->resize(fd, path, now, size, e));
}

void
volume_close(int *fd)
{
	if (*fd >= 0)
		(void)flock(*fd, LOCK_UN);
	fd_close(fd);
}
