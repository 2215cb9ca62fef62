/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's side of the debugger: see gdb_target.h. Runs in zhyve's event loop. */
#include "vmm/gdb_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "base/log.h"

#define PAGE      4096u
#define INT3      0xcc
#define VECTOR_DB 1
#define VECTOR_BP 3
#define DR6_STEP  (1u << 14)
#define DR7_FIXED (1u << 10)

int
gdb_target_init(struct gdb_target *t, struct vcpus *vcpus, struct err *e)
{
	int can = ioctl(vcpus->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG);
	int how = ioctl(vcpus->vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);

	*t = (struct gdb_target){ .vcpus = vcpus };
	if (can <= 0)
		return (err_say(e, ENOTSUP, "this KVM cannot debug guests (-G)"));
	t->block_irq = how > 0 && (how & KVM_GUESTDBG_BLOCKIRQ) != 0;
	if ((t->action = calloc(vcpus->n, 1)) == NULL)
		return (err_set(e, ENOMEM, "cannot debug %u vCPUs", vcpus->n));
	return (0);
}

/* --- registers --- */

/* The FPU's tag word from its short form: 0 something, 3 empty. GDB works out the rest. */
static uint32_t
full_tags(uint8_t abridged)
{
	uint32_t tags = 0;

	for (unsigned i = 0; i < 8; i++)
		tags |= ((abridged >> i & 1) != 0 ? 0u : 3u) << 2 * i;
	return (tags);
}

static uint8_t
short_tags(uint32_t full)
{
	uint8_t tags = 0;

	for (unsigned i = 0; i < 8; i++)
		tags |= (uint8_t)(((full >> 2 * i & 3) != 3) << i);
	return (tags);
}

static void
from_fpu(struct gdb_regs *r, const struct kvm_fpu *f)
{
	for (unsigned i = 0; i < 8; i++)
		memcpy(r->st[i], f->fpr[i], sizeof(r->st[i]));
	memcpy(r->xmm, f->xmm, sizeof(r->xmm));
	r->fctrl = f->fcw;
	r->fstat = f->fsw;
	r->ftag = full_tags(f->ftwx);
	r->fop = f->last_opcode;
	r->fioff = (uint32_t)f->last_ip;
	r->fooff = (uint32_t)f->last_dp;
	r->mxcsr = f->mxcsr;
}

static void
from_sregs(struct gdb_regs *r, const struct kvm_sregs *s)
{
	r->cs = s->cs.selector;
	r->ss = s->ss.selector;
	r->ds = s->ds.selector;
	r->es = s->es.selector;
	r->fs = s->fs.selector;
	r->gs = s->gs.selector;
	r->fs_base = s->fs.base;
	r->gs_base = s->gs.base;
	r->cr0 = s->cr0;
	r->cr2 = s->cr2;
	r->cr3 = s->cr3;
	r->cr4 = s->cr4;
	r->cr8 = s->cr8;
	r->efer = s->efer;
}

int
gdb_target_read_regs(void *ctx, unsigned cpu, struct gdb_regs *r)
{
	struct gdb_target *t = ctx;
	int fd = t->vcpus->cpu[cpu].fd;
	struct kvm_sregs s;
	struct kvm_regs k;
	struct kvm_fpu f;

	if (ioctl(fd, KVM_GET_REGS, &k) != 0 || ioctl(fd, KVM_GET_SREGS, &s) != 0 ||
	    ioctl(fd, KVM_GET_FPU, &f) != 0)
		return (-errno);
	*r = (struct gdb_regs){
		.gpr = { k.rax, k.rbx, k.rcx, k.rdx, k.rsi, k.rdi, k.rbp, k.rsp, k.r8, k.r9, k.r10,
		    k.r11, k.r12, k.r13, k.r14, k.r15 },
		.rip = k.rip,
		.eflags = (uint32_t)k.rflags,
	};
	from_sregs(r, &s);
	from_fpu(r, &f);
	return (0);
}

