/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of I/O by device: see cgroup_io.h. Facts: Linux Documentation/admin-guide/cgroup-v2.rst, io.max. */
#include "zone/cgroup_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"

static const struct {
	const char *property; /* of the disk */
	const char *key;      /* in io.max */
	bool bytes;
} limits[IO_LIMITS] = {
	[IO_READ_BPS] = { "read-bps", "rbps", true },
	[IO_WRITE_BPS] = { "write-bps", "wbps", true },
	[IO_READ_IOPS] = { "read-iops", "riops", false },
	[IO_WRITE_IOPS] = { "write-iops", "wiops", false },
};

/* ---- devices ---- */

/* A partition has no limits of its own: the disk around it. */
static int
whole_disk(const char *sys, unsigned *major, unsigned *minor)
{
	char path[PATH_MAX], text[32];
	CLEANUP_FD int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/dev/block/%u:%u/partition", sys, *major, *minor);
	if (access(path, F_OK) != 0)
		return (0);
	(void)snprintf(path, sizeof(path), "%s/dev/block/%u:%u/../dev", sys, *major, *minor);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 ||
	    (n = read(fd, text, sizeof(text) - 1)) < 0)
		return (-errno);
	text[n] = '\0';
	return (sscanf(text, "%u:%u", major, minor) == 2 ? 0 : -EINVAL);
}

int
cgroup_io_device(
    const char *sys, const char *volume, unsigned *major, unsigned *minor, struct err *e)
{
	struct stat st;
	dev_t dev;
	int rc;

	if (stat(volume, &st) != 0)
		return (err_set(e, errno, "cannot find the device behind '%s'", volume));
	dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
	*major = major(dev);
	*minor = minor(dev);
	if (*major == 0) /* the kernel's numbers for what is no block device */
		return (err_say(e, ENOTSUP,
		    "'%s' is on no single block device of the host, so its I/O cannot be limited: "
		    "clear its limits, or put it elsewhere",
		    volume));
	if ((rc = whole_disk(sys, major, minor)) != 0)
		return (err_set(e, -rc, "cannot find the disk behind '%s'", volume));
	return (0);
}

/* ---- the configuration ---- */

/* The limits that a disk asks for; *any: there are some. */
static int
read_limits(const struct zdevice *d, uint64_t limit[IO_LIMITS], bool *any, struct err *e)
{
	*any = false;
	for (int i = 0; i < IO_LIMITS; i++) {
		const char *text = zprop_get(d->prop, d->nprop, limits[i].property);

		limit[i] = 0;
		if (text == NULL)
			continue;
		if ((limits[i].bytes ? parse_size(text, 1, &limit[i])
				     : parse_u64(text, &limit[i])) != 0 ||
		    limit[i] == 0)
			return (err_say(e, EINVAL, "disk '%s': %s '%s' is not a number above 0%s",
			    d->match, limits[i].property, text,
			    limits[i].bytes ? ", or one with K, M, G or T" : ""));
		*any = true;
	}
	return (0);
}

/* The entry of a device, a new one if need be; NULL when there are too many. */
static struct cgroup_io *
entry(struct cgroup_io list[CGROUP_IO_MAX], size_t *n, unsigned major, unsigned minor)
{
	for (size_t i = 0; i < *n; i++) {
		if (list[i].major == major && list[i].minor == minor)
			return (&list[i]);
	}
	if (*n == CGROUP_IO_MAX)
		return (NULL);
	list[*n] = (struct cgroup_io){ .major = major, .minor = minor };
	return (&list[(*n)++]);
}

int
cgroup_io_get(const char *sys, const struct zconf *c, struct cgroup_io out[CGROUP_IO_MAX],
    size_t *n, struct err *e)
{
	uint64_t limit[IO_LIMITS];
	unsigned major, minor;
	struct cgroup_io *io;
	bool any;
	int rc;

	*n = 0;
	for (size_t i = 0; i < c->ndevice; i++) {
		if ((rc = read_limits(&c->device[i], limit, &any, e)) != 0)
			return (rc);
		if (!any)
			continue;
		if ((rc = cgroup_io_device(sys, c->device[i].match, &major, &minor, e)) != 0)
			return (rc);
		if ((io = entry(out, n, major, minor)) == NULL)
			return (
			    err_say(e, E2BIG, "more than %d devices with limits", CGROUP_IO_MAX));
		for (int k = 0; k < IO_LIMITS; k++) {
			if (!add_ok(io->limit[k], limit[k], &io->limit[k]))
				io->limit[k] = UINT64_MAX;
		}
	}
	return (0);
}

/* ---- the cgroup ---- */

void
cgroup_io_format(const struct cgroup_io *io, char out[CGROUP_IO_TEXT_MAX])
{
	int n = snprintf(out, CGROUP_IO_TEXT_MAX, "%u:%u", io->major, io->minor);

	for (int i = 0; i < IO_LIMITS; i++) {
		if (io->limit[i] == 0)
			n += snprintf(
			    out + n, CGROUP_IO_TEXT_MAX - (size_t)n, " %s=max", limits[i].key);
		else
			n += snprintf(out + n, CGROUP_IO_TEXT_MAX - (size_t)n, " %s=%llu",
			    limits[i].key, (unsigned long long)io->limit[i]);
	}
}

static int
write_line(const char *file, const struct cgroup_io *io, struct err *e)
{
	char line[CGROUP_IO_TEXT_MAX];
	CLEANUP_FD int fd = open(file, O_WRONLY | O_CLOEXEC);
	int rc;

	cgroup_io_format(io, line);
	if (fd < 0 && errno == ENOENT)
		return (err_say(e, ENOTSUP,
		    "cgroup v2 has no io controller here, so io.max cannot be set: boot the host "
		    "with "
		    "systemd.unified_cgroup_hierarchy=1 (or cgroup_no_v1=all), or clear the limits "
		    "of "
		    "the zone's disks"));
	rc = fd < 0 ? -errno : fd_write_full(fd, line, strlen(line));
	return (rc == 0 ? 0 : err_set(e, -rc, "cannot write '%s' to %s", line, file));
}

int
cgroup_io_set(const char *path, const struct cgroup_io *io, size_t n, struct err *e)
{
	struct cgroup_io gone[CGROUP_IO_MAX], *list = gone;
	char file[PATH_MAX + 8], line[CGROUP_IO_TEXT_MAX];
	size_t ngone = 0;
	int rc = 0;
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s/io.max", path);
	f = fopen(file, "re");
	while (f != NULL && ngone < CGROUP_IO_MAX && fgets(line, sizeof(line), f) != NULL) {
		struct cgroup_io old = { 0 };
		bool kept = false;

		if (sscanf(line, "%u:%u ", &old.major, &old.minor) != 2)
			continue;
		for (size_t i = 0; i < n && !kept; i++)
			kept = io[i].major == old.major && io[i].minor == old.minor;
		if (!kept)
			list[ngone++] = old;
	}
	if (f != NULL)
		(void)fclose(f);
	for (size_t i = 0; i < ngone && rc == 0; i++)
		rc = write_line(file, &gone[i], e);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = write_line(file, &io[i], e);
	return (rc);
}
