/* SPDX-License-Identifier: BSD-2-Clause */
/* Clone: a zone made of another's disks; what is copied, what is not, and what is refused. */
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
#include "zone/volume.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"

#include "sandbox.h"

static struct err e;
static char path[PATH_MAX];

static void
done(int rc)
{
	if (rc != 0)
		fail_msg("%s", e.text);
}

static void
refused(int rc, const char *says)
{
	if (rc >= 0 || strstr(e.text, says) == NULL)
		fail_msg("%d, '%s' does not say '%s'", rc, e.text, says);
}

static struct zconf *
load(const char *name)
{
	struct zconf *c = NULL;

	done(zconf_load(name, &c, &e));
	return (c);
}

static void
make_zone(const char *name)
{
	struct zconf *c = zconf_new(name);
	int rc;

	rc = zfield_set(zfield_find(zconf_fields, "zonepath"), c, path_zones(path, "%s", name)) |
	    zfield_set(zfield_find(zconf_fields, "brand"), c, "bhyve") |
	    zfield_set(zfield_find(zconf_fields, "ip-type"), c, "exclusive");
	assert_int_equal(rc, 0);
	done(zconf_store(c, &e));
	zconf_free(c);
}

static void
add_disk(const char *name, const char *match)
{
	struct zconf *c = load(name);

	assert_int_equal(
	    zfield_set(zfield_find(zdevice_fields, "match"), zconf_device_add(c), match), 0);
	done(zconf_store(c, &e));
	zconf_free(c);
}

/* A volume with this at its beginning; its path. */
static const char *
make_volume(const char *zone, unsigned index, const char *text)
{
	const struct volume_spec spec = { .zone = zone, .index = index, .size = 1 << 20 };
	static char volume[PATH_MAX];
	uint64_t size;
	int fd;

	done(volume_create(&spec, volume, &e));
	fd = volume_open(volume, 0, &size, &e);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, text, strlen(text)), 0);
	volume_close(&fd);
	return (volume);
}

static void
holds(const char *file, const char *text)
{
	char *got = NULL;
	size_t len;

	done(file_read(file, 2 << 20, &got, &len, &e));
	if (strncmp(got, text, strlen(text)) != 0)
		fail_msg("%s is not '%s'", file, text);
	free(got);
}

/* The zone z1 with two disks of its own and one of the host's. */
static void
make_source(void)
{
	make_zone("z1");
	done(zone_install("z1", &e));
	add_disk("z1", make_volume("z1", 0, "zero"));
	add_disk("z1", make_volume("z1", 3, "three"));
	add_disk("z1", "/dev/somewhere");
	done(file_replace(path_zones(path, "z1/config/metadata.json"), "{}", 2, 0600, &e));
	assert_int_equal(mkdir(path_zones(path, "z1/tpm"), 0700), 0);
}

static void
test_cloned(void **state)
{
	struct zconf *c;

	make_source();
	make_zone("z2");
	/* As create -t leaves it, and by its own name to be. */
	add_disk("z2", path_zones(path, "z1/disk0.raw"));
	add_disk("z2", path_zones(path, "z2/disk3.raw"));
	add_disk("z2", "/dev/elsewhere");
	done(zone_clone("z2", "z1", NULL, &e));
	c = load("z2");
	assert_int_equal(c->state, ZONE_STATE_INSTALLED);
	assert_string_equal(c->device[0].match, path_zones(path, "z2/disk0.raw"));
	holds(path, "zero");
	assert_string_equal(c->device[1].match, path_zones(path, "z2/disk3.raw"));
	holds(path, "three");
	assert_string_equal(c->device[2].match, "/dev/elsewhere");
	zconf_free(c);
	holds(path_zones(path, "z2/config/metadata.json"), "{}");
	assert_int_equal(access(path_zones(path, "z2/tpm"), F_OK), -1);
	/* The source is as it was. */
	c = load("z1");
	assert_string_equal(c->device[0].match, path_zones(path, "z1/disk0.raw"));
	zconf_free(c);
	holds(path, "zero");
	refused(zone_clone("z2", "z1", NULL, &e), "already installed");
}

static void
test_refused(void **state)
{
	uint64_t size;
	struct zconf *c;
	int fd;

	make_zone("z1");
	make_zone("z2");
	refused(zone_clone("z2", "z2", NULL, &e), "from itself");
	refused(zone_clone("z2", "none", NULL, &e), "none: No such zone configured");
	refused(
	    zone_clone("z2", "z1", NULL, &e), "source zone 'z1': must be installed before clone");
	done(zconf_delete("z1", &e));
	make_source();
	add_disk("z2", path_zones(path, "z1/disk0.raw"));
	/* Somebody has the disk: the zone is left to be uninstalled. */
	fd = volume_open(path_zones(path, "z1/disk0.raw"), 0, &size, &e);
	assert_true(fd >= 0);
	refused(zone_clone("z2", "z1", NULL, &e), "in use by process");
	volume_close(&fd);
	c = load("z2");
	assert_int_equal(c->state, ZONE_STATE_INCOMPLETE);
	assert_string_equal(c->device[0].match, path_zones(path, "z1/disk0.raw"));
	zconf_free(c);
	refused(zone_clone("z2", "z1", NULL, &e), "incomplete");
	done(zone_uninstall("z2", &e));
	holds(path_zones(path, "z1/disk0.raw"), "zero");
	refused(zone_clone("z2", "z1", "none", &e), "none");
	done(zone_uninstall("z2", &e));
	done(zone_clone("z2", "z1", NULL, &e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, sandbox_make, sandbox_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cloned),
		TEST(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
