/* SPDX-License-Identifier: BSD-2-Clause */
/* The check of qcow2 headers: what it lets pass, and each reason to refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "zone/qcow2.h"

#define HEAD 65536

static uint8_t head[HEAD];

static void
put32(size_t off, uint32_t v)
{
	head[off] = (uint8_t)(v >> 24);
	head[off + 1] = (uint8_t)(v >> 16);
	head[off + 2] = (uint8_t)(v >> 8);
	head[off + 3] = (uint8_t)v;
}

/* A header of version 3, 1 GiB, clusters of 64 KiB, no extension. */
static int
make_good(void **state)
{
	memset(head, 0, sizeof(head));
	put32(0, 0x514649fb);
	put32(4, 3);
	put32(20, 16);
	put32(24, 0);
	put32(28, 1u << 30);
	put32(96, 4);
	put32(100, 104);
	return (0);
}

static void
refused(size_t len, const char *reason)
{
	uint64_t size;
	struct err e;

	assert_int_equal(qcow2_check(head, len, &size, &e), -EINVAL);
	if (strstr(e.text, reason) == NULL)
		fail_msg("'%s' does not say '%s'", e.text, reason);
}

static void
passed(uint64_t want)
{
	uint64_t size = 0;
	struct err e;

	assert_int_equal(qcow2_check(head, HEAD, &size, &e), 0);
	assert_int_equal(size, want);
}

static void
good(void **state)
{
	passed(1u << 30);
	put32(4, 2);
	put32(100, 0);
	passed(1u << 30);
	assert_true(qcow2_is(head, HEAD));
	assert_false(qcow2_is(head, 7));
	head[3] = 'x';
	assert_false(qcow2_is(head, HEAD));
}

static void
good_extensions(void **state)
{
	put32(104, 0x6803f857); /* feature names */
	put32(108, 13);
	put32(128, 0); /* the end, after 13 bytes and padding */
	put32(132, 0);
	put32(136, 0x44415441); /* beyond the end: not an extension */
	passed(1u << 30);
}

static void
backing_file(void **state)
{
	put32(12, 0x200);
	put32(16, 11);
	refused(HEAD, "backing file");
	put32(12, 0);
	put32(8, 1); /* in the high half */
	refused(HEAD, "backing file");
}

static void
other_files(void **state)
{
	put32(76, 1 << 2);
	refused(HEAD, "external data file");
	put32(76, 0);
	put32(104, 0x44415441);
	put32(108, 8);
	refused(HEAD, "external data file");
}

/* Also behind another extension. */
static void
hidden_data_file(void **state)
{
	put32(104, 0x6803f857);
	put32(108, 1);
	put32(120, 0x44415441);
	refused(HEAD, "external data file");
	/* and in version 2, where extensions begin at once */
	make_good(NULL);
	put32(4, 2);
	put32(72, 0x44415441);
	refused(HEAD, "external data file");
}

static void
features(void **state)
{
	put32(76, 1 << 1);
	refused(HEAD, "corrupt");
	put32(76, 1 << 5);
	refused(HEAD, "not known");
	put32(76, 0);
	put32(72, 1);
	refused(HEAD, "not known");
	put32(72, 0);
	put32(76, 1 << 3 | 1 << 4 | 1);
	passed(1u << 30);
}

static void
encryption(void **state)
{
	put32(32, 2);
	refused(HEAD, "encrypted");
	put32(32, 0);
	put32(104, 0x0537be77);
	put32(108, 16);
	refused(HEAD, "encrypted");
}

static void
broken(void **state)
{
	size_t len;

	for (len = 8; len < 104; len++)
		refused(len, "shorter than its header");
	put32(4, 4);
	refused(HEAD, "version");
	put32(4, 3);
	put32(20, 8);
	refused(HEAD, "cluster size");
	put32(20, 22);
	refused(HEAD, "cluster size");
	put32(20, 16);
	put32(100, 72);
	refused(HEAD, "length of its header");
	put32(100, HEAD + 8);
	refused(HEAD, "length of its header");
	put32(100, 104);
	put32(104, 0x12345678);
	put32(108, 0xffffffff);
	refused(HEAD, "beyond the first cluster");
	put32(104, 0);
	put32(28, 0);
	refused(HEAD, "size of its disk");
	put32(24, 1u << 31);
	refused(HEAD, "size of its disk");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good, make_good),
		cmocka_unit_test_setup(good_extensions, make_good),
		cmocka_unit_test_setup(backing_file, make_good),
		cmocka_unit_test_setup(other_files, make_good),
		cmocka_unit_test_setup(hidden_data_file, make_good),
		cmocka_unit_test_setup(features, make_good),
		cmocka_unit_test_setup(encryption, make_good),
		cmocka_unit_test_setup(broken, make_good),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
