/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way to swtpm, with a thread that speaks its part: how it is started, commands and answers in
 * pieces, and a swtpm that refuses, sends nonsense, or goes away.
 */
#include "backend/tpm_swtpm.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static struct mevent_loop *loop;
static struct lock lock = LOCK_INIT;
static struct tpm_backend *be;
static int ctrl[2];
static int data = -1;   /* swtpm's end, once it has been passed */
static uint32_t refuse; /* this command gets an error */
static uint32_t seen[8];
static unsigned nseen, answers, failures;
static uint8_t answer[TPM_BUFFER_SIZE];
static size_t answer_len;

static void
on_done(void *dev, const uint8_t *buf, size_t len)
{
	if (buf == NULL) {
		failures++;
		return;
	}
	answers++;
	memcpy(answer, buf, len);
	answer_len = len;
}

/* swtpm's control channel, until the TPM is started. */
static void *
serve(void *arg)
{
	uint32_t msg[2], out[4];
	int fd = -1;
	size_t n;

	do {
		size_t nfds = 1;
		ssize_t len = fd_recv_msg(ctrl[1], msg, sizeof(msg), &fd, &nfds);

		if (len < 4)
			return (NULL);
		seen[nseen++] = be32toh(msg[0]);
		if (nfds == 1)
			data = fd;
		memset(out, 0, sizeof(out));
		n = seen[nseen - 1] == 17 ? 16 : 4;
		if (seen[nseen - 1] == refuse)
			out[0] = htobe32(0x1f);
		else if (n == 16)
			out[1] = msg[1];
		(void)fd_write_full(ctrl[1], out, n);
	} while (seen[nseen - 1] != 2 && seen[nseen - 1] != refuse);
	return (NULL);
}

static int
start(struct err *e)
{
	pthread_t thread;
	char where[16];
	int rc;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctrl), 0);
	(void)snprintf(where, sizeof(where), "fd:%d", ctrl[0]);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	rc = tpm_swtpm_open(&be, where, loop, &lock, e);
	assert_int_equal(pthread_join(thread, NULL), 0);
	if (rc == 0)
		be->done = on_done;
	return (rc);
}

static int
setup(void **state)
{
	nseen = answers = failures = 0;
	refuse = 0;
	data = -1;
	return (mevent_loop_create(&loop));
}

static int
teardown(void **state)
{
	free(be); /* it lives as long as its process: here is the end */
	be = NULL;
	fd_close(&ctrl[1]);
	fd_close(&data);
	mevent_loop_destroy(loop);
	return (0);
}

static void
turn(void)
{
	while (mevent_poll(loop, 20) > 0)
		;
}

static void
submit(void)
{
	static const uint8_t cmd[12] = { 0x80, 1, 0, 0, 0, 12 };
	uint8_t got[12];

	assert_int_equal(be->submit(be, cmd, sizeof(cmd)), 0);
	assert_int_equal(fd_read_full(data, got, sizeof(got)), 0);
	assert_memory_equal(got, cmd, sizeof(cmd));
}

static void
test_start_and_command(void **state)
{
	static const uint8_t want[14] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 0, 0, 1, 2, 3, 4 };
	uint32_t cmd;

	assert_int_equal(start(NULL), 0);
	assert_int_equal(nseen, 4);
	assert_int_equal(seen[0], 16); /* CMD_SET_DATAFD */
	assert_int_equal(seen[3], 2);  /* CMD_INIT */
	submit();
	assert_int_equal(be->submit(be, want, sizeof(want)), -EIO); /* one at a time */
	be->cancel(be);
	assert_int_equal(fd_read_full(ctrl[1], &cmd, sizeof(cmd)), 0);
	assert_int_equal(be32toh(cmd), 9);
	assert_int_equal(fd_write_full(ctrl[1], "\0\0\0\0", 4), 0); /* its answer: nobody cares */
	for (size_t i = 0; i < sizeof(want); i++) {
		assert_int_equal(answers, 0);
		assert_int_equal(fd_write_full(data, want + i, 1), 0);
		turn();
	}
	assert_int_equal(answers, 1);
	assert_int_equal(answer_len, sizeof(want));
	assert_memory_equal(answer, want, sizeof(want));
	submit();
	assert_int_equal(failures, 0);
}

static void
test_refusals(void **state)
{
	static const uint32_t cmds[] = { 16, 14, 17, 2 };
	struct err e = { 0 };

	for (size_t i = 0; i < 4; i++) {
		refuse = cmds[i];
		nseen = 0;
		assert_int_equal(start(&e), -EIO);
		assert_non_null(strstr(e.text, "swtpm refused"));
		assert_int_equal(nseen, i + 1);
		fd_close(&ctrl[1]);
		fd_close(&data);
	}
	assert_int_equal(tpm_swtpm_open(&be, "/nonexistent/swtpm", loop, &lock, &e), -ENOENT);
	assert_non_null(strstr(e.text, "is swtpm running?"));
	assert_int_equal(mevent_count(loop), 0);
}

static void
fails_with(const void *bytes, size_t len)
{
	assert_int_equal(start(NULL), 0);
	submit();
	assert_int_equal(fd_write_full(data, bytes, len), 0);
	turn();
	assert_int_equal(answers, 0);
	assert_int_equal(failures, 1);
	assert_int_equal(be->submit(be, bytes, 10), -EIO);
	turn();
	assert_int_equal(failures, 1);
}

static void
test_answer_too_short(void **state)
{
	fails_with("\x80\x01\0\0\0\x09\0\0\0\0", 10);
}

static void
test_answer_too_long(void **state)
{
	fails_with("\x80\x01\0\0\x0f\x81\0\0\0\0", 10);
}

static void
test_answer_and_more(void **state)
{
	fails_with("\x80\x01\0\0\0\x0a\0\0\0\0!", 11);
}

static void
test_unasked(void **state)
{
	assert_int_equal(start(NULL), 0);
	assert_int_equal(fd_write_full(data, "hello", 5), 0);
	turn();
	assert_int_equal(failures, 1);
}

static void
test_gone(void **state)
{
	assert_int_equal(start(NULL), 0);
	submit();
	fd_close(&ctrl[1]);
	turn();
	assert_int_equal(failures, 1);
	fd_close(&data);
	turn();
	assert_int_equal(failures, 1);
	assert_int_equal(be->submit(be, (const uint8_t *)"0123456789", 10), -EIO);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_start_and_command),
		T(test_refusals),
		T(test_answer_too_short),
		T(test_answer_too_long),
		T(test_answer_and_more),
		T(test_unasked),
		T(test_gone),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
