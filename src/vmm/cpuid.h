/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's CPUID instruction says: what KVM and the processor support, cut down to the model
 * asked for, minus what a zone's guest is not to have (nested virtualization, unless it was asked for), plus
 * the topology, the clocks' frequencies and KVM's own leaves. The filter is pure; one call reads KVM's list. Runs in zhyve. Leaves as in Intel
 * SDM volume 2A, "CPUID", and AMD APM volume 3, appendix E.
 */
#ifndef ZHYVE_VMM_CPUID_H
#define ZHYVE_VMM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CPUID_ENTRIES_MAX 256

struct cpu_topology {
	unsigned sockets, cores, threads; /* cores per socket, threads per core */
};

/* What is asked of the processor. */
struct cpu_config {
	struct cpu_topology topo;
	const char *model;    /* cpu_features.h; NULL: the host's */
	const char *features; /* "+x,-y"; NULL: as the model */
	bool x2apic, tsc_deadline;
	bool nested;      /* the guest may run guests */
	bool ext_dest_id; /* message interrupts have 15-bit destinations (vm.h) */
	uint32_t tsc_khz; /* 0: not known, or not invariant */
};

/* As KVM_SET_CPUID2 takes it; kvm.h's own struct ends in a flexible array. */
struct cpuid_table {
	__u32 nent;
	__u32 padding;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

/* KVM's supported leaves (KVM_GET_SUPPORTED_CPUID). 0 or -errno. */
int cpuid_supported(int kvm, struct cpuid_table *t, struct err *e);

/* The entry of a leaf, or NULL. */
const struct kvm_cpuid_entry2 *cpuid_find(
    const struct cpuid_table *t, uint32_t function, uint32_t index);
struct kvm_cpuid_entry2 *cpuid_find_mutable(
    struct cpuid_table *t, uint32_t function, uint32_t index);

/*
 * Make the machine's table of the supported one: what is equal on all vCPUs. 0, or -EINVAL or
 * -ENOTSUP when model or features cannot be had.
 */
int cpuid_make(struct cpuid_table *t, const struct cpu_config *c, struct err *e);

/*
 * The APIC identifier of the n-th vCPU: thread, core and socket each have their bits, so that with
 * counts that are no powers of two there are gaps (SDM 3A, 9.9.1).
 */
uint32_t cpuid_apic_id(const struct cpu_topology *topo, unsigned n);

/* Set what differs between vCPUs: the APIC identifier. */
void cpuid_set_apic_id(struct cpuid_table *t, const struct cpu_topology *topo, uint32_t apic_id);

/* Width of physical addresses in bits (leaf 0x80000008); 36 when the table does not say. */
unsigned cpuid_address_bits(struct cpuid_table *t);

#endif
