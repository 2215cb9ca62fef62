/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What tests of zone/ need around them: a root of their own (ZHYVE_ROOT) below /tmp, and a network
 * namespace of their own. Header only; one test program each.
 */
#ifndef ZHYVE_TESTS_SANDBOX_H
#define ZHYVE_TESTS_SANDBOX_H

#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char sandbox_root[64];

static inline int
sandbox_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return (remove(path));
}

static inline int
sandbox_remove(void **state)
{
	(void)state;
	(void)nftw(sandbox_root, sandbox_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return (0);
}

/* Fresh folders etc/zones, zones, run/zones. */
static inline int
sandbox_make(void **state)
{
	static const char *const dirs[] = { "etc", "etc/zones", "zones", "run", "run/zones" };
	char path[128];
	size_t i;

	(void)state;
	(void)snprintf(sandbox_root, sizeof(sandbox_root), "/tmp/zhyve-test.XXXXXX");
	if (mkdtemp(sandbox_root) == NULL)
		return (-1);
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", sandbox_root, dirs[i]);
		if (mkdir(path, 0755) != 0)
			return (-1);
	}
	return (setenv("ZHYVE_ROOT", sandbox_root, 1));
}

/* A path below the sandbox, in one of a few static buffers. */
static inline const char *
sandbox_path(const char *below)
{
	static char buf[4][256];
	static unsigned next;
	char *out = buf[next++ % 4];

	(void)snprintf(out, sizeof(buf[0]), "%s/%s", sandbox_root, below);
	return (out);
}

static inline bool
sandbox_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return (ok);
}

/*
 * Into a network namespace where this process may do everything; false where the system does not
 * let it.
 */
static inline bool
sandbox_netns(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[32];

	if (uid == 0 && unshare(CLONE_NEWNET) == 0)
		return (true);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return (false);
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!sandbox_write("/proc/self/uid_map", map) ||
	    !sandbox_write("/proc/self/setgroups", "deny"))
		return (false);
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	return (sandbox_write("/proc/self/gid_map", map));
}

#endif
