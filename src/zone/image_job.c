/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that read what may be hostile: see image_job.h. The code between fork and exec only makes
 * system calls. Tools, root; the child runs without privilege.
 */
#include "zone/image_job.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/interrupt.h"
#include "base/progress.h"
#include "zone/rlimits.h"
#include "zone/sparse.h"

/* Descriptors in the child. */
#define CHILD_IN   3
#define CHILD_OUT  4

#define TICK_MS    200 /* between looks at how far it is */

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
restrict_files(bool by_path)
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
	if (rc == 0 && by_path)
		rc = allow(ruleset, CHILD_IN, FILE_READ) != 0 ||
		    allow(ruleset, CHILD_OUT, FILE_READ | FILE_WRITE) != 0;
	if (rc != 0 || syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		return (-1);
	(void)close(ruleset);
	return (0);
}

static int
limit(const struct image_job *job)
{
	const struct rlimit_cap caps[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_NOFILE, 64 },
		{ RLIMIT_FSIZE, job->size },
		{ RLIMIT_AS, 4 * GIB }, /* address space: thread stacks are most of it */
		{ RLIMIT_CPU, job->cpu_seconds != 0 ? job->cpu_seconds : 3600 },
	};

	return (rlimits_lower(caps, NITEMS(caps)));
}

/* Without root there is nothing to give up but the way back. */
static int
drop_privilege(void)
{
	if (geteuid() == 0 &&
	    (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) != 0 ||
		setgroups(0, NULL) != 0 ||
		setresgid(IMAGE_JOB_UID, IMAGE_JOB_UID, IMAGE_JOB_UID) != 0 ||
		setresuid(IMAGE_JOB_UID, IMAGE_JOB_UID, IMAGE_JOB_UID) != 0))
		return (-1);
	return (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

static void child(const struct image_job *job, int err) __attribute__((noreturn));

static void
child(const struct image_job *job, int err)
{
	static const char failed[] = "cannot set up its jail";
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), in = job->in, out = job->out;
	char *envp[] = { NULL };

	/* First out of the way of the numbers they get. */
	if (null < 0 || (in = fcntl(in, F_DUPFD_CLOEXEC, 10)) < 0 ||
	    (out = fcntl(out, F_DUPFD_CLOEXEC, 10)) < 0 ||
	    (err = fcntl(err, F_DUPFD_CLOEXEC, 10)) < 0 || dup2(job->by_path ? null : in, 0) < 0 ||
	    dup2(job->by_path ? null : out, 1) < 0 || dup2(err, 2) < 0 || dup2(in, CHILD_IN) < 0 ||
	    dup2(out, CHILD_OUT) < 0 ||
	    close_range(job->by_path ? CHILD_OUT + 1 : CHILD_IN, ~0u, 0) != 0)
		_exit(127);
	/* The death signal comes after the change of uid, which would clear it. */
	if (limit(job) != 0 || drop_privilege() != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    restrict_files(job->by_path) != 0) {
		(void)!write(2, failed, sizeof(failed) - 1);
		_exit(127);
	}
	(void)execve(job->program, job->argv, envp);
	_exit(errno == ENOENT ? 126 : 127);
}

/* How far a conversion is: what it has written, as far as that takes room. */
static void
tell_progress(const struct image_job *job)
{
	uint64_t bytes;

	if (job->by_path && sparse_allocated(job->out, &bytes) == 0)
		progress_at(bytes);
}

/* What it says on stderr, first line; the rest is read and dropped. */
static void
read_words(const struct image_job *job, char *out, size_t size)
{
	struct pollfd pfd = { .fd = job->words, .events = POLLIN };
	char scrap[256];
	size_t len = 0;
	ssize_t n;

	for (;;) {
		n = poll(&pfd, 1, TICK_MS);
		if (n > 0)
			n = len + 1 < size ? read(job->words, out + len, size - 1 - len)
					   : read(job->words, scrap, sizeof(scrap));
		else if (n == 0) {
			tell_progress(job);
			continue;
		}
		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n < 0 && interrupt_pending() != 0)
			(void)kill(job->pid, SIGKILL);
		if (n > 0 && len + 1 < size)
			len += (size_t)n;
	}
	out[len] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

int
image_job_start(struct image_job *job, struct err *e)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot run %s", job->argv[0]));
	if ((job->pid = fork()) == 0)
		child(job, p[1]);
	(void)close(p[1]);
	job->words = p[0];
	if (job->pid > 0)
		return (0);
	fd_close(&job->words);
	return (err_set(e, errno, "cannot run %s", job->argv[0]));
}

int
image_job_end(struct image_job *job, struct err *e)
{
	char words[512];
	int status;

	read_words(job, words, sizeof(words));
	fd_close(&job->words);
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return (0);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 126)
		return (err_say(e, ENOENT, "cannot %s: there is no %s (Debian package %s)",
		    job->what, job->program, job->package));
	if (WIFSIGNALED(status))
		return (err_say(e, EIO, "cannot %s: %s was killed by signal %d%s%s", job->what,
		    job->argv[0], WTERMSIG(status), words[0] != '\0' ? ": " : "", words));
	if (words[0] != '\0')
		return (err_say(e, strstr(words, strerror(ENOSPC)) != NULL ? ENOSPC : EIO,
		    "cannot %s: %s", job->what, words));
	return (err_say(e, EIO, "cannot %s: %s failed without a word", job->what, job->argv[0]));
}
