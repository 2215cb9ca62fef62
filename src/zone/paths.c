/* SPDX-License-Identifier: BSD-2-Clause */
/* Where things are: see paths.h. Tools and zoneadmd. */
#include "zone/paths.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

static char *
make(char buf[PATH_MAX], const char *top, const char *fmt, va_list ap)
{
	const char *root = secure_getenv("ZHYVE_ROOT");
	int n, m;

	n = snprintf(buf, PATH_MAX, "%s%s/", root != NULL ? root : "", top);
	assert(n > 0 && n < PATH_MAX);
	m = vsnprintf(buf + n, (size_t)(PATH_MAX - n), fmt, ap);
	assert(m >= 0 && m < PATH_MAX - n);
	if (m == 0)
		buf[n - 1] = '\0'; /* the folder itself, without the slash */
	return (buf);
}

#define PATH_FUNCTION(name, top)                             \
	char *name(char buf[PATH_MAX], const char *fmt, ...) \
	{                                                    \
		va_list ap;                                  \
		va_start(ap, fmt);                           \
		(void)make(buf, top, fmt, ap);               \
		va_end(ap);                                  \
		return (buf);                                \
	}

PATH_FUNCTION(path_etc, "/etc/zones")
PATH_FUNCTION(path_run, "/run/zones")
PATH_FUNCTION(path_zones, "/zones")

int
path_open(const char *path, int flags, mode_t mode)
{
	char pool[PATH_MAX];
	size_t len = strlen(path_zones(pool, "%s", ""));
	CLEANUP_FD int dir = -1;
	int fd;

	flags |= O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;
	if (strncmp(path, pool, len) != 0 || path[len] != '/') {
		fd = open(path, flags, mode);
		return (fd >= 0 ? fd : -errno);
	}
	if ((dir = open(pool, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
		return (-errno);
	return (fd_open_beneath(dir, path + len + 1, flags, mode));
}
