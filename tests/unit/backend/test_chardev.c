/* SPDX-License-Identifier: BSD-2-Clause */
/* Serial ports' outer ends: socket pairs, the listening socket, standard input and output. */
#include "backend/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static struct mevent_loop *loop;
static struct lock lock = LOCK_INIT;
static struct chardev *c;
static char got[65536];
static size_t ngot, room;
static unsigned writable_calls, came, went;
static char path[64];

static void
on_rx(void *dev, const uint8_t *buf, size_t len)
{
	assert_true(len <= room);
	room -= len;
	assert_true(ngot + len <= sizeof(got));
	memcpy(got + ngot, buf, len);
	ngot += len;
}

static void
on_writable(void *dev)
{
	writable_calls++;
}

static void
adopt(void)
{
	c->rx = on_rx;
	c->writable = on_writable;
}

static void
grant(size_t n)
{
	room = n;
	lock_take(&lock);
	c->ops->rx_room(c, n);
	lock_drop(&lock);
}

static size_t
say(const void *buf, size_t len)
{
	size_t n;

	lock_take(&lock);
	n = c->ops->write(c, buf, len);
	lock_drop(&lock);
	return (n);
}

static void
spin(void)
{
	while (mevent_poll(loop, 20) > 0)
		;
}

static int
setup(void **state)
{
	assert_int_equal(mevent_loop_create(&loop), 0);
	c = NULL;
	ngot = room = 0;
	writable_calls = came = went = 0;
	(void)snprintf(path, sizeof(path), "test_chardev.%d", (int)getpid());
	return (0);
}

static int
teardown(void **state)
{
	chardev_close(c);
	assert_int_equal(mevent_count(loop), 0);
	mevent_loop_destroy(loop);
	(void)unlink(path);
	return (0);
}

/* A chardev on one end of a socket pair; the other end. */
static int
pair(void)
{
	char conf[32];
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	(void)snprintf(conf, sizeof(conf), "fd:%d", sv[0]);
	assert_int_equal(chardev_open(&c, conf, loop, &lock, NULL), 0);
	adopt();
	return (sv[1]);
}

static void
test_both_ways(void **state)
{
	CLEANUP_FD int peer = pair();
	char buf[16];

	assert_int_equal(say("hello", 5), 5);
	assert_int_equal(read(peer, buf, sizeof(buf)), 5); /* at once, without the loop */
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(peer, "0123456789", 10), 10);
	spin();
	assert_int_equal(ngot, 0); /* nothing was granted */
	grant(4);
	spin();
	assert_int_equal(ngot, 4);
	grant(100);
	spin();
	assert_int_equal(ngot, 10);
	assert_memory_equal(got, "0123456789", 10);
}

/*
 * A guest's bytes come one by one: the first goes out at once, those behind it in runs, none is
 * lost.
 */
static void
test_runs(void **state)
{
	CLEANUP_FD int peer = pair();
	char buf[8192];
	unsigned runs = 0;
	size_t have = 0;
	ssize_t n;

	for (unsigned i = 0; i < 6000; i++) {
		assert_int_equal(say(&(char){ (char)i }, 1), 1);
		if (i == 0)
			assert_int_equal(recv(peer, buf, 1, MSG_PEEK), 1);
		if (i % 500 == 499)
			(void)mevent_poll(loop, 0);
		if ((n = read(peer, buf + have, sizeof(buf) - have)) > 0) {
			have += (size_t)n;
			runs++;
		}
	}
	spin();
	while ((n = read(peer, buf + have, sizeof(buf) - have)) > 0)
		have += (size_t)n;
	assert_int_equal(have, 6000);
	for (unsigned i = 0; i < 6000; i++)
		assert_int_equal(buf[i], (char)i);
	assert_true(runs < 600);
	/* What still waits when it is closed has been sent too. */
	assert_int_equal(say("a", 1), 1);
	assert_int_equal(say("b", 1), 1);
	chardev_close(c);
	c = NULL;
	assert_int_equal(read(peer, buf, sizeof(buf)), 2);
}

static void
test_backpressure(void **state)
{
	CLEANUP_FD int peer = pair();
	static uint8_t chunk[4096], back[65536];
	size_t total = 0, seen = 0, n;
	ssize_t r;

	for (;;) {
		for (unsigned i = 0; i < sizeof(chunk); i++)
			chunk[i] = (uint8_t)((total + i) * 7 >> 3);
		n = say(chunk, sizeof(chunk));
		total += n;
		assert_true(total < 16u << 20); /* bounded */
		if (n < sizeof(chunk))
			break;
	}
	assert_int_equal(say("x", 1), 0);
	assert_int_equal(writable_calls, 0);
	while (seen < total) {
		if ((r = read(peer, back, sizeof(back))) > 0)
			for (ssize_t i = 0; i < r; i++, seen++)
				assert_int_equal(back[i], (uint8_t)(seen * 7 >> 3));
		spin();
	}
	assert_int_equal(writable_calls, 1);
	assert_int_equal(say("x", 1), 1);
}

static void
test_peer_gone(void **state)
{
	int peer = pair();
	static uint8_t chunk[4096];

	while (say(chunk, sizeof(chunk)) == sizeof(chunk))
		;
	(void)close(peer);
	spin();
	/* No signal, no error, and the device is told that it may go on. */
	assert_int_equal(say(chunk, sizeof(chunk)), sizeof(chunk));
	spin();
	assert_int_equal(writable_calls, 1);
	grant(10);
	spin();
	assert_int_equal(ngot, 0);
}

static int
dial(void)
{
	return (unix_connect(path, SOCK_STREAM, NULL));
}

