/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine as the debugger sees it (gdb_server.h): vCPUs' registers, memory by their page tables,
 * breakpoints, running and standing, by KVM's guest debugging (KVM's api.rst, KVM_SET_GUEST_DEBUG).
 * Runs in zhyve's event loop; needs the vCPUs to be parked (vcpus_pause) for everything but
 * interrupting.
 *
 * A breakpoint is put into a debug register while one of the four is free, because that changes no
 * byte of the guest; then into its code (int3). Watchpoints take debug registers only, and push
 * breakpoints out of them. A guest's own use of debug registers does not work meanwhile.
 */
#ifndef ZHYVE_VMM_GDB_TARGET_H
#define ZHYVE_VMM_GDB_TARGET_H

#include "vmm/gdb_server.h"
#include "vmm/vcpu.h"

#define GDB_BREAKS 64
#define GDB_SLOTS  4 /* debug registers */

struct gdb_breakpoint {
	bool used, placed; /* placed: the int3 stands in memory */
	enum gdb_break kind;
	uint64_t addr, len;
	int slot; /* debug register, or -1 */
	uint8_t saved;
};

struct gdb_target {
	struct vcpus *vcpus;
	struct gdb_breakpoint brk[GDB_BREAKS];
	uint8_t *action; /* enum gdb_action of each vCPU */
	bool block_irq;  /* no interrupts while stepping, where KVM can */
};

/* 0, -ENOMEM, -ENOTSUP (this KVM cannot debug guests). */
int gdb_target_init(struct gdb_target *t, struct vcpus *vcpus, struct err *e);

/* The functions of struct gdb_ops that concern vCPUs and memory; `ctx` is the struct gdb_target. */
int gdb_target_read_regs(void *ctx, unsigned cpu, struct gdb_regs *r);
int gdb_target_write_regs(void *ctx, unsigned cpu, const struct gdb_regs *r);
int gdb_target_read_mem(void *ctx, unsigned cpu, uint64_t addr, void *buf, size_t len);
int gdb_target_write_mem(void *ctx, unsigned cpu, uint64_t addr, const void *buf, size_t len);
int gdb_target_breakpoint(void *ctx, enum gdb_break kind, uint64_t addr, uint64_t len, bool insert);
void gdb_target_action(void *ctx, unsigned cpu, enum gdb_action what);
/* Tell KVM and let those go that are to. */
void gdb_target_go(void *ctx);

/* Everything out, all vCPUs run (if `run`). */
void gdb_target_clear(struct gdb_target *t, bool run);

/*
 * Why a vCPU has stopped by itself (its debug exit). False: the guest's own int3, which it gets when it
 * runs again.
 */
struct gdb_stop {
	const char *reason; /* as gdb_server_stopped wants it */
	uint64_t addr;
};
bool gdb_target_why(struct gdb_target *t, unsigned cpu, struct gdb_stop *out);

#endif
