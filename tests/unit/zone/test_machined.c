/* SPDX-License-Identifier: BSD-2-Clause */
/* What machined is asked for a zone. That it does it is in tests/host/slow/systemd.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "zone/machined.h"

static void
test_create(void **state)
{
	/* The machine's uuid as bytes in the order written, the leader, and what its scope outlives. */
	static const char *const want[] = { "/usr/bin/busctl", "--system", "--timeout=30", "--",
		"call", "org.freedesktop.machine1", "/org/freedesktop/machine1",
		"org.freedesktop.machine1.Manager", "CreateMachine", "sayssusa(sv)",
		"web-1.example", "16", "0", "17", "34", "51", "68", "85", "102", "119", "136",
		"153", "170", "187", "204", "221", "238", "255", "zhyve", "vm", "4194304", "", "1",
		"Before", "as", "1", "zones.service", NULL };
	struct machined_call c;

	assert_int_equal(machined_create(&c, "web-1.example",
			     "00112233-4455-6677-8899-AABBCCDDEEFF", 4194304, NULL),
	    0);
	for (size_t i = 0; want[i] != NULL; i++) {
		assert_non_null(c.argv[i]);
		assert_string_equal(c.argv[i], want[i]);
	}
	assert_null(c.argv[sizeof(want) / sizeof(want[0]) - 1]);
}

static void
test_no_uuid(void **state)
{
	struct machined_call c;
	struct err e = { 0 };

	/* A zone that was never given one. */
	assert_int_equal(machined_create(&c, "web", "", 2, &e), -EINVAL);
	assert_string_equal(e.text, "'' is no uuid");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_no_uuid),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
