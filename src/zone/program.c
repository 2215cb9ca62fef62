/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of the host: see program.h. Tools and zoneadmd, root. */
#include "zone/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/interrupt.h"

#define WORDS_MAX 16384 /* of what a program says when it fails */

/* Exit status of a child whose program is not there, and of one that could not be prepared. */
#define EXIT_NO_PROGRAM 126
#define EXIT_NOT_RUN    127

/*
 * Where no udev runs, device-mapper's programs would wait for it; told so, they make the links in /dev
 * themselves. And lvm would complain of every descriptor that a shell left open.
 */
static const char *const with_udev[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
	"LVM_SUPPRESS_FD_WARNINGS=1", NULL };
static const char *const without_udev[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
	"LVM_SUPPRESS_FD_WARNINGS=1", "DM_DISABLE_UDEV=1", NULL };

static void run_child(const char *const argv[], int in, int out, int err) __attribute__((noreturn));

static void
run_child(const char *const argv[], int in, int out, int err)
{
	bool udev = access("/run/udev/control", F_OK) == 0;
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0 || close_range(3, ~0u, 0) != 0)
		_exit(EXIT_NOT_RUN);
	/* execve does not change them: POSIX has the parameters as they are for old programs' sake. */
	(void)execve(argv[0], (char *const *)(uintptr_t)argv,
	    (char *const *)(uintptr_t)(udev ? with_udev : without_udev));
	_exit(errno == ENOENT ? EXIT_NO_PROGRAM : EXIT_NOT_RUN);
}

static int
take_output(int fd, const char *program, char **output, struct err *e)
{
	struct stat st;
	int rc;

	if (fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot read the output of %s", program));
	if (st.st_size > (off_t)PROGRAM_OUTPUT_MAX)
		return (err_say(e, EFBIG, "%s says more than can be", program));
	if ((*output = calloc(1, (size_t)st.st_size + 1)) == NULL)
		return (err_set(e, ENOMEM, "cannot read the output of %s", program));
	if ((rc = fd_pread_full(fd, *output, (size_t)st.st_size, 0)) == 0)
		return (0);
	free(*output);
	*output = NULL;
	return (err_set(e, -rc, "cannot read the output of %s", program));
}

/* The first line that says something, and no warning (zfs and lvm begin them alike) if there is another. */
static int
complain(int fd, const char *program, struct err *e)
{
	char words[WORDS_MAX] = "", *rest = words, *line, *said = NULL;

	(void)!pread(fd, words, sizeof(words) - 1, 0);
	while ((line = strsep(&rest, "\n")) != NULL) {
		line += strspn(line, " \t");
		if (line[0] == '\0')
			continue;
		if (said == NULL)
			said = line;
		if (strncasecmp(line, "warning:", strlen("warning:")) != 0) {
			said = line;
			break;
		}
	}
	return (
	    err_say(e, EIO, "%s failed: %s", program, said != NULL ? said : "it did not say why"));
}

/* Its standard input and output; it may outlive us or not. `p` has nothing of it on failure. */
static int
start(const char *const argv[], int in, int out, bool outlives, struct program *p, struct err *e)
{
	pid_t us = getpid();
	int rc;

	*p = (struct program){ .name = argv[0],
		.complaints = memfd_create("complaints", MFD_CLOEXEC) };
	if (p->complaints >= 0 && (p->pid = fork()) == 0) {
		/* We may have ended before it asked for that. */
		if (!outlives &&
		    (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != us))
			_exit(EXIT_NOT_RUN);
		run_child(argv, in, out, p->complaints);
	}
	if (p->complaints >= 0 && p->pid > 0)
		return (0);
	rc = err_set(e, errno, "cannot run %s", argv[0]);
	fd_close(&p->complaints);
	p->pid = 0;
	return (rc);
}

/* Its wait status. */
static int
reap(struct program *p)
{
	int status;

	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	p->pid = 0;
	return (status);
}

int
program_end(struct program *p, struct err *e)
{
	int status = reap(p), rc = 0;

	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM)
		rc = err_say(e, ENOENT, "there is no %s", p->name);
	else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		rc = complain(p->complaints, p->name, e);
	fd_close(&p->complaints);
	return (rc);
}

int
program_start(const char *const argv[], struct program *p, struct err *e)
{
	CLEANUP_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return (err_set(e, errno, "cannot run %s", argv[0]));
	return (start(argv, null, null, false, p, e));
}

void
program_stop(struct program *p)
{
	if (p->pid == 0)
		return;
	(void)kill(p->pid, SIGKILL);
	(void)reap(p);
	fd_close(&p->complaints);
}

int
program_run(const char *const argv[], const char *input, char **output, struct err *e)
{
	CLEANUP_FD int in = memfd_create("input", MFD_CLOEXEC);
	CLEANUP_FD int out = memfd_create("output", MFD_CLOEXEC);
	struct program p;
	int rc;

	if (in < 0 || out < 0 || fd_write_full(in, input, strlen(input)) != 0 ||
	    lseek(in, 0, SEEK_SET) != 0)
		return (err_set(e, errno, "cannot run %s", argv[0]));
	if ((rc = start(argv, in, out, true, &p, e)) != 0 || (rc = program_end(&p, e)) != 0)
		return (rc);
	return (output != NULL ? take_output(out, argv[0], output, e) : 0);
}

int
program_feed(const char *const argv[], int in, struct err *e)
{
	CLEANUP_FD int out = memfd_create("output", MFD_CLOEXEC);
	struct program p;
	siginfo_t si;
	int rc;

	if (out < 0)
		return (err_set(e, errno, "cannot run %s", argv[0]));
	if ((rc = start(argv, in, out, false, &p, e)) != 0)
		return (rc);
	while (waitid(P_PID, (id_t)p.pid, &si, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		if (interrupt_pending() != 0)
			(void)kill(p.pid, SIGTERM);
	rc = program_end(&p, e);
	if (rc == -EIO && interrupt_pending() != 0)
		return (err_say(e, EINTR, "interrupted by signal %d", interrupt_pending()));
	return (rc);
}
