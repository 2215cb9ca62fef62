/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-vsock on UNIX sockets: see vsock_unix.h. The device is entered by vCPUs' threads, too,
 * which may neither accept, close nor allocate: what needs that is noted and done by the loop.
 * Runs in zhyve.
 */
#include "backend/vsock_unix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"

#define LINE_MAX 32u /* "CONNECT 4294967295\n" */

struct end {
	int fd;
	struct mevent *rd, *wr;
};

struct link {
	struct vsock_unix *u;
	unsigned conn;
	struct end now, dead; /* dead: of the connection before, to be closed by the loop */
	bool connecting, shut;
	uint32_t port;
};

struct client {
	struct vsock_unix *u;
	int fd;
	struct mevent *ev;
};

struct vsock_unix {
	struct vsock_backend be;
	struct mevent_loop *loop;
	struct lock *lock;
	struct mevent *later; /* timer: the loop has something to do */
	int fd;
	struct mevent *ev;
	unsigned nports;
	struct {
		uint32_t port;
		int fd;
		bool listens;
	} port[VSOCK_UNIX_PORTS];
	struct client client[VSOCK_UNIX_CLIENTS];
	struct link link[VSOCK_CONNS];
};

static struct link *
link_of(struct vsock_backend *b, unsigned conn)
{
	return (&((struct vsock_unix *)b->softc)->link[conn]);
}

static void
end_close(struct end *x)
{
	mevent_delete(x->rd);
	mevent_delete(x->wr);
	x->rd = x->wr = NULL;
	fd_close(&x->fd);
}

static void
wake_loop(struct vsock_unix *u)
{
	(void)mevent_timer_set(u->later, 1, 0);
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct link *l = arg;

	lock_take(l->u->lock);
	if (l->now.fd == fd)
		virtio_vsock_ready(l->u->be.dev, l->conn, true, false);
	lock_drop(l->u->lock);
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	struct link *l = arg;

	lock_take(l->u->lock);
	if (l->now.fd == fd)
		virtio_vsock_ready(l->u->be.dev, l->conn, false, true);
	lock_drop(l->u->lock);
}

/* Give a connection its socket, which is closed on failure. 0 or -errno. */
static int
adopt(struct link *l, int fd)
{
	l->now.fd = fd;
	l->now.rd = mevent_add_disabled(l->u->loop, fd, EVF_READ, on_readable, l);
	l->now.wr = mevent_add_disabled(l->u->loop, fd, EVF_WRITE, on_writable, l);
	if (l->now.rd != NULL && l->now.wr != NULL)
		return (0);
	end_close(&l->now);
	return (-ENOMEM);
}

/* --- what the device asks for: any thread --- */

static void
u_connect(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	struct link *l = link_of(b, conn);

	l->connecting = true;
	l->port = port;
	wake_loop(l->u);
}

static ssize_t
u_send(struct vsock_backend *b, unsigned conn, const void *buf, size_t len)
{
	ssize_t n = fd_send(link_of(b, conn)->now.fd, buf, len);

	if (n >= 0)
		return (n);
	return (errno == EAGAIN || errno == EINTR ? 0 : -errno);
}

static void
u_accepted(struct vsock_backend *b, unsigned conn, uint32_t host_port)
{
	char line[LINE_MAX];
	int len = snprintf(line, sizeof(line), "OK %u\n", host_port);

	/* The first bytes on a new socket: there is room. */
	(void)u_send(b, conn, line, (size_t)len);
}

static ssize_t
u_recv(struct vsock_backend *b, unsigned conn, const struct iovec *iov, unsigned niov)
{
	ssize_t n = readv(link_of(b, conn)->now.fd, iov, (int)niov);

	if (n >= 0)
		return (n);
	return (errno == EINTR ? -EAGAIN : -errno);
}

static void
set_event(struct mevent *ev, bool on)
{
	if (ev == NULL)
		return;
	if (on)
		(void)mevent_enable(ev);
	else
		(void)mevent_disable(ev);
}

