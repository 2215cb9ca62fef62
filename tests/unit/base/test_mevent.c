/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: what bhyve's own mevent tests show (bhyve.md 10), and deletion in every moment.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mevent.h"

#define MS 1000000ull

struct probe {
	struct mevent_loop *loop;
	struct mevent *self;
	struct mevent *other;
	int fired;
	char last;
};

static int
setup(void **state)
{
	struct mevent_loop *loop;

	assert_int_equal(mevent_loop_create(&loop), 0);
	*state = loop;
	return (0);
}

static int
teardown(void **state)
{
	mevent_loop_destroy(*state);
	return (0);
}

static void
on_read(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	assert_int_equal(type, EVF_READ);
	assert_int_equal(read(fd, &p->last, 1), 1);
	p->fired++;
}

static void
count_only(int fd, enum mevent_type type, void *arg)
{
	((struct probe *)arg)->fired++;
}

static void
test_lists_delete(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	struct mevent *ev[8];
	int fd = eventfd(0, EFD_CLOEXEC);

	for (int i = 0; i < 8; i++)
		assert_non_null(ev[i] = mevent_add_timer(loop, 0, 0, count_only, &p));
	assert_non_null(p.self = mevent_add(loop, fd, EVF_READ, count_only, &p));
	assert_int_equal(mevent_count(loop), 9);
	for (unsigned i = 0; i < 8; i++) {
		mevent_delete(ev[i]);
		assert_int_equal(mevent_count(loop), 8 - i);
	}
	mevent_delete_close(p.self);
	assert_int_equal(mevent_count(loop), 0);
	assert_int_equal(close(fd), -1); /* it was closed */
}

static void
test_read_requeue(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	int pipefd[2];

	assert_int_equal(pipe(pipefd), 0);
	assert_non_null(mevent_add(loop, pipefd[0], EVF_READ, on_read, &p));
	for (char c = 'a'; c <= 'z'; c++) {
		assert_int_equal(write(pipefd[1], &c, 1), 1);
		assert_int_equal(mevent_poll(loop, 1000), 1);
		assert_int_equal(p.last, c);
	}
	assert_int_equal(mevent_poll(loop, 0), 0);
	assert_int_equal(p.fired, 26);
}

static void
disable_self(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	p->fired++;
	assert_int_equal(mevent_disable(p->self), 0);
}

static void
test_read_disable(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 }, timer = { 0 };
	int pipefd[2];

	assert_int_equal(pipe(pipefd), 0);
	p.self = mevent_add(loop, pipefd[0], EVF_READ, disable_self, &p);
	assert_int_equal(
	    write(pipefd[1], "xy", 2), 2); /* stays readable: only the disabling silences it */
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_non_null(mevent_add_timer(loop, 10 * MS, 0, count_only, &timer));
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(p.fired, 1);
	assert_int_equal(timer.fired, 1);
}

static void
test_read_pause(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	int pipefd[2];

	assert_int_equal(pipe(pipefd), 0);
	p.self = mevent_add_disabled(loop, pipefd[0], EVF_READ, on_read, &p);
	assert_int_equal(write(pipefd[1], "q", 1), 1);
	assert_int_equal(mevent_poll(loop, 20), 0);
	assert_int_equal(mevent_enable(p.self), 0);
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(p.last, 'q');
}

static void
test_timer_periodic_and_disarm(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	struct mevent *ev = mevent_add_timer(loop, 2 * MS, 2 * MS, count_only, &p);

	assert_non_null(ev);
	while (p.fired < 3)
		assert_true(mevent_poll(loop, 1000) >= 0);
	assert_int_equal(mevent_timer_set(ev, 0, 0), 0);
	p.fired = 0;
	assert_int_equal(mevent_poll(loop, 20), 0);
	assert_int_equal(mevent_timer_set(ev, 1 * MS, 0), 0);
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(mevent_poll(loop, 20), 0); /* once */
}

static void
on_socket_writable(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	assert_int_equal(type, EVF_WRITE);
	assert_int_equal(send(fd, "w", 1, 0), 1);
	p->fired++;
	assert_int_equal(mevent_disable(p->self), 0);
}

/* Reading and writing of one descriptor are two events, and both fire in one round. */
static void
test_socket_both_ways(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe r = { 0 }, w = { 0 };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	r.self = mevent_add(loop, sv[0], EVF_READ, on_read, &r);
	w.self = mevent_add(loop, sv[0], EVF_WRITE, on_socket_writable, &w);
	assert_int_equal(send(sv[1], "r", 1, 0), 1);
	assert_int_equal(mevent_poll(loop, 1000), 2);
	assert_int_equal(r.fired, 1);
	assert_int_equal(w.fired, 1);
	assert_int_equal(mevent_poll(loop, 0), 0);
	mevent_delete(w.self);
	assert_int_equal(send(sv[1], "s", 1, 0), 1);
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(r.last, 's');
}

static void
delete_self(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	p->fired++;
	mevent_delete(p->self);
}

static void
delete_other(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	p->fired++;
	if (p->other != NULL)
		mevent_delete(p->other);
	p->other = NULL;
}

