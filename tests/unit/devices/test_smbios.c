/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS tables as a reader finds them: both entry points, every structure, strings, sizes,
 * limits.
 */
#include "devices/smbios.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/checked.h"
#include "tables.h"

#define RAM MIB

static struct smbios_config config;

static int
setup(void **state)
{
	tables_ram(RAM);
	config = (struct smbios_config){ .sockets = 1, .cores = 1, .threads = 1, .lowmem = GIB };
	return (0);
}

/* The table, by the 64-bit entry point; the 32-bit one has to say the same. */
static const uint8_t *
find_structures(size_t *len, unsigned *count)
{
	const uint8_t *sm = NULL, *sm3 = NULL;

	for (uint32_t gpa = 0xF0000; gpa < 0x100000; gpa += 16) {
		if (memcmp(ram + gpa, "_SM_", 4) == 0)
			sm = ram + gpa;
		if (memcmp(ram + gpa, "_SM3_", 5) == 0)
			sm3 = ram + gpa;
	}
	assert_non_null(sm);
	assert_non_null(sm3);
	assert_int_equal(sum(sm, sm[5]), 0);
	assert_int_equal(sum(sm + 16, 15), 0);
	assert_memory_equal(sm + 16, "_DMI_", 5);
	assert_int_equal(sum(sm3, sm3[6]), 0);
	assert_int_equal(le32_get(sm + 24), le64_get(sm3 + 16));
	assert_int_equal(le16_get(sm + 22), le32_get(sm3 + 12));
	*len = le32_get(sm3 + 12);
	*count = le16_get(sm + 28);
	return (ram + le64_get(sm3 + 16));
}

/* The n-th structure of a type; all of the table is walked and checked. */
static const uint8_t *
find(uint8_t type, unsigned n)
{
	const uint8_t *found = NULL, *p, *end;
	unsigned count, walked = 0;
	size_t len;

	p = find_structures(&len, &count);
	end = p + len;
	while (p < end) {
		const uint8_t *s = p + p[1];

		assert_int_equal(le16_get(p + 2), walked);
		if (p[0] == type && n-- == 0)
			found = p;
		while (s[0] != 0 || s[1] != 0)
			assert_true(++s < end);
		walked++;
		if (p[0] == 127)
			assert_ptr_equal(s + 2, end);
		p = s + 2;
	}
	assert_int_equal(walked, count);
	return (found);
}

static const char *
str(const uint8_t *t, unsigned field)
{
	const char *s = (const char *)t + t[1];

	assert_true(t[field] != 0);
	for (unsigned i = 1; i < t[field]; i++)
		s += strlen(s) + 1;
	return (s);
}

static void
test_defaults(void **state)
{
	const uint8_t *t;

	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	t = find(0, 0);
	assert_string_equal(str(t, 4), "BHYVE");
	assert_string_equal(str(t, 5), "14.0");
	t = find(1, 0);
	assert_string_equal(str(t, 4), "illumos");
	assert_string_equal(str(t, 5), "BHYVE");
	assert_string_equal(str(t, 26), "Virtual Machine");
	assert_string_equal(str(find(2, 0), 5), "BHYVE");
	assert_int_equal(le16_get(find(2, 0) + 11), le16_get(find(3, 0) + 2));
	assert_string_equal(str(find(3, 0), 21), "None");
	assert_non_null(find(32, 0));
	assert_non_null(find(127, 0));
	assert_null(find(4, 1));
}

/* What a zone gives: cloud-init looks for this product. */
static void
test_strings_of_a_zone(void **state)
{
	static const struct {
		const char *key, *value;
		unsigned field;
	} v[] = {
		{ "manufacturer", "Joyent", 4 },
		{ "product", "SmartDC HVM", 5 },
		{ "version", "7.20261122", 6 },
		{ "serial", "6f1bf5a2-0e5c-4a34-b0ba-1ac1b9a2f1c3", 7 },
		{ "sku", "001", 25 },
		{ "family", "Virtual Machine", 26 },
	};

	for (unsigned i = 0; i < NITEMS(v); i++) {
		int n = smbios_find_key(1, v[i].key);

		assert_true(n >= 0);
		config.string[n] = v[i].value;
	}
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	for (unsigned i = 0; i < NITEMS(v); i++)
		assert_string_equal(str(find(1, 0), v[i].field), v[i].value);
}

static void
test_variables(void **state)
{
	assert_int_equal(
	    smbios_find_key(1, "product"), smbios_find_variable("system.product_name"));
	assert_int_equal(
	    smbios_find_key(3, "asset_tag"), smbios_find_variable("chassis.asset_tag"));
	assert_int_not_equal(
	    smbios_find_key(2, "serial_number"), smbios_find_key(3, "serial_number"));
	assert_int_equal(smbios_find_key(0, "serial"), -1);
	assert_int_equal(smbios_find_key(4, "version"), -1);
	assert_int_equal(smbios_find_variable("system.colour"), -1);
}

