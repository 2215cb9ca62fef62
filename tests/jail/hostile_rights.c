/* SPDX-License-Identifier: BSD-2-Clause */
/* Attempts at other identities, capabilities, namespaces and limits. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "hostile.h"

#define CAPS   LAYER(CAPS)
#define USERNS LAYER(USERNS)
#define NESTED LAYER(NESTED)
#define LIMITS LAYER(LIMITS)
#define UID    LAYER(UID)

/* A user id that is nobody's here. */
#define OTHER 12345

static long
raise_cap(const struct attempt *a)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data) != 0)
		return (-1);
	data[a->arg[0] / 32].permitted |= 1u << a->arg[0] % 32;
	data[a->arg[0] / 32].effective |= 1u << a->arg[0] % 32;
	return (syscall(SYS_capset, &head, data));
}

static long
set_fsuid(const struct attempt *a)
{
	(void)setfsuid(OTHER);
	return (setfsuid(OTHER) == OTHER ? 0 : (errno = EPERM, -1));
}

static long
set_fsgid(const struct attempt *a)
{
	(void)setfsgid(OTHER);
	return (setfsgid(OTHER) == OTHER ? 0 : (errno = EPERM, -1));
}

/* A filter of its own needs no_new_privs or CAP_SYS_ADMIN: without either it could fool what it executes. */
static long
new_privileges(const struct attempt *a)
{
	int rc = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

	return (rc == 0 ? 0 : (errno = EPERM, -1));
}

#define CAP(c, text)                                                          \
	{                                                                     \
		"raise " text, CAPS, .arg = { c }, .fn = raise_cap, .also = 0 \
	}
