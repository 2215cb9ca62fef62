/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chardev that listens on a UNIX socket, one client at a time: others are turned away while
 * one is there. What the guest writes with nobody there is lost. Runs in zhyve.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/chardev_stream.h"
#include "base/fd.h"
#include "base/log.h"

struct server {
	struct stream s;
	int fd;
	struct mevent *ev;
};

static int
take_client(struct server *srv)
{
	int fd = accept4(srv->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return (-errno);
	if (stream_attached(&srv->s)) {
		(void)close(fd);
		return (0);
	}
	return (stream_attach(&srv->s, fd, fd));
}

static void
on_connection(int fd, enum mevent_type type, void *arg)
{
	struct server *srv = arg;
	int rc;

	lock_take(srv->s.lock);
	rc = take_client(srv);
	lock_drop(srv->s.lock);
	if (rc < 0 && rc != -EAGAIN && rc != -ECONNABORTED)
		log_warn("serial port: a client could not be taken: errno %d", -rc);
}

static void
server_close(struct stream *s)
{
	struct server *srv = (struct server *)s;

	mevent_delete(srv->ev);
	fd_close(&srv->fd);
}

/* Until the first client is there. */
static int
wait_client(struct server *srv)
{
	struct pollfd p = { .fd = srv->fd, .events = POLLIN };

	while (!stream_attached(&srv->s)) {
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return (-errno);
		(void)take_client(srv);
	}
	return (0);
}

static int
serve(struct stream **out, int fd, bool wait, struct mevent_loop *loop, struct lock *lock,
    struct err *e)
{
	struct server *srv = (struct server *)stream_new(sizeof(*srv), loop, lock);
	int rc;

	if (srv == NULL) {
		(void)close(fd);
		return (err_set(e, ENOMEM, "no memory"));
	}
	srv->s.close = server_close;
	srv->s.is_socket = true;
	srv->fd = fd;
	if ((rc = fd_set_nonblock(srv->fd)) < 0 || (wait && (rc = wait_client(srv)) < 0) ||
	    ((srv->ev = mevent_add(loop, srv->fd, EVF_READ, on_connection, srv)) == NULL &&
		(rc = -errno) < 0)) {
		rc = err_set(e, -rc, "cannot serve it");
		goto fail;
	}
	*out = &srv->s;
	return (0);
fail:
	chardev_close(&srv->s.c);
	return (rc);
}

int
chardev_socket_open(struct stream **out, const char *path, bool wait, struct mevent_loop *loop,
    struct lock *lock, struct err *e)
{
	int fd = unix_listen(path, 0600, e);

	return (fd < 0 ? fd : serve(out, fd, wait, loop, lock, e));
}

int
chardev_listening_open(
    struct stream **out, int fd, struct mevent_loop *loop, struct lock *lock, struct err *e)
{
	return (serve(out, fd, false, loop, lock, e));
}
