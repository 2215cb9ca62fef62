/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The attempts made: each by a child of its own, which tells by memory shared with us, for a filter
 * may leave it no other way to. What a child does to itself is gone with it.
 */
#include "hostile.h"

#include <errno.h>
#include <linux/falloc.h>
#include <linux/if_tun.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "procs/blk/confine.h"
#include "procs/net/confine.h"
#include "procs/vnc/confine.h"
#include "procs/zhyve/seccomp.h"

#define WAIT_MS  10000 /* for an attempt, on a machine that is busy */
#define BRIEF_MS 50    /* for a call that may wait for ever */
#define NR_MAX   512

struct hostile_bait bait = { .pid = 4000000, .port = 22, .highest = 2, .kvm = -1, .lent = -1 };

const char *const hostile_filter_names[FILTER_COUNT] = {
	[FILTER_NONE] = "no filter",
	[FILTER_ZHYVE_MAIN] = "zhyve's main thread",
	[FILTER_ZHYVE_VCPU] = "zhyve's vCPUs",
	[FILTER_ZHYVE_DISK] = "zhyve's disk threads",
	[FILTER_BLK_MAIN] = "zhyve-blk's main thread",
	[FILTER_BLK_DISK] = "zhyve-blk's disk threads",
	[FILTER_NET] = "zhyve-net",
	[FILTER_VNC] = "zhyve-vnc",
};

static const struct attempt_group *const groups[] = { &try_files, &try_mounts, &try_rights,
	&try_namespaces, &try_kernel, &try_keys, &try_processes, &try_limits, &try_sockets,
	&try_ipc, &try_descriptors, &try_kvm, &try_drivers };

/* What a child has come to. */
struct word {
	volatile int called, returned, failed, error;
};

static struct word *
shared(void)
{
	static struct word *w;

	if (w == NULL)
		w = mmap(
		    NULL, sizeof(*w), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (w == MAP_FAILED)
		abort();
	return (w);
}

static int
enter(enum hostile_filter filter)
{
	if (filter == FILTER_NONE)
		return (0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return (-errno);
	switch (filter) {
	case FILTER_ZHYVE_MAIN:
		return (seccomp_enter(SECCOMP_MAIN));
	case FILTER_ZHYVE_VCPU:
		return (seccomp_enter(SECCOMP_VCPU));
	case FILTER_ZHYVE_DISK:
		return (seccomp_enter(SECCOMP_DISK));
	case FILTER_BLK_MAIN:
		return (blk_confine(BLK_MAIN));
	case FILTER_BLK_DISK:
		return (blk_confine(BLK_DISK));
	case FILTER_NET:
		return (net_confine());
	case FILTER_VNC:
		return (confine_calls(NULL));
	default:
		return (-EINVAL);
	}
}

/* In a child under the filter; its end. A filter may not let it leave by exit_group alone. */
static void __attribute__((noreturn))
make_attempt(const struct attempt *a, enum hostile_filter filter, unsigned ms, struct word *w)
{
	const struct itimerval soon = { .it_value = { ms / 1000, ms % 1000 * 1000 } };
	long rc;

	(void)signal(SIGALRM, SIG_DFL);
	(void)setitimer(ITIMER_REAL, &soon, NULL);
	if (enter(filter) != 0)
		abort();
	errno = 0;
	w->called = 1;
	rc = a->fn != NULL
	    ? a->fn(a)
	    : syscall(a->nr, a->arg[0], a->arg[1], a->arg[2], a->arg[3], a->arg[4], a->arg[5]);
	w->error = errno;
	w->failed = rc < 0;
	w->returned = 1;
	for (;;)
		(void)syscall(SYS_exit_group, 0);
}

/* An error that is a refusal, and not a complaint about what was to be done. */
static bool
refusal(const struct attempt *a, int error)
{
	static const int errors[] = { EPERM, EACCES, ENOSYS, ENOENT, ESRCH, EROFS, ENODEV, ENXIO,
		ENETUNREACH, ECONNREFUSED, EAFNOSUPPORT, EPROTONOSUPPORT, ESOCKTNOSUPPORT,
		EOPNOTSUPP, ENOSPC, EADDRNOTAVAIL, ENOKEY, EMFILE };

	for (size_t i = 0; i < NITEMS(errors); i++) {
		if (errors[i] == error)
			return (true);
	}
	return (error == a->also);
}

static enum hostile_end
try_one(const struct attempt *a, enum hostile_filter filter, unsigned ms, int *number)
{
	struct word *w = shared();
	int status;
	pid_t pid;

	*w = (struct word){ 0 };
	if ((pid = fork()) < 0)
		abort();
	if (pid == 0)
		make_attempt(a, filter, ms, w);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	while (waitpid(-1, NULL, WNOHANG) > 0) /* as init of the jail */
		continue;
	*number = WIFSIGNALED(status) ? WTERMSIG(status) : w->error;
	if (WIFSIGNALED(status) && !w->returned)
		return (WTERMSIG(status) == SIGSYS ? END_KILLED : END_OTHER);
	*number = w->error;
	return (w->failed && refusal(a, w->error) ? END_REFUSED : END_DONE);
}

void
hostile_try(enum hostile_filter filter, bool all, hostile_tell *tell)
{
	for (size_t i = 0; i < NITEMS(groups); i++) {
		for (size_t k = 0; k < groups[i]->n; k++) {
			const struct attempt *a = &groups[i]->list[k];
			enum hostile_end end;
			int number;

			if (filter == FILTER_NONE && a->layers == FILTER && !all)
				continue;
			end = try_one(a, filter, WAIT_MS, &number);
			tell(groups[i], a, filter, end, number);
		}
	}
}

/* How one call ends. One that only seems to wait is given its time. */
static enum hostile_end
call_ends(const struct attempt *a, enum hostile_filter filter, int *number)
{
	enum hostile_end end = try_one(a, filter, BRIEF_MS, number);

	if (end == END_OTHER && *number == SIGALRM)
		end = try_one(a, filter, shared()->called ? 4 * BRIEF_MS : WAIT_MS, number);
	return (end);
}

void
hostile_calls(
    enum hostile_filter filter, void (*let)(enum hostile_filter filter, long nr, bool refused))
{
	static char somewhere[4096] __attribute__((aligned(4096)));
	enum hostile_end end;
	int number;

	for (long nr = 0; nr < NR_MAX; nr++) {
		/* Descriptors that are none, memory that is there. */
		const struct attempt odd = { .nr = nr, .arg = { -1, -1, -1, 0, -1, -1 } };
		const struct attempt even = { .nr = nr,
			.arg = { 0, P(somewhere), 64, P(somewhere), 64, 0 } };
		/* What those filters let through that let anything through. */
		const struct attempt apt = { .nr = nr,
			.arg = { -1,
			    nr == SYS_ioctl ? TUNSETOFFLOAD
					    : FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			    0, 1 } };

		/* Newer kernels let uretprobe and uprobe pass every filter. */
		if (nr == 335 || nr == 336)
			continue;
		end = call_ends(&odd, filter, &number);
		if (end == END_KILLED)
			end = call_ends(&even, filter, &number);
		if (end == END_KILLED && (nr == SYS_ioctl || nr == SYS_fallocate))
			end = call_ends(&apt, filter, &number);
		if (end == END_KILLED)
			continue;
		let(filter, nr, end == END_REFUSED && number == EPERM);
	}
}
