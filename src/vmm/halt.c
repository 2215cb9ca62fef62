/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The halt watch: notices that no vCPU can ever run again, which bhyve reports as "halt" (exit
 * status 2). Runs in zhyve's event loop; the looking itself on each vCPU's own thread.
 *
 * With interrupt controllers in the kernel, HLT does not leave KVM_RUN, and a vCPU's registers
 * cannot be read while it is inside. So:
 *
 * 1. Once per round the processor time of the vCPUs' threads is read, beginning with the one
 *    that was busy last. If any has moved, somebody runs: nothing more is done. A busy guest
 *    costs one system call a round.
 * 2. When none has moved for a whole round, each vCPU is taken out of KVM_RUN for a moment and
 *    looks at its own state: dead is "halted with RFLAGS.IF clear", or never started (waiting
 *    for INIT or SIPI, as offline processors are).
 * 3. All dead in two such looks in a row (so that an IPI under way between the looks is not
 *    missed) is a halt. One alive: the next look waits twice as many quiet rounds, up to
 *    HALT_PAUSE_MAX, so that an idle guest is left in peace. Work in between starts over.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/checked.h"
#include "vmm/vcpu.h"

#define HALT_PAUSE_MAX 8 /* rounds */
#define RFLAGS_IF      (1u << 9)

void
vcpu_look(struct vcpu *v)
{
	enum vcpu_seen seen = SEEN_ALIVE;
	struct kvm_mp_state mp;
	struct kvm_regs regs;

	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) == 0) {
		if (mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
		    mp.mp_state == KVM_MP_STATE_INIT_RECEIVED)
			seen = SEEN_DEAD;
		else if (mp.mp_state == KVM_MP_STATE_HALTED &&
		    ioctl(v->fd, KVM_GET_REGS, &regs) == 0 && (regs.rflags & RFLAGS_IF) == 0)
			seen = SEEN_DEAD;
	}
	atomic_store(&v->seen, seen);
}

/* True when the vCPU's thread has used processor time since it was last asked. */
static bool
was_busy(struct vcpu *v)
{
	struct timespec ts;
	clockid_t clock;
	uint64_t ns;

	if (pthread_getcpuclockid(v->thread, &clock) != 0 || clock_gettime(clock, &ts) != 0)
		return (true);
	ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (ns == v->cpu_ns)
		return (false);
	v->cpu_ns = ns;
	return (true);
}

/*
 * Whether any vCPU has been busy. The one that was last is asked first, and if it still is,
 * that is all; else each is asked, so that every one's count is of this round.
 */
static bool
any_busy(struct vcpus *s, struct halt_watch *w)
{
	bool busy = false;

	if (was_busy(&s->cpu[w->first]))
		return (true);
	for (unsigned i = 0; i < s->n; i++) {
		if (was_busy(&s->cpu[i])) {
			w->first = i;
			busy = true;
		}
	}
	return (busy);
}

static void
start_look(struct vcpus *s, struct halt_watch *w)
{
	for (unsigned i = 0; i < s->n; i++) {
		atomic_store(&s->cpu[i].seen, SEEN_NOTHING);
		atomic_store(&s->cpu[i].look, true);
		vcpu_kick(&s->cpu[i]);
	}
	w->looking = true;
}

/* The answers to start_look, a round later. A vCPU that has not answered is alive. */
static bool
all_dead(struct vcpus *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (atomic_load(&s->cpu[i].seen) != SEEN_DEAD)
			return (false);
	}
	return (true);
}

bool
vcpus_all_halted(struct vcpus *s, struct halt_watch *w)
{
	bool dead;

	if (w->looking) {
		w->looking = false;
		dead = all_dead(s);
		if (dead && w->dead_before)
			return (true);
		w->dead_before = dead;
		if (dead) {
			start_look(s, w);
			return (false);
		}
		w->pause = MIN(MAX(w->pause * 2, 1u), (unsigned)HALT_PAUSE_MAX);
		w->wait = w->pause;
		for (unsigned i = 0; i < s->n; i++)
			(void)was_busy(&s->cpu[i]); /* the look itself took processor time */
		return (false);
	}
	if (any_busy(s, w)) {
		w->pause = w->wait = 0;
		return (false);
	}
	if (w->wait > 0) {
		w->wait--;
		return (false);
	}
	start_look(s, w);
	return (false);
}
