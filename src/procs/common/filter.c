/* SPDX-License-Identifier: BSD-2-Clause */
/* A seccomp filter under construction: see filter.h. Runs in every jailed process. */
#include "procs/common/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define X32_CALLS 0x40000000u /* and above: the x32 interface */

void
filter_put(struct filter *f, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (f->n < FILTER_MAX)
		f->insn[f->n] = (struct sock_filter){ code, jt, jf, k };
	f->n++;
}

void
filter_load(struct filter *f, size_t offset)
{
	filter_put(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

void
filter_return(struct filter *f, uint32_t action)
{
	filter_put(f, BPF_RET | BPF_K, action, 0, 0);
}

void
filter_return_if(struct filter *f, uint32_t value, uint32_t action)
{
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	filter_return(f, action);
}

void
filter_begin(struct filter *f)
{
	f->n = 0;
	filter_load(f, offsetof(struct seccomp_data, arch));
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_load(f, offsetof(struct seccomp_data, nr));
	filter_put(f, BPF_JMP | BPF_JGE | BPF_K, X32_CALLS, 0, 1);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
}

void
filter_mmap(struct filter *f)
{
	filter_put(f, BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 4);
	filter_load(f, offsetof(struct seccomp_data, args[2]));
	filter_put(f, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
	filter_return(f, SECCOMP_RET_KILL_PROCESS);
	filter_return(f, SECCOMP_RET_ALLOW);
}

int
filter_install(const struct filter *f)
{
	struct sock_fprog prog = {
		.len = (unsigned short)f->n,
		.filter = (struct sock_filter *)(uintptr_t)f->insn,
	};

	if (f->n > FILTER_MAX)
		return (-E2BIG);
	return (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) != 0 ? -errno : 0);
}
