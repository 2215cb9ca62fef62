/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest's CPUID instruction says: what KVM and the processor support, minus what a
 * zone's guest is not to have (nested virtualization), plus the topology asked for and KVM's
 * own leaves. The filter is pure; one call reads KVM's list. Runs in zhyve. Leaves as in Intel
 * SDM volume 2A, "CPUID", and AMD APM volume 3, appendix E.
 */
#ifndef ZHYVE_VMM_CPUID_H
#define ZHYVE_VMM_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>

#include "base/err.h"

#define CPUID_ENTRIES_MAX 256

struct cpu_topology {
	unsigned sockets, cores, threads; /* cores per socket, threads per core */
};

/* As KVM_SET_CPUID2 takes it; kvm.h's own struct ends in a flexible array. */
struct cpuid_table {
	__u32 nent;
	__u32 padding;
	struct kvm_cpuid_entry2 entry[CPUID_ENTRIES_MAX];
};

/* KVM's supported leaves (KVM_GET_SUPPORTED_CPUID). 0 or -errno. */
int cpuid_supported(int kvm, struct cpuid_table *t, struct err *e);

/* Make the machine's table of the supported one: what is equal on all vCPUs. */
void cpuid_filter(
    struct cpuid_table *t, const struct cpu_topology *topo, bool x2apic, bool tsc_deadline);

/* Set what differs between vCPUs: the APIC identifier. */
void cpuid_set_apic_id(struct cpuid_table *t, const struct cpu_topology *topo, unsigned apic_id);

/* Width of physical addresses in bits (leaf 0x80000008); 36 when the table does not say. */
unsigned cpuid_address_bits(struct cpuid_table *t);

#endif