static int
write_fpu(int fd, const struct gdb_regs *r)
{
	struct kvm_fpu f;

	if (ioctl(fd, KVM_GET_FPU, &f) != 0)
		return (-errno);
	for (unsigned i = 0; i < 8; i++)
		memcpy(f.fpr[i], r->st[i], sizeof(r->st[i]));
	memcpy(f.xmm, r->xmm, sizeof(r->xmm));
	f.fcw = (uint16_t)r->fctrl;
	f.fsw = (uint16_t)r->fstat;
	f.ftwx = short_tags(r->ftag);
	f.last_opcode = (uint16_t)r->fop;
	f.mxcsr = r->mxcsr;
	return (ioctl(fd, KVM_SET_FPU, &f) == 0 ? 0 : -errno);
}

/* Only what has changed is written: KVM checks more than it needs to, each time. */
int
gdb_target_write_regs(void *ctx, unsigned cpu, const struct gdb_regs *r)
{
	struct gdb_target *t = ctx;
	const uint64_t *g = r->gpr;
	int fd = t->vcpus->cpu[cpu].fd;
	struct kvm_regs k = { g[0], g[1], g[2], g[3], g[4], g[5], g[7], g[6], g[8], g[9], g[10],
		g[11], g[12], g[13], g[14], g[15], r->rip, r->eflags };
	struct gdb_regs old;
	struct kvm_sregs s;
	int rc;

	if ((rc = gdb_target_read_regs(t, cpu, &old)) != 0)
		return (rc);
	if (ioctl(fd, KVM_SET_REGS, &k) != 0)
		return (-errno);
	if (old.fs_base != r->fs_base || old.gs_base != r->gs_base) {
		if (ioctl(fd, KVM_GET_SREGS, &s) != 0)
			return (-errno);
		s.fs.base = r->fs_base;
		s.gs.base = r->gs_base;
		if (ioctl(fd, KVM_SET_SREGS, &s) != 0)
			return (-errno);
	}
	if (memcmp(old.st, r->st, sizeof(r->st)) != 0 ||
	    memcmp(old.xmm, r->xmm, sizeof(r->xmm)) != 0 || old.fctrl != r->fctrl ||
	    old.fstat != r->fstat || old.ftag != r->ftag || old.fop != r->fop ||
	    old.mxcsr != r->mxcsr)
		return (write_fpu(fd, r));
	return (0);
}

/* --- memory --- */

/* Our pointer to `len` bytes at a linear address that do not cross a page; NULL: no RAM there. */
static uint8_t *
ram_at(struct gdb_target *t, unsigned cpu, uint64_t addr, size_t len)
{
	struct kvm_translation tr = { .linear_address = addr & ~(uint64_t)(PAGE - 1) };

	if (ioctl(t->vcpus->cpu[cpu].fd, KVM_TRANSLATE, &tr) != 0 || tr.valid == 0)
		return (NULL);
	return (gmem_ptr(t->vcpus->vm->gmem, tr.physical_address + addr % PAGE, len));
}

static int
copy(struct gdb_target *t, unsigned cpu, uint64_t addr, uint8_t *buf, size_t len, bool write)
{
	uint8_t *p;
	size_t n;

	for (; len > 0; addr += n, buf += n, len -= n) {
		n = MIN(len, (size_t)(PAGE - addr % PAGE));
		if ((p = ram_at(t, cpu, addr, n)) == NULL)
			return (-EFAULT);
		if (write)
			memcpy(p, buf, n);
		else
			memcpy(buf, p, n);
	}
	return (0);
}

/* The int3s of ours that lie in the range are not shown, and not overwritten. */
int
gdb_target_read_mem(void *ctx, unsigned cpu, uint64_t addr, void *buf, size_t len)
{
	struct gdb_target *t = ctx;
	int rc = copy(t, cpu, addr, buf, len, false);

	for (unsigned i = 0; i < GDB_BREAKS && rc == 0; i++) {
		const struct gdb_breakpoint *b = &t->brk[i];

		if (b->used && b->placed && b->addr - addr < len)
			((uint8_t *)buf)[b->addr - addr] = b->saved;
	}
	return (rc);
}

