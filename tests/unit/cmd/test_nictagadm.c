/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nictagadm as a user has it: arguments, output, messages, exit codes; in a network namespace and
 * below a root of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <net/if.h>

#include "../zone/sandbox.h"
#include "tool.h"
#include "zone/zconf.h"

static bool have_netns;

static int
group_setup(void **state)
{
	have_netns = sandbox_netns();
	if (!have_netns)
		print_message("no network namespace of our own here: only arguments are tested\n");
	return (sandbox_make(state));
}

static void
arguments(void **state)
{
	assert_int_equal(RUN(), 2);
	assert_non_null(strstr(tool_err, "usage: nictagadm"));
	assert_int_equal(RUN("-x"), 2);
	assert_int_equal(RUN("frobnicate"), 2);
	assert_string_equal(tool_out, "unknown subcommand: frobnicate\n");
	assert_int_equal(RUN("-h"), 0);
	assert_int_equal(RUN("help"), 0);
	assert_int_equal(RUN("add"), 2);
	assert_int_equal(RUN("add", "-l", "-p", "colour=red", "stub0"), 2);
	assert_int_equal(RUN("list", "-l", "-L"), 2);
	assert_int_equal(RUN("list", "-d", "|"), 2);
	assert_int_equal(RUN("delete"), 2);
}

static void
refusals(void **state)
{
	static const struct {
		const char *a, *b, *c, *d, *says;
	} bad[] = {
		{ "ext", NULL, NULL, NULL,
		    "Error: create non-local tag, but no mac address specified\n" },
		{ "-l", "stub0", "0:1:2:3:4:5", NULL,
		    "Error: create local tag, but mac address specified\n" },
		{ "-p", "mac=0:1:2:3:4:5", "ext", "0:1:2:3:4:5",
		    "Error: mac address specified twice\n" },
		{ "-l", "-p", "mtu=9000", "stub0",
		    "Error: Cannot specify MTU for local nic tag\n" },
		{ "-p", "mtu=big", "ext", "eth9", "Error: invalid mtu: big\n" },
		{ "-p", "mtu=1400", "ext", "eth9", "Error: mtu must be between 1500-9000\n" },
		{ "ext", "0:1:2:3:4", NULL, NULL, "Error: MAC address '0:1:2:3:4' is invalid\n" },
		{ "e-x", "eth9", NULL, NULL, NULL },
		{ "-l", "stub", NULL, NULL, NULL },
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(RUN("add", bad[i].a, bad[i].b, bad[i].c, bad[i].d), 1);
		if (bad[i].says != NULL)
			assert_string_equal(tool_err, bad[i].says);
		else
			assert_non_null(strstr(tool_err, "Error: nic tag name is invalid"));
		assert_string_equal(tool_out, "");
	}
	assert_int_equal(RUN("delete", "nosuch"), 1);
	assert_string_equal(tool_err, "Error: nic tag 'nosuch' does not exist\n");
	assert_int_equal(RUN("exists", "nosuch", "other"), 1);
	assert_string_equal(tool_err, "invalid tag: nosuch\ninvalid tag: other\n");
	assert_int_equal(RUN("exists", "-l", "nosuch"), 1);
	assert_string_equal(tool_err, "nosuch\n");
	assert_int_equal(RUN("list"), 0);
	assert_string_equal(tool_out, "NAME           MACADDRESS         LINK           TYPE\n");
}

static void
life(void **state)
{
	if (!have_netns)
		skip();
	assert_int_equal(RUN("add", "ext", "nosuch0"), 1);
	assert_string_equal(tool_err, "Error: interface 'nosuch0' does not exist\n");
	assert_int_equal(RUN("add", "ext", "2:0:0:0:0:1"), 1);
	assert_string_equal(
	    tool_err, "Error: No physical nic found with MAC address '02:00:00:00:00:01'\n");

	assert_int_equal(RUN("add", "-l", "-p", "ip=10.88.0.1/24", "stub0"), 0);
	assert_string_equal(tool_err, "");
	assert_true(if_nametoindex("zbr-stub0") != 0);
	assert_int_equal(RUN("add", "-l", "stub0"), 1);
	assert_string_equal(tool_err, "Error: nic tag 'stub0' already exists\n");
	assert_int_equal(RUN("exists", "stub0"), 0);
	assert_int_equal(RUN("list"), 0);
	assert_non_null(
	    strstr(tool_out, "stub0          -                  -              etherstub\n"));
	assert_int_equal(RUN("list", "-p"), 0);
	assert_string_equal(tool_out, "stub0:-:-:etherstub\n");
	assert_int_equal(RUN("list", "-p", "-d", "|"), 0);
	assert_string_equal(tool_out, "stub0|-|-|etherstub\n");
	assert_int_equal(RUN("list", "-L", "-p"), 0);
	assert_string_equal(tool_out, "");
	assert_int_equal(RUN("vms", "stub0"), 0);
	assert_string_equal(tool_out, "");
	assert_int_equal(RUN("update", "stub0"), 1);
	assert_string_equal(tool_err, "Error: nothing to update\n");
	assert_int_equal(RUN("update", "-p", "mtu=9000", "stub0"), 1);
	assert_string_equal(tool_err, "Error: cannot update local nic tag 'stub0'\n");
	assert_int_equal(RUN("update", "-p", "mtu=9000", "nosuch"), 1);
	assert_string_equal(tool_err, "Error: nic tag 'nosuch' does not exist\n");
	assert_int_equal(RUN("delete", "stub0"), 0);
	assert_int_equal(if_nametoindex("zbr-stub0"), 0);
}

static void
in_use(void **state)
{
	struct zconf *c = zconf_new("z1");
	char want[UUID_TEXT_LEN + 2];
	struct znet *net;
	struct err e;

	if (!have_netns) {
		zconf_free(c);
		skip();
	}
	assert_non_null(c);
	assert_int_equal(RUN("add", "-l", "stub0"), 0);
	c->brand = strdup("bhyve");
	c->zonepath = strdup("/zones/z1");
	net = zconf_net_add(c);
	assert_non_null(net);
	net->physical = strdup("net0");
	net->global_nic = strdup("stub0");
	assert_int_equal(zconf_store(c, &e), 0);
	assert_int_equal(RUN("vms", "stub0"), 0);
	(void)snprintf(want, sizeof(want), "%s\n", c->uuid);
	assert_string_equal(tool_out, want);
	zconf_free(c);
	assert_int_equal(RUN("delete", "stub0"), 1);
	assert_string_equal(tool_err, "Error: nic tag 'stub0' is in use\n");
	assert_int_equal(RUN("delete", "-f", "stub0"), 0);
	assert_int_equal(zconf_delete("z1", &e), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments),
		cmocka_unit_test(refusals),
		cmocka_unit_test(life),
		cmocka_unit_test(in_use),
	};

	return (cmocka_run_group_tests(tests, group_setup, sandbox_remove));
}
