/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers, sizes, UUIDs, MACs: whole strings or an error. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/err.h"
#include "base/parse.h"

static void
test_u64(void **state)
{
	uint64_t v = 7;

	assert_int_equal(parse_u64("0", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(parse_u64("0xfF", &v), 0);
	assert_int_equal(v, 255);
	assert_int_equal(parse_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", &v), -ERANGE);
	static const char *const bad[] = { "", " 1", "1 ", "-1", "+1", "0x", "1k", "a" };
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_int_equal(parse_u64(bad[i], &v), -EINVAL);
	assert_true(v == UINT64_MAX); /* untouched by failures */
}

static void
test_u32_bounds(void **state)
{
	uint32_t v = 0;

	assert_int_equal(parse_u32("4", 4, 9, &v), 0);
	assert_int_equal(parse_u32("9", 4, 9, &v), 0);
	assert_int_equal(parse_u32("10", 4, 9, &v), -ERANGE);
	assert_int_equal(parse_u32("3", 4, 9, &v), -ERANGE);
	assert_int_equal(v, 9);
}

static void
test_size(void **state)
{
	uint64_t v = 0;

	assert_int_equal(parse_size("4g", MIB, &v), 0);
	assert_true(v == 4 * GIB);
	assert_int_equal(parse_size("512", MIB, &v), 0);
	assert_true(v == 512 * MIB);
	assert_int_equal(parse_size("2T", MIB, &v), 0);
	assert_true(v == 2048 * GIB);
	assert_int_equal(parse_size("1x", MIB, &v), -EINVAL);
	assert_int_equal(parse_size("1kb", MIB, &v), -EINVAL);
	assert_int_equal(parse_size("k", MIB, &v), -EINVAL);
	assert_int_equal(parse_size("99999999999999t", MIB, &v), -ERANGE);
}

static void
test_bool(void **state)
{
	bool v = false;

	assert_int_equal(parse_bool("Yes", &v), 0);
	assert_true(v);
	assert_int_equal(parse_bool("off", &v), 0);
	assert_false(v);
	assert_int_equal(parse_bool("2", &v), -EINVAL);
	assert_int_equal(parse_bool("", &v), -EINVAL);
}

static void
test_uuid(void **state)
{
	uint8_t u[16];
	char text[UUID_TEXT_LEN + 1];

	assert_int_equal(parse_uuid("0123ABCD-4567-89ef-0123-456789abcdef", u), 0);
	format_uuid(u, text);
	assert_string_equal(text, "0123abcd-4567-89ef-0123-456789abcdef");
	assert_int_equal(parse_uuid("0123abcd-4567-89ef-0123-456789abcde", u), -EINVAL);
	assert_int_equal(parse_uuid("0123abcd-4567-89ef-0123-456789abcdef0", u), -EINVAL);
	assert_int_equal(parse_uuid("0123abcd+4567-89ef-0123-456789abcdef", u), -EINVAL);
	assert_int_equal(parse_uuid("", u), -EINVAL);
}

static void
test_mac(void **state)
{
	uint8_t m[6];
	char text[MAC_TEXT_LEN + 1];

	assert_int_equal(parse_mac("2:8:20:0A:b:ff", m), 0);
	format_mac(m, text);
	assert_string_equal(text, "02:08:20:0a:0b:ff");
	static const char *const bad[] = { "", "2:8:20:a:b", "2:8:20:a:b:c:d", "2:8:20:a:b:100",
		"2:8:20:a:b:", ":8:20:a:b:1", "2-8-20-a-b-1" };
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_int_equal(parse_mac(bad[i], m), -EINVAL);
}

static void
test_fd(void **state)
{
	int fd = -1;

	assert_int_equal(parse_fd("fd:12", &fd), 0);
	assert_int_equal(fd, 12);
	assert_int_equal(parse_fd("fd:", &fd), -EINVAL);
	assert_int_equal(parse_fd("fd:-1", &fd), -EINVAL);
	assert_int_equal(parse_fd("fd:99999999999", &fd), -EINVAL);
	assert_int_equal(parse_fd("/fd:1", &fd), -EINVAL);
}

static void
test_utc(void **state)
{
	char got[UTC_TEXT_LEN + 1], want[64];
	struct tm tm;

	(void)state;
	/* Every 11 hours and some from 1970 to 2420: leap years, centuries, an era's end. */
	for (time_t t = 0; t < 14200000000; t += 39983) {
		format_utc((uint64_t)t, 7, got);
		assert_non_null(gmtime_r(&t, &tm));
		(void)strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.007Z", &tm);
		assert_string_equal(got, want);
	}
	format_utc(UINT64_MAX, 4999, got);
	assert_int_equal(strlen(got), UTC_TEXT_LEN);
}

/* What is quoted in messages cannot steer a terminal. */
static void
test_clean(void **state)
{
	char text[] = "a\x1b[31m\x7f\xc2\x9b"
		      "b\r\n\t\xc3\xa9\xc2\xa0\xe2\x82\x9b";
	struct err e = { 0 };

	(void)state;
	text_clean(text);
	assert_string_equal(text, "a?[31m???b?\n\t\xc3\xa9\xc2\xa0\xe2\x82\x9b");
	assert_int_equal(err_set(&e, ENOENT, "'%s'", "x\x1b"), -ENOENT);
	assert_string_equal(e.text, "'x?': No such file or directory");
	(void)err_ctx(&e, "\x1b");
	assert_string_equal(e.text, "?: 'x?': No such file or directory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u32_bounds),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_utc),
		cmocka_unit_test(test_clean),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
