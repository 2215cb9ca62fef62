/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Shows that zhyve's threads are refused every system call but those listed here: tries each
 * number under each class's filter, in a child of its own. A list that grows or shrinks fails
 * this test: change both knowingly. No root, no KVM. Speaks TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_tun.h>
#include <linux/kvm.h>
#include <linux/vfio.h>
#include <linux/vhost.h>

#include "base/checked.h"
#include "base/iommufd_abi.h"
#include "procs/zhyve/seccomp.h"

#define NR_MAX 512

static const short main_calls[] = { SYS_epoll_wait, SYS_epoll_ctl, SYS_timerfd_settime, SYS_read,
	SYS_write, SYS_readv, SYS_writev, SYS_sendmsg, SYS_recvmsg, SYS_poll, SYS_accept4,
	SYS_shutdown, SYS_close, SYS_lseek, SYS_io_uring_enter, SYS_getrandom, SYS_futex,
	SYS_tgkill, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_clock_gettime,
	SYS_madvise, SYS_munmap, SYS_mmap, SYS_brk, SYS_exit_group };
static const short vcpu_calls[] = { SYS_epoll_ctl, SYS_timerfd_settime, SYS_read, SYS_write,
	SYS_readv, SYS_writev, SYS_sendmsg, SYS_recvmsg, SYS_poll, SYS_close, SYS_io_uring_enter,
	SYS_pwritev2, SYS_getrandom, SYS_futex, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_clock_gettime, SYS_madvise, SYS_munmap, SYS_exit, SYS_exit_group };
static const short disk_calls[] = { SYS_write, SYS_preadv2, SYS_pwritev2, SYS_fdatasync,
	SYS_fallocate, SYS_futex, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_madvise, SYS_munmap,
	SYS_exit, SYS_exit_group };

static const struct {
	enum seccomp_class class;
	const char *name;
	const short *calls;
	size_t n;
} classes[] = {
	{ SECCOMP_MAIN, "main", main_calls, NITEMS(main_calls) },
	{ SECCOMP_VCPU, "vcpu", vcpu_calls, NITEMS(vcpu_calls) },
	{ SECCOMP_DISK, "disk", disk_calls, NITEMS(disk_calls) },
};

/*
 * True when the filter killed the call. Arguments of all ones do no harm where a call is let
 * through.
 */
static bool
refused(enum seccomp_class class, long nr, long arg1)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || seccomp_enter(class) != 0)
			_exit(99);
		(void)syscall(nr, -1L, arg1, -1L, 0L, -1L, -1L);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid ||
	    (WIFEXITED(status) && WEXITSTATUS(status) == 99)) {
		printf("Bail out! cannot test: %d\n", errno);
		exit(1);
	}
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static bool
listed(size_t c, long nr)
{
	for (size_t i = 0; i < classes[c].n; i++) {
		if (classes[c].calls[i] == nr)
			return (true);
	}
	return (false);
}

static int
try_calls(size_t c)
{
	int wrong = 0;

	for (long nr = 0; nr < NR_MAX; nr++) {
		/*
		 * mmap's third argument of all ones would be executable memory: that has a test
		 * of its own.
		 */
		bool is = nr != SYS_mmap && nr != SYS_ioctl && !refused(classes[c].class, nr, -1);

		/*
		 * 335 and 336 are uretprobe and uprobe, which newer kernels let pass every
		 * filter; they do nothing by themselves.
		 */
		if (nr == SYS_mmap || nr == SYS_ioctl || nr == 335 || nr == 336 ||
		    is == listed(c, nr))
			continue;
		printf("# %s: system call %ld is %s\n", classes[c].name, nr,
		    is ? "let through" : "refused");
		wrong++;
	}
	return (wrong);
}

static int
check(bool good, const char *what, const char *class)
{
	static int n;

	printf("%s %d - %s: %s\n", good ? "ok" : "not ok", ++n, class, what);
	(void)fflush(stdout);
	return (!good);
}

/* Whether the vCPUs' registers and breakpoints are within reach of the main thread, and of no other. */
static bool
try_debugger(bool allowed)
{
	static const unsigned long calls[] = { KVM_GET_REGS, KVM_SET_REGS, KVM_GET_SREGS,
		KVM_SET_SREGS, KVM_GET_FPU, KVM_SET_FPU, KVM_TRANSLATE, KVM_SET_GUEST_DEBUG };
	bool good = true;

	for (size_t i = 0; i < NITEMS(calls); i++) {
		good &= refused(SECCOMP_MAIN, SYS_ioctl, (long)calls[i]) == !allowed;
		if (calls[i] != KVM_GET_REGS && calls[i] != KVM_GET_SREGS)
			good &= refused(SECCOMP_VCPU, SYS_ioctl, (long)calls[i]);
	}
	return (good);
}

/* Registers and interrupts of the host's devices are the vCPUs'; what opens or maps them is nobody's. */
static bool
try_passthrough(bool allowed)
{
	static const unsigned long never[] = { VFIO_DEVICE_RESET, VFIO_GROUP_GET_DEVICE_FD,
		VFIO_GROUP_SET_CONTAINER, VFIO_SET_IOMMU, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA,
		VFIO_DEVICE_IOEVENTFD, VFIO_DEVICE_FEATURE, VFIO_ABI_BIND_IOMMUFD,
		VFIO_ABI_ATTACH_IOMMUFD_PT, VFIO_ABI_DETACH_IOMMUFD_PT, IOMMU_ABI_DESTROY,
		IOMMU_ABI_IOAS_ALLOC, IOMMU_ABI_IOAS_COPY, IOMMU_ABI_IOAS_MAP, IOMMU_ABI_IOAS_UNMAP,
		IOMMU_ABI_OPTION };
	bool good = refused(SECCOMP_VCPU, SYS_pread64, -1) == !allowed &&
	    refused(SECCOMP_VCPU, SYS_pwrite64, -1) == !allowed &&
	    refused(SECCOMP_VCPU, SYS_ioctl, VFIO_DEVICE_SET_IRQS) == !allowed &&
	    refused(SECCOMP_MAIN, SYS_pwrite64, -1) &&
	    refused(SECCOMP_MAIN, SYS_ioctl, VFIO_DEVICE_SET_IRQS);

	for (size_t i = 0; i < NITEMS(never); i++)
		good &= refused(SECCOMP_VCPU, SYS_ioctl, (long)never[i]) &&
		    refused(SECCOMP_MAIN, SYS_ioctl, (long)never[i]);
	return (good);
}

