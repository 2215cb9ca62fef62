/* SPDX-License-Identifier: BSD-2-Clause */
/* AML writer: encodings by hand, package lengths at their borders, misuse and overflow. */
#include "devices/aml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static uint8_t buf[1 << 21];
static struct aml aml;

static int
setup(void **state)
{
	aml_init(&aml, buf, sizeof(buf));
	return (0);
}

#define EXPECT(...)                                                \
	do {                                                       \
		const uint8_t want_[] = { __VA_ARGS__ };           \
		assert_int_equal(aml_finish(&aml), sizeof(want_)); \
		assert_memory_equal(buf, want_, sizeof(want_));    \
	} while (0)

static void
test_integers(void **state)
{
	aml_int(&aml, 0);
	aml_int(&aml, 1);
	aml_int(&aml, 2);
	aml_int(&aml, 0x1234);
	aml_int(&aml, 0x12345678);
	aml_int(&aml, 0x123456789abcdef0);
	EXPECT(0, 1, 0x0a, 2, 0x0b, 0x34, 0x12, 0x0c, 0x78, 0x56, 0x34, 0x12, 0x0e, 0xf0, 0xde,
	    0xbc, 0x9a, 0x78, 0x56, 0x34, 0x12);
}

static void
test_names(void **state)
{
	aml_name_int(&aml, "_UID", 1);
	aml_name_int(&aml, "\\_S5_", 0);
	aml_name_int(&aml, "\\_SB_.PCI0", 0);
	aml_name(&aml, "AAAA.BBBB.CCCC");
	aml_string(&aml, "hi");
	EXPECT(0x08, '_', 'U', 'I', 'D', 1, 0x08, '\\', '_', 'S', '5', '_', 0, 0x08, '\\', 0x2e,
	    '_', 'S', 'B', '_', 'P', 'C', 'I', '0', 0, 0x08, 0x2f, 3, 'A', 'A', 'A', 'A', 'B', 'B',
	    'B', 'B', 'C', 'C', 'C', 'C', 0x0d, 'h', 'i', 0);
}

static void
test_eisaid(void **state)
{
	aml_eisaid(&aml, "PNP0A03");
	EXPECT(0x0c, 0x41, 0xd0, 0x0a, 0x03);
}

static void
test_nesting(void **state)
{
	aml_scope(&aml, "_SB_");
	aml_device(&aml, "DEV0");
	aml_method(&aml, "_OSC", 4);
	aml_return_arg(&aml, 3);
	aml_end(&aml);
	aml_end(&aml);
	aml_end(&aml);
	EXPECT(0x10, 21, '_', 'S', 'B', '_', 0x5b, 0x82, 14, 'D', 'E', 'V', '0', 0x14, 8, '_', 'O',
	    'S', 'C', 4, 0xa4, 0x6b);
}

static void
test_packages_count(void **state)
{
	aml_package(&aml);
	aml_int(&aml, 0);
	aml_package(&aml);
	aml_end(&aml);
	aml_package(&aml);
	aml_int(&aml, 1);
	aml_int(&aml, 1);
	aml_end(&aml);
	aml_end(&aml);
	EXPECT(0x12, 11, 3, 0, 0x12, 2, 0, 0x12, 4, 2, 1, 1);
}

static void
test_resources(void **state)
{
	aml_resources(&aml, "_CRS");
	aml_res_io(&aml, 0x3f8, 8);
	aml_res_irq(&aml, 4);
	aml_end(&aml);
	EXPECT(0x08, '_', 'C', 'R', 'S', 0x11, 17, 0x0b, 13, 0, 0x47, 1, 0xf8, 3, 0xf8, 3, 1, 8,
	    0x22, 0x10, 0, 0x79, 0);
}

/* The length counts itself: 63 still fits one byte, then 2, 3, 4 bytes. */
static void
test_package_length_borders(void **state)
{
	static const struct {
		size_t body;
		unsigned n;
	} cases[] = { { 62, 1 }, { 63, 2 }, { 4093, 2 }, { 4094, 3 }, { (1 << 20) - 4, 3 },
		{ (1 << 20) - 3, 4 } };

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len;

		aml_init(&aml, buf, sizeof(buf));
		aml_scope(&aml, "AAAA");
		for (size_t k = 4; k < cases[i].body; k++)
			aml_int(&aml, 0);
		aml_end(&aml);
		assert_int_equal(aml_finish(&aml), 1 + cases[i].n + cases[i].body);
		assert_int_equal(buf[1] >> 6, cases[i].n - 1);
		len = cases[i].n == 1 ? buf[1] : buf[1] & 0xf;
		for (unsigned k = 1; k < cases[i].n; k++)
			len |= (size_t)buf[1 + k] << (4 + 8 * (k - 1));
		assert_int_equal(len, cases[i].n + cases[i].body);
		assert_int_equal(buf[1 + cases[i].n], 'A');
	}
}

static void
some_tree(void)
{
	aml_scope(&aml, "\\_SB_");
	aml_device(&aml, "COM1");
	aml_resources(&aml, "_CRS");
	aml_res_mem64_window(&aml, 0, 1);
	aml_end(&aml);
	aml_name(&aml, "_PRT");
	aml_package(&aml);
	aml_string(&aml, "text");
	aml_end(&aml);
	aml_end(&aml);
	aml_end(&aml);
}

/* Every buffer that is too small is told, and the byte behind it is left alone. */
static void
test_overflow(void **state)
{
	int full;

	some_tree();
	full = aml_finish(&aml);
	assert_true(full > 60);
	for (int size = 0; size < full; size++) {
		buf[size] = 0xee;
		aml_init(&aml, buf, (size_t)size);
		some_tree();
		assert_int_equal(aml_finish(&aml), -ENOSPC);
		assert_int_equal(buf[size], 0xee);
	}
	aml_init(&aml, buf, (size_t)full);
	some_tree();
	assert_int_equal(aml_finish(&aml), full);
}

static void
test_misuse(void **state)
{
	static const char *const bad[] = { "", "ABC", "ABCDE", "ABCD.", "ABCD.EF", "\\" };

	aml_scope(&aml, "_SB_");
	assert_int_equal(aml_finish(&aml), -EINVAL);
	aml_end(&aml);
	aml_end(&aml);
	assert_int_equal(aml_finish(&aml), -ENOSPC);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		aml_init(&aml, buf, sizeof(buf));
		aml_name(&aml, bad[i]);
		assert_true(aml_finish(&aml) < 0);
	}
	aml_init(&aml, buf, sizeof(buf));
	aml_eisaid(&aml, "PNP0a0");
	assert_true(aml_finish(&aml) < 0);
	aml_init(&aml, buf, sizeof(buf));
	for (unsigned i = 0; i <= AML_DEPTH_MAX; i++)
		aml_scope(&aml, "AAAA");
	for (unsigned i = 0; i <= AML_DEPTH_MAX; i++)
		aml_end(&aml);
	assert_true(aml_finish(&aml) < 0);
	aml_init(&aml, buf, sizeof(buf));
	aml_package(&aml);
	for (unsigned i = 0; i < 256; i++)
		aml_int(&aml, 0);
	aml_end(&aml);
	assert_true(aml_finish(&aml) < 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_integers),
		T(test_names),
		T(test_eisaid),
		T(test_nesting),
		T(test_packages_count),
		T(test_resources),
		T(test_package_length_borders),
		T(test_overflow),
		T(test_misuse),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