int
gdb_target_write_mem(void *ctx, unsigned cpu, uint64_t addr, const void *buf, size_t len)
{
	struct gdb_target *t = ctx;
	uint8_t bytes[GDB_PACKET_MAX];

	if (len > sizeof(bytes))
		return (-E2BIG);
	memcpy(bytes, buf, len);
	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		struct gdb_breakpoint *b = &t->brk[i];

		if (b->used && b->placed && b->addr - addr < len) {
			b->saved = bytes[b->addr - addr];
			bytes[b->addr - addr] = INT3;
		}
	}
	return (copy(t, cpu, addr, bytes, len, true));
}

/* --- breakpoints --- */

static int
free_slot(const struct gdb_target *t)
{
	bool taken[GDB_SLOTS] = { false };

	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		if (t->brk[i].used && t->brk[i].slot >= 0)
			taken[t->brk[i].slot] = true;
	}
	for (int s = 0; s < GDB_SLOTS; s++) {
		if (!taken[s])
			return (s);
	}
	return (-1);
}

/* Any vCPU that has the address mapped will do: code is the same for all that share page tables. */
static int
place(struct gdb_target *t, struct gdb_breakpoint *b, bool in)
{
	uint8_t *p;

	for (unsigned i = 0; i < t->vcpus->n; i++) {
		if ((p = ram_at(t, i, b->addr, 1)) == NULL)
			continue;
		if (in)
			b->saved = *p;
		*p = in ? INT3 : b->saved;
		b->placed = in;
		return (0);
	}
	return (-EFAULT);
}

/* A debug register for what can do without one no longer. -ENOSPC: all hold such already. */
static int
push_out(struct gdb_target *t)
{
	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		struct gdb_breakpoint *b = &t->brk[i];
		int slot = b->slot;

		if (b->used && b->kind == GDB_BREAK_SOFT && slot >= 0 && place(t, b, true) == 0) {
			b->slot = -1;
			return (slot);
		}
	}
	return (-ENOSPC);
}

static int
insert_breakpoint(struct gdb_target *t, struct gdb_breakpoint *b)
{
	int rc;

	b->slot = free_slot(t);
	if (b->slot < 0 && b->kind == GDB_BREAK_SOFT) {
		rc = place(t, b, true);
	} else {
		if (b->slot < 0)
			b->slot = push_out(t);
		rc = b->slot < 0 ? b->slot : 0;
	}
	b->used = rc == 0;
	return (rc);
}

int
gdb_target_breakpoint(void *ctx, enum gdb_break kind, uint64_t addr, uint64_t len, bool insert)
{
	struct gdb_target *t = ctx;
	struct gdb_breakpoint *unused = NULL;

	if (kind == GDB_BREAK_SOFT || kind == GDB_BREAK_HARD)
		len = 1;
	else if (kind == GDB_WATCH_READ)
		return (-ENOTSUP); /* the processor watches writes, or reads and writes */
	else if (len == 0 || len > 8 || !IS_POW2(len) || addr % len != 0)
		return (-EINVAL);
	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		struct gdb_breakpoint *b = &t->brk[i];

		if (!b->used) {
			unused = b;
			continue;
		}
		if (b->kind != kind || b->addr != addr || b->len != len)
			continue;
		if (insert)
			return (0);
		b->used = false;
		return (b->placed ? place(t, b, false) : 0);
	}
	if (!insert)
		return (0);
	if (unused == NULL)
		return (-ENOSPC);
	*unused = (struct gdb_breakpoint){ .kind = kind, .addr = addr, .len = len };
	return (insert_breakpoint(t, unused));
}

/* --- running --- */

