/* SPDX-License-Identifier: BSD-2-Clause */
/* zlogin's escape sequence, byte by byte and in any split. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd/zlogin/escape.h"

/* Feed it in pieces of `piece` bytes. What would be sent; "END:" in front when the session ends. */
static const char *
fed(int escape, const char *in, size_t piece)
{
	static char text[256];
	char out[64], last;
	struct escape es;
	size_t n, len = 4;

	escape_init(&es, escape);
	es.eof = 4;
	es.breaks[es.nbreaks++] = 3;
	memset(text, 0, sizeof(text));
	for (size_t i = 0; i < strlen(in); i += piece) {
		size_t k = strlen(in + i) < piece ? strlen(in + i) : piece;
		bool end = escape_feed(&es, in + i, k, out, &n, &last);
		memcpy(text + len, out, n);
		len += n;
		if (end) {
			memcpy(text, "END:", 4);
			return (text);
		}
	}
	return (text + 4);
}

static void
sequences(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "~.", "END:" },
		{ "ls\r~.", "END:ls\r" },
		{ "ls\n~.", "END:ls\n" },
		{ "\r~\004", "END:\r" },
		{ "a~.", "a~." },      /* not at the beginning of a line */
		{ "~~.", "~." },       /* twice sends one */
		{ "~x", "x" },         /* the escape itself is lost */
		{ "~\r~.", "END:\r" }, /* what follows it may end a line */
		{ "\003~.", "END:\003" },
		{ "~", "" },
		{ "plain text ~ here\r", "plain text ~ here\r" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t piece = 1; piece <= 32; piece++)
			assert_string_equal(fed('~', cases[i].in, piece), cases[i].out);
	}
	assert_string_equal(fed(035, "a\r\035.", 1), "END:a\r");
	assert_string_equal(fed(035, "~.", 1), "~.");
	assert_string_equal(fed(-1, "~.\r~.", 1), "~.\r~.");
}

static void
arguments(void **state)
{
	assert_int_equal(escape_parse("~"), '~');
	assert_int_equal(escape_parse("\\"), '\\');
	assert_int_equal(escape_parse("\\035"), 035);
	assert_int_equal(escape_parse("\\377"), 0377);
	assert_int_equal(escape_parse(""), -1);
	assert_int_equal(escape_parse("ab"), -1);
	assert_int_equal(escape_parse("\\35"), -1);
	assert_int_equal(escape_parse("\\0355"), -1);
	assert_int_equal(escape_parse("\\777"), -1);
	assert_int_equal(escape_parse("\\08x"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences),
		cmocka_unit_test(arguments),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
