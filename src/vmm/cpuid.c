/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: see cpuid.h. Refuses to show VMX and SVM: nested virtualization is the part of KVM
 * that no jail contains (docs/threat-model.md). Runs in zhyve.
 */
#include "vmm/cpuid.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"

#define BIT(n)            (1u << (n))

#define L1_ECX_MONITOR    BIT(3)
#define L1_ECX_VMX        BIT(5)
#define L1_ECX_X2APIC     BIT(21)
#define L1_ECX_DEADLINE   BIT(24)
#define L1_ECX_HYPERVISOR BIT(31)
#define L1_EDX_HTT        BIT(28)
#define L6_EAX_ARAT       BIT(2)
#define L81_ECX_CMPLEGACY BIT(1)
#define L81_ECX_SVM       BIT(2)
#define L81_ECX_EXTAPIC   BIT(3)

int
cpuid_supported(int kvm, struct cpuid_table *t, struct err *e)
{
	_Static_assert(offsetof(struct cpuid_table, entry) == sizeof(struct kvm_cpuid2),
	    "the table is handed to KVM as it is");
	t->nent = CPUID_ENTRIES_MAX;
	t->padding = 0;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, t) != 0)
		return (err_set(e, errno, "cannot read the processor's features from KVM"));
	return (0);
}

/* Bits needed to count n things: 0 for 1, 1 for 2, 2 for 3 and 4. */
static unsigned
id_bits(unsigned n)
{
	return (n <= 1 ? 0 : 32u - (unsigned)__builtin_clz(n - 1));
}

static struct kvm_cpuid_entry2 *
find(struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t->nent; i++) {
		if (t->entry[i].function == function && t->entry[i].index == index)
			return (&t->entry[i]);
	}
	return (NULL);
}

/* Take the leaves of `function` out. */
static void
drop(struct cpuid_table *t, uint32_t function)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->nent; i++) {
		if (t->entry[i].function != function)
			t->entry[n++] = t->entry[i];
	}
	t->nent = n;
}

static void
add(struct cpuid_table *t, const struct kvm_cpuid_entry2 *en)
{
	if (t->nent < CPUID_ENTRIES_MAX)
		t->entry[t->nent++] = *en;
}

/* Leaf 0xb: how an x2APIC identifier is cut into thread, core and socket. */
static void
put_leaf_b(struct cpuid_table *t, const struct cpu_topology *topo)
{
	unsigned smt = id_bits(topo->threads), core = id_bits(topo->cores);

	drop(t, 0xb);
	drop(t, 0x1f);
	add(t,
	    &(struct kvm_cpuid_entry2){ .function = 0xb,
		.index = 0,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = smt,
		.ebx = topo->threads,
		.ecx = 1 << 8 });
	add(t,
	    &(struct kvm_cpuid_entry2){ .function = 0xb,
		.index = 1,
		.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
		.eax = smt + core,
		.ebx = topo->threads * topo->cores,
		.ecx = 2 << 8 | 1 });
	add(t,
	    &(struct kvm_cpuid_entry2){
		.function = 0xb, .index = 2, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ecx = 2 });
}

/*
 * Leaf 4 (Intel) and 0x8000001d (AMD) name the caches and who shares them; levels 1 and 2 by a
 * core, 3 by a socket.
 */
static void
put_caches(struct kvm_cpuid_entry2 *en, const struct cpu_topology *topo)
{
	unsigned level = en->eax >> 5 & 7, sharing;

	if ((en->eax & 0x1f) == 0)
		return;
	sharing = level >= 3 ? topo->threads * topo->cores : topo->threads;
	en->eax &= 0x3fff;
	en->eax |= (BIT(id_bits(sharing)) - 1) << 14;
	if (en->function == 4)
		en->eax |= (BIT(id_bits(topo->cores)) - 1) << 26;
}

static void
put_entry(
    struct kvm_cpuid_entry2 *en, const struct cpu_topology *topo, bool x2apic, bool tsc_deadline)
{
	unsigned per_socket = topo->cores * topo->threads;

	switch (en->function) {
	case 0x0:
		en->eax = MAX(en->eax, 0xbu);
		break;
	case 0x1:
		en->ecx &= ~(L1_ECX_VMX | L1_ECX_MONITOR | L1_ECX_X2APIC);
		en->ecx |= L1_ECX_HYPERVISOR | (x2apic ? L1_ECX_X2APIC : 0) |
		    (tsc_deadline ? L1_ECX_DEADLINE : 0);
		en->ebx = (en->ebx & 0xff00ffff) | MIN(per_socket, 255u) << 16;
		en->edx = per_socket > 1 ? en->edx | L1_EDX_HTT : en->edx & ~L1_EDX_HTT;
		break;
	case 0x4:
	case 0x8000001d:
		put_caches(en, topo);
		break;
	case 0x6: /* the APIC timer never stops; no other power management is there */
		en->eax = L6_EAX_ARAT;
		en->ebx = en->ecx = en->edx = 0;
		break;
	case 0xa: /* the performance counters stay the host's */
		en->eax = en->ebx = en->ecx = en->edx = 0;
		break;
	case 0x80000001:
		en->ecx &= ~(L81_ECX_SVM | L81_ECX_EXTAPIC | L81_ECX_CMPLEGACY);
		if (per_socket > 1)
			en->ecx |= L81_ECX_CMPLEGACY;
		break;
	case 0x80000008: /* NC, and the bits of an APIC identifier that count them */
		en->ecx = (per_socket - 1 > 255 ? 255 : per_socket - 1) |
		    (id_bits(topo->threads) + id_bits(topo->cores)) << 12;
		break;
	case 0x8000000a: /* SVM's own leaf */
		en->eax = en->ebx = en->ecx = en->edx = 0;
		break;
	case 0x8000001e:
		en->ebx = (topo->threads - 1) << 8;
		en->ecx = 0;
		break;
	default:
		break;
	}
}

void
cpuid_filter(struct cpuid_table *t, const struct cpu_topology *topo, bool x2apic, bool tsc_deadline)
{
	for (unsigned i = 0; i < t->nent; i++)
		put_entry(&t->entry[i], topo, x2apic, tsc_deadline);
	put_leaf_b(t, topo);
}

void
cpuid_set_apic_id(struct cpuid_table *t, const struct cpu_topology *topo, unsigned apic_id)
{
	struct kvm_cpuid_entry2 *en;

	if ((en = find(t, 1, 0)) != NULL)
		en->ebx = (en->ebx & 0x00ffffff) | (apic_id & 0xff) << 24;
	for (unsigned i = 0; i < t->nent; i++) {
		if (t->entry[i].function == 0xb)
			t->entry[i].edx = apic_id;
	}
	if ((en = find(t, 0x8000001e, 0)) != NULL) {
		en->eax = apic_id;
		en->ebx = (en->ebx & ~0xffu) |
		    (apic_id >> id_bits(topo->threads) & (BIT(id_bits(topo->cores)) - 1));
	}
}

unsigned
cpuid_address_bits(struct cpuid_table *t)
{
	const struct kvm_cpuid_entry2 *en = find(t, 0x80000008, 0);

	return (en == NULL || (en->eax & 0xff) < 36 ? 36 : MIN(en->eax & 0xff, 52u));
}
