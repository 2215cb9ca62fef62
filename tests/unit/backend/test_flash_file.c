/* SPDX-License-Identifier: BSD-2-Clause */
/* The file behind a flash chip: what is stored is there, and what cannot be stored is said. */
#include "backend/flash_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN 8192u

static int
make_file(void)
{
	char path[] = "/tmp/zhyve-flash-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(ftruncate(fd, LEN), 0);
	return (fd);
}

static void
test_store(void **state)
{
	struct err e = { 0 };
	struct stat st;
	char buf[8];
	int fd = make_file();

	assert_int_equal(flash_file_prepare(fd, LEN, "vars", &e), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, LEN);
	assert_int_equal(flash_file_store(fd, 4095, "stored", 6), 0);
	assert_int_equal(pread(fd, buf, 8, 4094), 8);
	assert_memory_equal(buf, "\0stored\0", 8);
	assert_int_equal(flash_file_store(fd, 0, "", 0), 0);
	assert_int_equal(close(fd), 0);
}

static void
test_refused(void **state)
{
	struct rlimit was, small = { 4096, 4096 };
	struct err e = { 0 };
	int fd = make_file(), sealed;

	sealed = memfd_create("vars", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(sealed, LEN), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	assert_int_equal(flash_file_store(sealed, 0, "x", 1), -EPERM);
	assert_int_equal(flash_file_store(-1, 0, "x", 1), -EBADF);
	assert_int_equal(flash_file_prepare(-1, LEN, "vars", &e), -EBADF);
	assert_non_null(strstr(e.text, "cannot have room for the variable store 'vars'"));
	/* The second half of a write fails: that is no success. */
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	small.rlim_max = was.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(flash_file_store(fd, 4090, "0123456789", 10), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(sealed), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_store),
		cmocka_unit_test(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
