/* SPDX-License-Identifier: BSD-2-Clause */
/* The line that is drawn on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/checked.h"
#include "base/progress.h"

static void
line(void **state)
{
	char out[128], shortened[8];

	progress_line(out, sizeof(out), "copying", 0, 4 * GIB, 0);
	assert_string_equal(
	    out, "copying      [                              ]   0%  0 of 4096 MiB  0 MiB/s");
	progress_line(out, sizeof(out), "copying", 2 * GIB, 4 * GIB, 1000);
	assert_string_equal(out,
	    "copying      [===============               ]  50%  2048 of 4096 MiB  2048 MiB/s");
	progress_line(out, sizeof(out), "x", 5 * MIB, 4 * MIB, 1); /* past an estimate */
	assert_non_null(strstr(out, "[==============================] 100%  4 of 4 MiB"));
	progress_line(out, sizeof(out), "x", 0, 0, 1);
	assert_non_null(strstr(out, "100%  0 of 0 MiB"));
	progress_line(out, sizeof(out), "x", UINT64_MAX, UINT64_MAX, 1);
	assert_non_null(strstr(out, "100%"));
	progress_line(shortened, sizeof(shortened), "converting", 1, 2, 3);
	assert_string_equal(shortened, "convert");
}

/* Nobody asked for it: nothing is drawn, and nothing breaks. */
static void
silent(void **state)
{
	progress_at(1);
	progress_start("copying", 2);
	progress_at(2);
	progress_end();
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(line), cmocka_unit_test(silent) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
