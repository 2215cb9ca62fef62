/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion by a jailed qemu-img: see image_convert.h. qemu-img is told both formats, so it never
 * guesses one from content, and writes into a file that is there already. The code between fork
 * and exec only makes system calls. Tools, root; the child runs without privilege.
 */
#include "zone/image_convert.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"

#define QEMU_IMG "/usr/bin/qemu-img"
/* A uid that no account and no range of subordinate uids has. */
#define CONVERT_UID 2053636096u

/* Descriptors in the child. */
#define CHILD_IN   3
#define CHILD_OUT  4

#define FILE_READ  LANDLOCK_ACCESS_FS_READ_FILE
#define FILE_WRITE LANDLOCK_ACCESS_FS_WRITE_FILE
#define FILE_EXEC  LANDLOCK_ACCESS_FS_EXECUTE
#define DIR_READ   LANDLOCK_ACCESS_FS_READ_DIR

/* All it may reach by path: itself, its libraries and modules, and its own descriptors. */
static const struct {
	const char *path;
	uint64_t access;
} reachable[] = {
	{ "/usr", FILE_READ | FILE_EXEC | DIR_READ },
	{ "/lib", FILE_READ | FILE_EXEC | DIR_READ },
	{ "/lib64", FILE_READ | FILE_EXEC | DIR_READ },
	{ "/etc/ld.so.cache", FILE_READ },
	{ "/proc", FILE_READ | DIR_READ },
	{ "/dev/null", FILE_READ | FILE_WRITE },
	{ "/dev/urandom", FILE_READ },
};

static int
allow(int ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };

	return ((int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
}

/*
 * Landlock's first version: every kernel that has it at all knows these. 0, also where there is
 * none.
 */
static int
restrict_files(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1, /* all of the first 13 */
	};
	int ruleset, fd, rc = 0;
	size_t i;

	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return (errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -1);
	for (i = 0; i < NITEMS(reachable) && rc == 0; i++) {
		if ((fd = open(reachable[i].path, O_PATH | O_CLOEXEC)) < 0)
			continue;
		rc = allow(ruleset, fd, reachable[i].access);
		(void)close(fd);
	}
	if (rc != 0 || allow(ruleset, CHILD_IN, FILE_READ) != 0 ||
	    allow(ruleset, CHILD_OUT, FILE_READ | FILE_WRITE) != 0 ||
	    syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		return (-1);
	(void)close(ruleset);
	return (0);
}

static int
limit(uint64_t size)
{
	const struct {
		int what;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 64 },
		{ RLIMIT_FSIZE, size },
		{ RLIMIT_AS, 4 * GIB }, /* address space: thread stacks are most of it */
		{ RLIMIT_CPU, 3600 },
	};
	size_t i;

	for (i = 0; i < NITEMS(limits); i++) {
		struct rlimit r = { limits[i].value, limits[i].value };
		if (setrlimit((__rlimit_resource_t)limits[i].what, &r) != 0)
			return (-1);
	}
	return (0);
}

/* Without root there is nothing to give up but the way back. */
static int
drop_privilege(void)
{
	if (geteuid() == 0 &&
	    (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) != 0 ||
		setgroups(0, NULL) != 0 || setresgid(CONVERT_UID, CONVERT_UID, CONVERT_UID) != 0 ||
		setresuid(CONVERT_UID, CONVERT_UID, CONVERT_UID) != 0))
		return (-1);
	return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void child(int in, int out, int err, uint64_t size) __attribute__((noreturn));

static void
child(int in, int out, int err, uint64_t size)
{
	static const char failed[] = "cannot set up its jail";
	char src[] = "/proc/self/fd/3", dst[] = "/proc/self/fd/4";
	char arg0[] = "qemu-img", cmd[] = "convert", n[] = "-n", zero[] = "--target-is-zero",
	     f[] = "-f", o[] = "-O", qcow2[] = "qcow2", raw[] = "raw";
	char *argv[] = { arg0, cmd, n, zero, f, qcow2, o, raw, src, dst, NULL };
	char *envp[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* First out of the way of the numbers they get. */
	if (null < 0 || (in = fcntl(in, F_DUPFD_CLOEXEC, 10)) < 0 ||
	    (out = fcntl(out, F_DUPFD_CLOEXEC, 10)) < 0 ||
	    (err = fcntl(err, F_DUPFD_CLOEXEC, 10)) < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
	    dup2(err, 2) < 0 || dup2(in, CHILD_IN) < 0 || dup2(out, CHILD_OUT) < 0 ||
	    close_range(CHILD_OUT + 1, ~0u, 0) != 0)
		_exit(127);
	/* The death signal comes after the change of uid, which would clear it. */
	if (limit(size) != 0 || drop_privilege() != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    restrict_files() != 0) {
		(void)!write(2, failed, sizeof(failed) - 1);
		_exit(127);
	}
	(void)execve(QEMU_IMG, argv, envp);
	_exit(errno == ENOENT ? 126 : 127);
}

/* What it says on stderr, first line; the rest is read and dropped. */
static void
read_words(int fd, pid_t from, char *out, size_t size)
{
	char scrap[256];
	size_t len = 0;
	ssize_t n;

	while ((n = len + 1 < size ? read(fd, out + len, size - 1 - len)
				   : read(fd, scrap, sizeof(scrap))) != 0) {
		if (n < 0 && errno != EINTR)
			break;
		if (n < 0 && interrupt_pending() != 0)
			(void)kill(from, SIGKILL);
		if (n > 0 && len + 1 < size)
			len += (size_t)n;
	}
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static int
run(int in, int out, uint64_t size, struct err *e)
{
	int p[2], status;
	char words[512];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot run qemu-img"));
	if ((pid = fork()) == 0)
		child(in, out, p[1], size);
	(void)close(p[1]);
	if (pid < 0) {
		(void)close(p[0]);
		return (err_set(e, errno, "cannot run qemu-img"));
	}
	read_words(p[0], pid, words, sizeof(words));
	(void)close(p[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return (0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
		return (err_say(e, ENOENT,
		    "cannot convert qcow2: there is no %s (Debian package qemu-utils)", QEMU_IMG));
	if (WIFSIGNALED(status))
		return (
		    err_say(e, EIO, "cannot convert qcow2: qemu-img was killed by signal %d%s%s",
			WTERMSIG(status), words[0] != '\0' ? ": " : "", words));
	return (err_say(e, strstr(words, strerror(ENOSPC)) != NULL ? ENOSPC : EIO,
	    "cannot convert qcow2: %s",
	    words[0] != '\0' ? words : "qemu-img failed without a word"));
}

int
image_convert(int in, int out, uint64_t size, struct err *e)
{
	bool root = geteuid() == 0;
	int rc;

	if (ftruncate(out, (off_t)size) != 0)
		return (err_set(e, errno, "cannot convert qcow2: no file of %llu bytes",
		    (unsigned long long)size));
	if (root &&
	    (fchown(in, CONVERT_UID, CONVERT_UID) != 0 ||
		fchown(out, CONVERT_UID, CONVERT_UID) != 0))
		return (err_set(e, errno, "cannot convert qcow2: cannot hand the files over"));
	rc = run(in, out, size, e);
	if (root && rc == 0 && (fchown(in, 0, 0) != 0 || fchown(out, 0, 0) != 0))
		rc = err_set(e, errno, "cannot convert qcow2: cannot take the files back");
	return (rc);
}
