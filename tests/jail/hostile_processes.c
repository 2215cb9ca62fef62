/* SPDX-License-Identifier: BSD-2-Clause */
/* Attempts at other processes: signals, tracing, memory, System V IPC and queues. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/checked.h"
#include "hostile.h"
#include "hostile_bait.h"

#define CAPS  LAYER(CAPS)
#define PIDNS LAYER(PID)
#define UID   LAYER(UID)
#define TO    (PIDNS | UID | CAPS) /* a process outside: unseen, another's, and out of reach */

static char space[4096];

/* A call on the process outside: a->nr with its pid as the first argument, or the second. */
static long
on_bait(const struct attempt *a)
{
	if (a->arg[5] == 1)
		return (syscall(a->nr, a->arg[0], bait.pid, a->arg[2], a->arg[3], a->arg[4]));
	if (a->arg[5] == 2)
		return (syscall(a->nr, getpid(), bait.pid, a->arg[2], a->arg[3], a->arg[4]));
	return (syscall(a->nr, bait.pid, a->arg[1], a->arg[2], a->arg[3], a->arg[4]));
}

static long
on_pidfd(const struct attempt *a)
{
	int fd = (int)syscall(SYS_pidfd_open, bait.pid, 0);

	return (fd < 0 ? -1 : syscall(a->nr, fd, a->arg[1], a->arg[2], a->arg[3], a->arg[4]));
}

static long
vm_access(const struct attempt *a)
{
	struct iovec mine = { space, 8 }, theirs = { (void *)(uintptr_t)0x400000, 8 };

	return (syscall(a->nr, bait.pid, &mine, 1, &theirs, 1, 0));
}

static const struct attempt processes[] = {
	{ "signal everybody", PIDNS, SYS_kill, { -1, 0 } },
	{ "signal a process outside", TO, SYS_kill, { 0, 0 }, .fn = on_bait },
	{ "kill a process outside", TO, SYS_kill, { 0, SIGCONT }, .fn = on_bait },
	{ "signal a thread outside", TO, SYS_tkill, { 0, 0 }, .fn = on_bait },
	{ "signal a thread of a process outside", TO, SYS_tgkill, { 0, 0, 0, 0, 0, 2 },
	    .fn = on_bait },
	{ "queue a signal outside", TO, SYS_rt_sigqueueinfo, { 0, 0, P(space) }, .fn = on_bait },
	{ "queue a signal for a thread outside", TO, SYS_rt_tgsigqueueinfo,
	    { 0, 0, 0, P(space), 0, 2 }, .fn = on_bait },
	{ "signal init of the host's", FILTER, SYS_kill, { 1, 0 } },
	{ "a pidfd of a process outside", PIDNS, SYS_pidfd_open, { 0, 0 }, .fn = on_bait },
	{ "signal it by pidfd", TO, SYS_pidfd_send_signal, { 0, 0, 0, 0 }, .fn = on_pidfd },
	{ "take a descriptor of it", TO, SYS_pidfd_getfd, { 0, 0, 0 }, .fn = on_pidfd },
	{ "advise on its memory", TO, SYS_process_madvise, { 0, P(space), 0, 20, 0 },
	    .fn = on_pidfd },
	{ "reap its memory", TO, SYS_process_mrelease, { 0, 0 }, .fn = on_pidfd, .also = EINVAL },
	{ "trace it", TO, SYS_ptrace, { PTRACE_ATTACH, 0, 0, 0, 0, 1 }, .fn = on_bait },
	{ "seize it", TO, SYS_ptrace, { PTRACE_SEIZE, 0, 0, 0, 0, 1 }, .fn = on_bait },
	{ "trace its own parent", FILTER, SYS_ptrace, { PTRACE_SEIZE, 1, 0, 0 } },
	{ "be traced", FILTER, SYS_ptrace, { PTRACE_TRACEME, 0, 0, 0 } },
	{ "read its memory", TO, SYS_process_vm_readv, { 0 }, .fn = vm_access },
	{ "write its memory", TO, SYS_process_vm_writev, { 0 }, .fn = vm_access },
	{ "compare descriptors with it", TO, SYS_kcmp, { 0, 0, KCMP_FILE, 0, 0, 2 },
	    .fn = on_bait },
	{ "its session", PIDNS, SYS_getsid, { 0 }, .fn = on_bait },
	{ "its process group", PIDNS, SYS_getpgid, { 0 }, .fn = on_bait },
	{ "into another process group", FILTER, SYS_setpgid, { 0, 0 } },
	{ "its limits", TO, SYS_prlimit64, { 0, RLIMIT_NOFILE, 0, P(space) }, .fn = on_bait },
	{ "its scheduling", PIDNS, SYS_sched_getscheduler, { 0 }, .fn = on_bait },
	{ "set its scheduling", TO, SYS_sched_setscheduler, { 0, 0, P((int[]){ 0 }) },
	    .fn = on_bait },
	{ "its CPUs", PIDNS, SYS_sched_getaffinity, { 0, 128, P(space) }, .fn = on_bait },
	{ "set its CPUs", TO, SYS_sched_setaffinity, { 0, 8, P((uint64_t[]){ ~0ull }) },
	    .fn = on_bait },
	{ "its niceness", TO, SYS_setpriority, { PRIO_PROCESS, 0, 19, 0, 0, 1 }, .fn = on_bait },
	{ "its I/O priority", PIDNS, SYS_ioprio_get, { 1, 0, 0, 0, 0, 1 }, .fn = on_bait },
	{ "its robust futexes", TO, SYS_get_robust_list, { 0, P(space), P(space + 8) },
	    .fn = on_bait },
	{ "a process of its own", FILTER, SYS_fork, { 0 } },
	{ "a process that shares its memory", FILTER, SYS_vfork, { 0 } },
	{ "a thread", FILTER, SYS_clone, { 0, 0, 0, 0, 0 } },
	{ "wait for children", FILTER, SYS_wait4, { -1, 0, 1, 0 } },
	{ "survive its parent", FILTER, SYS_prctl, { PR_SET_PDEATHSIG, 0, 0, 0, 0 } },
	{ "be traced by anybody", FILTER, SYS_prctl, { PR_SET_PTRACER, -1, 0, 0, 0 } },
	{ "adopt orphans", FILTER, SYS_prctl, { PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0 } },
	{ "another name", FILTER, SYS_prctl, { PR_SET_NAME, P("init"), 0, 0, 0 } },
	{ "signal handlers", FILTER, SYS_rt_sigaction, { SIGSYS, 0, P(space), 8 } },
	{ "a stack for signals", FILTER, SYS_sigaltstack, { 0, P(space) } },
	{ "a timer", FILTER, SYS_timer_create, { 0, 0, P(space) } },
};

