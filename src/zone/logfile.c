/* SPDX-License-Identifier: BSD-2-Clause */
/* Log files with a bound: see logfile.h. Runs in zoneadmd, as root, outside every jail. */
#include "zone/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/paths.h"

#define OLD_SUFFIX ".0"
#define ROOM       16384u

/* Let it have blocks for what is to be said when there are none any more. */
static void
keep_room(struct logfile *lf)
{
	if (lf->size + ROOM / 2 <= lf->room)
		return;
	if (fallocate(lf->fd, FALLOC_FL_KEEP_SIZE, (off_t)lf->size, ROOM) == 0)
		lf->room = lf->size + ROOM;
}

static int
open_current(struct logfile *lf)
{
	struct stat st;
	int fd = path_open(lf->path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (fd < 0)
		return (fd);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return (-EINVAL);
	}
	lf->fd = fd;
	lf->size = (uint64_t)st.st_size;
	lf->room = 0;
	keep_room(lf);
	return (0);
}

int
logfile_open(struct logfile *lf, const char *path, uint64_t max, struct err *e)
{
	int rc;

	*lf = (struct logfile){ .fd = -1, .max = max };
	if ((size_t)snprintf(lf->path, sizeof(lf->path), "%s", path) >= sizeof(lf->path))
		return (err_set(e, ENAMETOOLONG, "cannot open log '%s'", path));
	if ((rc = open_current(lf)) != 0)
		return (err_set(e, -rc, "cannot open log '%s'", path));
	return (0);
}

static void
rotate(struct logfile *lf)
{
	char old[PATH_MAX + sizeof(OLD_SUFFIX)];

	(void)snprintf(old, sizeof(old), "%s" OLD_SUFFIX, lf->path);
	fd_close(&lf->fd);
	(void)rename(lf->path, old);
	(void)open_current(lf);
}

void
logfile_write(struct logfile *lf, const void *data, size_t len)
{
	if (lf->fd < 0 || len > lf->max)
		return;
	if (lf->size + len > lf->max)
		rotate(lf);
	if (lf->fd < 0 || fd_write_full(lf->fd, data, len) != 0)
		return;
	lf->size += len;
	keep_room(lf);
}

void
logfile_check(struct logfile *lf)
{
	struct stat st;

	if (lf->fd < 0 || fstat(lf->fd, &st) != 0)
		return;
	lf->size = (uint64_t)st.st_size;
	if (lf->size > lf->max)
		rotate(lf);
	else
		keep_room(lf);
}

/* Read the last bytes of one file to the end of [buf, buf + size). How many. */
static size_t
tail_of(const char *path, uint8_t *buf, size_t size)
{
	CLEANUP_FD int fd = path_open(path, O_RDONLY, 0);
	struct stat st;
	size_t want;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return (0);
	want = MIN((size_t)st.st_size, size);
	if (fd_pread_full(fd, buf + size - want, want, st.st_size - (off_t)want) != 0)
		return (0);
	return (want);
}

size_t
logfile_tail(const char *path, void *buf, size_t size)
{
	char old[PATH_MAX + sizeof(OLD_SUFFIX)];
	uint8_t *p = buf;
	size_t got;

	(void)snprintf(old, sizeof(old), "%s" OLD_SUFFIX, path);
	got = tail_of(path, p, size);
	got += tail_of(old, p, size - got);
	memmove(p, p + size - got, got);
	return (got);
}

void
logfile_close(struct logfile *lf)
{
	fd_close(&lf->fd);
}
