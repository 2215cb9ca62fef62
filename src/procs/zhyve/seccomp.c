/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System-call filters: see seccomp.h. Two tables say which class of threads needs what, and
 * why. The filter is classic BPF made from them directly: a library would do the same work at
 * ten times the cost, which every start would pay. Runs in zhyve, stage 4.
 *
 * Not in the tables and so fatal: everything that opens a path or a socket, starts a program or
 * a thread, changes identities, namespaces or limits, makes memory executable, or creates KVM
 * machines and vCPUs.
 */
#include "procs/zhyve/seccomp.h"

#include <asm/termbits.h>
#include <errno.h>
#include <linux/falloc.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <linux/vhost.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/checked.h"
#include "procs/common/filter.h"

#define M (1u << SECCOMP_MAIN)
#define V (1u << SECCOMP_VCPU)
#define D (1u << SECCOMP_DISK)
#define G (1u << 31) /* the main thread's, but only where a debugger may come (-G) */
#define P (1u << 30) /* the vCPUs', but only with a device of the host (passthru) */

static const struct {
	uint32_t nr;
	unsigned classes;
} calls[] = {
	/*
	 * The event loop and its eventfds, timers, signals; devices entered by vCPUs arm them
	 * too.
	 */
	{ SYS_epoll_wait, M },
	{ SYS_epoll_ctl, M | V },
	{ SYS_timerfd_settime, M | V },
	{ SYS_read, M | V },
	{ SYS_write, M | V | D },
	/* Frames and console bytes. */
	{ SYS_readv, M | V },
	{ SYS_writev, M | V },
	{ SYS_sendmsg, M | V },
	/* Device processes are spoken with wherever a guest starts or resets its device. */
	{ SYS_recvmsg, M | V },
	{ SYS_poll, M | V },
	{ SYS_close, M | V },
	{ SYS_accept4, M },  /* the next client of a console socket */
	{ SYS_shutdown, M }, /* a vsock's guest sends no more */
	/* Disks. */
	{ SYS_lseek, M }, /* their sizes, when told that they may have changed */
	{ SYS_io_uring_enter, M | V },
	{ SYS_preadv2, D },
	{ SYS_pwritev2, V | D }, /* a vCPU's: UEFI's variables */
	{ SYS_fdatasync, D },
	{ SYS_fallocate, D },
	{ SYS_getrandom, M | V },
	/* Registers of the host's devices that the guest does not reach directly. */
	{ SYS_pread64, P },
	{ SYS_pwrite64, P },
	/* Threads among themselves. */
	{ SYS_futex, M | V | D },
	{ SYS_tgkill, M },
	{ SYS_getpid, M },
	{ SYS_gettid, M }, /* abort */
	{ SYS_rt_sigprocmask, M | V | D },
	{ SYS_rt_sigreturn, M | V | D },
	{ SYS_clock_gettime, M | V }, /* also the vCPUs' own clocks, for the halt watch */
	/* Memory given back when a thread ends; the main thread's allocator. */
	{ SYS_madvise, M | V | D },
	{ SYS_munmap, M | V | D },
	{ SYS_brk, M },
	{ SYS_exit, V | D },
	{ SYS_exit_group, M | V | D },
};

/* ioctl's second argument. */
static const struct {
	uint32_t cmd;
	unsigned classes;
} ioctls[] = {
	{ KVM_RUN, V },                    /* the guest */
	{ KVM_IRQ_LINE, M | V },           /* a device's interrupt line */
	{ KVM_SIGNAL_MSI, M | V },         /* a device's message interrupt */
	{ KVM_IOEVENTFD, M | V },          /* doorbells follow their BAR, which the guest moves */
	{ KVM_IRQFD, M | V },              /* interrupts by eventfd follow their vector ... */
	{ KVM_SET_GSI_ROUTING, M | V },    /* ... which the guest programs */
	{ KVM_SET_USER_MEMORY_REGION, V }, /* a framebuffer follows its BAR, flash its mode */
	{ KVM_GET_MP_STATE, V },           /* the halt watch; what a vCPU does, when asked */
	{ KVM_GET_REGS, V },               /* the same; registers for the log */
	{ KVM_NMI, V },                    /* the operator's, or the watchdog's */
	{ KVM_GET_SREGS, V },
	/* The debugger reads and writes the vCPUs while they are parked. */
	{ KVM_GET_REGS, G }, { KVM_SET_REGS, G }, { KVM_GET_SREGS, G }, { KVM_SET_SREGS, G },
	{ KVM_GET_FPU, G }, { KVM_SET_FPU, G }, { KVM_TRANSLATE, G }, { KVM_SET_GUEST_DEBUG, G },
	{ TUNSETOFFLOAD, M | V }, /* the guest negotiates offloads */
	{ TUNSETQUEUE, M | V },   /* the guest says how many queues it uses */
	{ TCGETS, M }, /* the terminal as it was, at the end: tcsetattr reads before it writes */
	{ TCSETS, M },
	/* vhost-net: the guest starts and resets its network device. */
	{ VHOST_SET_FEATURES, M | V }, { VHOST_SET_MEM_TABLE, M | V },
	{ VHOST_SET_VRING_NUM, M | V }, { VHOST_SET_VRING_ADDR, M | V },
	{ VHOST_SET_VRING_BASE, M | V }, { VHOST_SET_VRING_KICK, M | V },
	{ VHOST_SET_VRING_CALL, M | V }, { VHOST_NET_SET_BACKEND, M | V },
	{ VFIO_DEVICE_SET_IRQS, P }, /* the guest says how a device of the host is to interrupt */
};

static uint32_t omitted = SECCOMP_OMIT_NONE;
static bool debugger, passthrough;

void
seccomp_omit(uint32_t rule)
{
	omitted = rule;
}

void
seccomp_allow_debugger(void)
{
	debugger = true;
}

void
seccomp_allow_passthrough(void)
{
	passthrough = true;
}

static void
put_ioctls(struct filter *f, unsigned class)
{
	unsigned skip_at = f->n;

	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 0); /* jf is set below */
	filter_load(f, offsetof(struct seccomp_data, args[1]));
	for (size_t i = 0; i < NITEMS(ioctls); i++) {
		if ((ioctls[i].classes & class) != 0 && ioctls[i].cmd != omitted)
			filter_return_if(f, ioctls[i].cmd, SECCOMP_RET_ALLOW);
	}
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	f->insn[skip_at].jf = (uint8_t)(f->n - skip_at - 1);
}

/* Guest memory is given back by punching holes; files are not made longer or shorter. */
static void
put_punch(struct filter *f)
{
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 4);
	filter_load(f, offsetof(struct seccomp_data, args[1]));
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1);
	filter_return(f, SECCOMP_RET_ALLOW);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
}

static void
build(struct filter *f, unsigned class)
{
	filter_begin(f);
	put_ioctls(f, class); /* first: the most frequent */
	for (size_t i = 0; i < NITEMS(calls); i++) {
		if ((calls[i].classes & class) != 0 && calls[i].nr != omitted)
			filter_return_if(f, calls[i].nr, SECCOMP_RET_ALLOW);
	}
	if ((class & M) != 0 && omitted != SYS_mmap)
		filter_mmap(f); /* for the allocator */
	if ((class & (M | V)) != 0 && omitted != SYS_fallocate)
		put_punch(f);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
}

int seccomp_enter(enum seccomp_class class)
{
	unsigned classes = 1u << class;
	struct filter f;

	if (class == SECCOMP_MAIN && debugger)
		classes |= G;
	if (class == SECCOMP_VCPU && passthrough)
		classes |= P;
	build(&f, classes);
	return (filter_install(&f));
}