static const struct attempt rights[] = {
	{ "setuid 0", USERNS | CAPS | UID, SYS_setuid, { 0 }, .also = EINVAL },
	{ "setgid 0", USERNS | CAPS | UID, SYS_setgid, { 0 }, .also = EINVAL },
	{ "setuid of another", CAPS | USERNS, SYS_setuid, { OTHER }, .also = EINVAL },
	{ "setgid of another", CAPS | USERNS, SYS_setgid, { OTHER }, .also = EINVAL },
	{ "setreuid 0", USERNS | CAPS | UID, SYS_setreuid, { 0, 0 }, .also = EINVAL },
	{ "setregid 0", USERNS | CAPS | UID, SYS_setregid, { 0, 0 }, .also = EINVAL },
	{ "setresuid of another", CAPS | USERNS, SYS_setresuid, { OTHER, OTHER, OTHER },
	    .also = EINVAL },
	{ "setresgid of another", CAPS | USERNS, SYS_setresgid, { OTHER, OTHER, OTHER },
	    .also = EINVAL },
	{ "setfsuid", CAPS | USERNS, .fn = set_fsuid },
	{ "setfsgid", CAPS | USERNS, .fn = set_fsgid },
	{ "setgroups 0", CAPS | USERNS, SYS_setgroups, { 1, P((gid_t[]){ 0 }) }, .also = EINVAL },
	{ "setgroups, none", CAPS, SYS_setgroups, { 0, 0 } },
	CAP(CAP_SYS_ADMIN, "CAP_SYS_ADMIN"),
	CAP(CAP_NET_ADMIN, "CAP_NET_ADMIN"),
	CAP(CAP_SYS_PTRACE, "CAP_SYS_PTRACE"),
	CAP(CAP_DAC_OVERRIDE, "CAP_DAC_OVERRIDE"),
	CAP(CAP_SYS_RAWIO, "CAP_SYS_RAWIO"),
	CAP(CAP_SYS_MODULE, "CAP_SYS_MODULE"),
	CAP(CAP_SETUID, "CAP_SETUID"),
	CAP(CAP_MKNOD, "CAP_MKNOD"),
	CAP(CAP_BPF, "CAP_BPF"),
	CAP(CAP_SYS_CHROOT, "CAP_SYS_CHROOT"),
	CAP(CAP_KILL, "CAP_KILL"),
	CAP(CAP_SYS_TIME, "CAP_SYS_TIME"),
	{ "an ambient capability", CAPS, SYS_prctl,
	    { PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0 } },
	{ "drop from the bounding set", CAPS, SYS_prctl, { PR_CAPBSET_DROP, CAP_SYSLOG, 0, 0, 0 } },
	{ "securebits", CAPS, SYS_prctl, { PR_SET_SECUREBITS, SECBIT_NOROOT, 0, 0, 0 } },
	{ "allow new privileges again", LAYER(SEALED), SYS_prctl,
	    { PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0 }, .also = EINVAL },
	{ "be without no_new_privs", LAYER(SEALED), .fn = new_privileges },
	{ "dumpable again", FILTER, SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
	{ "another name for ps", CAPS, SYS_prctl, { PR_SET_MM, PR_SET_MM_ARG_START, P("x"), 0, 0 },
	    .also = EINVAL },
	{ "personality", FILTER, SYS_personality, { 0x0040000 } },
	{ "hostname", CAPS, SYS_sethostname, { P("x"), 1 } },
	{ "domain name", CAPS, SYS_setdomainname, { P("x"), 1 } },
	{ "hang up the terminal", CAPS, SYS_vhangup, { 0 } },
	{ "a session of its own", FILTER, SYS_setsid, { 0 } },
	{ "another umask", FILTER, SYS_umask, { 0 } },
};

/* ---- namespaces ---- */

static long
clone_in(const struct attempt *a)
{
	struct clone_args args = { .flags = (uint64_t)a->arg[0], .exit_signal = SIGCHLD };
	long rc = syscall(SYS_clone3, &args, sizeof(args));

	if (rc == 0)
		_exit(0);
	if (rc > 0)
		(void)waitpid((pid_t)rc, NULL, __WALL);
	return (rc);
}

/* Into the namespaces of a process: first a descriptor for it. */
static long
join(const struct attempt *a)
{
	int fd = (int)syscall(SYS_pidfd_open, a->arg[0] < 0 ? getppid() : bait.pid, 0);

	return (fd < 0 ? -1 : syscall(SYS_setns, fd, a->arg[1]));
}

#define KIND(flag, text)                                                                        \
	{ "unshare " text, NESTED | CAPS, SYS_unshare, { flag }, .also = EUSERS },              \
	    { "unshare user and " text, NESTED | USERNS, SYS_unshare,                           \
		    { CLONE_NEWUSER | (flag) } },                                               \
	    { "clone into a new " text, NESTED | CAPS, .arg = { flag }, .fn = clone_in },       \
	    { "clone into a new user and " text, NESTED | USERNS,                               \
		    .arg = { CLONE_NEWUSER | (flag) }, .fn = clone_in },                        \
	    { "join the host's " text, LAYER(PID) | CAPS, .arg = { 0, flag }, .fn = join },     \
	{                                                                                       \
		"join its maker's " text, CAPS, .arg = { -1, flag }, .fn = join, .also = EINVAL \
	}
static const struct attempt namespaces[] = {
	{ "unshare user", NESTED | USERNS, SYS_unshare, { CLONE_NEWUSER } },
	{ "clone into a new user", NESTED | USERNS, .arg = { CLONE_NEWUSER }, .fn = clone_in },
	{ "join the host's user", LAYER(PID) | CAPS, .arg = { 0, CLONE_NEWUSER }, .fn = join },
	KIND(CLONE_NEWNS, "mount"),
	KIND(CLONE_NEWPID, "pid"),
	KIND(CLONE_NEWNET, "net"),
	KIND(CLONE_NEWIPC, "ipc"),
	KIND(CLONE_NEWUTS, "uts"),
	KIND(CLONE_NEWCGROUP, "cgroup"),
	{ "unshare time", NESTED | CAPS, SYS_unshare, { CLONE_NEWTIME } },
	{ "unshare user and time", NESTED | USERNS, SYS_unshare,
	    { CLONE_NEWUSER | CLONE_NEWTIME } },
	{ "setns by descriptor 0", FILTER, SYS_setns, { 0, 0 }, .also = EINVAL },
};

/* ---- limits ---- */

/* Raise to one above what is allowed. */
static long
raise_limit(const struct attempt *a)
{
	__rlimit_resource_t what = (__rlimit_resource_t)a->arg[0];
	struct rlimit r;

	if (getrlimit(what, &r) != 0)
		return (-1);
	if (r.rlim_max == RLIM_INFINITY)
		return (0);
	r.rlim_max++;
	r.rlim_cur = r.rlim_max;
	return (setrlimit(what, &r));
}

/* As many as one likes: more than any zone has. */
static long
count_forks(const struct attempt *a)
{
	pid_t pid[400];
	int n = 0;

	while (n < 400 && (pid[n] = fork()) > 0)
		n++;
	if (n < 400 && pid[n] == 0) {
		(void)pause();
		_exit(0);
	}
	for (int i = 0; i < n; i++)
		(void)kill(pid[i], SIGKILL);
	while (wait(NULL) > 0)
		continue;
	return (n == 400 ? 0 : (errno = EPERM, -1));
}

static long
open_many(const struct attempt *a)
{
	int fd = 0;

	for (int i = 0; i < 1100 && fd >= 0; i++)
		fd = dup(0);
	return (fd);
}

static long
dump_core(const struct attempt *a)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_CORE, &r) != 0)
		return (-1);
	return (r.rlim_max > 0 ? 0 : (errno = EPERM, -1));
}

