/* SPDX-License-Identifier: BSD-2-Clause */
/* The volume driver `zfs` without zfs: names, and what zfs list may report. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "sandbox.h"
#include "zone/pool.h"
#include "zone/volume.h"
#include "zone/volume_zfs.h"

static struct err e;

static void
snapshots_are_escaped(void **state)
{
	const struct zfs_name disk = { "zones/a/disk0" };
	struct zfs_name name;

	(void)state;
	assert_true(zfs_name_snapshot(&name, &disk, "vmsnap-a:b%c_d.e-f G"));
	assert_string_equal(name.text, "zones/a/disk0@vmsnap-a:3ab:25c_d.e-f:20G");
	assert_false(zfs_is_hidden(name.text));
	/* The driver's own are nobody's. */
	assert_true(zfs_name_hidden(&name, &disk) && zfs_is_hidden(name.text));
	assert_true(zfs_name_snapshot(&name, &disk, ":x1"));
	assert_false(zfs_is_hidden(name.text));
}

static void
names_are_bounded(void **state)
{
	const struct zfs_name disk = { "zones/a/disk0" };
	struct zfs_name name;
	char text[ZFS_NAME_MAX];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[241] = '\0'; /* zones/a/disk0@x...x: 255 */
	assert_true(zfs_name_snapshot(&name, &disk, text));
	assert_int_equal(strlen(name.text), ZFS_NAME_MAX - 1);
	text[240] = ':';
	assert_false(zfs_name_snapshot(&name, &disk, text));
	text[240] = text[241] = 'x';
	text[242] = '\0';
	assert_false(zfs_name_snapshot(&name, &disk, text));
}

static void
parts_are_told_apart(void **state)
{
	const struct zfs_name disk = { "zones/a/disk1" };

	(void)state;
	assert_true(zfs_is_part("zones/a/disk1@s", &disk));
	assert_true(zfs_is_part("zones/a/disk1:was2", &disk));
	assert_true(zfs_is_part("zones/a/disk1:was2@s", &disk));
	assert_true(zfs_is_part("zones/a/disk1", &disk));
	assert_false(zfs_is_part("zones/a/disk17@s", &disk));
	assert_false(zfs_is_part("zones/a/disk", &disk));
	assert_string_equal(zfs_dataset_of("zones/a/disk1:was2@s").text, "zones/a/disk1:was2");
	assert_string_equal(zfs_dataset_of("zones/a/disk1").text, "zones/a/disk1");
}

/* What zfs 2.1.11 has said; but for the last line, of a snapshot with two clones. */
static const char recorded[] =
    "zones\t-\t561152\t469200896\t1\t-\n"
    "zones/a\t-\t155648\t469200896\t7\t-\n"
    "zones/a/disk0\t8388608\t57344\t469200896\t8\t-\n"
    "zones/a/disk0@one\t8388608\t0\t-\t10\tzones/a/disk1\n"
    "zones/a/disk0@two\t8388608\t0\t-\t11\t-\n"
    "zones/a/disk1\t8388608\t0\t469200896\t12\t-\n"
    "zones/a/disk1@:x1\t8388608\t0\t-\t13\tzones/a/disk2,zones/b/disk0\n";

static void
reports_are_read(void **state)
{
	struct zfs_row *list = NULL;
	size_t n;

	(void)state;
	assert_int_equal(zfs_parse(recorded, &list, &n, &e), 0);
	assert_int_equal(n, 7);
	assert_string_equal(list[1].name.text, "zones/a");
	assert_int_equal(list[1].size, 0);
	assert_int_equal(list[1].used, 155648);
	assert_int_equal(list[1].available, 469200896);
	assert_string_equal(list[1].clone.text, "");
	assert_string_equal(list[2].name.text, "zones/a/disk0");
	assert_int_equal(list[2].size, 8 * MIB);
	assert_string_equal(list[3].clone.text, "zones/a/disk1");
	assert_int_equal(list[3].txg, 10);
	assert_int_equal(list[3].available, 0);
	assert_string_equal(list[4].clone.text, "");
	assert_string_equal(list[6].clone.text, "zones/a/disk2");
	free(list);
	assert_int_equal(zfs_parse("", &list, &n, &e), 0);
	assert_int_equal(n, 0);
	free(list);
}