static void
test_socket(void **state)
{
	char conf[96], buf[16];
	int a, b;

	(void)snprintf(conf, sizeof(conf), "socket,%s", path);
	assert_int_equal(chardev_open(&c, conf, loop, &lock, NULL), 0);
	adopt();
	grant(100);
	assert_int_equal(say("lost", 4), 4); /* nobody is there */
	a = dial();
	assert_true(a >= 0);
	spin();
	assert_int_equal(say("one", 3), 3);
	assert_int_equal(read(a, buf, sizeof(buf)), 3);
	b = dial(); /* a second one is turned away */
	assert_true(b >= 0);
	spin();
	assert_int_equal(read(b, buf, sizeof(buf)), 0);
	(void)close(b);
	assert_int_equal(write(a, "abc", 3), 3);
	spin();
	assert_int_equal(ngot, 3);
	(void)close(a);
	spin();
	b = dial(); /* and now it is welcome */
	spin();
	assert_int_equal(say("two", 3), 3);
	assert_int_equal(read(b, buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "two", 3);
	(void)close(b);
}

static void
on_peer(void *dev, bool there)
{
	if (there)
		came++;
	else
		went++;
	assert_int_equal(c->has_peer, there);
}

/* A descriptor that listens is served, and the device hears of who comes and goes. */
static void
test_listening(void **state)
{
	static char run[3000];
	char conf[32], buf[4096];
	int fd, a;

	assert_true((fd = unix_listen(path, 0600, NULL)) >= 0);
	(void)snprintf(conf, sizeof(conf), "fd:%d", fd);
	assert_int_equal(chardev_open(&c, conf, loop, &lock, NULL), 0);
	adopt();
	c->peer = on_peer;
	c->at_once = true;
	assert_false(c->has_peer);
	for (unsigned round = 1; round <= 2; round++) {
		assert_true((a = dial()) >= 0);
		spin();
		assert_int_equal(came, round);
		assert_int_equal(went, round - 1);
		/* Runs go out at once: nothing is kept for a timer. */
		assert_int_equal(say("ab", 2), 2);
		assert_int_equal(say(run, sizeof(run)), sizeof(run));
		assert_int_equal(recv(a, buf, sizeof(buf), MSG_DONTWAIT), 2 + sizeof(run));
		(void)close(a);
		grant(1);
		spin();
		assert_int_equal(went, round);
	}
}

static void
test_socket_wait(void **state)
{
	char conf[96], buf[8];
	pid_t pid = fork();

	if (pid == 0) {
		int fd, rc = 1;

		for (unsigned i = 0; i < 500 && (fd = dial()) < 0; i++)
			(void)usleep(10000);
		if (fd >= 0 && read(fd, buf, 2) == 2 && memcmp(buf, "hi", 2) == 0)
			rc = 0;
		_exit(rc);
	}
	(void)snprintf(conf, sizeof(conf), "socket,%s,wait", path);
	assert_int_equal(chardev_open(&c, conf, loop, &lock, NULL), 0);
	adopt();
	assert_int_equal(say("hi", 2), 2);
	{
		int status;

		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/*
 * Standard input from a pipe, standard output into a file; they are put back for cmocka's own
 * sake.
 */
static void
test_stdio(void **state)
{
	int in[2], old0 = dup(0), old1 = dup(1), file, flags;
	struct chardev *second;
	struct err e = { 0 };
	char buf[16] = "";
	size_t n;

	assert_int_equal(pipe(in), 0);
	file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	(void)dup2(in[0], 0);
	(void)dup2(file, 1);
	n = (size_t)chardev_open(&c, "stdio", loop, &lock, NULL);
	flags = fcntl(0, F_GETFL);
	if (n == 0) {
		adopt();
		n = say("out", 3);
		assert_int_equal(chardev_open(&second, "stdio", loop, &lock, &e), -EBUSY);
	}
	(void)dup2(old0, 0);
	(void)dup2(old1, 1);
	(void)close(old0);
	(void)close(old1);
	assert_int_equal(n, 3);
	assert_int_equal(flags & O_NONBLOCK, 0); /* the shared description was left alone */
	assert_non_null(strstr(e.text, "another serial port"));
	assert_int_equal(pread(file, buf, sizeof(buf), 0), 3);
	assert_string_equal(buf, "out");
	grant(10);
	assert_int_equal(write(in[1], "in", 2), 2);
	spin();
	assert_int_equal(ngot, 2);
	(void)close(in[0]);
	(void)close(in[1]); /* input has ended, output goes on */
	spin();
	assert_int_equal(say("more", 4), 4);
	assert_int_equal(pread(file, buf, sizeof(buf), 0), 7);
	(void)close(file);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *conf, *word;
	} bad[] = {
		{ "", "expected stdio" },
		{ "stdout", "expected stdio" },
		{ "socket,", "1 to" },
		{ "socket,/tmp/x,now", "unknown option 'now'" },
		{ "socket,/nonexistent/x", "/nonexistent/x" },
		{ "fd:999", "fd:999" },
		{ "fd:", "expected stdio" },
		{ "/dev/null", "not a terminal" },
		{ "/dev/nonexistent", "No such file" },
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = { 0 };

		assert_true(chardev_open(&c, bad[i].conf, loop, &lock, &e) < 0);
		if (strstr(e.text, bad[i].word) == NULL)
			fail_msg("'%s' does not say '%s'", e.text, bad[i].word);
	}
	c = NULL;
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_both_ways),
		T(test_runs),
		T(test_backpressure),
		T(test_peer_gone),
		T(test_socket),
		T(test_listening),
		T(test_socket_wait),
		T(test_stdio),
		T(test_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