static void
u_want(struct vsock_backend *b, unsigned conn, bool rd, bool wr)
{
	set_event(link_of(b, conn)->now.rd, rd);
	set_event(link_of(b, conn)->now.wr, wr);
}

static void
u_shut(struct vsock_backend *b, unsigned conn)
{
	link_of(b, conn)->shut = true;
	wake_loop(link_of(b, conn)->u);
}

static void
u_close(struct vsock_backend *b, unsigned conn)
{
	struct link *l = link_of(b, conn);

	l->connecting = l->shut = false;
	if (l->now.fd < 0)
		return;
	u_want(b, conn, false, false);
	/* The loop gives a connection its socket, and buries the one before first: one at most. */
	l->dead = l->now;
	l->now = (struct end){ .fd = -1 };
	wake_loop(l->u);
}

static const struct vsock_backend_ops ops = {
	.connect = u_connect,
	.accepted = u_accepted,
	.send = u_send,
	.recv = u_recv,
	.want = u_want,
	.shut = u_shut,
	.close = u_close,
};

/* --- the loop --- */

/* A socket for the guest's connection to `port`. fd or -errno. */
static int
take_waiting(struct vsock_unix *u, uint32_t port)
{
	for (unsigned i = 0; i < u->nports; i++) {
		int fd = u->port[i].fd;

		if (u->port[i].port != port)
			continue;
		if (u->port[i].listens)
			fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		else
			u->port[i].fd = -1;
		return (fd < 0 ? -ECONNREFUSED : fd);
	}
	return (-ECONNREFUSED);
}

static void
do_link(struct vsock_unix *u, struct link *l)
{
	int rc;

	end_close(&l->dead);
	if (l->shut && l->now.fd >= 0)
		(void)shutdown(l->now.fd, SHUT_WR);
	l->shut = false;
	if (!l->connecting)
		return;
	l->connecting = false;
	if ((rc = take_waiting(u, l->port)) >= 0)
		rc = adopt(l, rc);
	virtio_vsock_connected(u->be.dev, l->conn, rc);
}

static void
on_later(int fd, enum mevent_type type, void *arg)
{
	struct vsock_unix *u = arg;

	lock_take(u->lock);
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		do_link(u, &u->link[i]);
	lock_drop(u->lock);
}

static void
client_close(struct client *c)
{
	mevent_delete(c->ev);
	c->ev = NULL;
	fd_close(&c->fd);
}

/* Look at, or take, the first bytes; without recv(2), which the filter does not have. */
static ssize_t
look(int fd, char *buf, size_t len, int flags)
{
	struct iovec iov = { buf, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (recvmsg(fd, &msg, flags | MSG_DONTWAIT));
}

/* The line is there: the client becomes a connection. False: it is hung up on. */
static bool
client_asks(struct client *c, const char *line)
{
	struct vsock_unix *u = c->u;
	uint32_t port;
	int conn;

	if (strncmp(line, "CONNECT ", 8) != 0 || parse_u32(line + 8, 0, UINT32_MAX, &port) != 0)
		return (false);
	/* A number that comes may have had a socket that is not closed yet. */
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		end_close(&u->link[i].dead);
	if ((conn = virtio_vsock_incoming(u->be.dev, port)) < 0)
		return (false);
	mevent_delete(c->ev);
	c->ev = NULL;
	virtio_vsock_adopted(u->be.dev, (unsigned)conn, adopt(&u->link[conn], c->fd));
	c->fd = -1;
	return (true);
}

static void
on_line(int fd, enum mevent_type type, void *arg)
{
	struct client *c = arg;
	char line[LINE_MAX], *end;
	ssize_t n = look(fd, line, sizeof(line), MSG_PEEK);
	bool ok = n > 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	end = ok ? memchr(line, '\n', (size_t)n) : NULL;
	if (end == NULL && ok && n < (ssize_t)sizeof(line))
		return; /* more is to come */
	lock_take(c->u->lock);
	if (end != NULL) {
		(void)look(fd, line, (size_t)(end - line) + 1, 0);
		*end = '\0';
	}
	if (end == NULL || !client_asks(c, line))
		client_close(c);
	lock_drop(c->u->lock);
}

static void
on_client(int fd, enum mevent_type type, void *arg)
{
	struct vsock_unix *u = arg;
	int new = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (new < 0)
		return;
	for (unsigned i = 0; i < VSOCK_UNIX_CLIENTS; i++) {
		struct client *c = &u->client[i];

		if (c->fd >= 0)
			continue;
		c->fd = new;
		if ((c->ev = mevent_add(u->loop, new, EVF_READ, on_line, c)) == NULL)
			fd_close(&c->fd);
		return;
	}
	(void)close(new);
}

/* --- the start and the end --- */

static int
open_where(const char *where, bool *listens, struct err *e)
{
	int fd, on = 0, rc;
	socklen_t len = sizeof(on);

	*listens = true;
	if (parse_fd(where, &fd) != 0) {
		if ((fd = unix_listen(where, 0600, e)) < 0)
			return (fd);
	} else if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) < 0) {
		return (err_set(e, errno, "'%s' is not a socket", where));
	} else {
		*listens = on != 0;
	}
	if ((rc = fd_set_nonblock(fd)) < 0)
		return (err_set(e, -rc, "'%s'", where));
	return (fd);
}

