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
test_hidden(void **state)
{
	const struct cpu_topology one = { 1, 1, 1 };

	(void)state;
	all_ones();
	cpuid_filter(&t, &one, true, true);
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
	cpuid_filter(&t, &topo, false, false);
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
	cpuid_filter(&t, &topo, true, true);
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
	cpuid_filter(&t, &one, true, true);
	assert_int_equal(t.nent, CPUID_ENTRIES_MAX);
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
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
