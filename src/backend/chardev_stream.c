/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machinery of chardevs: see chardev_stream.h. Refuses to grow: what does not fit waits in
 * the device. Runs in zhyve.
 */
#include "backend/chardev_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define READ_MAX 4096u

static struct stream *
of(struct chardev *c)
{
	return (c->softc);
}

/* Write without blocking and without SIGPIPE. Bytes taken, or -errno. */
static ssize_t
put(const struct stream *s, const void *buf, size_t len)
{
	ssize_t n;

	if (s->is_socket)
		n = fd_send(s->out, buf, len);
	else
		n = write(s->out, buf, len); /* chardev_open has SIGPIPE ignored */
	return (n < 0 ? -errno : n);
}

static ssize_t
get(int fd, void *buf, size_t len)
{
	ssize_t n = read(fd, buf, len);

	return (n < 0 ? -errno : n);
}

static bool
is_transient(ssize_t rc)
{
	return (rc == -EAGAIN || rc == -EINTR);
}

/* The peer is gone: what comes is dropped, and the loop, woken by the hang-up, cleans up. */
static void
mark_lost(struct stream *s)
{
	s->lost = true;
	s->ring.tail = s->ring.head;
	if (s->in_ev != NULL)
		(void)mevent_enable(s->in_ev);
	else if (s->out_ev != NULL)
		(void)mevent_enable(s->out_ev);
}

/* As much of the bytes as the peer takes now. */
static size_t
put_now(struct stream *s, const uint8_t *buf, size_t len)
{
	ssize_t n = put(s, buf, len);

	if (n >= 0)
		return ((size_t)n);
	if (!is_transient(n)) {
		mark_lost(s);
		return (len);
	}
	return (0);
}

/* Let what comes next wait for more. Without a timer nothing waits. */
static void
gather(struct stream *s)
{
	s->gathering =
	    s->gather_ev != NULL && mevent_timer_set(s->gather_ev, STREAM_GATHER_NS, 0) == 0;
}

static size_t
stream_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct stream *s = of(c);
	size_t n = 0;

	if (s->out < 0 || s->lost)
		return (len);
	if (ring_used(&s->ring) == 0 && !s->gathering) {
		n = put_now(s, buf, len);
		if (!c->at_once)
			gather(s);
	}
	if (n == len)
		return (len);
	n += ring_put(&s->ring, buf + n, len - n);
	if (n < len)
		s->held_back = true;
	if (s->out_ev != NULL && (!s->gathering || ring_used(&s->ring) >= STREAM_GATHER))
		(void)mevent_enable(s->out_ev);
	return (n);
}

static void
arm_input(struct stream *s)
{
	if (s->in_ev == NULL)
		return;
	if (s->room > 0 || s->lost)
		(void)mevent_enable(s->in_ev);
	else
		(void)mevent_disable(s->in_ev);
}

static void
stream_rx_room(struct chardev *c, size_t n)
{
	struct stream *s = of(c);
	bool had = s->room > 0;

	s->room = n;
	if (had != (n > 0))
		arm_input(s);
}

static void
on_gone(struct stream *s)
{
	stream_detach(s);
	if (s->gone != NULL)
		s->gone(s);
	if (s->c.peer != NULL)
		s->c.peer(s->c.dev, false);
	if (s->held_back && s->c.writable != NULL) {
		s->held_back = false;
		s->c.writable(s->c.dev);
	}
}

/* Take in what the device has room for. */
static void
input(struct stream *s)
{
	uint8_t buf[READ_MAX];
	ssize_t n;

	if (s->lost) {
		on_gone(s);
		return;
	}
	if (s->in < 0 || s->room == 0)
		return; /* switched off since the loop looked */
	n = get(s->in, buf, MIN(s->room, sizeof(buf)));
	if (n > 0) {
		s->room -= (size_t)n;
		if (s->room == 0)
			arm_input(s);
		if (s->c.rx != NULL)
			s->c.rx(s->c.dev, buf, (size_t)n);
		return;
	}
	if (is_transient(n))
		return;
	if (n == 0 && s->in != s->out) {
		/* Standard input has ended; output goes on. */
		mevent_delete(s->in_ev);
		s->in_ev = NULL;
		fd_close(&s->in);
		return;
	}
	on_gone(s);
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct stream *s = arg;

	lock_take(s->lock);
	if (s->in_ev != NULL)
		input(s);
	lock_drop(s->lock);
}

