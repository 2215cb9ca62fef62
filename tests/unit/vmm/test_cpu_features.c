/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of vmm/cpu_features.c: models, single features, the size of the saved state. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "vmm/cpu_features.h"

#define AVX    (1u << 28)
#define XSAVE  (1u << 26)
#define AVX2   (1u << 5)
#define AVX512 (1u << 16)
#define AES    (1u << 25)

static struct cpuid_table t;

/* A processor with AVX-512 and protection keys, as one of 2020 has them. */
static void
modern(void)
{
	static const struct kvm_cpuid_entry2 leaves[] = {
		{ .function = 1, .ecx = ~0u, .edx = ~0u },
		{ .function = 7, .ebx = ~0u, .ecx = ~0u, .edx = ~0u },
		{ .function = 0xd, .eax = 0x2e7, .ebx = 576, .ecx = 2696 },
		{ .function = 0xd, .index = 1, .eax = 0xf },
		{ .function = 0xd, .index = 2, .eax = 256, .ebx = 576 },
		{ .function = 0xd, .index = 5, .eax = 64, .ebx = 1088 },
		{ .function = 0xd, .index = 6, .eax = 512, .ebx = 1152 },
		{ .function = 0xd, .index = 7, .eax = 1024, .ebx = 1664 },
		{ .function = 0xd, .index = 9, .eax = 8, .ebx = 2688 },
		{ .function = 0xd, .index = 11, .eax = 16, .ecx = 1 },
		{ .function = 0x80000001, .ecx = ~0u, .edx = ~0u },
	};

	memset(&t, 0, sizeof(t));
	memcpy(t.entry, leaves, sizeof(leaves));
	t.nent = sizeof(leaves) / sizeof(leaves[0]);
}

static void
test_models(void **state)
{
	(void)state;
	modern();
	assert_int_equal(cpu_model_apply(&t, "x86-64-v3", NULL), 0);
	assert_true((cpuid_find(&t, 1, 0)->ecx & AVX) != 0);
	assert_true((cpuid_find(&t, 7, 0)->ebx & AVX2) != 0);
	assert_int_equal(cpuid_find(&t, 7, 0)->ebx & AVX512, 0);
	assert_int_equal(cpuid_find(&t, 1, 0)->ecx & AES, 0);
	assert_true((cpuid_find(&t, 7, 0)->ebx & (1u << 7)) != 0); /* SMEP is the kernel's */
	assert_int_equal(cpu_model_apply(&t, "x86-64-v2", NULL), 0);
	assert_int_equal(cpuid_find(&t, 1, 0)->ecx & (AVX | XSAVE), 0);
	modern();
	assert_int_equal(cpu_model_apply(&t, "host", NULL), 0);
	assert_int_equal(cpuid_find(&t, 7, 0)->ebx, ~0u);
}

static void
test_missing(void **state)
{
	struct err e = { 0 };

	(void)state;
	modern();
	cpuid_find_mutable(&t, 7, 0)->ebx &= ~(AVX512 | AVX2);
	assert_int_equal(cpu_model_apply(&t, "x86-64-v4", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "lacks avx2, avx512f"));
	e = (struct err){ 0 };
	for (size_t i = 0; i < 4; i++) {
		static const char *const bad[] = { "x86-64-v5", "x86-64-v33", "", "qemu64" };

		assert_int_equal(cpu_model_apply(&t, bad[i], NULL), -EINVAL);
	}
	/* A processor that has nothing at all: the list of what is missing has its bounds. */
	t.nent = 0;
	assert_int_equal(cpu_model_apply(&t, "x86-64-v4", &e), -ENOTSUP);
}

static void
test_features(void **state)
{
	struct cpuid_table host;
	struct err e = { 0 };

	(void)state;
	modern();
	cpuid_find_mutable(&t, 7, 0)->ebx &= ~(1u << 29);
	host = t;
	assert_int_equal(cpu_model_apply(&t, "x86-64-v2", NULL), 0);
	assert_int_equal(cpu_features_apply(&t, &host, "+aes,-popcnt", &e), 0);
	assert_true((cpuid_find(&t, 1, 0)->ecx & AES) != 0);
	assert_int_equal(cpuid_find(&t, 1, 0)->ecx & (1u << 23), 0);
	assert_int_equal(cpu_features_apply(&t, &host, "+sha", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "lacks sha"));
	static const char *const bad[] = { "aes", "+", "+ae", "+aes,,", ",", "-nosuch" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(cpu_features_apply(&t, &host, bad[i], NULL), -EINVAL);
}

static void
test_xsave(void **state)
{
	(void)state;
	modern();
	cpu_xsave_fit(&t);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 0x2e7);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, 2696);
	assert_int_equal(cpu_model_apply(&t, "x86-64-v3", NULL), 0);
	assert_int_equal(cpu_features_apply(&t, &t, "-pku", NULL), 0);
	cpu_xsave_fit(&t);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 7);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, 832);
	assert_null(cpuid_find(&t, 0xd, 5));
	assert_null(cpuid_find(&t, 0xd, 9));
	assert_non_null(cpuid_find(&t, 0xd, 1));
	assert_non_null(cpuid_find(&t, 0xd, 2));
	assert_non_null(cpuid_find(&t, 0xd, 11)); /* a supervisor state: KVM decides */
	assert_int_equal(cpu_model_apply(&t, "x86-64-v2", NULL), 0);
	cpu_xsave_fit(&t);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->eax, 0);
	assert_int_equal(cpuid_find(&t, 0xd, 0)->ecx, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_models),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_features),
		cmocka_unit_test(test_xsave),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