static void
test_delete_while_firing(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe a = { 0 }, b = { 0 }, c = { 0 };
	int one = eventfd(1, 0), two = eventfd(1, 0), three = eventfd(1, 0);

	/* Both ready in one round; whichever runs first deletes the other, which must not run. */
	a.self = mevent_add(loop, one, EVF_READ, delete_other, &a);
	b.self = mevent_add(loop, two, EVF_READ, delete_other, &b);
	a.other = b.self;
	b.other = a.self;
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(a.fired + b.fired, 1);
	assert_int_equal(mevent_count(loop), 1);
	c.self = mevent_add(loop, three, EVF_READ, delete_self, &c);
	(void)mevent_poll(loop, 1000);
	assert_int_equal(c.fired, 1);
	assert_int_equal(mevent_count(loop), 1);
	/* And on one descriptor: the reader's callback deletes the writer. */
	struct probe d = { 0 }, e = { 0 };
	int sv[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	assert_int_equal(send(sv[1], "r", 1, 0), 1);
	d.self = mevent_add(loop, sv[0], EVF_READ, delete_other, &d);
	e.self = mevent_add(loop, sv[0], EVF_WRITE, delete_other, &e);
	d.other = e.self;
	e.other = d.self;
	(void)mevent_poll(loop, 1000);
	assert_int_equal(d.fired + e.fired, 1);
}

static void
add_another(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	mevent_delete(p->self);
	p->self = mevent_add(p->loop, fd, EVF_READ, on_read, p);
	assert_non_null(p->self);
}

static void
test_replace_while_firing(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { .loop = loop };
	int pipefd[2];

	assert_int_equal(pipe(pipefd), 0);
	assert_int_equal(write(pipefd[1], "z", 1), 1);
	p.self = mevent_add(loop, pipefd[0], EVF_READ, add_another, &p);
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(p.fired, 0); /* the new one waits for the next round */
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(p.last, 'z');
}

static void
test_signal(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };

	assert_non_null(mevent_add_signal(loop, SIGUSR1, count_only, &p));
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(mevent_poll(loop, 1000), 1);
	assert_int_equal(p.fired, 1);
}

static void
stop_at_ten(int fd, enum mevent_type type, void *arg)
{
	struct probe *p = arg;

	if (++p->fired == 10)
		mevent_stop(p->loop);
}

static void
test_dispatch_stop(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { .loop = loop };
	int fd = eventfd(1, 0);

	assert_non_null(mevent_add(loop, fd, EVF_READ, stop_at_ten, &p));
	assert_int_equal(mevent_dispatch(loop), 0);
	assert_int_equal(p.fired, 10);
}

/* A disabled event whose peer hangs up must not turn the loop. */
static void
test_hangup_when_disabled(void **state)
{
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	int sv[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
	p.self = mevent_add_disabled(loop, sv[0], EVF_READ, count_only, &p);
	assert_int_equal(close(sv[1]), 0);
	assert_int_equal(mevent_poll(loop, 20), 0);
	assert_int_equal(p.fired, 0);
}

static void
test_refusals(void **state)
{
	struct mevent_loop *loop = *state;
	char path[] = "/tmp/mevent.XXXXXX";
	int fd = mkstemp(path);

	assert_null(mevent_add(loop, -1, EVF_READ, count_only, NULL));
	assert_int_equal(errno, EBADF);
	assert_null(
	    mevent_add(loop, fd, EVF_READ, count_only, NULL)); /* regular files are always ready */
	assert_int_equal(errno, EPERM);
	assert_int_equal(mevent_count(loop), 0);
	(void)unlink(path);
	(void)close(fd);
}

static void
test_ten_thousand(void **state)
{
	enum {
		N = 10000
	};
	struct rlimit lim = { N + 100, N + 100 }, old;
	struct mevent_loop *loop = *state;
	struct probe p = { 0 };
	int *fds = calloc(N, sizeof(*fds));
	struct mevent **ev = calloc(N, sizeof(*ev));
	uint64_t one = 1;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	if (old.rlim_max >= lim.rlim_max)
		lim.rlim_max = old.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) != 0) {
		print_message("needs RLIMIT_NOFILE of %d, has %llu\n", N + 100,
		    (unsigned long long)old.rlim_max);
		skip();
	}
	for (int i = 0; i < N; i++) {
		assert_true((fds[i] = eventfd(0, EFD_NONBLOCK)) >= 0);
		assert_non_null(ev[i] = mevent_add(loop, fds[i], EVF_READ, delete_self, &p));
	}
	assert_int_equal(mevent_count(loop), N);
	assert_int_equal(mevent_poll(loop, 0), 0);
	for (int i = 0; i < N; i += 97) {
		p = (struct probe){ .self = ev[i] };
		assert_int_equal(write(fds[i], &one, sizeof(one)), sizeof(one));
		assert_int_equal(mevent_poll(loop, 1000), 1);
		assert_int_equal(p.fired, 1);
		ev[i] = NULL;
	}
	for (int i = 0; i < N; i++) {
		mevent_delete(ev[i]);
		(void)close(fds[i]);
	}
	assert_int_equal(mevent_count(loop), 0);
	free(fds);
	free(ev);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_lists_delete),
		T(test_read_requeue),
		T(test_read_disable),
		T(test_read_pause),
		T(test_timer_periodic_and_disarm),
		T(test_socket_both_ways),
		T(test_delete_while_firing),
		T(test_replace_while_firing),
		T(test_signal),
		T(test_dispatch_stop),
		T(test_hangup_when_disabled),
		T(test_refusals),
		T(test_ten_thousand),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
