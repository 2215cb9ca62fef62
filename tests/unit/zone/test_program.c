/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of the host: to their end, and beside us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "zone/program.h"

static const char *const good[] = { "/bin/sh", "-c", "cat; echo", NULL };
static const char *const bad[] = { "/bin/sh", "-c", "echo ' not so' >&2; exit 3", NULL };
static const char *const missing[] = { "/nowhere/program", NULL };
static const char *const endless[] = { "/bin/sh", "-c", "exec sleep 3600", NULL };

static void
test_run(void **state)
{
	struct err e = { 0 };
	char *output = NULL;

	assert_int_equal(program_run(good, "a line", &output, NULL), 0);
	assert_string_equal(output, "a line\n");
	free(output);
	assert_int_equal(program_run(bad, "", NULL, &e), -EIO);
	assert_string_equal(e.text, "/bin/sh failed: not so");
	err_clear(&e);
	assert_int_equal(program_run(missing, "", NULL, &e), -ENOENT);
	assert_string_equal(e.text, "there is no /nowhere/program");
}

static void
test_beside(void **state)
{
	struct program p;
	struct err e = { 0 };

	assert_int_equal(program_start(good, &p, NULL), 0);
	assert_true(p.pid > 0);
	assert_int_equal(program_end(&p, NULL), 0);
	assert_int_equal(p.pid, 0);
	assert_int_equal(p.complaints, -1);
	assert_int_equal(program_start(bad, &p, NULL), 0);
	assert_int_equal(program_end(&p, &e), -EIO);
	assert_string_equal(e.text, "/bin/sh failed: not so");
	err_clear(&e);
	assert_int_equal(program_start(missing, &p, NULL), 0);
	assert_int_equal(program_end(&p, &e), -ENOENT);
}

static void
test_stopped(void **state)
{
	struct program p = { .pid = 0 };
	pid_t pid;

	program_stop(&p); /* there is none */
	assert_int_equal(program_start(endless, &p, NULL), 0);
	pid = p.pid;
	program_stop(&p);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(p.pid, 0);
}

/* Whoever started it ends, and it with that. */
static void
test_no_orphan(void **state)
{
	int status, end[2];
	struct program p;
	pid_t pid, orphan;

	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe(end), 0);
	if ((pid = fork()) == 0)
		_exit(program_start(endless, &p, NULL) != 0 ||
		    write(end[1], &p.pid, sizeof(p.pid)) != (ssize_t)sizeof(p.pid));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read(end[0], &orphan, sizeof(orphan)), sizeof(orphan));
	assert_int_equal(waitpid(orphan, &status, 0), orphan);
	/* Or it has seen for itself that it was too late. */
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 127);
	(void)close(end[0]);
	(void)close(end[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_beside),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_no_orphan),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