static void
odd_reports_are_refused(void **state)
{
	static const char *const odd[] = {
		"no datasets available\n",
		"zones\t-\t1\t2\t3\n",                       /* a field missing */
		"zones\t-\t1\t2\t3\t-\t-\n",                 /* one more */
		"zones\t-\t1\t2\t3\t-",                      /* cut off */
		"zones\t-\t1\t2\t3\t-\nzones/a",             /* cut off later */
		"\t-\t1\t2\t3\t-\n",                         /* no name */
		"zones\t8M\t1\t2\t3\t-\n",                   /* without -p */
		"zones\t-1\t1\t2\t3\t-\n",                   /* no number */
		"zones\t0x10\t1\t2\t3\t-\n",                 /* not as zfs writes them */
		"zones\t\t1\t2\t3\t-\n",                     /* empty */
		"zones\t-\t99999999999999999999\t2\t3\t-\n", /* too large */
		"zones\t-\t1\t2\t3\t-\n\nzones/a\t-\t1\t2\t3\t-\n",
	};
	struct zfs_row *list;
	size_t n;

	(void)state;
	for (size_t i = 0; i < NITEMS(odd); i++) {
		list = NULL;
		assert_int_equal(zfs_parse(odd[i], &list, &n, &e), -EPROTO);
		assert_null(list);
	}
}

static void
paths_are_those_of_the_pool(void **state)
{
	static const char *const no_volumes[] = { "/dev/zvol/tank/vm/z", "/dev/zvol/tank/vm/disk0",
		"/dev/zvol/tank/vm/z/disk0:was1", "/dev/zvol/tank/vm/z/disk0@s",
		"/dev/zvol/tank/vm/z/x/disk0", "/dev/zvol/tank/vm/../vm/z/disk0",
		"/dev/zvol/tank/other/z/disk0", "/dev/zvol/tank/vm/images/disk", "/dev/zd0" };
	const struct pool_conf zfs = { .driver = "zfs", .group = "tank/vm" };
	struct pool_conf c;
	char path[PATH_MAX];
	unsigned n;

	(void)state;
	assert_int_equal(pool_conf_store(&zfs, &e), 0);
	assert_int_equal(pool_conf_load(&c, &e), 0);
	assert_string_equal(c.group, "tank/vm");
	assert_int_equal(volume_path(path, "My_zone.disk1", 3, &e), 0);
	assert_string_equal(path, "/dev/zvol/tank/vm/My_zone.disk1/disk3");
	assert_true(volume_number(path, &n) && n == 3);
	assert_true(volume_is_of(path, "My_zone.disk1"));
	assert_false(volume_is_of(path, "My_zone"));
	assert_int_equal(volume_path(path, "..", 0, &e), -EINVAL);
	assert_int_equal(volume_path(path, "a/b", 0, &e), -EINVAL);
	for (size_t i = 0; i < NITEMS(no_volumes); i++)
		assert_int_equal(volume_destroy(no_volumes[i], &e), -EINVAL);
}

static void
damaged_pools_are_refused(void **state)
{
	static const char *const odd[] = { "", "-x", "tank//vm", "tank/", "/tank", "tank/../x",
		"tank@s", "tank/a b" };
	struct pool_conf c = { .driver = "zfs" };

	(void)state;
	for (size_t i = 0; i < NITEMS(odd); i++) {
		(void)snprintf(c.group, sizeof(c.group), "%s", odd[i]);
		assert_int_equal(pool_conf_store(&c, &e), 0);
		assert_int_equal(pool_conf_load(&c, &e), -EINVAL);
		(void)snprintf(c.driver, sizeof(c.driver), "zfs");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_are_escaped),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(parts_are_told_apart),
		cmocka_unit_test(reports_are_read),
		cmocka_unit_test(odd_reports_are_refused),
		cmocka_unit_test_setup_teardown(
		    paths_are_those_of_the_pool, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    damaged_pools_are_refused, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