#define IPC LAYER(IPC)
static const struct attempt ipc[] = {
	{ "shared memory of a process outside", IPC, SYS_shmget, { BAIT_KEY, 0, 0 } },
	{ "semaphores of a process outside", IPC, SYS_semget, { BAIT_KEY, 0, 0 } },
	{ "message queue of a process outside", IPC, SYS_msgget, { BAIT_KEY, 0 } },
	{ "POSIX message queue of a process outside", IPC, SYS_mq_open,
	    { P(BAIT_QUEUE), O_RDWR, 0, 0 } },
	{ "remove that queue", IPC | UID, SYS_mq_unlink, { P(BAIT_QUEUE) } },
	{ "a message queue of its own", LAYER(LIMITS), SYS_mq_open,
	    { P("own"), O_RDWR | O_CREAT, 0600, 0 } },
	{ "attach shared memory 0", FILTER, SYS_shmat, { 0, 0, 0 }, .also = EINVAL },
	{ "list shared memory", FILTER, SYS_shmctl, { 0, 14, P(space) } },
	{ "shared memory of its own", FILTER, SYS_shmget, { 0, 4096, 0600 } },
	{ "semaphores of its own", FILTER, SYS_semget, { 0, 1, 0600 } },
	{ "messages of its own", FILTER, SYS_msgget, { 0, 0600 } },
	{ "a pipe", FILTER, SYS_pipe2, { P(space), 0 } },
	{ "an event counter", FILTER, SYS_eventfd2, { 0, 0 } },
	{ "another event loop", FILTER, SYS_epoll_create1, { 0 } },
	{ "signals by descriptor", FILTER, SYS_signalfd4, { -1, P(space), 8, 0 } },
	{ "a timer by descriptor", FILTER, SYS_timerfd_create, { 1, 0 } },
	{ "watches", FILTER, SYS_inotify_init1, { 0 } },
};

const struct attempt_group try_processes = { "processes", processes, NITEMS(processes) };
const struct attempt_group try_ipc = { "IPC", ipc, NITEMS(ipc) };
