/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last stage of zhyve-blk's jail, after process_confine: a system-call filter per class of
 * threads, from the one table below. Whatever is not in the table kills. Runs in zhyve-blk.
 */
#include "procs/blk/confine.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "base/checked.h"
#include "procs/common/filter.h"

#define M (1u << BLK_MAIN)
#define D (1u << BLK_DISK)

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
	/* The front end, its descriptors and what they hold; mmap is filter_mmap's. */
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

int blk_confine(enum blk_class class)
{
	struct filter f;

	filter_begin(&f);
	for (size_t i = 0; i < NITEMS(calls); i++) {
		if ((calls[i].classes & 1u << class) != 0)
			filter_return_if(&f, calls[i].nr, SECCOMP_RET_ALLOW);
	}
	if (class == BLK_MAIN)
		filter_mmap(&f);
	filter_return(&f, SECCOMP_RET_KILL_PROCESS);
	return (filter_install(&f));
}
