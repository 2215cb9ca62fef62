/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve-blk's threads are refused every system call but those listed here. Change the lists
 * knowingly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/checked.h"
#include "procs/blk/confine.h"
#include "refused.h"

static const long main_calls[] = { SYS_epoll_wait, SYS_epoll_ctl, SYS_read, SYS_write,
	SYS_io_uring_enter, SYS_recvmsg, SYS_sendmsg, SYS_close, SYS_munmap, SYS_lseek, SYS_brk,
	SYS_futex, SYS_exit_group };
static const long disk_calls[] = { SYS_write, SYS_munmap, SYS_preadv2, SYS_pwritev2, SYS_fdatasync,
	SYS_fallocate, SYS_futex, SYS_rt_sigprocmask, SYS_madvise, SYS_exit, SYS_exit_group };

static int
confine_main(void)
{
	return (blk_confine(BLK_MAIN));
}

static int
confine_disk(void)
{
	return (blk_confine(BLK_DISK));
}

static void
test_main(void **state)
{
	refused_try_all(confine_main, main_calls, NITEMS(main_calls));
	assert_true(refused(confine_main, SYS_mmap, -1, PROT_READ | PROT_EXEC));
	assert_false(refused(confine_main, SYS_mmap, -1, PROT_READ | PROT_WRITE));
	assert_true(refused(confine_main, SYS_ioctl, -1, -1));
}

static void
test_disk(void **state)
{
	refused_try_all(confine_disk, disk_calls, NITEMS(disk_calls));
	assert_true(refused(confine_disk, SYS_mmap, -1, PROT_READ));
	assert_true(refused(confine_disk, SYS_ioctl, -1, -1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_main),
		cmocka_unit_test(test_disk),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
