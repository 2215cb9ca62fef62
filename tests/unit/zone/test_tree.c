/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders removed with what is in them: what goes, what stays, and what is never followed. */
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
#include "zone/tree.h"

#include "sandbox.h"

static void
make_file(const char *below)
{
	CLEANUP_FD int fd = open(sandbox_path(below), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static bool
is_there(const char *below)
{
	struct stat st;

	return (lstat(sandbox_path(below), &st) == 0);
}

/* A folder with a file, a folder with a file, and links to a file and a folder outside. */
static void
make_tree(void)
{
	assert_int_equal(mkdir(sandbox_path("tree"), 0700), 0);
	assert_int_equal(mkdir(sandbox_path("tree/sub"), 0700), 0);
	assert_int_equal(mkdir(sandbox_path("other"), 0700), 0);
	make_file("tree/file");
	make_file("tree/sub/file");
	make_file("other/file");
	assert_int_equal(symlink(sandbox_path("other"), sandbox_path("tree/folder-link")), 0);
	assert_int_equal(symlink(sandbox_path("other/file"), sandbox_path("tree/sub/link")), 0);
}

static void
what_is_in_it_goes_and_links_are_not_followed(void **state)
{
	(void)state;
	make_tree();
	{
		CLEANUP_FD int fd = open(sandbox_path("tree"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(fd >= 0);
		assert_int_equal(tree_empty(fd), 0);
	}
	assert_int_equal(rmdir(sandbox_path("tree")), 0);
	assert_true(is_there("other/file"));
}

static void
the_folder_goes_too(void **state)
{
	(void)state;
	make_tree();
	tree_remove(sandbox_path("tree"));
	assert_false(is_there("tree"));
	assert_true(is_there("other/file"));
	tree_remove(sandbox_path("tree"));
}

static void
a_link_in_the_folders_place_is_not_followed(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(symlink(sandbox_path("tree"), sandbox_path("alias")), 0);
	tree_remove(sandbox_path("alias"));
	assert_true(is_there("alias"));
	assert_true(is_there("tree/sub/file"));
}

/* How many folders "d" there are, one in the other, below this one; makes them up to that depth. */
static unsigned
nested(int top, unsigned make)
{
	int fd = fcntl(top, F_DUPFD_CLOEXEC, 0), next;
	unsigned n;

	for (n = 0;; n++) {
		if (n < make)
			assert_int_equal(mkdirat(fd, "d", 0700), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		fd_close(&fd);
		if (next < 0)
			return (n);
		fd = next;
	}
}

static void
one_that_is_too_deep_is_refused_whole(void **state)
{
	CLEANUP_FD int top = -1;

	(void)state;
	assert_int_equal(mkdir(sandbox_path("deep"), 0700), 0);
	top = open(sandbox_path("deep"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(top >= 0);
	assert_int_equal(nested(top, 80), 80);
	assert_int_equal(tree_empty(top), -ELOOP);
	assert_int_equal(nested(top, 0), 80);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_is_in_it_goes_and_links_are_not_followed, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(the_folder_goes_too, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    a_link_in_the_folders_place_is_not_followed, sandbox_make, sandbox_remove),
		cmocka_unit_test_setup_teardown(
		    one_that_is_too_deep_is_refused_whole, sandbox_make, sandbox_remove),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
