/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: history, several viewers, input, notices, and what a viewer or a guest may do wrong.
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

#include <sys/socket.h>

#include "base/fd.h"
#include "zone/console.h"

static struct mevent_loop *loop;
static struct console *con;
static char dir[] = "/tmp/zhyve-console.XXXXXX", sock_path[64], log_path[64], old_path[72];
static unsigned first_bytes;
static int guest = -1;

static void
first_byte(void *arg)
{
	first_bytes++;
}
static void
viewers(void *arg)
{
}
static const struct console_ops ops = { first_byte, viewers };

static void
turn(void)
{
	for (int i = 0; i < 200 && mevent_poll(loop, 0) > 0; i++)
		continue;
}

static void
attach_guest(void)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	guest = sv[1];
	assert_int_equal(console_guest_attach(con, sv[0]), 0);
}

static void
create(void)
{
	struct err e = { 0 };

	assert_int_equal(mevent_loop_create(&loop), 0);
	if (console_create(loop, sock_path, log_path, &ops, NULL, &con, &e) != 0)
		fail_msg("%s", e.text);
}

static void
destroy(void)
{
	console_destroy(con);
	mevent_loop_destroy(loop);
	fd_close(&guest);
}

static int
setup(void **state)
{
	first_bytes = 0;
	create();
	return (0);
}

static int
teardown(void **state)
{
	destroy();
	(void)unlink(sock_path);
	(void)unlink(log_path);
	(void)unlink(old_path);
	return (0);
}

static int
viewer(const char *ident)
{
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sv), 0);
	assert_int_equal(console_viewer_add(con, sv[0]), 0);
	assert_int_equal(fd_write_full(sv[1], ident, strlen(ident)), 0);
	turn();
	return (sv[1]);
}

static const char *
seen(int fd)
{
	static char text[4096];
	size_t len = 0;
	ssize_t n;

	turn();
	while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)n;
		turn();
	}
	text[len] = '\0';
	return (text);
}

static bool
is_closed(int fd)
{
	char c;

	turn();
	return (recv(fd, &c, 1, MSG_DONTWAIT) == 0);
}

static void
guest_says(const char *text)
{
	assert_int_equal(fd_write_full(guest, text, strlen(text)), 0);
	turn();
}

static void
history_and_two_viewers(void **state)
{
	int a, b;

	attach_guest();
	guest_says("boot\r\n");
	assert_int_equal(first_bytes, 1);
	a = viewer("IDENT C 0\n");
	assert_string_equal(seen(a), "OK\nboot\r\n");
	guest_says("login: ");
	b = viewer("IDENT C 0\n"); /* late, and missing nothing */
	assert_string_equal(seen(b), "OK\nboot\r\nlogin: ");
	assert_string_equal(seen(a), "login: ");
	assert_int_equal(console_viewers(con), 2);
	assert_int_equal(fd_write_full(a, "ro", 2), 0);
	turn();
	assert_int_equal(fd_write_full(b, "ot\r", 3), 0);
	assert_string_equal(seen(guest), "root\r");
	assert_int_equal(first_bytes, 1);
	(void)close(a);
	turn();
	assert_int_equal(console_viewers(con), 1);
	(void)close(b);
	turn();
	assert_int_equal(console_viewers(con), 0);
}

static void
over_reset_and_halt(void **state)
{
	int a = viewer("IDENT C 0\n"), d = viewer("IDENT C 1\n");

	console_notice(con, "Zone booting up");
	assert_string_equal(seen(a), "OK\n\r\n[NOTICE: Zone booting up]\r\n");
	attach_guest();
	guest_says("one");
	fd_close(&guest);
	attach_guest(); /* a reset: the same console, a new guest */
	guest_says("two");
	assert_int_equal(first_bytes, 2);
	assert_string_equal(seen(a), "onetwo");
	assert_int_equal(fd_write_full(guest, "last words", 10), 0);
	console_guest_detach(con); /* they are not lost */
	console_halted(con);
	assert_string_equal(seen(a), "last words\r\n[NOTICE: Zone halted]\r\n");
	assert_string_equal(seen(d),
	    "OK\n\r\n[NOTICE: Zone booting up]\r\nonetwolast words\r\n[NOTICE: Zone halted.  "
	    "Disconnecting...]\r\n");
	assert_true(is_closed(d));
	assert_false(is_closed(a));
	assert_int_equal(fd_write_full(a, "nobody there", 12), 0);
	turn();
	attach_guest();
	assert_string_equal(
	    seen(guest), ""); /* what was typed to no guest is not kept for the next */
	console_disconnect(con);
	assert_true(is_closed(a));
	(void)close(a);
	(void)close(d);
}

static void
kept_on_disk(void **state)
{
	int a;

	attach_guest();
	guest_says("before the end of zoneadmd");
	destroy();
	create();
	a = viewer("IDENT C 0\n");
	assert_string_equal(seen(a), "OK\nbefore the end of zoneadmd");
	(void)close(a);
}

