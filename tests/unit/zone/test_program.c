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

#include "base/interrupt.h"
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

static int
shell(const char *script, int in, struct err *e)
{
	const char *const words[] = { "/bin/sh", "-c", script, NULL };

	return (program_feed(words, in, e));
}

/* What it does not read of its input stays for who comes next. */
static void
test_fed(void **state)
{
	struct err e = { 0 };
	char rest[8] = "";
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "a\nb\n", 4), 4);
	assert_int_equal(shell("read x && test $x = a", fds[0], NULL), 0);
	assert_int_equal(read(fds[0], rest, sizeof(rest)), 2);
	assert_string_equal(rest, "b\n");
	(void)close(fds[0]);
	(void)close(fds[1]);
	assert_int_equal(program_feed(missing, 0, &e), -ENOENT);
}

/* Warnings before it are not why it failed. */
static void
test_warnings(void **state)
{
	struct err e = { 0 };

	assert_int_equal(
	    shell("echo 'Warning: a' >&2; echo '  WARNING: b' >&2; echo no >&2; exit 1", 0, &e),
	    -EIO);
	assert_string_equal(e.text, "/bin/sh failed: no");
	err_clear(&e);
	assert_int_equal(shell("echo 'Warning: a' >&2; exit 1", 0, &e), -EIO);
	assert_string_equal(e.text, "/bin/sh failed: Warning: a");
	err_clear(&e);
	assert_int_equal(shell("exit 1", 0, &e), -EIO);
	assert_string_equal(e.text, "/bin/sh failed: it did not say why");
}

/* One that waits for input that does not come ends when we are to: whoever tells us does it until it has had effect. */
static void
test_interrupted(void **state)
{
	int fds[2], status;
	pid_t us = getpid(), other;
	struct err e = { 0 };

	interrupt_watch(false);
	assert_int_equal(pipe(fds), 0);
	if ((other = fork()) == 0) {
		for (;;) {
			(void)usleep(20000);
			if (getppid() != us || kill(us, SIGTERM) != 0)
				_exit(0);
		}
	}
	assert_true(other > 0);
	assert_int_equal(shell("read x; exit 1", fds[0], &e), -EINTR);
	assert_int_equal(kill(other, SIGKILL), 0);
	assert_int_equal(waitpid(other, &status, 0), other);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run), cmocka_unit_test(test_beside),
		cmocka_unit_test(test_stopped), cmocka_unit_test(test_no_orphan),
		cmocka_unit_test(test_fed), cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_interrupted), /* last: it changes signals */
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
