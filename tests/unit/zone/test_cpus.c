/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of processors, the topology as /sys has it, and which of them a zone gets alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/cpus.h"

static struct cpus
set_of(const char *list)
{
	struct cpus s;

	assert_int_equal(cpus_parse(list, &s), 0);
	return (s);
}

static const char *
text_of(const struct cpus *s)
{
	static char text[CPUS_TEXT_MAX];

	cpus_format(s, text);
	return (text);
}

static void
lists(void **state)
{
	static const char *const good[] = { "", "0", "0-3", "0,2", "1-2,64-127,1023" };
	static const char *const bad[] = { ",", "0,", "-1", "3-2", "1024", "0-1024", "0-", "a",
		"0 1", "0--1", "1-2-3", "99999999999999999999" };
	struct cpus s;
	char longest[CPUS_TEXT_MAX];

	for (size_t i = 0; i < NITEMS(good); i++) {
		s = set_of(good[i]);
		assert_string_equal(text_of(&s), good[i]);
	}
	for (size_t i = 0; i < NITEMS(bad); i++)
		assert_int_equal(cpus_parse(bad[i], &s), -EINVAL);
	s = set_of("0-3,5\n");
	assert_int_equal(cpus_count(&s), 5);
	assert_true(cpus_has(&s, 5) && !cpus_has(&s, 4));
	s = (struct cpus){ 0 };
	for (unsigned i = 1; i < CPUS_MAX; i += 2)
		cpus_add(&s, i);
	cpus_format(&s, longest);
	assert_int_equal(cpus_parse(longest, &s), 0);
	assert_int_equal(cpus_count(&s), CPUS_MAX / 2);
}

/*
 * Two nodes of four cores with two threads each; threads as Intel and AMD number them: 0 and 8, 1 and
 * 9, ... Node 0 has 0-3,8-11.
 */
static void
two_nodes(struct cpu_topology *t)
{
	*t = (struct cpu_topology){ .online = set_of("0-15") };
	for (unsigned i = 0; i < 16; i++) {
		t->core[i] = (uint16_t)(i % 8);
		t->node[i] = i % 8 / 4;
	}
}

static void
choosing(void **state)
{
	static const struct {
		const char *avail;
		unsigned n;
		const char *want; /* NULL: there is no room */
	} rows[] = {
		{ "0-15", 2, "0,8" },       /* a core */
		{ "0-15", 4, "0-1,8-9" },   /* two, of one node */
		{ "0-15", 1, "0" },         /* a thread, the other of which nobody has */
		{ "0-15", 3, "0-1,8" },     /* a core and such a thread */
		{ "0-15", 8, "0-3,8-11" },  /* a node */
		{ "0-15", 10, "0-4,8-12" }, /* more than a node has */
		{ "0-15", 16, "0-15" },     /* all */
		{ "0-15", 17, NULL },       /* too many */
		{ "2-3,10-11,4-7,12-15", 4,
		    "2-3,10-11" },                    /* the node that is nearly full suffices */
		{ "3,11,4-7,12-15", 4, "4-5,12-13" }, /* here it does not */
		{ "1-7,9-15", 2, "1,9" },             /* node 0 has less room, and enough */
		{ "1-7,8-15", 1, "1" },               /* 8's core is half another's */
		{ "8,5,13", 2, "5,13" },              /* node 0 does not suffice */
		{ "8,9,10", 2, "8-9" },               /* only such are left */
		{ "", 1, NULL },
	};
	static struct cpu_topology t;
	struct cpus avail, got;

	two_nodes(&t);
	for (size_t i = 0; i < NITEMS(rows); i++) {
		avail = set_of(rows[i].avail);
		if (rows[i].want == NULL) {
			assert_int_equal(cpus_choose(&t, &avail, rows[i].n, &got), -ENOSPC);
			continue;
		}
		assert_int_equal(cpus_choose(&t, &avail, rows[i].n, &got), 0);
		assert_string_equal(text_of(&got), rows[i].want);
	}
}

/* Whatever is free, the choice is of it, and of the right size. */
static void
always_of_what_there_is(void **state)
{
	static struct cpu_topology t;
	uint32_t seed = 20261122;

	two_nodes(&t);
	for (int round = 0; round < 2000; round++) {
		struct cpus avail = { 0 }, got;
		unsigned n;

		seed = seed * 1664525 + 1013904223;
		avail.bit[0] = seed >> 16;
		n = seed >> 8 & 15;
		if (cpus_choose(&t, &avail, n, &got) != 0) {
			assert_true(cpus_count(&avail) < n);
			continue;
		}
		assert_int_equal(cpus_count(&got), n);
		cpus_without(&got, &avail);
		assert_int_equal(cpus_count(&got), 0);
	}
}

static char root[] = "/tmp/zhyve-cpus.XXXXXX";

static void
put(const char *name, const char *text)
{
	char path[256], folder[256];

	(void)snprintf(path, sizeof(path), "%s/sys/devices/system/%s", root, name);
	(void)snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(dir_make(folder, 0755, NULL), 0);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
}

static void
topology(void **state)
{
	static struct cpu_topology t;
	char command[64];
	struct err e = { 0 };

	assert_non_null(mkdtemp(root));
	assert_true(cpus_topology(root, &t, &e) < 0);
	assert_non_null(strstr(e.text, "cpu/online"));
	put("cpu/online", "0-2,4\n"); /* 3 is off */
	put("cpu/cpu0/topology/thread_siblings_list", "0,2\n");
	put("cpu/cpu2/topology/thread_siblings_list", "0,2\n");
	put("cpu/cpu1/topology/thread_siblings_list", "1\n");
	put("node/node0/cpulist", "0-2\n");
	put("node/node1/cpulist", "3-4\n");
	assert_int_equal(cpus_topology(root, &t, &e), 0);
	assert_int_equal(cpus_count(&t.online), 4);
	assert_int_equal(t.core[2], 0);
	assert_int_equal(t.core[1], 1);
	assert_int_equal(t.core[4], 4); /* the kernel says nothing of it */
	assert_int_equal(t.node[2], 0);
	assert_int_equal(t.node[4], 1);
	(void)snprintf(command, sizeof(command), "rm -r %s", root);
	assert_int_equal(system(command), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(choosing),
		cmocka_unit_test(always_of_what_there_is),
		cmocka_unit_test(topology),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
