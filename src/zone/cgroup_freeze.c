/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holding a zone's processes: see cgroup.h. Facts: Linux Documentation/admin-guide/cgroup-v2.rst
 * (cgroup.freeze, cgroup.events). Runs in zoneadmd, as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/cgroup.h"
#include "zone/events.h"

#define NS_PER_MS 1000000ll

static int
open_file(const char *dir, const char *file, int flags)
{
	char path[PATH_MAX];
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, file) >= sizeof(path))
		return (-ENAMETOOLONG);
	fd = open(path, flags | O_CLOEXEC);
	return (fd >= 0 ? fd : -errno);
}

static int
set(const char *dir, const char *value)
{
	CLEANUP_FD int fd = open_file(dir, "cgroup.freeze", O_WRONLY);

	return (fd < 0 ? fd : fd_write_full(fd, value, strlen(value)));
}

/* 1: all of them stand, 0: not yet. */
static int
stands(int events)
{
	char text[256];
	ssize_t n = pread(events, text, sizeof(text) - 1, 0);

	if (n < 0)
		return (-errno);
	text[n] = '\0';
	return (strstr(text, "frozen 1") != NULL);
}

int
cgroup_freeze(const char *path, unsigned ms, struct err *e)
{
	CLEANUP_FD int events = open_file(path, "cgroup.events", O_RDONLY);
	int64_t end = clock_mono_ns() + (int64_t)ms * NS_PER_MS, left;
	struct pollfd p = { .fd = events, .events = POLLPRI };
	int rc = events < 0 ? events : set(path, "1");

	while (rc == 0 && (rc = stands(events)) == 0) {
		if ((left = (end - clock_mono_ns()) / NS_PER_MS) <= 0)
			rc = -ETIMEDOUT;
		else if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			rc = -errno;
	}
	if (rc == 1)
		return (0);
	(void)set(path, "0");
	return (err_set(e, -rc, "cannot hold the processes of cgroup '%s'", path));
}

int
cgroup_thaw(const char *path, struct err *e)
{
	int rc = set(path, "0");

	return (rc == 0 || rc == -ENOENT
		? 0
		: err_set(e, -rc, "cannot let the processes of cgroup '%s' go on", path));
}
