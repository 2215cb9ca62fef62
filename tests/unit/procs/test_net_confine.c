/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve-net is refused every system call but those listed here, and of ioctls every one but
 * TUNSETOFFLOAD. Change the list knowingly.
 */
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include "base/checked.h"
#include "procs/net/confine.h"
#include "refused.h"

/* With mmap and ioctl: fifteen. */
static const long calls[] = { SYS_readv, SYS_writev, SYS_epoll_wait, SYS_read, SYS_write,
	SYS_epoll_ctl, SYS_recvmsg, SYS_sendmsg, SYS_close, SYS_munmap, SYS_lseek, SYS_brk,
	SYS_exit_group };

static void
test_calls(void **state)
{
	refused_try_all(net_confine, calls, NITEMS(calls));
	assert_true(refused(net_confine, SYS_mmap, -1, PROT_READ | PROT_EXEC));
	assert_false(refused(net_confine, SYS_mmap, -1, PROT_READ | PROT_WRITE));
}

static void
test_ioctls(void **state)
{
	static const unsigned long of_taps[] = { TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETLINK,
		TUNSETGROUP, TUNSETQUEUE, TUNATTACHFILTER, TUNDETACHFILTER, TUNSETTXFILTER,
		TUNSETSTEERINGEBPF, TUNSETFILTEREBPF, TUNSETCARRIER, TUNSETVNETHDRSZ,
		TUNSETSNDBUF };

	assert_false(refused(net_confine, SYS_ioctl, (long)TUNSETOFFLOAD, 0));
	for (size_t i = 0; i < NITEMS(of_taps); i++)
		assert_true(refused(net_confine, SYS_ioctl, (long)of_taps[i], 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_ioctls),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
