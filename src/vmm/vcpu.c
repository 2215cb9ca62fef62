/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual processors and their run loop: see vcpu.h. What KVM cannot do for the guest ends the
 * machine with the registers in the log. Runs in zhyve, one thread per vCPU, under the vCPU
 * class of system calls (procs/zhyve/seccomp.c).
 */
#include "vmm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"

#define VCPU_STACK             (128 * 1024)
#define MSR_MISC_ENABLE        0x1a0
#define MSR_MTRR_DEF_TYPE      0x2ff
#define MTRR_ENABLED_WB        (1u << 11 | 6) /* SDM 3A, 12.11.2.1: on, write-back */
#define RESET_RIP              0xfff0u
#define RESET_CS               0xffff0000u
#define CPUID_1_ECX_VMX        (1u << 5)
#define CPUID_80000001_ECX_SVM (1u << 2)
#define MISC_FAST_STRING       1u
#define MSR_FEATURE_CONTROL    0x3a
#define FEATURE_VMXON          5u /* locked, VMX outside SMX: SDM 3C, 24.7 */

/* A stop that this vCPU asks for: the set leaves the guest before anybody is told. */
static void
report(struct vcpu *v, enum machine_event ev, const char *why)
{
	atomic_store(&v->set->stop, true);
	v->set->ops.event(v->set->ops.ctx, ev, why);
}

/* The registers, for a person: four lines in the log. */
static void
log_registers(struct vcpu *v)
{
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) != 0 || ioctl(v->fd, KVM_GET_SREGS, &s) != 0) {
		log_err("vcpu %u: registers cannot be read: %s", v->id, strerror(errno));
		return;
	}
	log_err("vcpu %u: rip=%016llx rsp=%016llx rflags=%08llx cs=%04x base=%llx %s", v->id, r.rip,
	    r.rsp, r.rflags, s.cs.selector, s.cs.base,
	    s.cs.l        ? "64-bit"
		: s.cs.db ? "32-bit"
			  : "16-bit");
	log_err("vcpu %u: rax=%016llx rbx=%016llx rcx=%016llx rdx=%016llx rsi=%016llx rdi=%016llx "
		"rbp=%016llx",
	    v->id, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp);
	log_err("vcpu %u:  r8=%016llx  r9=%016llx r10=%016llx r11=%016llx r12=%016llx r13=%016llx "
		"r14=%016llx "
		"r15=%016llx",
	    v->id, r.r8, r.r9, r.r10, r.r11, r.r12, r.r13, r.r14, r.r15);
	log_err("vcpu %u: cr0=%08llx cr2=%016llx cr3=%016llx cr4=%08llx efer=%llx gdt=%llx/%x "
		"idt=%llx/%x",
	    v->id, s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.gdt.base, s.gdt.limit, s.idt.base,
	    s.idt.limit);
}

/* Whether the processor has VT-x or AMD-V; a KVM without emulates what it can. */
static bool
hardware_virtualization(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;
	bool vmx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	vmx = (ecx & CPUID_1_ECX_VMX) != 0;
	eax = 0x80000001;
	ecx = 0;
	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return (vmx || (ecx & CPUID_80000001_ECX_SVM) != 0);
}

/* KVM gives up on the guest: what an operator can do about it is to go elsewhere. */
static void
cannot_run(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	char why[160], bytes[3 * 15 + 1] = "", text[480];

	if (run->exit_reason == KVM_EXIT_FAIL_ENTRY) {
		(void)snprintf(why, sizeof(why),
		    "entering the guest failed with hardware reason 0x%llx",
		    run->fail_entry.hardware_entry_failure_reason);
	} else if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION) {
		if (run->emulation_failure.ndata > 1 &&
		    (run->emulation_failure.flags &
			KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) != 0) {
			for (unsigned i = 0; i < MIN(run->emulation_failure.insn_size, 15); i++)
				(void)snprintf(bytes + 3 * i, 4, " %02x",
				    run->emulation_failure.insn_bytes[i]);
		}
		(void)snprintf(
		    why, sizeof(why), "KVM cannot emulate the guest's instruction%s", bytes);
	} else {
		(void)snprintf(
		    why, sizeof(why), "KVM reports internal error %u", run->internal.suberror);
	}
	log_registers(v);
	(void)snprintf(text, sizeof(text), "vcpu %u: %s. %s", v->id, why,
	    hardware_virtualization() ? "KVM cannot go on with this guest: look at what it executed"
				      : "This machine's KVM cannot run this guest: use a machine "
					"whose processor has VT-x or AMD-V "
					"(/proc/cpuinfo here shows neither vmx nor svm), or the "
					"virtual host (tests/host/run)");
	report(v, MACHINE_ERROR, text);
}