static void
wrong_introductions(void **state)
{
	static const char *const bad[] = { "\n", "HELLO\n", "IDENT\n", "IDENT C\n", "IDENT C x\n",
		"IDENT C 0 more\n", "IDENT C 99999999999\n" };
	char longest[CONSOLE_IDENT_MAX + 2];
	int fd;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		fd = viewer(bad[i]);
		assert_true(is_closed(fd));
		(void)close(fd);
	}
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	fd = viewer(longest);
	assert_true(is_closed(fd));
	(void)close(fd);
	fd = viewer("IDE"); /* in pieces, with input behind */
	attach_guest();
	assert_int_equal(fd_write_full(fd, "NT C 0\nls\r", 10), 0);
	assert_string_equal(seen(fd), "OK\n");
	assert_string_equal(seen(guest), "ls\r");
	(void)close(fd);
	turn();
	assert_int_equal(console_viewers(con), 0);
}

static void
only_so_many(void **state)
{
	int fd[CONSOLE_VIEWERS_MAX], sv[2];

	for (int i = 0; i < CONSOLE_VIEWERS_MAX; i++)
		fd[i] = viewer("IDENT C 0\n");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(console_viewer_add(con, sv[0]), -EBUSY);
	(void)close(sv[1]);
	for (int i = 0; i < CONSOLE_VIEWERS_MAX; i++)
		(void)close(fd[i]);
	turn();
	assert_int_equal(console_viewers(con), 0);
}

/* A guest that does not read and a viewer that pastes without end: bounded, and nothing stalls. */
static void
input_is_bounded(void **state)
{
	char block[4096];
	size_t sent = 0;
	ssize_t n;
	int a, b;

	attach_guest();
	a = viewer("IDENT C 0\n");
	b = viewer("IDENT C 0\n");
	(void)seen(b);
	memset(block, 'p', sizeof(block));
	while ((n = send(a, block, sizeof(block), MSG_DONTWAIT)) > 0 && sent < (16 << 20)) {
		sent += (size_t)n;
		turn();
	}
	assert_true(sent < (16 << 20)); /* the viewer was made to wait */
	guest_says("alive");
	assert_string_equal(seen(b), "alive");
	(void)close(a);
	(void)close(b);
}

/* A viewer that does not read loses the oldest, not the newest, and holds up nobody. */
static void
slow_viewer(void **state)
{
	char block[1024];
	size_t total = 0;
	ssize_t n;
	int a;
	char tail[4] = "";

	attach_guest();
	a = viewer("IDENT C 0\n");
	memset(block, 'o', sizeof(block));
	for (int i = 0; i < 4096; i++) { /* 4 MiB, far beyond ring and socket buffers */
		for (int tries = 0;
		     send(guest, block, sizeof(block), MSG_DONTWAIT) < 0 && tries < 1000; tries++)
			(void)mevent_poll(loop, 200); /* the console takes so much per time */
		(void)mevent_poll(loop, 0);
	}
	guest_says("END");
	for (int i = 0; i < 20; i++)
		(void)mevent_poll(loop, 20);
	while ((n = recv(a, block, sizeof(block), MSG_DONTWAIT)) > 0) {
		total += (size_t)n;
		if (n >= 3)
			memcpy(tail, block + n - 3, 3);
		turn();
	}
	assert_string_equal(tail, "END");
	assert_true(total < (2 << 20));
	(void)close(a);
}

static void
half_closed(void **state)
{
	int a;

	attach_guest();
	a = viewer("IDENT C 0\n");
	assert_int_equal(
	    shutdown(a, SHUT_WR), 0); /* end of input on the viewer's side: it still reads */
	turn();
	guest_says("more");
	assert_string_equal(seen(a), "OK\nmore");
	assert_int_equal(console_viewers(con), 1);
	(void)close(a);
	for (int i = 0; i < 40 && console_viewers(con) > 0; i++)
		(void)mevent_poll(loop, 50);
	assert_int_equal(console_viewers(con), 0);
}

static int
make_dir(void **state)
{
	assert_non_null(mkdtemp(dir));
	(void)snprintf(sock_path, sizeof(sock_path), "%s/console", dir);
	(void)snprintf(log_path, sizeof(log_path), "%s/console.log", dir);
	(void)snprintf(old_path, sizeof(old_path), "%s.0", log_path);
	return (0);
}

static int
remove_dir(void **state)
{
	return (rmdir(dir));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(history_and_two_viewers, setup, teardown),
		cmocka_unit_test_setup_teardown(over_reset_and_halt, setup, teardown),
		cmocka_unit_test_setup_teardown(kept_on_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_introductions, setup, teardown),
		cmocka_unit_test_setup_teardown(only_so_many, setup, teardown),
		cmocka_unit_test_setup_teardown(input_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_viewer, setup, teardown),
		cmocka_unit_test_setup_teardown(half_closed, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, make_dir, remove_dir));
}
