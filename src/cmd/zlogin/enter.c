/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into a zone's namespaces: see enter.h. Three processes: zlogin, outside of the zone; a keeper in its pid
 * namespace, which has the command as its child and reaps what that leaves behind (else zhyve, the
 * init there, would get it, and it waits for nobody); and the command. A pid namespace ends only when
 * everybody in it has been reaped, and the keeper's parent is outside: so zlogin never waits for it but
 * ignores SIGCHLD, by which the kernel reaps it at once, also while zlogin is stopped. The status comes
 * through a pipe. Runs in zlogin, as root.
 */
#include "cmd/zlogin/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/client.h"

#define ENTERED (CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* What the keeper tells: errnum is 0 with the command's wait status, or why there was no command. */
struct ending {
	int errnum, status;
};

/* Signals that end zlogin end the command; those of the terminal reach it by themselves. */
static volatile pid_t relay_to;

static void
on_relayed(int signo)
{
	if (relay_to > 0)
		(void)kill(relay_to, signo);
}

static const int relayed[] = { SIGHUP, SIGTERM }, ignored[] = { SIGINT, SIGQUIT };

static void
signals_set(void (*relay)(int), void (*ignore)(int))
{
	for (size_t i = 0; i < NITEMS(relayed); i++)
		(void)signal(relayed[i], relay);
	for (size_t i = 0; i < NITEMS(ignored); i++)
		(void)signal(ignored[i], ignore);
}

/* How: SIG_BLOCK while there is nobody yet to relay them to, then SIG_UNBLOCK. */
static void
signals_hold(int how)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < NITEMS(relayed); i++)
		(void)sigaddset(&set, relayed[i]);
	(void)sigprocmask(how, &set, NULL);
}

static void __attribute__((noreturn)) command(char *const argv[])
{
	int errnum;

	(void)signal(SIGCHLD, SIG_DFL);
	signals_set(SIG_DFL, SIG_DFL);
	signals_hold(SIG_UNBLOCK);
	(void)execvp(argv[0], argv);
	errnum = errno;
	(void)fprintf(stderr, "zlogin: cannot execute '%s': %s\n", argv[0], strerror(errnum));
	_exit(errnum == ENOENT ? 127 : 126);
}

/* In the zone's pid namespace, and in a mount namespace of its own. */
static void __attribute__((noreturn)) keeper(char *const argv[], int out)
{
	struct ending end = { 0 };
	pid_t pid, ended;

	(void)signal(SIGCHLD, SIG_DFL);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0 ||
	    (pid = fork()) < 0) {
		end.errnum = errno;
		(void)!write(out, &end, sizeof(end));
		_exit(1);
	}
	if (pid == 0)
		command(argv);
	relay_to = pid;
	signals_hold(SIG_UNBLOCK);
	do
		ended = waitpid(pid, &end.status, 0);
	while (ended < 0 && errno == EINTR);
	relay_to = 0;
	(void)!write(out, &end, sizeof(end));
	/* Whoever waits for the end of zlogin's output waits for what was left running only. */
	(void)syscall(SYS_close_range, 0u, ~0u, 0);
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
	_exit(0);
}

/*
 * The zone's init, held by a descriptor. Its pid is zoneadmd's word; that the word is the same after
 * the descriptor was opened shows that it was not given to another process meanwhile.
 */
static int
init_open(const char *zone, struct err *e)
{
	struct zone_status before, after;
	CLEANUP_FD int fd = -1;
	int rc;

	if ((rc = zone_status_get(zone, &before, e)) != 0)
		return (rc);
	if (before.init_pid > 0)
		fd = (int)syscall(SYS_pidfd_open, before.init_pid, 0);
	if (fd < 0)
		return (err_say(e, EAGAIN, "its machine is being restarted: try again"));
	if ((rc = zone_status_get(zone, &after, e)) != 0)
		return (rc);
	if (after.init_pid != before.init_pid || after.init_restarts != before.init_restarts)
		return (err_say(e, EAGAIN, "its machine is being restarted: try again"));
	return (fd_steal(&fd));
}

static int
take_ending(int in, struct ending *end, struct err *e)
{
	ssize_t n;

	do
		n = read(in, end, sizeof(*end));
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(*end))
		return (err_say(e, ECANCELED,
		    "its machine has ended, or has reset itself, and the command with it"));
	if (end->errnum != 0)
		return (err_set(e, end->errnum, "cannot start the command in its namespaces"));
	return (0);
}

int
zone_enter(const char *zone, char *const argv[], int *status, struct err *e)
{
	CLEANUP_FD int init = init_open(zone, e), in = -1, out = -1;
	struct ending end;
	int p[2], rc;
	pid_t pid;

	if (init < 0)
		return (init);
	if (pipe2(p, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot make a pipe"));
	in = p[0];
	out = p[1];
	if (setns(init, ENTERED) != 0 || unshare(CLONE_NEWNS) != 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		return (err_set(e, errno, "cannot enter its namespaces"));
	(void)signal(SIGCHLD, SIG_IGN);
	signals_set(on_relayed, SIG_IGN);
	signals_hold(SIG_BLOCK);
	if ((pid = fork()) < 0)
		return (err_set(e, errno, "cannot start a process in its namespaces"));
	if (pid == 0) {
		(void)close(in);
		keeper(argv, out);
	}
	relay_to = pid;
	signals_hold(SIG_UNBLOCK);
	fd_close(&out);
	rc = take_ending(in, &end, e);
	relay_to = 0;
	if (rc == 0)
		*status =
		    WIFSIGNALED(end.status) ? 128 + WTERMSIG(end.status) : WEXITSTATUS(end.status);
	return (rc);
}
