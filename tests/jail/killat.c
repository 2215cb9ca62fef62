/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In zoneadmd's place ($ZONEADMD_BIN): runs the real one ($KILLAT_PROGRAM) under ptrace and kills
 * the daemon as it enters its $KILLAT-th system call. At the end the number of calls that were seen
 * goes to the file $KILLAT_COUNT. What the daemon starts (zhyve) is let go at its first stop.
 *
 * Whoever started us waits for this process as for zoneadmd's first one, so the tracing is left to
 * a process of its own. It is no part of the product.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t first, daemon_pid;
static unsigned long calls, limit;
static bool entering; /* the next system call stop of the daemon is an entry */

static void
go_on(enum __ptrace_request how, pid_t pid, int signo)
{
	(void)ptrace(how, pid, NULL, (void *)(long)signo);
}

static void
daemon_call(void)
{
	entering = !entering;
	if (!entering)
		return;
	if (++calls == limit)
		(void)kill(daemon_pid, SIGKILL);
}

/* A stop of one of the traced processes. */
static void
stopped(pid_t pid, int status)
{
	int signo = WSTOPSIG(status);

	if (pid != first && daemon_pid == 0)
		daemon_pid = pid;
	if (pid != first && pid != daemon_pid) { /* zhyve: none of ours */
		go_on(PTRACE_DETACH, pid, 0);
		return;
	}
	if (signo == (SIGTRAP | 0x80)) {
		if (pid == daemon_pid)
			daemon_call();
		signo = 0;
	} else if (signo == SIGTRAP || signo == SIGSTOP) { /* events, and a new process's first */
		signo = 0;
	}
	go_on(pid == daemon_pid ? PTRACE_SYSCALL : PTRACE_CONT, pid, signo);
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

static void __attribute__((noreturn)) trace(int done_fd)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (pid <= 0)
			continue;
		if (WIFSTOPPED(status)) {
			stopped(pid, status);
		} else if (pid == first) {
			(void)close(done_fd);
			if (daemon_pid == 0 && WIFSIGNALED(status))
				break;
		} else if (pid == daemon_pid) {
			break;
		}
	}
	write_count();
	_exit(0);
}

static void __attribute__((noreturn)) start(char **argv, int done_fd)
{
	const char *program = getenv("KILLAT_PROGRAM");
	int status;

	(void)setsid();
	if ((first = fork()) == 0) {
		(void)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		(void)raise(SIGSTOP);
		(void)execv(program, argv);
		_exit(127);
	}
	/* The caller reads until the last writer of its pipe has closed it: that is not us. */
	for (int fd = 3; fd < 64; fd++) {
		if (fd != done_fd)
			(void)close(fd);
	}
	(void)waitpid(first, &status, 0);
	(void)ptrace(PTRACE_SETOPTIONS, first, NULL,
	    (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE |
		PTRACE_O_EXITKILL));
	go_on(PTRACE_CONT, first, 0);
	trace(done_fd);
}

int
main(int argc, char **argv)
{
	const char *at = getenv("KILLAT");
	int done[2];
	char c;

	if (at == NULL || getenv("KILLAT_PROGRAM") == NULL || pipe2(done, O_CLOEXEC) != 0) {
		(void)fprintf(
		    stderr, "killat: wants KILLAT and KILLAT_PROGRAM in its environment\n");
		return (2);
	}
	limit = strtoul(at, NULL, 10);
	if (fork() == 0) {
		(void)close(done[0]);
		start(argv, done[1]);
	}
	(void)close(done[1]);
	for (int fd = 3; fd < 64; fd++) {
		if (fd != done[0])
			(void)close(fd);
	}
	(void)!read(done[0], &c, 1);
	return (argc > 0 ? 0 : 1);
}
