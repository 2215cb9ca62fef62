/* SPDX-License-Identifier: BSD-2-Clause */
/* The cookie of core scheduling: when it is taken, and, where the CPU has SMT, that it is one and inherited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone/coresched.h"

static void
test_decision(void **state)
{
	assert_int_equal(coresched_decide(true, false, 0), CORESCHED_TAKE);
	assert_int_equal(coresched_decide(true, true, 0), CORESCHED_NOTHING);
	assert_int_equal(coresched_decide(false, true, 0), CORESCHED_LEAVE);
	assert_int_equal(coresched_decide(false, false, 0), CORESCHED_NOTHING);
	for (int own = 0; own < 2; own++) {
		assert_int_equal(coresched_decide(true, own, -ENODEV), CORESCHED_NOTHING);
		assert_int_equal(coresched_decide(true, own, -EINVAL), CORESCHED_NOTHING);
		assert_int_equal(coresched_decide(false, own, -ENODEV), CORESCHED_NOTHING);
	}
}

/* That of the calling thread; -errno when there can be none. */
static int
cookie_of(pid_t pid, uint64_t *cookie)
{
	return (
	    prctl(PR_SCHED_CORE, PR_SCHED_CORE_GET, pid, PR_SCHED_CORE_SCOPE_THREAD, cookie) == 0
		? 0
		: -errno);
}

/* A child's cookie, as it is born. */
static uint64_t
childs_cookie(void)
{
	int end[2], status;
	uint64_t cookie = 0;
	pid_t pid;

	assert_int_equal(pipe(end), 0);
	if ((pid = fork()) == 0) {
		(void)cookie_of(0, &cookie);
		_exit(write(end[1], &cookie, sizeof(cookie)) != (ssize_t)sizeof(cookie));
	}
	assert_int_equal(read(end[0], &cookie, sizeof(cookie)), sizeof(cookie));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(end[0]);
	(void)close(end[1]);
	return (cookie);
}

static void
test_inherited(void **state)
{
	uint64_t before, mine;
	int rc = cookie_of(0, &before);
	bool held = true;

	if (rc != 0) {
		/* Asked for all the same: nothing happens, and that is told. */
		assert_int_equal(coresched_set(true, &held, NULL), 0);
		assert_false(held);
		print_message("skipped: %s\n",
		    rc == -ENODEV ? "this machine's CPUs have no SMT"
				  : "this kernel has no core scheduling");
		skip();
	}
	assert_int_equal(coresched_set(true, &held, NULL), 0);
	assert_true(held);
	assert_int_equal(cookie_of(0, &mine), 0);
	assert_true(mine != 0 && mine != before);
	assert_true(childs_cookie() == mine);
	/* Asked again, as at the zone's next boot: the same one. */
	assert_int_equal(coresched_set(true, &held, NULL), 0);
	assert_true(held && childs_cookie() == mine);
	if (geteuid() != 0)
		return; /* who may not look at init cannot leave it */
	assert_int_equal(coresched_set(false, &held, NULL), 0);
	assert_false(held);
	assert_true(childs_cookie() != mine);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decision),
		cmocka_unit_test(test_inherited),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
