/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail of zhyve-vnc, in stages:
 *   1. limits     no core file, few descriptors, bounded memory, no further process
 *   2. nowhere    namespaces of its own (user, mount, network, IPC, host name), the root an
 *                 empty folder; another identity and no capability where it was started as root
 *   3. calls      a system-call filter: what is left is to serve the sockets it has
 * Stage 3 is never left out; of stage 2 what the kernel refuses to an ordinary user is. Files
 * cannot be opened: a library that tries is told EPERM; whatever else is not in the table kills.
 * Runs in zhyve-vnc.
 */
#include "procs/vnc/confine.h"

#include <errno.h>
#include <grp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "procs/common/filter.h"
#include "procs/common/process.h"

#define NOBODY      65534
#define FILES_MAX   64
#define ADDRESS_MAX (1ull << 30) /* framebuffer, copy, libraries, what clients make it hold */

static const uint32_t allowed[] = {
	/* The loop. */
	SYS_poll,
	SYS_ppoll,
	SYS_select,
	SYS_pselect6,
	SYS_accept4,
	SYS_close,
	/* Clients; libvncserver asks who they are and makes them non-blocking. */
	SYS_read,
	SYS_write,
	SYS_readv,
	SYS_writev,
	SYS_recvfrom,
	SYS_sendto,
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_getpeername,
	SYS_getsockname,
	SYS_setsockopt,
	SYS_getsockopt,
	SYS_fcntl,
	SYS_shutdown,
	/* Memory. */
	SYS_brk,
	SYS_munmap,
	SYS_mremap,
	SYS_madvise,
	/* The rest. */
	SYS_futex,
	SYS_getrandom,
	SYS_getpid,
	SYS_gettid,
	SYS_clock_gettime,
	SYS_gettimeofday,
	SYS_time,
	SYS_prlimit64, /* getrlimit, for the quota of descriptors */
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_restart_syscall,
	SYS_exit,
	SYS_exit_group,
};

/* Tried by libraries, and harmless to refuse. */
static const uint32_t refused[] = { SYS_open, SYS_openat, SYS_access, SYS_faccessat2, SYS_stat,
	SYS_newfstatat, SYS_readlink, SYS_socket, SYS_uname, SYS_ioctl, SYS_sysinfo };

static void
put_calls(struct filter *f, const uint32_t *nr, size_t n, uint32_t action)
{
	for (size_t i = 0; i < n; i++)
		filter_return_if(f, nr[i], action);
}

static void
build(struct filter *f)
{
	filter_begin(f);
	put_calls(f, allowed, NITEMS(allowed), SECCOMP_RET_ALLOW);
	put_calls(f, refused, NITEMS(refused), SECCOMP_RET_ERRNO | EPERM);
	/* Anonymous memory only, never executable. */
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 1, 0);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_load(f, offsetof(struct seccomp_data, args[2]));
	filter_put(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_load(f, offsetof(struct seccomp_data, args[3]));
	filter_put(f, BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 1, 0);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_return(f, SECCOMP_RET_ALLOW);
}

int
confine_calls(struct err *e)
{
	struct filter f;
	int rc;

	build(&f);
	if ((rc = filter_install(&f)) != 0)
		return (err_set(e, -rc, "cannot confine the process"));
	return (0);
}

static int
change_identity(uid_t uid, gid_t gid, struct err *e)
{
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return (err_set(e, errno, "cannot become user %u", (unsigned)uid));
	return (0);
}

int
confine_early(uid_t uid, gid_t gid, struct err *e)
{
	int rc;

	if ((rc = process_limit(RLIMIT_AS, ADDRESS_MAX, e)) != 0 ||
	    (rc = process_confine(FILES_MAX, e)) != 0)
		return (rc);
	if (uid == 0 && geteuid() == 0)
		uid = gid = NOBODY;
	if (uid != 0 && (rc = change_identity(uid, gid, e)) != 0)
		return (rc);
	return (process_limit(RLIMIT_NPROC, 0, e));
}