struct vsock_unix *
vsock_unix_create(struct mevent_loop *loop, struct lock *lock)
{
	struct vsock_unix *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return (NULL);
	u->be = (struct vsock_backend){ .ops = &ops, .softc = u };
	u->loop = loop;
	u->lock = lock;
	u->fd = -1;
	for (unsigned i = 0; i < VSOCK_UNIX_CLIENTS; i++)
		u->client[i] = (struct client){ .u = u, .fd = -1 };
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		u->link[i] =
		    (struct link){ .u = u, .conn = i, .now = { .fd = -1 }, .dead = { .fd = -1 } };
	if ((u->later = mevent_add_timer(loop, 0, 0, on_later, u)) == NULL) {
		free(u);
		return (NULL);
	}
	return (u);
}

struct vsock_backend *
vsock_unix_backend(struct vsock_unix *u)
{
	return (&u->be);
}

int
vsock_unix_listen(struct vsock_unix *u, const char *where, struct err *e)
{
	bool listens;
	int fd = open_where(where, &listens, e);

	if (fd < 0)
		return (err_ctx(e, "path"));
	if (!listens)
		return (err_say(e, EINVAL, "path: '%s' is not a socket that listens", where));
	if ((u->ev = mevent_add(u->loop, fd, EVF_READ, on_client, u)) == NULL)
		return (err_set(e, errno, "path: '%s' cannot be watched", where));
	u->fd = fd;
	return (0);
}

int
vsock_unix_port(struct vsock_unix *u, uint32_t port, const char *where, struct err *e)
{
	bool listens;
	int fd;

	if (u->nports == VSOCK_UNIX_PORTS)
		return (err_say(e, EINVAL, "there are at most %u ports", VSOCK_UNIX_PORTS));
	if ((fd = open_where(where, &listens, e)) < 0)
		return (err_ctx(e, "port %u", port));
	u->port[u->nports].port = port;
	u->port[u->nports].fd = fd;
	u->port[u->nports++].listens = listens;
	return (0);
}

void
vsock_unix_destroy(struct vsock_unix *u)
{
	if (u == NULL)
		return;
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		end_close(&u->link[i].now);
		end_close(&u->link[i].dead);
	}
	for (unsigned i = 0; i < VSOCK_UNIX_CLIENTS; i++)
		client_close(&u->client[i]);
	for (unsigned i = 0; i < u->nports; i++)
		fd_close(&u->port[i].fd);
	mevent_delete(u->ev);
	fd_close(&u->fd);
	mevent_delete(u->later);
	free(u);
}
