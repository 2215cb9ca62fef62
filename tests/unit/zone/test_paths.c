/* SPDX-License-Identifier: BSD-2-Clause */
/* What is opened below the pool: no symbolic link on the way, no waiting at a FIFO. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/paths.h"

#include "sandbox.h"

static int
open_in_pool(const char *name, int flags)
{
	char path[PATH_MAX];

	return (path_open(path_zones(path, "%s", name), flags, 0600));
}

static void
test_opens(void **state)
{
	char path[PATH_MAX];
	CLEANUP_FD int made = -1, again = -1;

	assert_int_equal(mkdir(path_zones(path, "z"), 0700), 0);
	assert_true((made = open_in_pool("z/log", O_WRONLY | O_CREAT)) >= 0);
	assert_true((again = open_in_pool("z/log", O_RDONLY)) >= 0);
	assert_int_equal(fcntl(again, F_GETFD), FD_CLOEXEC);
	assert_int_equal(open_in_pool("z/none", O_RDONLY), -ENOENT);
}

static void
test_no_link(void **state)
{
	char path[PATH_MAX], real[PATH_MAX];

	assert_int_equal(mkdir(path_zones(real, "real"), 0700), 0);
	assert_int_equal(mkdir(path_zones(path, "z"), 0700), 0);
	assert_int_equal(symlink(real, path_zones(path, "z/logs")), 0);
	assert_int_equal(open_in_pool("z/logs/log", O_WRONLY | O_CREAT), -ELOOP);
	assert_int_equal(access(path_zones(path, "real/log"), F_OK), -1);
	assert_int_equal(symlink("../real", path_zones(path, "z/file")), 0);
	assert_int_equal(open_in_pool("z/file", O_RDONLY), -ELOOP);
	assert_int_equal(open_in_pool("z/../../etc", O_RDONLY), -EXDEV);
}

static void
test_no_waiting(void **state)
{
	char path[PATH_MAX];

	assert_int_equal(mkfifo(path_zones(path, "fifo"), 0600), 0);
	assert_int_equal(open_in_pool("fifo", O_WRONLY), -ENXIO); /* nobody reads */
}

/* Elsewhere: only the last component is no link. */
static void
test_elsewhere(void **state)
{
	char path[PATH_MAX];

	assert_int_equal(symlink("/dev/null", path_etc(path, "link")), 0);
	assert_int_equal(path_open(path, O_RDONLY, 0), -ELOOP);
	assert_int_equal(path_open(path_etc(path, "none"), O_RDONLY, 0), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_opens, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_no_link, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_no_waiting, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(test_elsewhere, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