static void
on_pio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	bool write = run->io.direction == KVM_EXIT_IO_OUT;
	unsigned size = run->io.size;

	for (uint32_t i = 0; i < run->io.count; i++, data += size) {
		uint32_t val = 0;
		char why[80];

		memcpy(&val, data, write ? size : 0);
		if (!iobus_port(v->set->bus, run->io.port, write, size, &val)) {
			(void)snprintf(why, sizeof(why),
			    "unhandled %s of %u bytes at port 0x%x (x86.strictio)",
			    write ? "out" : "in", size, run->io.port);
			log_registers(v);
			report(v, MACHINE_ERROR, why);
			return;
		}
		if (!write)
			memcpy(data, &val, size);
	}
}

static void
on_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		report(v, MACHINE_POWEROFF, "shut down through KVM");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		report(v, MACHINE_RESET, "reset through KVM");
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		report(v, MACHINE_PANIC, "the guest reported a crash");
		break;
	default:
		report(v, MACHINE_ERROR, "unknown system event");
	}
}

/*
 * Where the guest was goes into the log. KVM on AMD-V does not know: the architecture leaves what is saved then undefined
 * (APM 2, 15.14.3), so KVM has put the processor back to where a reset puts it.
 */
static void
on_triple_fault(struct vcpu *v)
{
	struct kvm_sregs s;
	struct kvm_regs r;
	char why[96];

	if (ioctl(v->fd, KVM_GET_REGS, &r) == 0 && ioctl(v->fd, KVM_GET_SREGS, &s) == 0 &&
	    (r.rip != RESET_RIP || s.cs.base != RESET_CS)) {
		log_registers(v);
		(void)snprintf(
		    why, sizeof(why), "triple fault of vcpu %u at rip=0x%llx", v->id, r.rip);
	} else {
		(void)snprintf(why, sizeof(why),
		    "triple fault of vcpu %u; this KVM does not tell where", v->id);
	}
	report(v, MACHINE_TRIPLE_FAULT, why);
}

static void
handle_exit(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	char why[64];

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		on_pio(v);
		break;
	case KVM_EXIT_MMIO:
		if (run->mmio.is_write == 0)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		(void)iobus_mem(v->set->bus, run->mmio.phys_addr, run->mmio.is_write != 0,
		    MIN(run->mmio.len, 8u), run->mmio.data);
		break;
	case KVM_EXIT_X86_RDMSR:
	case KVM_EXIT_X86_WRMSR: /* asked for only when unknown registers are to be ignored */
		log_guest("vcpu %u: unknown MSR 0x%x ignored", v->id, run->msr.index);
		run->msr.data = 0;
		run->msr.error = 0;
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_DEBUG:
		v->debug = run->debug.arch;
		atomic_store(&v->debugged, true);
		atomic_store(&v->hold, true);
		if (v->set->ops.debug != NULL)
			v->set->ops.debug(v->set->ops.ctx, v->id);
		break;
	case KVM_EXIT_IOAPIC_EOI:
		vm_eoi(v->set->vm, run->eoi.vector);
		break;
	case KVM_EXIT_SHUTDOWN:
		on_triple_fault(v);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		on_system_event(v);
		break;
	case KVM_EXIT_FAIL_ENTRY:
	case KVM_EXIT_INTERNAL_ERROR:
		cannot_run(v);
		break;
	default:
		(void)snprintf(why, sizeof(why), "unexpected exit %u from KVM", run->exit_reason);
		log_registers(v);
		report(v, MACHINE_ERROR, why);
	}
}

/*
 * Stay out of the guest. First the instruction whose access we have served is brought to its end:
 * KVM does that on the next KVM_RUN, which then must not go on (api.rst, 4.10).
 */