static long
lock_memory(const struct attempt *a)
{
	size_t len = 65 * MIB;
	void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return (p == MAP_FAILED ? -1 : mlock2(p, len, MLOCK_ONFAULT));
}

#define LIMIT(l, text)                                                                     \
	{                                                                                  \
		"raise the limit of " text, LIMITS | CAPS, .arg = { l }, .fn = raise_limit \
	}
static const struct attempt limits[] = {
	LIMIT(RLIMIT_CORE, "core files"),
	LIMIT(RLIMIT_NPROC, "processes"),
	LIMIT(RLIMIT_NOFILE, "descriptors"),
	LIMIT(RLIMIT_MEMLOCK, "locked memory"),
	LIMIT(RLIMIT_MSGQUEUE, "message queues"),
	LIMIT(RLIMIT_NICE, "niceness"),
	LIMIT(RLIMIT_RTPRIO, "real-time priority"),
	LIMIT(RLIMIT_SIGPENDING, "queued signals"),
	{ "leave a core file", LIMITS, .fn = dump_core },
	{ "400 processes", LIMITS | UID, .fn = count_forks },
	{ "1100 descriptors", LIMITS, .fn = open_many },
	{ "lock 65 MiB of memory", LIMITS | CAPS, .fn = lock_memory, .also = ENOMEM },
	{ "a better niceness", CAPS | LIMITS, SYS_setpriority, { PRIO_PROCESS, 0, -10 } },
	{ "real-time scheduling", CAPS | LIMITS, SYS_sched_setscheduler,
	    { 0, SCHED_FIFO, P((struct sched_param[]){ { 10 } }) } },
	{ "deadline scheduling", CAPS, SYS_sched_setattr,
	    { 0,
		P((unsigned[]){
		    48, SCHED_DEADLINE, 0, 0, 0, 0, 1000000, 0, 10000000, 0, 10000000, 0 }),
		0 } },
	{ "real-time I/O priority", CAPS, SYS_ioprio_set, { 1, 0, 1 << 13 } },
	{ "priority of others", UID, SYS_setpriority, { PRIO_USER, 0, -1 } },
	{ "the limits of another", LAYER(PID), SYS_prlimit64,
	    { 99999, RLIMIT_CORE, 0, P((struct rlimit[]){ { 0 } }) } },
};

const struct attempt_group try_rights = { "identity and capabilities", rights, NITEMS(rights) };
const struct attempt_group try_namespaces = { "namespaces", namespaces, NITEMS(namespaces) };
const struct attempt_group try_limits = { "limits", limits, NITEMS(limits) };
