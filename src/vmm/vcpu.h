/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual processors: one thread each, all of a machine in one set. The set is sized by what
 * was asked for; nothing here is sized by a maximum. Runs in zhyve.
 *
 * Life: vcpus_create, vcpus_start (threads exist, wait at the gate, have run no guest code),
 * vcpus_release, …, vcpus_stop (kicked out of KVM and joined), vcpus_destroy. A vCPU that
 * cannot go on reports it through vcpu_ops.event and stops the whole set.
 */
#ifndef ZHYVE_VMM_VCPU_H
#define ZHYVE_VMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "devices/device.h"
#include "vmm/cpuid.h"
#include "vmm/iobus.h"
#include "vmm/vm.h"

/* What the set asks of its owner. */
struct vcpu_ops {
	/*
	 * First thing on each vCPU's thread: give up what it does not need. Nonzero: the set
	 * does not start.
	 */
	int (*enter)(void *ctx, unsigned id);
	/* The machine is to stop. Any vCPU's thread; the set has been told to stop before. */
	void (*event)(void *ctx, enum machine_event ev, const char *why);
	/* A debug exit: the vCPU is going to park itself. Its thread. NULL: nobody debugs. */
	void (*debug)(void *ctx, unsigned id);
	void *ctx;
};

/* The state a vCPU was last seen in by the halt watch (halt.c). */
enum vcpu_seen {
	SEEN_NOTHING, /* asked, not answered yet */
	SEEN_ALIVE,
	SEEN_DEAD, /* halted with interrupts off, or waiting for INIT or SIPI */
};

/* What a vCPU does at one moment (sample.c). */
enum vcpu_state {
	VCPU_RUNNING, /* executes, or waits for a device */
	VCPU_HALTED,
	VCPU_OFFLINE, /* waits for INIT or SIPI */
};
struct vcpu_sample {
	enum vcpu_state state;
	uint64_t rip, rsp, rflags, cr3;
	uint64_t exits; /* that we have served, since the start */
	uint16_t cs;
	uint8_t cpl;
};

struct vcpus;
struct vcpu {
	struct vcpus *set;
	unsigned id;      /* 0, 1, 2, ... */
	uint32_t apic_id; /* of its local APIC: cpuid_apic_id */
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	_Atomic bool hold;                /* is to stay out of the guest */
	bool parked;                      /* does; under the set's mutex */
	_Atomic bool debugged;            /* there was a debug exit that nobody has looked at */
	struct kvm_debug_exit_arch debug; /* the last */
	_Atomic bool nmi;                 /* one is to be injected */
	_Atomic bool look;                /* the halt watch wants to know its state */
	_Atomic enum vcpu_seen seen;
	uint64_t exits;            /* served: its thread's count */
	_Atomic bool sample_asked; /* sample.c wants to know its registers */
	bool sampled;              /* they are below; both under the set's mutex */
	struct vcpu_sample sample;
	uint64_t cpu_ns; /* the halt watch's: processor time used, when last looked at */
};

struct vcpus {
	struct vm *vm;
	struct iobus *bus;
	struct vcpu_ops ops;
	unsigned n;
	struct vcpu *cpu; /* n of them */
	bool ignore_msrs;
	_Atomic bool stop;
	/* The gate before the first instruction. */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	unsigned ready; /* threads that passed ops.enter */
	int enter_failed;
	bool open;
};

/* The signal that takes a thread out of KVM_RUN. */
#define VCPU_SIGNAL SIGUSR1

/*
 * Create the vCPUs that the vm was made for. `cpu` says what they are; what KVM can give of it
 * (tsc_deadline, ext_dest_id, tsc_khz) is filled in here. `strict_msr` false: unknown
 * model-specific registers read as zero instead of raising #GP. 0 or -errno; on failure nothing is
 * left.
 */
int vcpus_create(struct vcpus *s, struct vm *vm, struct iobus *bus, const struct cpu_config *cpu,
    bool strict_msr, const struct vcpu_ops *ops, struct err *e);

/* Start the threads and wait until all are at the gate. 0 or -errno. */
int vcpus_start(struct vcpus *s, struct err *e);
/* Let them run the guest. */
void vcpus_release(struct vcpus *s);
/* Tell all to leave the guest soon; returns at once. Any thread. */
void vcpus_ask_stop(struct vcpus *s);
/* Take all out of the guest and end their threads. Not from a vCPU's thread. */
void vcpus_stop(struct vcpus *s);
void vcpus_destroy(struct vcpus *s);

/*
 * Take all out of the guest until vcpu_resume; returns when they are, what they had begun completed.
 * Before vcpus_release it returns at once, and none enters the guest. Not from a vCPU's thread.
 */
void vcpus_pause(struct vcpus *s);
void vcpu_resume(struct vcpu *v);

/* Inject a non-maskable interrupt into every vCPU, whatever its local APIC is. Any thread. */
void vcpus_nmi(struct vcpus *s);

/*
 * The halt watch (halt.c): true when all vCPUs are halted with interrupts off, or were never
 * started, so that nothing can ever run again but by NMI. Call it about once a second from one
 * thread; it costs one system call while any vCPU is busy, and takes an idle guest out of KVM
 * at most once in a while.
 */
struct halt_watch {
	unsigned pause, wait; /* rounds to the next look, and how many there were last */
	unsigned first;       /* where a busy vCPU was seen last */
	bool looking, dead_before;
};
bool vcpus_all_halted(struct vcpus *s, struct halt_watch *w);

/*
 * sample.c: ask all vCPUs what they are doing. Each answers itself, taken out of KVM_RUN for a
 * moment, so that it works whatever the guest does, and changes nothing for it. One thread asks.
 */
void vcpus_sample_start(struct vcpus *s);
/* The answer of one: false when it has not come yet (nor will, from one that a debugger holds). */
bool vcpu_sample_get(struct vcpu *v, struct vcpu_sample *out);
/* vcpu.c's service to sample.c, on the vCPU's own thread. */
void vcpu_sample_take(struct vcpu *v);

/* vcpu.c's service to halt.c: look at oneself, on the vCPU's own thread. */
void vcpu_look(struct vcpu *v);
/* Take one vCPU out of KVM_RUN for a moment. */
void vcpu_kick(struct vcpu *v);

#endif
