/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detach and attach: the zone path goes to another host (another root, with other zones), and to
 * another name; what does not fit is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/client.h"
#include "zone/paths.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"

#include "sandbox.h"

static struct err e;

static enum zone_state
state_of(const char *name)
{
	struct zconf *c = NULL;
	enum zone_state s;

	if (zconf_load(name, &c, &e) != 0)
		fail_msg("%s", e.text);
	s = c->state;
	zconf_free(c);
	return (s);
}

static void
refused(int rc, const char *says)
{
	if (rc >= 0 || strstr(e.text, says) == NULL)
		fail_msg("%d, '%s' does not say '%s'", rc, e.text, says);
}

static void
done(int rc)
{
	if (rc != 0)
		fail_msg("%s", e.text);
}

/* A zone with one disk in its zone path, and one elsewhere; stored. */
static void
make_zone(const char *name)
{
	struct zconf *c = zconf_new(name);
	char path[PATH_MAX];
	int rc;

	rc = zfield_set(zfield_find(zconf_fields, "zonepath"), c, path_zones(path, "%s", name)) |
	    zfield_set(zfield_find(zconf_fields, "brand"), c, "bhyve") |
	    zfield_set(zfield_find(zconf_fields, "ip-type"), c, "exclusive") |
	    zfield_set(zfield_find(zdevice_fields, "match"), zconf_device_add(c),
		path_zones(path, "%s/disk0.raw", name)) |
	    zfield_set(zfield_find(zdevice_fields, "match"), zconf_device_add(c),
		path_zones(path, "%s-2/disk1.raw", name));
	assert_int_equal(rc, 0);
	done(zconf_store(c, &e));
	zconf_free(c);
}

static void
make_file(const char *path)
{
	assert_int_equal(file_replace(path, "content", 7, 0600, NULL), 0);
}

static void
test_there_and_back(void **state)
{
	char path[PATH_MAX], *text;

	make_zone("z1");
	refused(zone_detach("z1", false, &text, &e), "must be installed before detach");
	done(zone_install("z1", &e));
	make_file(path_zones(path, "z1/disk0.raw"));
	assert_int_equal(mkdir(path_zones(path, "z1-2"), 0700), 0);
	make_file(path_zones(path, "z1-2/disk1.raw"));
	done(zone_detach("z1", true, &text, &e));
	assert_non_null(strstr(text, "\"name\": \"z1\""));
	free(text);
	assert_int_equal(state_of("z1"), ZONE_STATE_INSTALLED);
	done(zone_detach("z1", false, &text, &e));
	free(text);
	assert_int_equal(state_of("z1"), ZONE_STATE_CONFIGURED);
	refused(zone_install("z1", &e), "detached zone: attach it");
	assert_int_equal(state_of("z1"), ZONE_STATE_CONFIGURED);
	/* Its disk is not there: it is not this zone any more. */
	assert_int_equal(rename(path_zones(path, "z1/disk0.raw"), sandbox_path("away")), 0);
	refused(zone_attach("z1", false, &e), "disk0.raw': No such file");
	assert_int_equal(state_of("z1"), ZONE_STATE_CONFIGURED);
	assert_int_equal(rename(sandbox_path("away"), path_zones(path, "z1/disk0.raw")), 0);
	done(zone_attach("z1", false, &e));
	assert_int_equal(state_of("z1"), ZONE_STATE_INSTALLED);
	assert_int_equal(access(path_zones(path, "z1/detached.json"), F_OK), -1);
	refused(zone_attach("z1", false, &e), "already installed");
	done(zone_uninstall("z1", &e));
}

static void
test_elsewhere(void **state)
{
	char path[PATH_MAX], to[PATH_MAX], uuid[UUID_TEXT_LEN + 1], *text;
	struct zconf *c;

	make_zone("z1");
	done(zone_install("z1", &e));
	make_file(path_zones(path, "z1/disk0.raw"));
	assert_int_equal(mkdir(path_zones(path, "z1-2"), 0700), 0);
	make_file(path_zones(path, "z1-2/disk1.raw"));
	done(zone_detach("z1", false, &text, &e));
	free(text);
	done(zconf_load("z1", &c, &e));
	(void)strcpy(uuid, c->uuid);
	zconf_free(c);
	/* Another host: it has a zone already, and our folder comes under another name. */
	done(zconf_delete("z1", &e));
	make_zone("other");
	assert_int_equal(rename(path_zones(path, "z1"), path_zones(to, "z9")), 0);
	done(zone_detached_read(to, "z9", &c, &e));
	assert_string_equal(c->name, "z9");
	assert_string_equal(c->uuid, uuid);
	assert_int_equal(c->did, 0);
	assert_int_equal(c->state, ZONE_STATE_CONFIGURED);
	assert_string_equal(c->zonepath, to);
	assert_string_equal(c->device[0].match, path_zones(path, "z9/disk0.raw"));
	assert_string_equal(c->device[1].match, path_zones(path, "z1-2/disk1.raw"));
	done(zconf_store(c, &e));
	assert_int_equal(c->did, 2);
	zconf_free(c);
	done(zone_attach("z9", false, &e));
	assert_int_equal(state_of("z9"), ZONE_STATE_INSTALLED);
}

static void
test_not_its_own(void **state)
{
	char path[PATH_MAX], to[PATH_MAX], *text;
	struct zconf *c;

	make_zone("z1");
	make_zone("z2");
	refused(zone_attach("z2", false, &e), "is not there: bring");
	done(zone_install("z1", &e));
	done(zone_detach("z1", false, &text, &e));
	free(text);
	assert_int_equal(rename(path_zones(path, "z1"), path_zones(to, "z2")), 0);
	refused(zone_attach("z2", false, &e), "is that of the zone with uuid");
	done(zconf_set_state("z2", ZONE_STATE_INCOMPLETE, &e));
	refused(zone_attach("z2", false, &e), "attach -F");
	done(zone_attach("z2", true, &e));
	assert_int_equal(state_of("z2"), ZONE_STATE_INSTALLED);
	/* A folder that describes nothing, and a description that is none. */
	assert_int_equal(mkdir(path_zones(path, "z1"), 0700), 0);
	refused(zone_attach("z1", false, &e), "has no detached.json");
	assert_int_equal(file_replace(path_zones(path, "z1/detached.json"), "{", 1, 0600, NULL), 0);
	refused(zone_attach("z1", false, &e), "describes no zone: line 1");
	refused(zone_detached_read(sandbox_path("none"), "z1", &c, &e), "No such file");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sandbox_make, sandbox_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_there_and_back),
		TEST(test_elsewhere),
		TEST(test_not_its_own),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
