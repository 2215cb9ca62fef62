/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holding a zone's processes: see cgroup.h. Facts: Linux Documentation/admin-guide/cgroup-v2.rst
 * (cgroup.freeze, cgroup.events). The kernel says "frozen" when every task of the cgroup is, and counts
 * its own threads there, which never are: before Linux 6.13 KVM puts one of them (recovery of huge pages)
 * beside every VM's, before 6.4 vhost its workers. So, where the word does not come, we look at each
 * thread ourselves. Runs in zoneadmd, as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/cgroup.h"
#include "zone/events.h"

#define NS_PER_MS  1000000ll
#define PF_KTHREAD 0x00200000u /* Linux, include/linux/sched.h */

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

/* The text of a file of a thread in /proc; empty when the thread is gone. */
static void
read_proc(unsigned tid, const char *file, char *out, size_t size)
{
	char path[64];
	CLEANUP_FD int fd = -1;
	ssize_t n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%u/%s", tid, file);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
		n = read(fd, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
}

/* Field 9 of stat, behind the name, which may hold anything: the task's flags. */
static bool
is_kernels(unsigned tid)
{
	char text[1024], *p;
	unsigned flags;

	read_proc(tid, "stat", text, sizeof(text));
	return ((p = strrchr(text, ')')) != NULL &&
	    sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & PF_KTHREAD) != 0);
}

/*
 * How many threads there are besides the kernel's, when each of them stands in the freezer; else -EAGAIN.
 * What stands there starts no other: twice the same number, and there is none that we have not seen.
 */
static int
count_standing(const char *dir)
{
	char path[PATH_MAX], where[64];
	unsigned tid;
	int n = 0;
	FILE *f;

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.threads", dir) >= sizeof(path) ||
	    (f = fopen(path, "re")) == NULL)
		return (-EAGAIN);
	while (n >= 0 && fscanf(f, "%u", &tid) == 1) {
		if (is_kernels(tid))
			continue;
		read_proc(tid, "wchan", where, sizeof(where));
		/* The latter, where the compiler put the former into it. */
		n = strcmp(where, "do_freezer_trap") == 0 || strcmp(where, "get_signal") == 0
		    ? n + 1
		    : -EAGAIN;
	}
	(void)fclose(f);
	return (n);
}

int
cgroup_freeze(const char *path, unsigned ms, struct err *e)
{
	CLEANUP_FD int events = open_file(path, "cgroup.events", O_RDONLY);
	int64_t end = clock_mono_ns() + (int64_t)ms * NS_PER_MS;
	struct pollfd p = { .fd = events, .events = POLLPRI };
	int rc = events < 0 ? events : set(path, "1"), last = -EAGAIN, now;

	while (rc == 0 && (rc = stands(events)) == 0) {
		if ((now = count_standing(path)) > 0 && now == last)
			return (0);
		if (now > 0) {
			last = now;
			continue;
		}
		last = -EAGAIN;
		if (clock_mono_ns() >= end)
			rc = -ETIMEDOUT;
		else if (poll(&p, 1, 1) < 0 && errno != EINTR)
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