/* Send what has been kept, as far as the peer takes it. */
static void
send_kept(struct stream *s)
{
	uint64_t pos = s->ring.tail;
	const uint8_t *p;
	size_t len, n;

	while (s->out >= 0 && !s->lost && (p = ring_peek(&s->ring, &pos, &len), len) > 0) {
		n = put_now(s, p, len);
		if (s->lost)
			break;
		pos += n;
		s->ring.tail = pos;
		if (n < len)
			break;
	}
}

/* The same, and let the device go on once half of the buffer is free. */
static void
output(struct stream *s)
{
	send_kept(s);
	if (s->out_ev != NULL && ring_used(&s->ring) == 0)
		(void)mevent_disable(s->out_ev);
	if (s->lost && s->in_ev == NULL) {
		on_gone(s);
		return;
	}
	if (s->held_back && ring_used(&s->ring) <= STREAM_BUFFER / 2) {
		s->held_back = false;
		if (s->c.writable != NULL)
			s->c.writable(s->c.dev);
	}
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	struct stream *s = arg;

	lock_take(s->lock);
	if (s->out_ev != NULL)
		output(s);
	lock_drop(s->lock);
}

/* What has gathered goes out; when that was something, more of it is likely to come. */
static void
on_gathered(int fd, enum mevent_type type, void *arg)
{
	struct stream *s = arg;

	lock_take(s->lock);
	s->gathering = false;
	if (s->out >= 0 && ring_used(&s->ring) != 0) {
		output(s);
		if (ring_used(&s->ring) == 0)
			gather(s);
		else if (s->out_ev != NULL)
			(void)mevent_enable(s->out_ev);
	}
	lock_drop(s->lock);
}

static const struct chardev_ops stream_ops = {
	.write = stream_write,
	.rx_room = stream_rx_room,
};

struct stream *
stream_new(size_t size, struct mevent_loop *loop, struct lock *lock)
{
	struct stream *s = calloc(1, size);

	if (s == NULL)
		return (NULL);
	s->c.ops = &stream_ops;
	s->c.softc = s;
	s->loop = loop;
	s->lock = lock;
	s->in = s->out = -1;
	ring_init(&s->ring, s->buffer, sizeof(s->buffer));
	s->gather_ev = mevent_add_timer(loop, 0, 0, on_gathered, s);
	if (s->gather_ev == NULL) {
		free(s);
		return (NULL);
	}
	return (s);
}

/*
 * What epoll cannot watch (a regular file, /dev/null) is never full and has no input worth
 * waiting for.
 */
static struct mevent *
watch(struct stream *s, int fd, enum mevent_type type, mevent_cb *cb, int *rc)
{
	struct mevent *ev = mevent_add(s->loop, fd, type, cb, s);

	if (ev == NULL && errno != EPERM)
		*rc = -errno;
	if (ev != NULL && (type == EVF_WRITE || s->room == 0))
		(void)mevent_disable(ev);
	return (ev);
}

int
stream_attach(struct stream *s, int in, int out)
{
	int rc = 0;

	s->in = in;
	s->out = out;
	s->lost = false;
	if (in >= 0)
		s->in_ev = watch(s, in, EVF_READ, on_readable, &rc);
	if (out >= 0 && rc == 0)
		s->out_ev = watch(s, out, EVF_WRITE, on_writable, &rc);
	if (rc < 0) {
		stream_detach(s);
		return (rc);
	}
	s->c.has_peer = true;
	if (s->c.peer != NULL)
		s->c.peer(s->c.dev, true);
	return (0);
}

void
stream_detach(struct stream *s)
{
	mevent_delete(s->in_ev);
	mevent_delete(s->out_ev);
	s->in_ev = s->out_ev = NULL;
	if (s->in != s->out)
		fd_close(&s->in);
	fd_close(&s->out);
	s->in = -1;
	s->lost = false;
	s->c.has_peer = false;
	s->ring.tail = s->ring.head;
}

bool
stream_attached(const struct stream *s)
{
	return (s->out >= 0);
}

void
chardev_close(struct chardev *c)
{
	struct stream *s;

	if (c == NULL)
		return;
	s = of(c);
	lock_take(s->lock);
	send_kept(s); /* as much as goes at once */
	if (s->close != NULL)
		s->close(s);
	stream_detach(s);
	mevent_delete(s->gather_ev);
	lock_drop(s->lock);
	free(s);
}
