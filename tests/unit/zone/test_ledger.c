/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger: what was noted is found again by the next owner whatever moment the first was killed
 * at, and undone newest first.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "zone/ledger.h"

static char dir[] = "/tmp/zhyve-ledger.XXXXXX";
static char path[64];
static char undone[1024]; /* "kind:arg " of each */
static const char *fail_kind;

static int
undo(const char *kind, const char *arg, void *ctx, struct err *e)
{
	size_t len = strlen(undone);

	if (fail_kind != NULL && strcmp(kind, fail_kind) == 0)
		return (err_say(e, EBUSY, "%s is busy", arg));
	(void)snprintf(undone + len, sizeof(undone) - len, "%s:%s ", kind, arg);
	return (0);
}

static int
setup(void **state)
{
	undone[0] = '\0';
	fail_kind = NULL;
	(void)unlink(path);
	return (0);
}

static int
make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/ledger.jsonl", dir);
	return (0);
}

static int
remove_dir(void **state)
{
	(void)unlink(path);
	return (rmdir(dir));
}

static void
put_file(const char *text)
{
	struct err e;

	assert_int_equal(file_replace(path, text, strlen(text), 0600, &e), 0);
}

static void
order_and_removal(void **state)
{
	struct ledger *l;
	struct err e = { 0 };

	assert_int_equal(ledger_open(path, true, &l, &e), 0);
	assert_int_equal(ledger_add(l, "cgroup", "/c", &e), 0);
	assert_int_equal(ledger_add(l, "vnic", "z1n0", &e), 0);
	assert_int_equal(ledger_add(l, "vnic", "z1n1", &e), 0);
	assert_int_equal(ledger_gone(l, "vnic", "z1n0", &e), 0);
	assert_int_equal(ledger_gone(l, "vnic", "never", &e), 0);
	assert_int_equal(ledger_count(l), 2);
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), 0);
	assert_string_equal(undone, "vnic:z1n1 cgroup:/c ");
	ledger_close(l);
	assert_int_equal(access(path, F_OK), -1); /* an empty ledger leaves no file */
}

static void
one_owner(void **state)
{
	struct ledger *l, *other;
	struct err e = { 0 };

	assert_int_equal(ledger_open(path, false, &l, &e), -ENOENT);
	assert_int_equal(ledger_open(path, true, &l, &e), 0);
	assert_int_equal(ledger_open(path, true, &other, &e), -EBUSY);
	ledger_close(l);
	assert_int_equal(ledger_open(path, true, &other, &e), 0);
	ledger_close(other);
}

/* A child makes `steps` resources and is killed; the parent takes over. */
static void
killed_after(unsigned steps, const char *expected)
{
	static const char *const things[][2] = { { "file", "/run/control" }, { "cgroup", "/c" },
		{ "vnic", "a" }, { "vnic", "b" }, { "vm", "/c" } };
	struct ledger *l;
	struct err e = { 0 };
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (ledger_open(path, true, &l, NULL) != 0)
			_exit(1);
		for (unsigned i = 0; i < steps; i++)
			(void)ledger_add(l, things[i][0], things[i][1], NULL);
		(void)raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	undone[0] = '\0';
	assert_int_equal(ledger_open(path, false, &l, &e), 0);
	assert_int_equal(ledger_count(l), steps);
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), 0);
	assert_string_equal(undone, expected);
	ledger_close(l);
	assert_int_equal(access(path, F_OK), -1);
}

static void
killed_at_every_step(void **state)
{
	killed_after(0, "");
	killed_after(1, "file:/run/control ");
	killed_after(2, "cgroup:/c file:/run/control ");
	killed_after(3, "vnic:a cgroup:/c file:/run/control ");
	killed_after(4, "vnic:b vnic:a cgroup:/c file:/run/control ");
	killed_after(5, "vm:/c vnic:b vnic:a cgroup:/c file:/run/control ");
}

static void
half_a_line_does_not_count(void **state)
{
	struct ledger *l;
	struct err e = { 0 };

	put_file("{\"make\":\"cgroup\",\"arg\":\"/c\"}\n{\"make\":\"vnic\",\"ar");
	assert_int_equal(ledger_open(path, false, &l, &e), 0);
	assert_int_equal(ledger_count(l), 1);
	assert_int_equal(ledger_add(l, "file", "/f", &e), 0); /* begins at its own beginning */
	/* Left with entries: the file stays, and is whole. */
	ledger_close(l);
	assert_int_equal(ledger_open(path, false, &l, &e), 0);
	assert_int_equal(ledger_count(l), 2);
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), 0);
	assert_string_equal(undone, "file:/f cgroup:/c ");
	ledger_close(l);
}

static void
nonsense_is_kept(void **state)
{
	static const char *const bad[] = { "nonsense\n", "{}\n", "[]\n", "{\"make\":\"a\"}\n",
		"{\"make\":1,\"arg\":\"x\"}\n", "{\"make\":\"a\",\"gone\":\"a\",\"arg\":\"x\"}\n",
		"\n", "{\"make\":\"a kind that is much too long\",\"arg\":\"x\"}\n" };
	struct ledger *l;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };
		put_file(bad[i]);
		assert_true(ledger_open(path, false, &l, &e) < 0);
		assert_non_null(strstr(e.text, "line 1"));
		assert_int_equal(access(path, F_OK), 0); /* for a person to look at */
	}
}

static void
what_does_not_go_stays(void **state)
{
	struct ledger *l;
	struct err e = { 0 };

	assert_int_equal(ledger_open(path, true, &l, &e), 0);
	assert_int_equal(ledger_add(l, "file", "/f", &e), 0);
	assert_int_equal(ledger_add(l, "cgroup", "/c", &e), 0);
	assert_int_equal(ledger_add(l, "vnic", "n", &e), 0);
	fail_kind = "cgroup";
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), -EBUSY);
	assert_string_equal(e.text, "/c is busy");
	assert_string_equal(undone, "vnic:n file:/f ");
	assert_int_equal(ledger_count(l), 1);
	ledger_close(l);
	fail_kind = NULL;
	assert_int_equal(ledger_open(path, false, &l, &e), 0);
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), 0);
	assert_string_equal(undone, "vnic:n file:/f cgroup:/c ");
	ledger_close(l);
}

static void
bounded(void **state)
{
	char arg[32], *longest = malloc(LEDGER_ARG_MAX + 1);
	struct ledger *l;
	struct err e = { 0 };

	assert_int_equal(ledger_open(path, true, &l, &e), 0);
	memset(longest, 'a', LEDGER_ARG_MAX);
	longest[LEDGER_ARG_MAX] = '\0';
	assert_int_equal(ledger_add(l, "file", longest, &e), -ENAMETOOLONG);
	for (int i = 0; i < LEDGER_ENTRIES_MAX; i++) {
		(void)snprintf(arg, sizeof(arg), "%d", i);
		assert_int_equal(ledger_add(l, "file", arg, &e), 0);
	}
	assert_int_equal(ledger_add(l, "file", "more", &e), -ENOSPC);
	assert_int_equal(ledger_undo_all(l, undo, NULL, &e), 0);
	ledger_close(l);
	free(longest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(order_and_removal, setup),
		cmocka_unit_test_setup(one_owner, setup),
		cmocka_unit_test_setup(killed_at_every_step, setup),
		cmocka_unit_test_setup(half_a_line_does_not_count, setup),
		cmocka_unit_test_setup(nonsense_is_kept, setup),
		cmocka_unit_test_setup(what_does_not_go_stays, setup),
		cmocka_unit_test_setup(bounded, setup),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
