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
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
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

#define M         (1u << SECCOMP_MAIN)
#define V         (1u << SECCOMP_VCPU)
#define D         (1u << SECCOMP_DISK)
#define G         (1u << 31)  /* the main thread's, but only where a debugger may come (-G) */
#define X32_CALLS 0x40000000u /* and above: the x32 interface */
#define INSNS_MAX 256

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
	{ SYS_sendto, M | V },
	{ SYS_sendmsg, M },
	{ SYS_recvmsg, M },
	{ SYS_accept4, M }, /* the next client of a console socket */
	{ SYS_close, M },
	{ SYS_shutdown, M }, /* a vsock's guest sends no more */
	/* Disks. */
	{ SYS_lseek, M }, /* their sizes, when told that they may have changed */
	{ SYS_io_uring_enter, M | V },
	{ SYS_preadv2, D },
	{ SYS_pwritev2, V | D }, /* a vCPU's: UEFI's variables */
	{ SYS_fdatasync, D },
	{ SYS_fallocate, D },
	{ SYS_getrandom, M | V },
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
	{ SYS_exit, M | V | D },
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
	{ KVM_GET_MP_STATE, V },           /* the halt watch */
	{ KVM_GET_REGS, V },               /* the halt watch; registers for the log */
	{ KVM_GET_SREGS, V },
	/* The debugger reads and writes the vCPUs while they are parked. */
	{ KVM_GET_REGS, G },
	{ KVM_SET_REGS, G },
	{ KVM_GET_SREGS, G },
	{ KVM_SET_SREGS, G },
	{ KVM_GET_FPU, G },
	{ KVM_SET_FPU, G },
	{ KVM_TRANSLATE, G },
	{ KVM_SET_GUEST_DEBUG, G },
	{ TUNSETOFFLOAD, M | V }, /* the guest negotiates offloads */
	{ TUNSETQUEUE, M | V },   /* the guest says how many queues it uses */
	{ TCGETS, M }, /* the terminal as it was, at the end: tcsetattr reads before it writes */
	{ TCSETS, M },
	/* vhost-net: the guest starts and resets its network device. */
	{ VHOST_SET_FEATURES, M | V },
	{ VHOST_SET_MEM_TABLE, M | V },
	{ VHOST_SET_VRING_NUM, M | V },
	{ VHOST_SET_VRING_ADDR, M | V },
	{ VHOST_SET_VRING_BASE, M | V },
	{ VHOST_SET_VRING_KICK, M | V },
	{ VHOST_SET_VRING_CALL, M | V },
	{ VHOST_NET_SET_BACKEND, M | V },
};

static uint32_t omitted = SECCOMP_OMIT_NONE;
static bool debugger;

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

struct program {
	struct sock_filter insn[INSNS_MAX];
	unsigned n;
};

static void
put(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n < INSNS_MAX)
		p->insn[p->n] = (struct sock_filter){ code, jt, jf, k };
	p->n++;
}

static void
put_load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
put_return(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Allow when the loaded word is `value`, else go on. */
static void
put_allow_if(struct program *p, uint32_t value)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	put_return(p, SECCOMP_RET_ALLOW);
}

static void
put_ioctls(struct program *p, unsigned class)
{
	unsigned skip_at = p->n;

	put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 0); /* jf is set below */
	put_load(p, offsetof(struct seccomp_data, args[1]));
	for (size_t i = 0; i < NITEMS(ioctls); i++) {
		if ((ioctls[i].classes & class) != 0 && ioctls[i].cmd != omitted)
			put_allow_if(p, ioctls[i].cmd);
	}
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	p->insn[skip_at].jf = (uint8_t)(p->n - skip_at - 1);
}

/* Anonymous memory for the allocator, never executable. */
static void
put_mmap(struct program *p)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
	put_load(p, offsetof(struct seccomp_data, args[2]));
	put(p, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_return(p, SECCOMP_RET_ALLOW);
}

/* Guest memory is given back by punching holes; files are not made longer or shorter. */
static void
put_punch(struct program *p)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 4);
	put_load(p, offsetof(struct seccomp_data, args[1]));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1);
	put_return(p, SECCOMP_RET_ALLOW);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
}

static void
build(struct program *p, unsigned class)
{
	put_load(p, offsetof(struct seccomp_data, arch));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_load(p, offsetof(struct seccomp_data, nr));
	put(p, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
	put_ioctls(p, class); /* first: the most frequent */
	for (size_t i = 0; i < NITEMS(calls); i++) {
		if ((calls[i].classes & class) != 0 && calls[i].nr != omitted)
			put_allow_if(p, calls[i].nr);
	}
	if ((class & M) != 0 && omitted != SYS_mmap)
		put_mmap(p);
	if ((class & (M | V)) != 0 && omitted != SYS_fallocate)
		put_punch(p);
	put_return(p, SECCOMP_RET_KILL_PROCESS);
}

int seccomp_enter(enum seccomp_class class)
{
	struct program p = { .n = 0 };
	struct sock_fprog prog = { .filter = p.insn };

	build(&p, 1u << class | (class == SECCOMP_MAIN && debugger ? G : 0));
	if (p.n > INSNS_MAX)
		return (-E2BIG);
	prog.len = (unsigned short)p.n;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0)
		return (-errno);
	return (0);
}
