/* SPDX-License-Identifier: BSD-2-Clause */
/* The volume driver `lvm` without lvm: names, and what lvs may report. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox.h"
#include "zone/pool.h"
#include "zone/volume.h"
#include "zone/volume_lvm.h"

#define VOLUME                                                                         \
	"{\"lv_name\":\"a.disk0\",\"lv_size\":\"10485760\",\"data_percent\":\"1.50\"," \
	"\"metadata_percent\":\"\",\"lv_health_status\":\"\",\"lv_permissions\":\"writeable\"}"
#define REPORT(list) "{\"report\":[{\"lv\":[" list "]}]}"

static struct err e;

static void
names_are_escaped(void **state)
{
	char name[LVM_NAME_MAX] = "";

	(void)state;
	assert_true(lvm_name_append(name, "zones", "Ab-1.x"));
	assert_true(lvm_name_append(name, "zones", "_:%@/ \""));
	assert_string_equal(name, "Ab-1.x+5f+3a+25+40+2f+20+22");
	assert_true(lvm_name_valid(name));
	assert_false(lvm_name_valid("a_tdata"));
	assert_false(lvm_name_valid("-a"));
	assert_false(lvm_name_valid("a/b"));
	assert_false(lvm_name_valid(""));
}

static void
names_are_bounded(void **state)
{
	char name[LVM_NAME_MAX] = "", hyphens[LVM_NAME_MAX] = "", long_name[200];

	(void)state;
	memset(long_name, 'x', sizeof(long_name));
	long_name[121] = '\0';
	assert_true(lvm_name_append(name, "zones", long_name)); /* zones-x...x: 127 */
	assert_false(lvm_name_append(name, "zones", "y"));
	assert_int_equal(strlen(name), 121);
	/* device-mapper doubles them. */
	memset(long_name, '-', 61);
	long_name[61] = '\0';
	assert_false(lvm_name_append(hyphens, "zones", long_name));
	assert_int_equal(strlen(hyphens), 60);
}

static void
reports_are_read(void **state)
{
	struct lvm_volume *list = NULL;
	size_t n;

	(void)state;
	assert_int_equal(lvm_parse(REPORT(VOLUME "," VOLUME), &list, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(list[1].name, "a.disk0");
	assert_int_equal(list[1].size, 10485760);
	assert_true(list[1].data > 1.4 && list[1].data < 1.6 && list[1].metadata < 0.1);
	assert_false(list[1].readonly);
	free(list);
	assert_int_equal(lvm_parse(REPORT(""), &list, &n, &e), 0);
	assert_int_equal(n, 0);
	free(list);
}

static void
odd_reports_are_refused(void **state)
{
	static const char *const odd[] = {
		"",
		"no JSON",
		"{}",
		"{\"report\":[]}",
		"{\"report\":[{\"lv\":{}}]}",
		"{\"report\":[{\"lv\":[]},{\"lv\":[]}]}",
		REPORT("1"),
		/* a member missing; of another kind; cut; too large */
		REPORT("{\"lv_name\":\"a\"}"),
		REPORT(
		    "{\"lv_name\":\"a\",\"lv_size\":5,\"data_percent\":\"\",\"metadata_percent\":"
		    "\"\",\"lv_health_status\":\"\",\"lv_permissions\":\"\"}"),
		REPORT("{\"lv_name\":\"a\",\"lv_size\":\"5.00m\",\"data_percent\":\"\",\"metadata_"
		       "percent\":\"\",\"lv_health_status\":\"\",\"lv_permissions\":\"\"}"),
		REPORT("{\"lv_name\":\"a\",\"lv_size\":\"5\",\"data_percent\":\"500\",\"metadata_"
		       "percent\":\"\",\"lv_health_status\":\"\",\"lv_permissions\":\"\"}"),
		REPORT(
		    "{\"lv_name\":\"a\",\"lv_size\":\"99999999999999999999\",\"data_percent\":\"\","
		    "\"metadata_percent\":\"\",\"lv_health_status\":\"\",\"lv_permissions\":\"\"}"),
	};
	struct lvm_volume *list;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		list = NULL;
		assert_int_equal(lvm_parse(odd[i], &list, &n, &e), -EPROTO);
		assert_null(list);
	}
}

static void
paths_are_those_of_the_pool(void **state)
{
	const struct pool_conf lvm = { .driver = "lvm", .group = "vg-1" };
	struct pool_conf c;
	char path[PATH_MAX];

	(void)state;
	assert_int_equal(pool_conf_load(&c, &e), 0);
	assert_string_equal(c.driver, "file");
	assert_int_equal(volume_path(path, "z", 0, &e), 0);
	assert_string_equal(path + strlen(path) - 18, "/zones/z/disk0.raw");
	assert_int_equal(pool_conf_store(&lvm, &e), 0);
	assert_int_equal(pool_conf_load(&c, &e), 0);
	assert_string_equal(c.group, "vg-1");
	assert_int_equal(volume_path(path, "my_zone", 3, &e), 0);
	assert_string_equal(path, "/dev/vg-1/my+5fzone.disk3");
	assert_true(volume_is_of(path, "my_zone"));
	assert_false(volume_is_of(path, "my"));
	assert_int_equal(volume_snapshot("/dev/vg-2/z.disk0", "s", false, &e), -EINVAL);
	assert_int_equal(volume_destroy("/dev/vg-1/root", &e), -EINVAL);
	assert_int_equal(volume_destroy("/dev/vg-1/z.disk0+ss", &e), -EINVAL);
	assert_int_equal(pool_conf_remove(&e), 0);
}

static void
damaged_pools_are_refused(void **state)
{
	static const char *const odd[] = { "", "[]", "{}", "{\"driver\":\"floppy\"}",
		"{\"driver\":\"lvm\"}", "{\"driver\":\"lvm\",\"group\":\"../x\"}",
		"{\"driver\":\"lvm\",\"group\":\"-x\"}", "{\"driver\":\"file\",\"group\":\"x\"}",
		"{\"driver\":\"file\",\"file\":\"relative\"}", "{\"driver\":1}" };
	struct pool_conf c;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		int fd = open(sandbox_path("etc/zones/pool.json"),
		    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		assert_true(fd >= 0);
		assert_int_equal(write(fd, odd[i], strlen(odd[i])), strlen(odd[i]));
		(void)close(fd);
		assert_int_equal(pool_conf_load(&c, &e), -EINVAL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_escaped),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(reports_are_read),
		cmocka_unit_test(odd_reports_are_refused),
		cmocka_unit_test_setup_teardown(
		    paths_are_those_of_the_pool, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    damaged_pools_are_refused, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
