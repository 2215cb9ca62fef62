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

#include "fake_cgroup.h"

static const struct cgroup_setting *
setting(const struct cgroup_limits *lim, const char *file)
{
	static struct cgroup_setting set[CGROUP_SETTINGS_MAX];
	size_t n = cgroup_settings(lim, set);

	assert_true(n <= CGROUP_SETTINGS_MAX);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(set[i].file, file) == 0)
			return (&set[i]);
	}
	fail_msg("no setting for %s", file);
	return (NULL);
}

static const char *
value_of(const struct cgroup_limits *lim, const char *file)
{
	return (setting(lim, file)->value);
}

/* A limit that was there before must go: the kernel's defaults are written, where they can be. */
static void
no_limits(void **state)
{
	static const struct {
		const char *file, *value;
	} defaults[] = {
		{ "cpu.max", "max" },
		{ "cpu.weight", "100" },
		{ "memory.max", "max" },
		{ "memory.swap.max", "max" },
		{ "memory.oom.group", "1" },
		{ "pids.max", "max" },
		{ "io.weight", "100" },
	};
	struct cgroup_limits lim = { 0 };
	struct cgroup_setting set[CGROUP_SETTINGS_MAX];

	assert_int_equal(cgroup_settings(&lim, set), NITEMS(defaults));
	for (size_t i = 0; i < NITEMS(defaults); i++) {
		assert_string_equal(value_of(&lim, defaults[i].file), defaults[i].value);
		assert_true(setting(&lim, defaults[i].file)->optional);
	}
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
		.io_priority = 300,
	};

	assert_string_equal(value_of(&lim, "cpu.max"), "150000 100000"); /* one and a half CPUs */
	assert_string_equal(value_of(&lim, "cpu.weight"), "100");
	assert_string_equal(value_of(&lim, "memory.max"), "2415919104");
	assert_string_equal(value_of(&lim, "memory.swap.max"),
	    "805306368"); /* illumos counts both, Linux the difference */
	assert_string_equal(value_of(&lim, "memory.oom.group"), "1");
	assert_string_equal(value_of(&lim, "pids.max"), "2000");
	assert_string_equal(value_of(&lim, "io.weight"), "300");
	/* Not to be had is an error for a limit; a share may be missed. */
	assert_false(setting(&lim, "cpu.max")->optional);
	assert_false(setting(&lim, "cpu.weight")->optional);
	assert_false(setting(&lim, "memory.max")->optional);
	assert_false(setting(&lim, "memory.swap.max")->optional);
	assert_false(setting(&lim, "pids.max")->optional);
	assert_true(setting(&lim, "io.weight")->optional);
}

static void
edges(void **state)
{
	struct cgroup_limits lim = {
		.cpu_shares = 65535, .memory = GIB, .swap = GIB, .io_priority = 1024
	};

	assert_string_equal(value_of(&lim, "cpu.weight"), "10000"); /* as high as Linux goes */
	assert_string_equal(value_of(&lim, "io.weight"), "1000");
	assert_string_equal(value_of(&lim, "memory.swap.max"), "0");
	lim.swap = GIB / 2;
	assert_string_equal(value_of(&lim, "memory.swap.max"), "0");
	/* Without a cap of memory there is no difference to it. */
	lim.memory = 0;
	assert_string_equal(value_of(&lim, "memory.swap.max"), "max");
}

/* ---- a folder in the place of a cgroup ---- */

static const char *
get_file(const char *name)
{
	static char text[128];
	char path[96];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "r")) == NULL)
		return (NULL);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	(void)fclose(f);
	return (text);
}

static void
set_live(void **state)
{
	struct cgroup_limits lim = { .cpu_cap = 50, .lwps = 70, .io_priority = 10 };
	struct err e = { 0 };

	(void)put("cgroup.controllers", "cpuset cpu memory\n");
	for (const char *const *f = (const char *const[]){ "cpu.max", "cpu.weight", "memory.max",
		 "memory.oom.group", NULL };
	     *f != NULL; f++)
		(void)put(*f, "");
	/* "pids" is missing, and asked for; swap has no file here. */
	assert_int_equal(cgroup_limits_set(dir, &lim, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "no pids controller"));
	assert_string_equal(get_file("cpu.max"), "50000 100000");
	lim.lwps = 0;
	assert_int_equal(cgroup_limits_set(dir, &lim, &e), 0);
	assert_string_equal(get_file("memory.max"), "max");
	assert_string_equal(get_file("memory.oom.group"), "1");
	assert_null(get_file("io.weight"));
	/* The controller is there, but it knows only BFQ's weights. */
	(void)put("cgroup.controllers", "cpu io memory");
	(void)put("io.bfq.weight", "");
	assert_int_equal(cgroup_limits_set(dir, &lim, &e), 0);
	assert_string_equal(get_file("io.bfq.weight"), "10");
	/* What the guest has written to cannot be taken from it; what is cached could. */
	(void)put(
	    "memory.stat", "anon 1048576\nfile 999999999\nkernel_stack 4096\nshmem 2097152\n");
	lim.memory = 3 * MIB;
	assert_int_equal(cgroup_limits_set(dir, &lim, &e), -EBUSY);
	assert_non_null(strstr(e.text, "3149824"));
	assert_string_equal(get_file("memory.max"), "max");
	lim.memory = 4 * MIB;
	assert_int_equal(cgroup_limits_set(dir, &lim, &e), 0);
	assert_string_equal(get_file("memory.max"), "4194304");
}

static void
numbers(void **state)
{
	struct cgroup_hits h;
	uint64_t v;

	(void)put("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 1\n");
	cgroup_hits(dir, &h);
	assert_int_equal(h.oom, 2);
	assert_int_equal(h.oom_kill, 3);
	assert_int_equal(h.lwps, 0);
	(void)put("pids.events", "max 4\n");
	cgroup_hits(dir, &h);
	assert_int_equal(h.lwps, 4);
	(void)put("memory.current", "123\n");
	assert_int_equal(cgroup_read_number(dir, "memory.current", &v), 0);
	assert_int_equal(v, 123);
	(void)put("memory.current", "max\n");
	assert_int_equal(cgroup_read_number(dir, "memory.current", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(cgroup_read_number(dir, "nothing", &v), -ENOENT);
	assert_int_equal(cgroup_read_key(dir, "memory.events", "oom_group", &v), -ENODATA);
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
		cmocka_unit_test(set_live),
		cmocka_unit_test(numbers),
		cmocka_unit_test(from_configuration),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
