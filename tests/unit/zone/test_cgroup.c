/* SPDX-License-Identifier: BSD-2-Clause */
/* The zone's limits as a cgroup's files. */
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

#include "base/checked.h"
#include "zone/cgroup.h"

static const char *
value_of(const struct cgroup_limits *lim, const char *file)
{
	static struct cgroup_setting set[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_settings(lim, set);

	assert_true(n <= CGROUP_SETTINGS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(set[i].file, file) == 0)
			return (set[i].value);
	}
	return ("none");
}

static void
no_limits(void **state)
{
	struct cgroup_limits lim = { 0 };
	struct cgroup_setting set[CGROUP_SETTINGS_MAX];

	assert_int_equal(cgroup_settings(&lim, set), 0);
}

static void
all_limits(void **state)
{
	struct cgroup_limits lim = {
		.cpu_cap = 150,
		.cpu_shares = 100,
		.memory = 2304 * MIB,
		.swap = 3 * GIB,
		.lwps = 2000,
	};

	assert_string_equal(value_of(&lim, "cpu.max"), "150000 100000"); /* one and a half CPUs */
	assert_string_equal(value_of(&lim, "cpu.weight"), "100");
	assert_string_equal(value_of(&lim, "memory.max"), "2415919104");
	assert_string_equal(value_of(&lim, "memory.swap.max"),
	    "805306368"); /* illumos counts both, Linux the difference */
	assert_string_equal(value_of(&lim, "memory.oom.group"), "1");
	assert_string_equal(value_of(&lim, "pids.max"), "2000");
}

static void
edges(void **state)
{
	struct cgroup_limits lim = { .cpu_shares = 65535, .memory = GIB, .swap = GIB };

	assert_string_equal(value_of(&lim, "cpu.weight"), "10000"); /* as high as Linux goes */
	assert_string_equal(value_of(&lim, "memory.swap.max"), "0");
	lim.swap = GIB / 2;
	assert_string_equal(value_of(&lim, "memory.swap.max"), "0");
	assert_string_equal(value_of(&lim, "cpu.max"), "none");
}

static void
from_configuration(void **state)
{
	struct zconf *c = zconf_new("z1");
	struct cgroup_limits lim;
	struct err e = { 0 };

	assert_non_null(c);
	assert_int_equal(zconf_rctl_set(c, "zone.cpu-cap", "privileged", 200, "deny"), 0);
	assert_int_equal(
	    zconf_rctl_set(c, "zone.max-physical-memory", "privileged", GIB, "deny"), 0);
	assert_int_equal(cgroup_limits_get(c, GIB, &lim, &e), 0);
	assert_int_equal(lim.cpu_cap, 200);
	assert_int_equal(lim.memory, GIB);
	assert_int_equal(lim.lwps, 0);
	assert_int_equal(cgroup_limits_get(c, GIB + 1, &lim, &e), -EINVAL);
	assert_non_null(strstr(e.text, "less than the guest's memory"));
	zconf_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limits),
		cmocka_unit_test(all_limits),
		cmocka_unit_test(edges),
		cmocka_unit_test(from_configuration),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