/* SDM 3B, 18.2.4: enable, kind and length of each debug register. */
static void
debug_registers(const struct gdb_target *t, struct kvm_guest_debug *d)
{
	static const uint8_t len_bits[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
	uint64_t dr7 = DR7_FIXED;

	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		const struct gdb_breakpoint *b = &t->brk[i];
		unsigned rw = b->kind == GDB_WATCH_WRITE ? 1 : b->kind == GDB_WATCH_ACCESS ? 3 : 0;

		if (b->used && b->slot < 0)
			d->control |= KVM_GUESTDBG_USE_SW_BP;
		if (!b->used || b->slot < 0)
			continue;
		d->control |= KVM_GUESTDBG_USE_HW_BP;
		d->arch.debugreg[b->slot] = b->addr;
		dr7 |= 2ull << 2 * b->slot |
		    (uint64_t)(rw | len_bits[b->len] << 2) << (16 + 4 * b->slot);
	}
	d->arch.debugreg[7] = dr7;
}

static void
set_debug(struct gdb_target *t, unsigned cpu, uint32_t more)
{
	struct kvm_guest_debug d = { .control = more };

	debug_registers(t, &d);
	if (d.control != 0)
		d.control |= KVM_GUESTDBG_ENABLE;
	if (ioctl(t->vcpus->cpu[cpu].fd, KVM_SET_GUEST_DEBUG, &d) != 0)
		log_err("vcpu %u: KVM does not take the breakpoints: %s", cpu, strerror(errno));
}

void
gdb_target_action(void *ctx, unsigned cpu, enum gdb_action what)
{
	struct gdb_target *t = ctx;

	t->action[cpu] = (uint8_t)what;
}

static void
run(struct gdb_target *t, unsigned cpu, bool step)
{
	uint32_t more = KVM_GUESTDBG_SINGLESTEP;

	if (t->block_irq)
		more |= KVM_GUESTDBG_BLOCKIRQ;
	set_debug(t, cpu, step ? more : 0);
}

void
gdb_target_go(void *ctx)
{
	struct gdb_target *t = ctx;

	for (unsigned i = 0; i < t->vcpus->n; i++) {
		if (t->action[i] != GDB_HOLD)
			run(t, i, t->action[i] == GDB_STEP);
	}
	for (unsigned i = 0; i < t->vcpus->n; i++) {
		if (t->action[i] != GDB_HOLD)
			vcpu_resume(&t->vcpus->cpu[i]);
	}
}

void
gdb_target_clear(struct gdb_target *t, bool go)
{
	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		if (t->brk[i].used && t->brk[i].placed)
			(void)place(t, &t->brk[i], false);
		t->brk[i].used = false;
	}
	for (unsigned i = 0; i < t->vcpus->n; i++)
		t->action[i] = go ? GDB_CONTINUE : GDB_HOLD;
	gdb_target_go(t);
}

bool
gdb_target_why(struct gdb_target *t, unsigned cpu, struct gdb_stop *out)
{
	const struct kvm_debug_exit_arch *d = &t->vcpus->cpu[cpu].debug;

	*out = (struct gdb_stop){ 0 };
	for (unsigned i = 0; i < GDB_BREAKS; i++) {
		const struct gdb_breakpoint *b = &t->brk[i];
		bool hit = d->exception == VECTOR_BP ? b->placed && b->addr == d->pc
						     : b->slot >= 0 && (d->dr6 >> b->slot & 1) != 0;

		if (!b->used || !hit)
			continue;
		out->addr = b->addr;
		out->reason = b->kind == GDB_WATCH_WRITE ? "watch"
		    : b->kind == GDB_WATCH_ACCESS        ? "awatch"
		    : b->kind == GDB_BREAK_HARD          ? "hwbreak"
							 : "swbreak";
		return (true);
	}
	if (d->exception != VECTOR_BP)
		return (true); /* a step, or a jump over a breakpoint that has gone */
	set_debug(t, cpu, KVM_GUESTDBG_INJECT_BP);
	return (false);
}
