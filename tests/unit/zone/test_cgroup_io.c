/* SPDX-License-Identifier: BSD-2-Clause */
/* Limits of I/O: from a disk's properties, by the device behind it, as lines of io.max. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/cgroup_io.h"
#include "zone/zconf_field.h"

#include "fake_cgroup.h"

static void
lines(void **state)
{
	struct cgroup_io io = { 8, 16, { 1048576, 0, 0, 200 } };
	char text[CGROUP_IO_TEXT_MAX];

	cgroup_io_format(&io, text);
	assert_string_equal(text, "8:16 rbps=1048576 wbps=max riops=max wiops=200");
	io = (struct cgroup_io){ UINT32_MAX, UINT32_MAX,
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } };
	cgroup_io_format(&io, text);
	assert_int_equal(strlen(text), 21 + 4 * 27 - 2);
}

/* A volume's file system as this machine has it; /sys is ours. */
static void
devices(void **state)
{
	char sys[64], name[96];
	unsigned major = 0, minor = 0;
	struct err e = { 0 };
	struct stat st;

	(void)snprintf(sys, sizeof(sys), "%s/sys", dir);
	assert_int_equal(cgroup_io_device(sys, "/nonexistent", &major, &minor, &e), -ENOENT);
	assert_int_equal(cgroup_io_device(sys, "/proc/version", &major, &minor, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "on no single block device"));
	assert_int_equal(stat(dir, &st), 0);
	if (major(st.st_dev) == 0)
		skip(); /* /tmp itself is in memory */
	assert_int_equal(cgroup_io_device(sys, dir, &major, &minor, &e), 0);
	assert_int_equal(major, major(st.st_dev));
	assert_int_equal(minor, minor(st.st_dev));
	/* It is a partition: /sys/dev/block/M:m leads into the folder of its disk. */
	(void)put("sys/devices/vda/dev", "254:7\n");
	(void)put("sys/devices/vda/vda1/partition", "1\n");
	(void)put("sys/dev/block/x", "");
	(void)snprintf(name, sizeof(name), "%s/dev/block/%u:%u", sys, major, minor);
	assert_int_equal(symlink("../../devices/vda/vda1", name), 0);
	assert_int_equal(cgroup_io_device(sys, dir, &major, &minor, &e), 0);
	assert_int_equal(major, 254);
	assert_int_equal(minor, 7);
}

static struct zdevice *
disk(struct zconf *c, const char *path)
{
	struct zdevice *d = zconf_device_add(c);

	assert_non_null(d);
	assert_int_equal(zfield_set(zfield_find(zdevice_fields, "match"), d, path), 0);
	return (d);
}

static void
set(struct zdevice *d, const char *name, const char *value)
{
	assert_int_equal(zprop_set(&d->prop, &d->nprop, name, value), 0);
}

static void
from_configuration(void **state)
{
	static const char *const bad[] = { "0", "x", "-1", "1.5", "" };
	struct zconf *c = zconf_new("z1");
	struct cgroup_io io[CGROUP_IO_MAX];
	struct err e = { 0 };
	struct zdevice *d;
	size_t n;

	assert_non_null(c);
	(void)disk(c, "/nonexistent/without/limits");
	assert_int_equal(cgroup_io_get("/nonexistent", c, io, &n, &e), 0);
	assert_int_equal(n, 0);
	d = disk(c, dir);
	for (size_t i = 0; i < NITEMS(bad); i++) {
		set(d, "read-iops", bad[i]);
		assert_int_equal(cgroup_io_get("/nonexistent", c, io, &n, &e), -EINVAL);
	}
	assert_non_null(strstr(e.text, "read-iops"));
	set(d, "read-iops", "100");
	set(d, "write-bps", "2M");
	d = disk(c, "/tmp");
	set(d, "read-iops", "50");
	if (cgroup_io_get("/nonexistent", c, io, &n, &e) == -ENOTSUP) {
		zconf_free(c);
		skip(); /* /tmp is in memory */
	}
	/* Both are on one device. */
	assert_int_equal(n, 1);
	assert_int_equal(io[0].limit[IO_READ_IOPS], 150);
	assert_int_equal(io[0].limit[IO_WRITE_BPS], 2 * MIB);
	assert_int_equal(io[0].limit[IO_READ_BPS], 0);
	zconf_free(c);
}

static void
set_in_cgroup(void **state)
{
	struct cgroup_io io = { 8, 0, { 1, 2, 3, 4 } };
	struct err e = { 0 };
	char text[CGROUP_IO_TEXT_MAX] = "", *path;
	FILE *f;

	assert_int_equal(cgroup_io_set(dir, NULL, 0, &e), 0); /* nothing wanted: nothing needed */
	assert_int_equal(cgroup_io_set(dir, &io, 1, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "no io controller"));
	/* What was limited and is no more is let go. (A plain file keeps only the last line.) */
	path = put("io.max", "8:16 rbps=5 wbps=max riops=max wiops=max\n");
	assert_int_equal(cgroup_io_set(dir, NULL, 0, &e), 0);
	assert_non_null(f = fopen(path, "r"));
	assert_non_null(fgets(text, sizeof(text), f));
	(void)fclose(f);
	assert_string_equal(text, "8:16 rbps=max wbps=max riops=max wiops=max");
	(void)put("io.max", "");
	assert_int_equal(cgroup_io_set(dir, &io, 1, &e), 0);
	assert_non_null(f = fopen(path, "r"));
	assert_non_null(fgets(text, sizeof(text), f));
	(void)fclose(f);
	assert_string_equal(text, "8:0 rbps=1 wbps=2 riops=3 wiops=4");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(devices),
		cmocka_unit_test(from_configuration),
		cmocka_unit_test(set_in_cgroup),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