static void
park(struct vcpu *v)
{
	struct vcpus *s = v->set;

	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	while (ioctl(v->fd, KVM_RUN, 0) == 0 && v->run->exit_reason != KVM_EXIT_DEBUG &&
	    !atomic_load(&s->stop)) {
		handle_exit(v);
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	}
	(void)pthread_mutex_lock(&s->mutex);
	v->parked = true;
	(void)pthread_cond_broadcast(&s->changed);
	while (atomic_load(&v->hold) && !atomic_load(&s->stop))
		(void)pthread_cond_wait(&s->changed, &s->mutex);
	v->parked = false;
	(void)pthread_mutex_unlock(&s->mutex);
	__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

static void
run_guest(struct vcpu *v)
{
	char why[64];

	while (!atomic_load_explicit(&v->set->stop, memory_order_acquire)) {
		if (atomic_load(&v->hold)) {
			park(v);
			continue;
		}
		if (atomic_load(&v->nmi) && atomic_exchange(&v->nmi, false))
			(void)ioctl(v->fd, KVM_NMI);
		if (ioctl(v->fd, KVM_RUN, 0) == 0) {
			v->exits++;
			handle_exit(v);
			continue;
		}
		if (errno != EINTR && errno != EAGAIN) { /* EAGAIN: woken by INIT or SIPI */
			(void)snprintf(why, sizeof(why), "running failed: %s", strerror(errno));
			log_registers(v);
			report(v, MACHINE_ERROR, why);
			return;
		}
		/* Cleared before the requests are looked at: one that comes later sets it again. */
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (atomic_exchange(&v->look, false))
			vcpu_look(v);
		if (atomic_exchange(&v->sample_asked, false))
			vcpu_sample_take(v);
	}
}

/* Pass the gate: false when the set was stopped before it opened. */
static bool
pass_gate(struct vcpus *s, int entered)
{
	bool go;

	(void)pthread_mutex_lock(&s->mutex);
	s->ready++;
	if (entered != 0)
		s->enter_failed = entered;
	(void)pthread_cond_broadcast(&s->changed);
	while (!s->open)
		(void)pthread_cond_wait(&s->changed, &s->mutex);
	go = !atomic_load(&s->stop);
	(void)pthread_mutex_unlock(&s->mutex);
	return (go && entered == 0);
}

static void *
vcpu_main(void *arg)
{
	struct vcpu *v = arg;
	char name[16];

	(void)snprintf(name, sizeof(name), "vcpu%u", v->id);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0);
	if (pass_gate(v->set, v->set->ops.enter(v->set->ops.ctx, v->id)))
		run_guest(v);
	/* Nobody is to wait for a thread that has ended. */
	(void)pthread_mutex_lock(&v->set->mutex);
	v->parked = true;
	(void)pthread_cond_broadcast(&v->set->changed);
	(void)pthread_mutex_unlock(&v->set->mutex);
	return (NULL);
}

void
vcpu_kick(struct vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if (v->started)
		(void)pthread_kill(v->thread, VCPU_SIGNAL);
}

static void
set_msrs(struct vcpu *v, bool nested)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[3];
	} m = {
		.head.nmsrs = nested ? 3 : 2,
		.entry = {
			{ .index = MSR_MTRR_DEF_TYPE, .data = MTRR_ENABLED_WB },
			{ .index = MSR_MISC_ENABLE, .data = MISC_FAST_STRING },
			{ .index = MSR_FEATURE_CONTROL, .data = FEATURE_VMXON },
		},
	};

	/* What firmware would set. A KVM without one of them has no use for it either. */
	(void)ioctl(v->fd, KVM_SET_MSRS, &m);
}

static int
create_one(struct vcpus *s, unsigned id, const struct cpu_topology *topo, struct err *e)
{
	struct vcpu *v = &s->cpu[id];
	void *run;

	v->set = s;
	v->id = id;
	v->apic_id = cpuid_apic_id(topo, id);
	if ((v->fd = ioctl(s->vm->fd, KVM_CREATE_VCPU, (unsigned long)v->apic_id)) < 0)
		return (err_set(e, errno, "cannot create vCPU %u of %u", id, s->n));
	run = mmap(NULL, s->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return (err_set(e, errno, "cannot map vCPU %u of %u", id, s->n));
	v->run = run;
	return (0);
}

/* Bring the configuration to what this KVM can give, and make the table of it. */
static int
make_cpuid(struct vcpus *s, struct cpu_config *cpu, struct cpuid_table *t, struct err *e)
{
	int khz = ioctl(s->cpu[0].fd, KVM_GET_TSC_KHZ, 0);
	int rc;

	cpu->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	cpu->tsc_deadline = s->vm->tsc_deadline;
	cpu->ext_dest_id = s->vm->config.irqchip == VM_IRQCHIP_SPLIT;
	if ((rc = cpuid_supported(s->vm->kvm, t, e)) != 0 || (rc = cpuid_make(t, cpu, e)) != 0)
		return (rc);
	s->vm->address_bits = cpuid_address_bits(t);
	return (0);
}

static int
set_up_one(struct vcpu *v, struct cpuid_table *t, const struct cpu_config *cpu, struct err *e)
{
	cpuid_set_apic_id(t, &cpu->topo, v->apic_id);
	if (ioctl(v->fd, KVM_SET_CPUID2, t) != 0)
		return (err_set(e, errno, "cannot set the features of vCPU %u", v->id));
	set_msrs(v, cpu->nested);
	return (0);
}

static int
ask_for_msrs(struct vcpus *s, struct err *e)
{
	struct kvm_enable_cap cap = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_UNKNOWN },
	};

	if (ioctl(s->vm->fd, KVM_ENABLE_CAP, &cap) != 0)
		return (
		    err_set(e, errno, "cannot have unknown MSRs ignored (x86.strictmsr=false)"));
	return (0);
}

