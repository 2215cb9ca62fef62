/* SPDX-License-Identifier: BSD-2-Clause */
/* Symbols to keys, and layout files good and bad. */
#include "devices/keymap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct keymap map;

static int
setup(void **state)
{
	(void)state;
	keymap_us(&map);
	return (0);
}

static int
parse(const char *text)
{
	struct err e = { 0 };
	int rc = keymap_parse(&map, text, strlen(text), &e);

	assert_int_equal(rc != 0, e.text[0] != '\0');
	return (rc);
}

static void
test_us(void **state)
{
	(void)state;
	assert_int_equal(keymap_key(&map, 'a'), 30);
	assert_int_equal(keymap_key(&map, 'A'), 30);
	assert_int_equal(keymap_key(&map, '@'), 3);
	assert_int_equal(keymap_key(&map, '`'), 41);
	assert_int_equal(keymap_key(&map, '\\'), 43);
	assert_int_equal(keymap_key(&map, '/'), 53);
	assert_int_equal(keymap_key(&map, ' '), 57);
	assert_int_equal(keymap_key(&map, 0x01000061), 30);
	assert_int_equal(keymap_key(&map, 0xff0d), 28);
	assert_int_equal(keymap_key(&map, 0xffbe), 59);  /* F1 */
	assert_int_equal(keymap_key(&map, 0xffc7), 68);  /* F10 */
	assert_int_equal(keymap_key(&map, 0xffc9), 88);  /* F12 */
	assert_int_equal(keymap_key(&map, 0xff9f), 83);  /* keypad Delete */
	assert_int_equal(keymap_key(&map, 0xffff), 111); /* Delete */
	for (uint32_t c = ' '; c < 0x7f; c++)
		assert_int_not_equal(keymap_key(&map, c), 0);
	assert_int_equal(keymap_key(&map, 0), 0);
	assert_int_equal(keymap_key(&map, 0xe4), 0);
	assert_int_equal(keymap_key(&map, 0x10000), 0);
	assert_int_equal(keymap_key(&map, UINT32_MAX), 0);
}

static void
test_layout_file(void **state)
{
	(void)state;
	assert_int_equal(parse("# a comment\n"
			       "'y',0x1a;\ty and its neighbour\r\n"
			       "\n"
			       "  'z',53;\n"
			       "''',0x5d;\n"
			       "0xe4,0x52;\n"
			       "0xfe03,0x11,0xe0;\n"
			       "0x20ac,0x24;\n"
			       "'#',0x5d;"),
	    0);
	assert_int_equal(keymap_key(&map, 'y'), 44);
	assert_int_equal(keymap_key(&map, 'z'), 21);
	assert_int_equal(keymap_key(&map, '\''), 43);
	assert_int_equal(keymap_key(&map, 0xe4), 40);
	assert_int_equal(keymap_key(&map, 0xfe03), 100);
	assert_int_equal(keymap_key(&map, 0x20ac), 18);
	assert_int_equal(keymap_key(&map, '#'), 43);
	assert_int_equal(keymap_key(&map, 'a'), 30);
	assert_int_equal(parse("0x20ac,0x1c;"), 0); /* the last word counts */
	assert_int_equal(keymap_key(&map, 0x20ac), 30);
	assert_int_equal(parse(""), 0);
}

static void
test_bad_files(void **state)
{
	static const char *const bad[] = { "a", "'a'", "'a',", "'a',0x;", "'a',0x1c", "'a',0x100;",
		"'a',0x00;", "'a',0x1c,0xe1;", "'a',0x1c,;", "0x,0x1c;", "0x1ffffffff,0x1c;",
		"11111111111111111111,0x1c;", "'a' ,0x1c;", "'a',-1;", "''',", "'a',0x1c\n;" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse(bad[i]), -EINVAL);
}

static void
test_too_much(void **state)
{
	static char text[KEYMAP_FILE_MAX + 1];
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i <= KEYMAP_EXTRA; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u,0x1c;\n", 256 + i);
	assert_int_equal(parse(text), -ENOSPC);
	memset(text, '\n', sizeof(text));
	assert_int_equal(keymap_parse(&map, text, sizeof(text), NULL), -EINVAL);
	assert_int_equal(keymap_parse(&map, text, sizeof(text) - 1, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_us, setup),
		cmocka_unit_test_setup(test_layout_file, setup),
		cmocka_unit_test_setup(test_bad_files, setup),
		cmocka_unit_test_setup(test_too_much, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
