/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last stage of zhyve-net's jail, after process_confine: the system-call filter, from the one
 * table below. Whatever is not in the table kills. Of what can be done to a tap it may say which
 * offloads the guest takes; not give it another name, owner, filter or queue. Runs in zhyve-net.
 */
#include "procs/net/confine.h"

#include <linux/if_tun.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "base/checked.h"
#include "procs/common/filter.h"

static const uint32_t calls[] = {
	/* Frames, first: the most frequent. */
	SYS_readv,
	SYS_writev,
	/* The event loop: kicks, interrupts, words for the log. */
	SYS_epoll_wait,
	SYS_read,
	SYS_write,
	SYS_epoll_ctl,
	/* The front end, its descriptors and the memory in them; mmap and ioctl are below. */
	SYS_recvmsg,
	SYS_sendmsg,
	SYS_close,
	SYS_munmap,
	SYS_lseek, /* how long memory is */
	SYS_brk,
	SYS_exit_group,
};

static void
put_ioctl(struct filter *f)
{
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 4);
	filter_load(f, offsetof(struct seccomp_data, args[1]));
	filter_return_if(f, TUNSETOFFLOAD, SECCOMP_RET_ALLOW);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
}

int
net_confine(void)
{
	struct filter f;

	filter_begin(&f);
	for (size_t i = 0; i < NITEMS(calls); i++)
		filter_return_if(&f, calls[i], SECCOMP_RET_ALLOW);
	put_ioctl(&f);
	filter_mmap(&f);
	filter_return(&f, SECCOMP_RET_KILL_PROCESS);
	return (filter_install(&f));
}
