/* SPDX-License-Identifier: BSD-2-Clause */
/* The layouts of zoneadm list, exactly. */
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

#include "cmd/zoneadm/zoneadm.h"

static const char *
shown(void (*layout)(FILE *, const struct list_entry *), const struct list_entry *le)
{
	static char text[512];
	FILE *f = fmemopen(text, sizeof(text), "w");

	if (le == NULL)
		list_header(f);
	else
		layout(f, le);
	(void)fclose(f);
	return (text);
}

static void
verbose(void **state)
{
	struct list_entry le = {
		.id = -1,
		.name = "web1",
		.state = "installed",
		.path = "/zones/web1",
		.uuid = "x",
		.brand = "bhyve",
		.exclusive_ip = true,
	};

	assert_string_equal(shown(NULL, NULL),
	    "  ID NAME             STATUS     PATH                           BRAND    IP    \n");
	assert_string_equal(shown(list_verbose, &le),
	    "   - web1             installed  /zones/web1                    bhyve    excl  \n");
	le.id = 12;
	le.name = "a-name-that-is-longer-than-its-column";
	le.state = NULL;
	le.exclusive_ip = false;
	assert_string_equal(shown(list_verbose, &le),
	    "  12 a-name-that-is-longer-than-its-column ???        /zones/web1                    "
	    "bhyve    shared\n");
}

static void
parsable(void **state)
{
	struct list_entry le = {
		.id = 3,
		.name = "web1",
		.state = "running",
		.path = "/zo:nes/web1",
		.uuid = "c8b7b6a4-9d3e-4a53-9f6c-3a1f0f2d4e11",
		.brand = "bhyve",
		.exclusive_ip = true,
		.did = 7,
	};

	assert_string_equal(shown(list_parsable, &le),
	    "3:web1:running:/zo\\:nes/web1:c8b7b6a4-9d3e-4a53-9f6c-3a1f0f2d4e11:bhyve:excl:7\n");
	le.id = -1;
	le.uuid = "";
	le.path = NULL;
	assert_string_equal(shown(list_parsable, &le), "-:web1:running:???::bhyve:excl:7\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbose),
		cmocka_unit_test(parsable),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