static void
test_empty_string_has_no_number(void **state)
{
	config.string[smbios_find_variable("chassis.sku")] = "";
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_int_equal(find(3, 0)[21], 0);
}

static void
test_uuid(void **state)
{
	static const uint8_t want[] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99,
		0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };

	for (unsigned i = 0; i < 16; i++)
		config.uuid[i] = (uint8_t)(i * 0x11); /* 00112233-4455-6677-8899-… */
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_memory_equal(find(1, 0) + 8, want, sizeof(want));
}

static void
test_processors(void **state)
{
	config.sockets = 2;
	config.cores = 300;
	config.threads = 2;
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_string_equal(str(find(4, 1), 4), "CPU #1");
	assert_int_equal(find(4, 1)[35], 0xff);
	assert_int_equal(le16_get(find(4, 1) + 42), 300);
	assert_int_equal(le16_get(find(4, 1) + 46), 600);
	config.sockets = 1024;
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_non_null(find(4, SMBIOS_SOCKETS_MAX - 1));
	assert_null(find(4, SMBIOS_SOCKETS_MAX));
}

static void
test_memory(void **state)
{
	const uint8_t *t;

	config.lowmem = 3 * GIB;
	config.highmem = 61 * GIB;
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_int_equal(le16_get(find(16, 0) + 13), 1);
	t = find(17, 0);
	assert_int_equal(le16_get(t + 12), 0x7fff);
	assert_int_equal(le32_get(t + 28), 64 * 1024);
	assert_int_equal(le16_get(t + 4), le16_get(find(16, 0) + 2));
	t = find(19, 0);
	assert_int_equal(le32_get(t + 4), 0);
	assert_int_equal(le32_get(t + 8), 3 * MIB - 1);
	t = find(19, 1);
	assert_int_equal(le32_get(t + 4), 4 * MIB);
	assert_int_equal(le32_get(t + 8), 65 * MIB - 1);
	config.highmem = 8192 * GIB;
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	t = find(19, 1);
	assert_int_equal(le32_get(t + 4), 0xffffffff);
	assert_true(le64_get(t + 15) == 4 * GIB);
	assert_true(le64_get(t + 23) == 8196 * GIB - 1);
	assert_int_equal(le32_get(find(16, 0) + 7), 0x80000000);
	config.lowmem = 512 * MIB;
	config.highmem = 0;
	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	assert_int_equal(le16_get(find(17, 0) + 12), 512);
	assert_null(find(19, 1));
}

static void
test_too_long(void **state)
{
	static char s[8192];
	struct err e = { 0 };

	for (size_t n = 0; n < sizeof(s) - 1; n += 61) {
		memset(s, 'x', n);
		memset(ram, 0, RAM);
		config.string[n % SMBIOS_STRINGS] = s;
		if (smbios_write(&gm, &config, &e) != 0) {
			assert_true(n > 200);
			assert_non_null(strstr(e.text, "too long"));
			assert_int_equal(ram[SMBIOS_AREA], 0);
		} else {
			assert_non_null(find(127, 0));
		}
		for (unsigned i = 0; i < 16; i++)
			assert_int_equal(ram[SMBIOS_AREA + SMBIOS_AREA_LEN + i], 0);
	}
	assert_int_equal(smbios_write(&gm, &config, &e), -ENOSPC);
}

static void
test_refused(void **state)
{
	gm.range[0].len = 0xA0000;
	assert_int_equal(smbios_write(&gm, &config, NULL), -ENOSPC);
	config.cores = 0;
	assert_int_equal(smbios_write(&gm, &config, NULL), -EINVAL);
}

/* For a boot ROM: the old entry point and the same structures, apart. */
static void
test_files(void **state)
{
	struct smbios_files f;
	const uint8_t *p;
	unsigned count;
	size_t len;

	assert_int_equal(smbios_write(&gm, &config, NULL), 0);
	p = find_structures(&len, &count);
	assert_int_equal(smbios_files(&config, &f, NULL), 0);
	assert_int_equal(f.tables_len, len);
	assert_memory_equal(f.tables, p, len);
	assert_memory_equal(f.anchor, "_SM_", 4);
	assert_int_equal(sum(f.anchor, sizeof(f.anchor)), 0);
	assert_int_equal(le16_get(f.anchor + 22), len);
	config.cores = 0;
	assert_int_equal(smbios_files(&config, &f, NULL), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_defaults),
		T(test_strings_of_a_zone),
		T(test_variables),
		T(test_empty_string_has_no_number),
		T(test_uuid),
		T(test_processors),
		T(test_memory),
		T(test_too_long),
		T(test_refused),
		T(test_files),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
