/* SPDX-License-Identifier: BSD-2-Clause */
/* Renaming a zone, and what is found of a renaming whose program was killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"
#include "zone/rename.h"
#include "zone/zconf_field.h"
#include "zone/zconf_json.h"

#include "sandbox.h"

/* An installed zone with a disk of its own and one that is elsewhere. */
static int
one_zone(void **state)
{
	char path[PATH_MAX];
	struct zconf *c;

	if (sandbox_make(state) != 0 || (c = zconf_new("old")) == NULL)
		return (-1);
	assert_int_equal(zfield_set(zfield_find(zconf_fields, "zonepath"), c, "/zones/old") |
		zfield_set(zfield_find(zconf_fields, "brand"), c, "bhyve"),
	    0);
	zconf_device_add(c)->match = strdup("/zones/old/disk0.raw");
	zconf_device_add(c)->match = strdup("/zones/older/disk0.raw");
	c->state = ZONE_STATE_INSTALLED;
	assert_int_equal(zconf_store(c, NULL), 0);
	zconf_free(c);
	assert_int_equal(mkdir(path_zones(path, "old"), 0700), 0);
	assert_int_equal(file_replace(path_zones(path, "old/disk0.raw"), "x", 1, 0600, NULL), 0);
	return (0);
}

static bool
there(const char *below)
{
	return (access(sandbox_path(below), F_OK) == 0);
}

static struct zconf *
renamed(void)
{
	struct zconf *c;

	assert_int_equal(zconf_load("old", &c, NULL), 0);
	assert_int_equal(zone_rename_conf(c, "new", NULL), 0);
	return (c);
}

/* It is wholly the new one; what it was is in `was`. */
static void
assert_new(const struct zconf *was)
{
	struct zconf *c;

	assert_int_equal(zconf_load("old", &c, NULL), -ENOENT);
	assert_int_equal(zconf_load("new", &c, NULL), 0);
	assert_string_equal(c->uuid, was->uuid);
	assert_int_equal(c->did, was->did);
	assert_int_equal(c->state, ZONE_STATE_INSTALLED);
	assert_string_equal(c->zonepath, "/zones/new");
	assert_string_equal(c->device[0].match, "/zones/new/disk0.raw");
	assert_string_equal(c->device[1].match, "/zones/older/disk0.raw");
	zconf_free(c);
	assert_true(there("zones/new/disk0.raw"));
	assert_false(there("zones/old"));
	assert_false(there("etc/zones/.rename"));
}

static void
assert_old(void)
{
	struct zconf *c;

	assert_int_equal(zconf_load("new", &c, NULL), -ENOENT);
	assert_int_equal(zconf_load("old", &c, NULL), 0);
	zconf_free(c);
	assert_true(there("zones/old/disk0.raw"));
	assert_false(there("zones/new/disk0.raw"));
	assert_false(there("etc/zones/.rename"));
}

static int
rename_locked(struct zconf *c, struct err *e)
{
	int rc;

	assert_int_equal(zconf_lock(NULL), 0);
	rc = zone_rename("old", c, e);
	zconf_unlock();
	return (rc);
}

static void
test_renamed(void **state)
{
	struct zconf *c = renamed();

	assert_int_equal(rename_locked(c, NULL), 0);
	assert_new(c);
	assert_false(there("run/zones/old"));
	zconf_free(c);
}

static void
test_refused(void **state)
{
	char path[PATH_MAX];
	struct zconf *c = renamed(), *other = zconf_new("new");
	struct err e = { 0 };

	assert_int_equal(mkdir(path_zones(path, "new"), 0700), 0);
	assert_int_equal(rename_locked(c, &e), -EEXIST);
	assert_non_null(strstr(e.text, "is there already"));
	assert_old();
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(zconf_store(other, NULL), 0);
	assert_int_equal(rename_locked(c, &e), -EEXIST);
	assert_non_null(strstr(e.text, "is configured already"));
	assert_int_equal(zconf_delete("new", NULL), 0);
	assert_old();
	zconf_free(other);
	zconf_free(c);
}

/* The state after so many steps of a renaming, as a kill leaves it. */
static void
killed_after(int steps, const struct zconf *c)
{
	char a[PATH_MAX], b[PATH_MAX], *json;
	size_t len;
	FILE *f;

	assert_int_equal(zconf_json_format(c, &json, &len, NULL), 0);
	assert_non_null(f = fopen(path_etc(a, ".rename"), "w"));
	assert_true(fprintf(f, "old\n%s", json) > 0);
	assert_int_equal(fclose(f), 0);
	if (steps >= 1)
		assert_int_equal(rename(path_zones(a, "old"), path_zones(b, "new")), 0);
	if (steps >= 2)
		assert_int_equal(file_replace(path_etc(a, "new.json"), json, len, 0600, NULL), 0);
	if (steps >= 3)
		assert_int_equal(unlink(path_etc(a, "old.json")), 0);
	free(json);
}

static void
test_killed(void **state)
{
	for (int steps = 0; steps <= 3; steps++) {
		struct zconf *c = renamed();

		killed_after(steps, c);
		zone_rename_recover();
		assert_new(c);
		zconf_free(c);
		(void)sandbox_remove(state);
		assert_int_equal(one_zone(state), 0);
	}
}

/* Something has taken the new zone path meanwhile: back to the old name. */
static void
test_killed_and_taken(void **state)
{
	char path[PATH_MAX];
	struct zconf *c = renamed();

	killed_after(0, c);
	assert_int_equal(mkdir(path_zones(path, "new"), 0700), 0);
	zone_rename_recover();
	assert_old();
	zconf_free(c);
}

static void
test_no_note(void **state)
{
	char path[PATH_MAX];
	struct err e = { 0 };

	assert_int_equal(file_replace(path_etc(path, ".rename"), "nonsense", 8, 0600, NULL), 0);
	assert_int_equal(zconf_lock(&e), -EINVAL);
	assert_non_null(strstr(e.text, "remove it"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(zconf_lock(&e), 0);
	zconf_unlock();
	assert_old();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_renamed, one_zone, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_refused, one_zone, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_killed, one_zone, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_killed_and_taken, one_zone, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_no_note, one_zone, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
