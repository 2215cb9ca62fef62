/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The system calls zhyve keeps while a guest runs: one list per class of threads, everything
 * else kills the process (SIGSYS, which the kernel's audit log names). Lists and reasons are in
 * seccomp.c. Runs in zhyve, stage 4.
 */
#ifndef ZHYVE_PROCS_ZHYVE_SECCOMP_H
#define ZHYVE_PROCS_ZHYVE_SECCOMP_H

#include <stdint.h>

enum seccomp_class {
	SECCOMP_MAIN, /* the event loop: backends, control */
	SECCOMP_VCPU, /* KVM_RUN, and devices entered by the guest's accesses */
	SECCOMP_DISK, /* a disk's own thread, where the kernel has no io_uring for us */
};

/*
 * Confine the calling thread for good. no_new_privs must be set. Threads that exist already
 * keep what they have; a vCPU's thread calls this itself. 0 or -errno.
 */
int seccomp_enter(enum seccomp_class class);

/* The main thread's list to come has what a debugger of the guest (gdb.c) needs besides. */
void seccomp_allow_debugger(void);

/* The vCPUs' lists to come have what devices of the host need besides. */
void seccomp_allow_passthrough(void);

/*
 * Leave one rule out of every list to come: the number of a system call, or an ioctl's command.
 * A test shows by it that the rule is needed; it can only take rights away. SECCOMP_OMIT_NONE:
 * none.
 */
#define SECCOMP_OMIT_NONE 0xffffffffu
void seccomp_omit(uint32_t rule);

#endif
