/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chardevs on one descriptor: given (fd:N; in a zone one end of a socket pair, the other end is
 * zoneadmd's console or metadata service; a socket that listens is served as such), or a terminal device opened by its path. Once the peer
 * is gone it stays so. Runs in zhyve.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "backend/chardev_stream.h"
#include "base/fd.h"

int
chardev_fd_open(struct stream **out, int fd, const char *name, struct mevent_loop *loop,
    struct lock *lock, struct err *e)
{
	struct stat st;
	struct stream *s;
	int listens = 0, rc;
	socklen_t len = sizeof(listens);

	if ((rc = fd_set_nonblock(fd)) < 0)
		return (err_set(e, -rc, "%s is not an open descriptor", name));
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0)
		return (chardev_listening_open(out, fd, loop, lock, e));
	if ((s = stream_new(sizeof(*s), loop, lock)) == NULL)
		return (err_set(e, ENOMEM, "%s", name));
	s->is_socket = fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
	if ((rc = stream_attach(s, fd, fd)) < 0) {
		chardev_close(&s->c);
		return (err_set(e, -rc, "%s cannot be watched", name));
	}
	*out = s;
	return (0);
}

int
chardev_tty_open(struct stream **out, const char *path, struct mevent_loop *loop, struct lock *lock,
    struct err *e)
{
	int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct termios old;

	if (fd < 0)
		return (err_set(e, errno, "cannot open it"));
	if (!tty_raw(fd, &old)) {
		(void)close(fd);
		return (err_say(e, ENOTTY, "it is not a terminal"));
	}
	return (chardev_fd_open(out, fd, path, loop, lock, e));
}
