/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail of zhyve-blk, in stages:
 *   1. limits     no new privileges, no core file, few descriptors
 *   2. nowhere    namespaces of its own, an empty root (in a zone it has them from the start)
 *   3. calls      a system-call filter per class of threads, from the one table below
 * Whatever is not in the table kills. Stage 3 is never left out. Runs in zhyve-blk.
 */
#include "procs/blk/confine.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/checked.h"
#include "procs/common/filter.h"
#include "procs/common/nowhere.h"

#define FILES_MAX 128

#define M         (1u << BLK_MAIN)
#define D         (1u << BLK_DISK)

static const struct {
	uint32_t nr;
	unsigned classes;
} calls[] = {
	/* The event loop: kicks, completions, interrupts. */
	{ SYS_epoll_wait, M },
	{ SYS_epoll_ctl, M },
	{ SYS_read, M },
	{ SYS_write, M | D },
	{ SYS_io_uring_enter, M },
	/* The front end, its descriptors and what they hold; mmap is below. */
	{ SYS_recvmsg, M },
	{ SYS_sendmsg, M },
	{ SYS_close, M },
	{ SYS_munmap, M | D },
	{ SYS_lseek, M }, /* how long memory and disk are */
	{ SYS_brk, M },
	/* Disks without io_uring. */
	{ SYS_preadv2, D },
	{ SYS_pwritev2, D },
	{ SYS_fdatasync, D },
	{ SYS_fallocate, D },
	{ SYS_futex, M | D },
	{ SYS_rt_sigprocmask, D },
	{ SYS_madvise, D },
	{ SYS_exit, D },
	{ SYS_exit_group, M | D },
};

/* Memory, never executable. */
static void
put_mmap(struct filter *f)
{
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
	filter_load(f, offsetof(struct seccomp_data, args[2]));
	filter_put(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_return(f, SECCOMP_RET_ALLOW);
}

int blk_confine(enum blk_class class)
{
	struct filter f;

	filter_begin(&f);
	for (size_t i = 0; i < NITEMS(calls); i++) {
		if ((calls[i].classes & 1u << class) != 0)
			filter_return_if(&f, calls[i].nr, SECCOMP_RET_ALLOW);
	}
	if (class == BLK_MAIN)
		put_mmap(&f);
	filter_return(&f, SECCOMP_RET_KILL_PROCESS);
	return (filter_install(&f));
}

static int
limit(int what, rlim_t value, struct err *e)
{
	const struct rlimit rl = { value, value };

	return (setrlimit((__rlimit_resource_t)what, &rl) == 0
		? 0
		: err_set(e, errno, "cannot limit the process"));
}

int
blk_confine_early(struct err *e)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return (err_set(e, errno, "cannot give up gaining privileges"));
	if ((rc = limit(RLIMIT_CORE, 0, e)) != 0 || (rc = limit(RLIMIT_NOFILE, FILES_MAX, e)) != 0)
		return (rc);
	nowhere_enter();
	return (0);
}