/* "number name" of every rule, for `needed`. */
static int
list(void)
{
	static const struct {
		unsigned long rule;
		const char *name;
	} rules[] = {
#define CALL(x) { SYS_##x, #x }
#define IOCTL(x)      \
	{             \
		x, #x \
	}
		CALL(epoll_wait),
		CALL(epoll_ctl),
		CALL(timerfd_settime),
		CALL(read),
		CALL(write),
		CALL(readv),
		CALL(writev),
		CALL(sendmsg),
		CALL(recvmsg),
		CALL(poll),
		CALL(accept4),
		CALL(shutdown),
		CALL(close),
		CALL(io_uring_enter),
		CALL(getrandom),
		CALL(futex),
		CALL(tgkill),
		CALL(getpid),
		CALL(gettid),
		CALL(rt_sigprocmask),
		CALL(rt_sigreturn),
		CALL(clock_gettime),
		CALL(madvise),
		CALL(munmap),
		CALL(mmap),
		CALL(brk),
		CALL(exit),
		CALL(exit_group),
		CALL(preadv2),
		CALL(pwritev2),
		CALL(fdatasync),
		CALL(fallocate),
		CALL(pread64),
		CALL(pwrite64),
		IOCTL(KVM_RUN),
		IOCTL(KVM_IRQ_LINE),
		IOCTL(KVM_SIGNAL_MSI),
		IOCTL(KVM_IOEVENTFD),
		IOCTL(KVM_IRQFD),
		IOCTL(KVM_SET_GSI_ROUTING),
		IOCTL(KVM_SET_USER_MEMORY_REGION),
		IOCTL(KVM_NMI),
		IOCTL(KVM_GET_MP_STATE),
		IOCTL(KVM_GET_REGS),
		IOCTL(KVM_GET_SREGS),
		IOCTL(KVM_SET_REGS),
		IOCTL(KVM_SET_SREGS),
		IOCTL(KVM_GET_FPU),
		IOCTL(KVM_SET_FPU),
		IOCTL(KVM_TRANSLATE),
		IOCTL(KVM_SET_GUEST_DEBUG),
		IOCTL(TUNSETOFFLOAD),
		IOCTL(TUNSETQUEUE),
		IOCTL(TCGETS),
		IOCTL(TCSETS),
		IOCTL(VHOST_SET_FEATURES),
		IOCTL(VHOST_SET_MEM_TABLE),
		IOCTL(VHOST_SET_VRING_NUM),
		IOCTL(VHOST_SET_VRING_ADDR),
		IOCTL(VHOST_SET_VRING_BASE),
		IOCTL(VHOST_SET_VRING_KICK),
		IOCTL(VHOST_SET_VRING_CALL),
		IOCTL(VHOST_NET_SET_BACKEND),
		IOCTL(VFIO_DEVICE_SET_IRQS),
	};

	for (size_t i = 0; i < NITEMS(rules); i++)
		printf("%lu %s\n", rules[i].rule, rules[i].name);
	return (0);
}

int
main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return (list());

	printf("1..%zu\n", 5 * NITEMS(classes) + 4);
	(void)fflush(stdout);
	for (size_t c = 0; c < NITEMS(classes); c++) {
		enum seccomp_class class = classes[c].class;
		bool vcpu = class == SECCOMP_VCPU;

		failed += check(try_calls(c) == 0, "exactly the listed calls", classes[c].name);
		failed += check(refused(class, SYS_ioctl, KVM_RUN) == !vcpu,
		    "KVM_RUN is the vCPUs'", classes[c].name);
		failed += check(refused(class, SYS_ioctl, KVM_CREATE_VM) &&
			refused(class, SYS_ioctl, KVM_CREATE_VCPU) &&
			refused(class, SYS_ioctl, KVM_SET_USER_MEMORY_REGION) == !vcpu &&
			refused(class, SYS_ioctl, TIOCSTI),
		    "no new machines, vCPUs; memory moved by vCPUs only; no typing into terminals",
		    classes[c].name);
		failed +=
		    check(refused(class, SYS_mmap, 4096), "no executable memory", classes[c].name);
		failed += check(
		    !refused(class, SYS_fallocate, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) &&
			(class == SECCOMP_DISK || refused(class, SYS_fallocate, 0)),
		    "holes may be punched; files are not made longer", classes[c].name);
	}
	failed += check(try_debugger(false), "nothing for a debugger unless one may come", "main");
	seccomp_allow_debugger();
	failed += check(try_debugger(true), "a debugger's calls are the main thread's", "main");
	failed += check(
	    try_passthrough(false), "nothing for devices of the host unless there is one", "vcpu");
	seccomp_allow_passthrough();
	failed +=
	    check(try_passthrough(true), "registers and interrupts of the host's devices", "vcpu");
	return (failed != 0);
}
