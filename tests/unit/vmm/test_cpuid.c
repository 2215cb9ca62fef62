/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of vmm/cpuid.c: topology, what is hidden, identifiers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/cpuid.h"

static struct cpuid_table t;

static const struct kvm_cpuid_entry2 *
leaf(uint32_t function, uint32_t index)
{
	for (unsigned i = 0; i < t.nent; i++) {
		if (t.entry[i].function == function && t.entry[i].index == index)
			return (&t.entry[i]);
	}
	fail_msg("no leaf 0x%x.%u", function, index);
	return (NULL);
}

/* A processor that has everything. */
static void
all_ones(void)
{
	static const struct {
		uint32_t function, index;
	} leaves[] = { { 0, 0 }, { 1, 0 }, { 4, 0 }, { 6, 0 }, { 7, 0 }, { 0xa, 0 }, { 0xb, 0 },
		{ 0xb, 1 }, { 0x1f, 0 }, { 0x80000001, 0 }, { 0x80000008, 0 }, { 0x8000000a, 0 },
		{ 0x8000001e, 0 } };

	memset(&t, 0, sizeof(t));
	for (size_t i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		t.entry[t.nent++] = (struct kvm_cpuid_entry2){ .function = leaves[i].function,
			.index = leaves[i].index,
			.eax = ~0u,
			.ebx = ~0u,
			.ecx = ~0u,
			.edx = ~0u };
}

static void
make(const struct cpu_topology *topo, bool on)
{
	const struct cpu_config c = { .topo = *topo, .x2apic = on, .tsc_deadline = on };

	assert_int_equal(cpuid_make(&t, &c, NULL), 0);
}

static void
test_hidden(void **state)
{
	const struct cpu_topology one = { 1, 1, 1 };

	(void)state;
	all_ones();
	make(&one, true);
	assert_int_equal(leaf(1, 0)->ecx & (1u << 5), 0);          /* VMX */
	assert_int_equal(leaf(0x80000001, 0)->ecx & (1u << 2), 0); /* SVM */
	assert_int_equal(leaf(0x8000000a, 0)->eax, 0);             /* SVM's own leaf */
	assert_int_equal(leaf(0x8000000a, 0)->edx, 0);
	assert_int_equal(leaf(1, 0)->ecx & (1u << 3), 0);  /* MONITOR */
	assert_int_equal(leaf(0xa, 0)->eax, 0);            /* performance counters */
	assert_true((leaf(1, 0)->ecx & (1u << 31)) != 0);  /* a hypervisor */
	assert_true((leaf(1, 0)->ecx & (1u << 21)) != 0);  /* x2APIC */
	assert_true((leaf(1, 0)->ecx & (1u << 24)) != 0);  /* TSC deadline */
	assert_int_equal(leaf(1, 0)->edx & (1u << 28), 0); /* HTT */
	assert_int_equal(leaf(6, 0)->eax, 4);              /* ARAT alone */
}

static void
test_topology(void **state)
{
	const struct cpu_topology topo = { 2, 3, 2 };

	(void)state;
	all_ones();
	t.entry[2].eax = 3 << 5 | 3; /* leaf 4: a unified cache of level 3 */
	make(&topo, false);
	assert_int_equal(leaf(1, 0)->ebx >> 16 & 0xff, 6);
	assert_true((leaf(1, 0)->edx & (1u << 28)) != 0);
	assert_int_equal(leaf(1, 0)->ecx & (1u << 21), 0);
	assert_int_equal(leaf(4, 0)->eax >> 26, 3);         /* cores, rounded up to 4, less one */
	assert_int_equal(leaf(4, 0)->eax >> 14 & 0xfff, 7); /* all threads of a socket share it */
	assert_int_equal(leaf(0xb, 0)->eax, 1);             /* one bit of thread */
	assert_int_equal(leaf(0xb, 0)->ebx, 2);
	assert_int_equal(leaf(0xb, 1)->eax, 3); /* two of core */
	assert_int_equal(leaf(0xb, 1)->ebx, 6);
	assert_int_equal(leaf(0xb, 2)->ebx, 0);
	assert_int_equal(leaf(0x80000008, 0)->ecx & 0xff, 5);
	assert_int_equal(leaf(0x8000001e, 0)->ebx >> 8 & 0xff, 1);
	for (unsigned i = 0; i < t.nent; i++)
		assert_int_not_equal(t.entry[i].function, 0x1f);
}

static void
test_identifiers(void **state)
{
	const struct cpu_topology topo = { 1, 4, 2 };

	(void)state;
	all_ones();
	make(&topo, true);
	for (unsigned id = 0; id < 1024; id += 341) {
		cpuid_set_apic_id(&t, &topo, id);
		assert_int_equal(leaf(1, 0)->ebx >> 24, id & 0xff);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(leaf(0xb, i)->edx, id);
		assert_int_equal(leaf(0x8000001e, 0)->eax, id);
		assert_int_equal(leaf(0x8000001e, 0)->ebx & 0xff, id >> 1 & 3);
	}
}

static void
test_address_bits(void **state)
{
	(void)state;
	all_ones();
	t.entry[10].eax = 0x3028;
	assert_int_equal(cpuid_address_bits(&t), 40);
	t.entry[10].eax = 0x30ff;
	assert_int_equal(cpuid_address_bits(&t), 52);
	t.nent = 1;
	assert_int_equal(cpuid_address_bits(&t), 36);
}

static void
test_full_table(void **state)
{
	const struct cpu_topology one = { 1, 1, 1 };

	(void)state;
	memset(&t, 0, sizeof(t));
	t.nent = CPUID_ENTRIES_MAX;
	for (unsigned i = 0; i < t.nent; i++)
		t.entry[i].function = 0x90000000 + i;
	make(&one, true);
	assert_int_equal(t.nent, CPUID_ENTRIES_MAX);
}

/* Counts that are no powers of two leave gaps, so that the bits of leaf 0xb tell who sits where. */
static void
test_gaps(void **state)
{
	const struct cpu_topology topo = { 2, 3, 2 }, plain = { 1, 4, 1 };

	(void)state;
	assert_int_equal(cpuid_apic_id(&topo, 0), 0);
	assert_int_equal(cpuid_apic_id(&topo, 1), 1);
	assert_int_equal(cpuid_apic_id(&topo, 5), 5);
	assert_int_equal(cpuid_apic_id(&topo, 6), 8); /* the second socket */
	assert_int_equal(cpuid_apic_id(&topo, 11), 13);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(cpuid_apic_id(&plain, i), i);
}

static void
test_frequencies(void **state)
{
	struct cpu_config c = { .topo = { 1, 1, 1 }, .tsc_khz = 2600000, .ext_dest_id = true };
	static const struct kvm_cpuid_entry2 intel[] = {
		{ .function = 0,
		    .eax = 0x1f,
		    .ebx = 0x756e6547,
		    .ecx = 0x6c65746e,
		    .edx = 0x49656e69 },
		{ .function = 0x15 },
		{ .function = 0x40000000, .eax = 0x40000001 },
		{ .function = 0x40000001 },
		{ .function = 0x80000007, .edx = 1u << 8 },
	};

	(void)state;
	for (unsigned invariant = 0; invariant < 2; invariant++) {
		memset(&t, 0, sizeof(t));
		memcpy(t.entry, intel, sizeof(intel));
		t.nent = 5;
		t.entry[4].edx = invariant << 8;
		assert_int_equal(cpuid_make(&t, &c, NULL), 0);
		assert_int_equal(leaf(0x40000001, 0)->eax, 1u << 15);
		assert_int_equal(leaf(0x15, 0)->ecx, invariant * 1000000000);
		if (invariant == 0) {
			assert_int_equal(leaf(0x40000000, 0)->eax, 0x40000001);
			continue;
		}
		assert_int_equal(leaf(0x40000000, 0)->eax, 0x40000010);
		assert_int_equal(leaf(0x40000010, 0)->eax, 2600000);
		assert_int_equal(leaf(0x40000010, 0)->ebx, 1000000);
		assert_int_equal(
		    (uint64_t)leaf(0x15, 0)->ecx * leaf(0x15, 0)->ebx / leaf(0x15, 0)->eax,
		    2600000000ull);
	}
}

static void
test_nested(void **state)
{
	const struct cpu_config c = { .topo = { 1, 1, 1 }, .nested = true };

	(void)state;
	all_ones();
	assert_int_equal(cpuid_make(&t, &c, NULL), 0);
	assert_true((leaf(1, 0)->ecx & (1u << 5)) != 0);
	assert_true((leaf(0x80000001, 0)->ecx & (1u << 2)) != 0);
	assert_int_not_equal(leaf(0x8000000a, 0)->edx, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_topology),
		cmocka_unit_test(test_identifiers),
		cmocka_unit_test(test_address_bits),
		cmocka_unit_test(test_full_table),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_frequencies),
		cmocka_unit_test(test_nested),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