int
vcpus_create(struct vcpus *s, struct vm *vm, struct iobus *bus, const struct cpu_config *cpu,
    bool strict_msr, const struct vcpu_ops *ops, struct err *e)
{
	struct cpu_config c = *cpu;
	struct cpuid_table table;
	int rc;

	*s = (struct vcpus){ .vm = vm, .bus = bus, .ops = *ops, .n = vm->config.nvcpus };
	(void)pthread_mutex_init(&s->mutex, NULL);
	(void)pthread_cond_init(&s->changed, NULL);
	if ((s->cpu = calloc(s->n, sizeof(*s->cpu))) == NULL)
		return (err_set(e, ENOMEM, "cannot create %u vCPUs", s->n));
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].fd = -1;
	if (!strict_msr && (rc = ask_for_msrs(s, e)) != 0)
		goto fail;
	for (unsigned i = 0; i < s->n; i++) {
		if ((rc = create_one(s, i, &c.topo, e)) != 0)
			goto fail;
		if (i == 0 && (rc = make_cpuid(s, &c, &table, e)) != 0)
			goto fail;
		if ((rc = set_up_one(&s->cpu[i], &table, &c, e)) != 0)
			goto fail;
	}
	return (0);
fail:
	vcpus_destroy(s);
	return (rc);
}

static void
on_signal(int signo)
{
	(void)signo; /* it has done its work by ending KVM_RUN */
}

int
vcpus_start(struct vcpus *s, struct err *e)
{
	struct sigaction sa = { .sa_handler = on_signal };
	pthread_attr_t attr;
	unsigned started = 0;
	int rc = 0;

	(void)sigaction(VCPU_SIGNAL, &sa, NULL);
	(void)pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, VCPU_STACK);
	for (; started < s->n && rc == 0; started += rc == 0) {
		rc = pthread_create(&s->cpu[started].thread, &attr, vcpu_main, &s->cpu[started]);
		s->cpu[started].started = rc == 0;
	}
	(void)pthread_attr_destroy(&attr);
	(void)pthread_mutex_lock(&s->mutex);
	while (s->ready < started)
		(void)pthread_cond_wait(&s->changed, &s->mutex);
	(void)pthread_mutex_unlock(&s->mutex);
	if (rc != 0)
		return (err_set(e, rc, "cannot start the thread of vCPU %u of %u", started, s->n));
	if (s->enter_failed != 0)
		return (err_set(e, -s->enter_failed, "cannot confine the vCPUs' threads"));
	return (0);
}

void
vcpus_release(struct vcpus *s)
{
	(void)pthread_mutex_lock(&s->mutex);
	s->open = true;
	(void)pthread_cond_broadcast(&s->changed);
	(void)pthread_mutex_unlock(&s->mutex);
}

void
vcpus_ask_stop(struct vcpus *s)
{
	atomic_store(&s->stop, true);
}

void
vcpus_stop(struct vcpus *s)
{
	vcpus_ask_stop(s);
	for (unsigned i = 0; i < s->n; i++)
		vcpu_kick(&s->cpu[i]);
	vcpus_release(s);
	for (unsigned i = 0; i < s->n; i++) {
		if (s->cpu[i].started)
			(void)pthread_join(s->cpu[i].thread, NULL);
		s->cpu[i].started = false;
	}
}

static bool
all_parked(const struct vcpus *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->cpu[i].started && !s->cpu[i].parked)
			return (false);
	}
	return (true);
}

void
vcpus_pause(struct vcpus *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		atomic_store(&s->cpu[i].hold, true);
		vcpu_kick(&s->cpu[i]);
	}
	(void)pthread_mutex_lock(&s->mutex);
	while (s->open && !all_parked(s))
		(void)pthread_cond_wait(&s->changed, &s->mutex);
	(void)pthread_mutex_unlock(&s->mutex);
}

void
vcpu_resume(struct vcpu *v)
{
	(void)pthread_mutex_lock(&v->set->mutex);
	atomic_store(&v->hold, false);
	(void)pthread_cond_broadcast(&v->set->changed);
	(void)pthread_mutex_unlock(&v->set->mutex);
}

void
vcpus_destroy(struct vcpus *s)
{
	for (unsigned i = 0; s->cpu != NULL && i < s->n; i++) {
		if (s->cpu[i].run != NULL)
			(void)munmap(s->cpu[i].run, s->vm->run_size);
		fd_close(&s->cpu[i].fd);
	}
	free(s->cpu);
	s->cpu = NULL;
	s->n = 0;
}

void
vcpus_nmi(struct vcpus *s)
{
	/* By its own thread: KVM_NMI waits for the vCPU to leave KVM_RUN (4.64). */
	for (unsigned i = 0; i < s->n; i++) {
		atomic_store(&s->cpu[i].nmi, true);
		vcpu_kick(&s->cpu[i]);
	}
}
