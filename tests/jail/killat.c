/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a program under ptrace and does something to one process as it enters its $KILLAT-th system
 * call: kills it, or lets that one call fail with $KILLAT_ERRNO (a number) without being made.
 *
 * $KILLAT_WHO says which: "tool", the program itself; "daemon", what zoneadmd becomes (then this runs
 * in zoneadmd's place, $ZONEADMD_BIN, and who started us is to think so: the tracing is left to a
 * process of its own); "zhyve", the first process that the daemon makes, from its first moment in
 * the jail on. With $KILLAT_CALL, a system call's number, only those are counted. The program is $KILLAT_PROGRAM; the number of calls that were seen goes to the file
 * $KILLAT_COUNT at the end. All other processes are let go at their first stop. No part of the product.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

static enum {
	TOOL,
	DAEMON,
	ZHYVE
} who;
static pid_t first, daemon_pid, target;
static unsigned long calls, limit;
static long only = -1; /* that call's number; -1: all */
static int inject;     /* errno; 0: kill */
static bool entering;  /* the next system call stop of the target is an entry */
static bool skipped;   /* ... and what it entered is not made */

static void
go_on(enum __ptrace_request how, pid_t pid, int signo)
{
	(void)ptrace(how, pid, NULL, (void *)(long)signo);
}

/* What does not fail, or must be made. */
static bool
never_fails(long nr)
{
	static const long calls_that[] = { SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_close,
		SYS_munmap, SYS_futex, SYS_execve, SYS_execveat, SYS_wait4, SYS_getpid, SYS_getuid,
		SYS_geteuid, SYS_umask, SYS_restart_syscall };

	for (size_t i = 0; i < sizeof(calls_that) / sizeof(calls_that[0]); i++) {
		if (calls_that[i] == nr)
			return (true);
	}
	return (false);
}

static long
get(size_t at)
{
	return (ptrace(PTRACE_PEEKUSER, target, (void *)at, NULL));
}

static void
put(size_t at, long value)
{
	(void)ptrace(PTRACE_POKEUSER, target, (void *)at, (void *)value);
}

static void
target_call(void)
{
	entering = !entering;
	if (!entering) {
		if (skipped)
			put(offsetof(struct user, regs.rax), -inject);
		skipped = false;
		return;
	}
	if ((only >= 0 && get(offsetof(struct user, regs.orig_rax)) != only) || ++calls != limit)
		return;
	if (inject == 0) {
		(void)kill(target, SIGKILL);
	} else if (never_fails(get(offsetof(struct user, regs.orig_rax)))) {
		limit++;
	} else {
		put(offsetof(struct user, regs.orig_rax), -1);
		skipped = true;
	}
}

/* Is it one we stay with? */
static bool
ours(pid_t pid)
{
	if (pid != first && who != TOOL && daemon_pid == 0) {
		daemon_pid = pid;
		if (who == DAEMON)
			target = pid;
	} else if (who == ZHYVE && target == 0 && pid != first && pid != daemon_pid) {
		target = pid;
	}
	return (pid == first || pid == target || (who == ZHYVE && pid == daemon_pid));
}

/* A stop of one of the traced processes. */
static void
stopped(pid_t pid, int status)
{
	int signo = WSTOPSIG(status);

	if (!ours(pid)) {
		go_on(PTRACE_DETACH, pid, 0);
		return;
	}
	if (signo == (SIGTRAP | 0x80)) {
		if (pid == target)
			target_call();
		signo = 0;
	} else if (signo == SIGTRAP || signo == SIGSTOP) { /* events, and a new process's first */
		signo = 0;
	}
	go_on(pid == target ? PTRACE_SYSCALL : PTRACE_CONT, pid, signo);
}

static void
write_count(void)
{
	const char *path = getenv("KILLAT_COUNT");
	FILE *f = path != NULL ? fopen(path, "w") : NULL;

	if (f != NULL) {
		(void)fprintf(f, "%lu\n", calls);
		(void)fclose(f);
	}
}

/* Until the last of ours has ended; the first one's wait status. */
static int
trace(int *done_fd)
{
	int status, last = 0;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			stopped(pid, status);
			continue;
		}
		if (pid == first) {
			last = status;
			(void)close(*done_fd);
			*done_fd = -1;
			if (who == TOOL || (daemon_pid == 0 && WIFSIGNALED(status)))
				break;
		} else if (pid == daemon_pid || (who != ZHYVE && pid == target)) {
			break;
		}
	}
	write_count();
	return (last);
}

static void
start(char **argv)
{
	int status;

	argv[0] = getenv("KILLAT_PROGRAM");
	if ((first = fork()) == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		(void)execv(argv[0], argv);
		_exit(127);
	}
	(void)waitpid(first, &status, 0);
	(void)ptrace(PTRACE_SETOPTIONS, first, NULL, (void *)OPTIONS);
	if (who == TOOL)
		target = first;
	go_on(who == TOOL ? PTRACE_SYSCALL : PTRACE_CONT, first, 0);
}

/* The caller reads until the last writer of its pipe has closed it: that is not us. */
static void
close_all_but(int keep)
{
	for (int fd = 3; fd < 64; fd++) {
		if (fd != keep)
			(void)close(fd);
	}
}

static int
tool(char **argv)
{
	int none = -1, status;

	start(argv);
	status = trace(&none);
	return (WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int
main(int argc, char **argv)
{
	const char *at = getenv("KILLAT"), *error = getenv("KILLAT_ERRNO"),
		   *name = getenv("KILLAT_WHO"), *call = getenv("KILLAT_CALL");
	int done[2];
	char c;

	if (argc < 1 || at == NULL || getenv("KILLAT_PROGRAM") == NULL ||
	    pipe2(done, O_CLOEXEC) != 0) {
		(void)fprintf(
		    stderr, "killat: wants KILLAT and KILLAT_PROGRAM in its environment\n");
		return (2);
	}
	limit = strtoul(at, NULL, 10);
	inject = error != NULL ? atoi(error) : 0;
	only = call != NULL ? atol(call) : -1;
	who = name == NULL || strcmp(name, "daemon") == 0 ? DAEMON : *name == 't' ? TOOL : ZHYVE;
	if (who == TOOL)
		return (tool(argv));
	if (fork() == 0) {
		(void)close(done[0]);
		(void)setsid();
		start(argv);
		close_all_but(done[1]);
		(void)trace(&done[1]);
		_exit(0);
	}
	(void)close(done[1]);
	close_all_but(done[0]);
	(void)!read(done[0], &c, 1);
	return (0);
}
