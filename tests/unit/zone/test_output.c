/* SPDX-License-Identifier: BSD-2-Clause */
/* What a zone's processes say: into the log, told, and remembered; and the log's room on a full disk. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mevent.h"
#include "zone/output.h"

struct fixture {
	char path[32];
	struct mevent_loop *loop;
	struct logfile log;
	struct output out;
	int end; /* of the pipe: the process's */
	char told[1024];
	unsigned tells;
};

static void
on_said(void *arg, const char *text)
{
	struct fixture *f = arg;

	f->tells++;
	(void)snprintf(f->told, sizeof(f->told), "%s", text);
}

static int
begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	(void)snprintf(f->path, sizeof(f->path), "/tmp/zhyve-output.XXXXXX");
	(void)close(mkstemp(f->path));
	assert_int_equal(logfile_open(&f->log, f->path, 1 << 20, NULL), 0);
	assert_int_equal(mevent_loop_create(&f->loop), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	f->end = fds[1];
	assert_int_equal(output_follow(&f->out, f->loop, fds[0], &f->log), 0);
	f->out.said = on_said;
	f->out.arg = f;
	*state = f;
	return (0);
}

static int
end(void **state)
{
	struct fixture *f = *state;

	output_close(&f->out);
	(void)close(f->end);
	mevent_loop_destroy(f->loop);
	logfile_close(&f->log);
	(void)unlink(f->path);
	free(f);
	return (0);
}

static void
say(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->end, text, strlen(text)), strlen(text));
}

/* As it is said, not when the process ends. */
static void
follows(void **state)
{
	struct fixture *f = *state;
	char buf[64] = "", last[OUTPUT_LAST_MAX];
	int fd = open(f->path, O_RDONLY | O_CLOEXEC);

	say(f, "one\x1b[2J\n");
	assert_true(mevent_poll(f->loop, 0) >= 0);
	assert_string_equal(f->told, "one [2J");
	assert_int_equal(read(fd, buf, sizeof(buf) - 1), 8);
	assert_string_equal(buf, "one\x1b[2J\n");
	say(f, "two\n");
	output_drain(&f->out); /* the process has ended */
	output_last(&f->out, last);
	assert_string_equal(last, "one [2J two");
	(void)close(fd);
}

/* A process that says too much is told of so often, and the last of it is remembered. */
static void
bounds(void **state)
{
	struct fixture *f = *state;
	char text[300], last[OUTPUT_LAST_MAX];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[sizeof(text) - 2] = 'z';
	for (unsigned i = 0; i < 2 * OUTPUT_TELLS; i++) {
		say(f, text);
		assert_true(mevent_poll(f->loop, 0) >= 0);
	}
	assert_int_equal(f->tells, OUTPUT_TELLS);
	assert_int_equal(strlen(f->told), OUTPUT_LAST_MAX - 1);
	output_last(&f->out, last);
	assert_int_equal(strlen(last), OUTPUT_LAST_MAX - 1);
	assert_int_equal(last[OUTPUT_LAST_MAX - 2], 'z');
}

/* Faster than the budget of a window: the rest stays in the pipe for now, which holds the process up. */
static void
throttles(void **state)
{
	static char much[4096];
	struct fixture *f = *state;
	unsigned n = 0;

	f->out.throttle.budget = sizeof(much);
	f->out.throttle.start = INT64_MAX; /* a window that does not end */
	memset(much, 'x', sizeof(much));
	while (n < 4 && write(f->end, much, sizeof(much)) == (ssize_t)sizeof(much))
		n++;
	for (unsigned i = 0; i < 4; i++)
		assert_true(mevent_poll(f->loop, 0) >= 0);
	assert_int_equal(f->log.size, sizeof(much));
	output_drain(&f->out);
	assert_int_equal(f->log.size, n * sizeof(much));
}

/* The file has blocks ahead of its end, where the file system can promise them. */
static void
keeps_room(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 0);
	if (f->log.room == 0)
		skip();
	assert_true(st.st_blocks > 0);
	logfile_write(&f->log, "x", 1);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_size, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows, begin, end),
		cmocka_unit_test_setup_teardown(bounds, begin, end),
		cmocka_unit_test_setup_teardown(throttles, begin, end),
		cmocka_unit_test_setup_teardown(keeps_room, begin, end),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
