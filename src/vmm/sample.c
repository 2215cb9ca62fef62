/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each vCPU is doing, for a person whose guest has stopped answering. A vCPU's registers
 * cannot be read while it is inside KVM_RUN, and only by its own thread without waiting: so each
 * is kicked out, reads its own, and goes back in. The guest is not changed by it: what it was
 * about to do, also in the middle of a port access, is done after. Runs in zhyve; asked by the
 * event loop, answered on each vCPU's thread.
 */
#include <sys/ioctl.h>

#include "vmm/vcpu.h"

#define CR0_PE    1u
#define RFLAGS_VM (1u << 17)

static uint8_t
cpl_of(const struct kvm_regs *r, const struct kvm_sregs *s)
{
	if ((s->cr0 & CR0_PE) == 0)
		return (0);
	return ((r->rflags & RFLAGS_VM) != 0 ? 3 : s->ss.dpl & 3);
}

static enum vcpu_state
state_of(const struct kvm_mp_state *mp)
{
	switch (mp->mp_state) {
	case KVM_MP_STATE_HALTED:
		return (VCPU_HALTED);
	case KVM_MP_STATE_UNINITIALIZED:
	case KVM_MP_STATE_INIT_RECEIVED:
	case KVM_MP_STATE_SIPI_RECEIVED:
		return (VCPU_OFFLINE);
	default:
		return (VCPU_RUNNING);
	}
}

void
vcpu_sample_take(struct vcpu *v)
{
	struct kvm_mp_state mp;
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_MP_STATE, &mp) != 0 || ioctl(v->fd, KVM_GET_REGS, &r) != 0 ||
	    ioctl(v->fd, KVM_GET_SREGS, &s) != 0)
		return; /* and is taken for silent */
	(void)pthread_mutex_lock(&v->set->mutex);
	v->sample = (struct vcpu_sample){
		.state = state_of(&mp),
		.rip = r.rip,
		.rsp = r.rsp,
		.rflags = r.rflags,
		.cr3 = s.cr3,
		.exits = v->exits,
		.cs = s.cs.selector,
		.cpl = cpl_of(&r, &s),
	};
	v->sampled = true;
	(void)pthread_mutex_unlock(&v->set->mutex);
}

void
vcpus_sample_start(struct vcpus *s)
{
	(void)pthread_mutex_lock(&s->mutex);
	for (unsigned i = 0; i < s->n; i++)
		s->cpu[i].sampled = false;
	(void)pthread_mutex_unlock(&s->mutex);
	for (unsigned i = 0; i < s->n; i++) {
		atomic_store(&s->cpu[i].sample_asked, true);
		vcpu_kick(&s->cpu[i]);
	}
}

bool
vcpu_sample_get(struct vcpu *v, struct vcpu_sample *out)
{
	bool sampled;

	(void)pthread_mutex_lock(&v->set->mutex);
	sampled = v->sampled;
	if (sampled)
		*out = v->sample;
	(void)pthread_mutex_unlock(&v->set->mutex);
	return (sampled);
}
