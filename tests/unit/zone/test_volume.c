/* SPDX-License-Identifier: BSD-2-Clause */
/* Block devices as volumes of a zone: claimed while they are open, whoever wants them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../loop.h"
#include "sandbox.h"
#include "zone/volume.h"

#define SIZE (1u << 20)

static int device = -1;
static char name[32];

static int
setup(void **state)
{
	const char *file;
	int fd;

	if (sandbox_make(state) != 0)
		return (-1);
	file = sandbox_path("disk");
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, SIZE) != 0)
		return (-1);
	(void)close(fd);
	device = loop_make(file, 512, name);
	return (0);
}

static int
teardown(void **state)
{
	if (device >= 0)
		(void)close(device);
	device = -1;
	return (sandbox_remove(state));
}

static void
test_claimed(void **state)
{
	struct err e = { 0 };
	uint64_t size = 0;
	int fd, reader;

	if (device < 0)
		skip();
	fd = volume_open(name, 0, &size, &e);
	assert_true(fd >= 0);
	assert_int_equal(size, SIZE);
	/* Not for a second zone; not for a file system. */
	assert_int_equal(volume_open(name, 0, &size, &e), -EBUSY);
	assert_non_null(strstr(e.text, name));
	assert_non_null(strstr(e.text, "in use on this host"));
	assert_int_equal(open(name, O_RDWR | O_EXCL | O_CLOEXEC), -1);
	/* Its size may be asked for all the same. */
	size = 0;
	assert_int_equal(volume_stat(name, &size, &e), 0);
	assert_int_equal(size, SIZE);
	volume_close(&fd);
	assert_int_equal(fd, -1);
	fd = volume_open(name, 0, &size, &e);
	assert_true(fd >= 0);
	volume_close(&fd);
	/* Readers do not claim it. */
	reader = volume_open(name, 1, &size, &e);
	assert_true(reader >= 0);
	assert_int_equal(fcntl(reader, F_GETFL) & O_ACCMODE, O_RDONLY);
	volume_close(&reader);
}

/* Devices are mostly named by links (/dev/disk/by-id, /dev/vg/lv). */
static void
test_by_link(void **state)
{
	const char *link = sandbox_path("by-link");
	struct err e = { 0 };
	uint64_t size = 0;
	int fd;

	if (device < 0)
		skip();
	assert_int_equal(symlink(name, link), 0);
	fd = volume_open(link, 0, &size, &e);
	assert_true(fd >= 0);
	assert_int_equal(size, SIZE);
	volume_close(&fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_claimed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_by_link, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
