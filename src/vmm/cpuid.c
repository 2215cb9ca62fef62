/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUID: see cpuid.h. Does not show VMX and SVM unless asked for: nested virtualization is the part
 * of KVM that no jail contains (docs/threat-model.md). Runs in zhyve.
 */
#include "vmm/cpuid.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "vmm/cpu_features.h"

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
#define L87_EDX_INVTSC    BIT(8)

/* KVM's own leaves (Linux, Documentation/virt/kvm/x86/cpuid.rst). */
#define KVM_LEAF_MAX      0x40000000u
#define KVM_LEAF_FEATURES 0x40000001u
#define KVM_EXT_DEST_ID   BIT(15)
/* Frequencies, as several hypervisors tell them: EAX TSC, EBX local APIC timer, in kHz. */
#define LEAF_FREQUENCIES 0x40000010u
#define APIC_TIMER_KHZ   1000000u /* KVM's local APICs count nanoseconds */

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

struct kvm_cpuid_entry2 *
cpuid_find_mutable(struct cpuid_table *t, uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t->nent; i++) {
		if (t->entry[i].function == function && t->entry[i].index == index)
			return (&t->entry[i]);
	}
	return (NULL);
}

const struct kvm_cpuid_entry2 *
cpuid_find(const struct cpuid_table *t, uint32_t function, uint32_t index)
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

static bool
is_intel(const struct cpuid_table *t)
{
	const struct kvm_cpuid_entry2 *en = cpuid_find(t, 0, 0);

	return (
	    en != NULL && en->ebx == 0x756e6547 && en->edx == 0x49656e69 && en->ecx == 0x6c65746e);
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
put_entry(struct kvm_cpuid_entry2 *en, const struct cpu_config *c)
{
	const struct cpu_topology *topo = &c->topo;
	unsigned per_socket = topo->cores * topo->threads;

	switch (en->function) {
	case 0x0:
		en->eax = MAX(en->eax, 0xbu);
		break;
	case 0x1:
		en->ecx &= ~((c->nested ? 0 : L1_ECX_VMX) | L1_ECX_MONITOR | L1_ECX_X2APIC);
		en->ecx |= L1_ECX_HYPERVISOR | (c->x2apic ? L1_ECX_X2APIC : 0) |
		    (c->tsc_deadline ? L1_ECX_DEADLINE : 0);
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
		en->ecx &= ~((c->nested ? 0 : L81_ECX_SVM) | L81_ECX_EXTAPIC | L81_ECX_CMPLEGACY);
		if (per_socket > 1)
			en->ecx |= L81_ECX_CMPLEGACY;
		break;
	case 0x80000008: /* NC, and the bits of an APIC identifier that count them */
		en->ecx = (per_socket - 1 > 255 ? 255 : per_socket - 1) |
		    (id_bits(topo->threads) + id_bits(topo->cores)) << 12;
		break;
	case 0x8000000a: /* SVM's own leaf */
		if (!c->nested)
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

/*
 * The frequency of the time stamp counter, where it is invariant: in the leaf that KVM's and others'
 * guests ask, and in Intel's leaf 0x15 (crystal clock: the APIC timer's) on Intel's processors. A
 * guest that knows it calibrates nothing.
 */
static void
put_frequencies(struct cpuid_table *t, uint32_t tsc_khz)
{
	const struct kvm_cpuid_entry2 *inv = cpuid_find(t, 0x80000007, 0);
	struct kvm_cpuid_entry2 *max = cpuid_find_mutable(t, KVM_LEAF_MAX, 0), *en;

	if (tsc_khz == 0 || inv == NULL || (inv->edx & L87_EDX_INVTSC) == 0)
		return;
	if (max != NULL) {
		max->eax = MAX(max->eax, LEAF_FREQUENCIES);
		drop(t, LEAF_FREQUENCIES);
		add(t,
		    &(struct kvm_cpuid_entry2){
			.function = LEAF_FREQUENCIES, .eax = tsc_khz, .ebx = APIC_TIMER_KHZ });
	}
	if (!is_intel(t) || (en = cpuid_find_mutable(t, 0x15, 0)) == NULL)
		return;
	en->eax = APIC_TIMER_KHZ; /* TSC = crystal * EBX / EAX */
	en->ebx = tsc_khz;
	en->ecx = APIC_TIMER_KHZ * 1000;
	en->edx = 0;
}

int
cpuid_make(struct cpuid_table *t, const struct cpu_config *c, struct err *e)
{
	struct cpuid_table host = *t;
	struct kvm_cpuid_entry2 *en;
	int rc = 0;

	if (c->model != NULL)
		rc = cpu_model_apply(t, c->model, e);
	if (rc == 0 && c->features != NULL)
		rc = cpu_features_apply(t, &host, c->features, e);
	if (rc != 0)
		return (rc);
	cpu_xsave_fit(t);
	for (unsigned i = 0; i < t->nent; i++)
		put_entry(&t->entry[i], c);
	put_leaf_b(t, &c->topo);
	put_frequencies(t, c->tsc_khz);
	if (c->ext_dest_id && (en = cpuid_find_mutable(t, KVM_LEAF_FEATURES, 0)) != NULL)
		en->eax |= KVM_EXT_DEST_ID;
	return (0);
}

uint32_t
cpuid_apic_id(const struct cpu_topology *topo, unsigned n)
{
	unsigned smt = id_bits(topo->threads), core = id_bits(topo->cores);

	return ((n / (topo->threads * topo->cores)) << (smt + core) |
	    (n / topo->threads % topo->cores) << smt | n % topo->threads);
}

void
cpuid_set_apic_id(struct cpuid_table *t, const struct cpu_topology *topo, uint32_t apic_id)
{
	struct kvm_cpuid_entry2 *en;

	if ((en = cpuid_find_mutable(t, 1, 0)) != NULL)
		en->ebx = (en->ebx & 0x00ffffff) | (apic_id & 0xff) << 24;
	for (unsigned i = 0; i < t->nent; i++) {
		if (t->entry[i].function == 0xb)
			t->entry[i].edx = apic_id;
	}
	if ((en = cpuid_find_mutable(t, 0x8000001e, 0)) != NULL) {
		en->eax = apic_id;
		en->ebx = (en->ebx & ~0xffu) |
		    (apic_id >> id_bits(topo->threads) & (BIT(id_bits(topo->cores)) - 1));
	}
}

unsigned
cpuid_address_bits(struct cpuid_table *t)
{
	const struct kvm_cpuid_entry2 *en = cpuid_find(t, 0x80000008, 0);

	return (en == NULL || (en->eax & 0xff) < 36 ? 36 : MIN(en->eax & 0xff, 52u));
}
