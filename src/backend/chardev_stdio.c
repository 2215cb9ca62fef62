/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chardev on standard input and output, for work by hand. Descriptors 0 and 1 are shared with
 * whoever started us, so they are not made non-blocking: they are opened anew where that is
 * possible. There is one; a second is refused. Runs in zhyve.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "backend/chardev_stream.h"
#include "base/fd.h"

static bool in_use;
static bool was_raw; /* the terminal is to be put back */
static struct termios saved;

bool
tty_raw(int fd, struct termios *old)
{
	struct termios raw;

	if (tcgetattr(fd, old) < 0)
		return (false);
	raw = *old;
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	return (tcsetattr(fd, TCSANOW, &raw) == 0);
}

static void
put_back(void)
{
	if (was_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	was_raw = false;
}

/*
 * A non-blocking descriptor of our own to the same file. Sockets cannot be opened again, there
 * the flag is set; a regular file never blocks, and opened again it would have a place of its
 * own, over which others write.
 */
static int
own(int fd, int flags)
{
	struct stat st;
	char name[32];
	int new;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return (fcntl(fd, F_DUPFD_CLOEXEC, 3));
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	if ((new = open(name, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) >= 0)
		return (new);
	if ((new = fcntl(fd, F_DUPFD_CLOEXEC, 3)) >= 0 && fd_set_nonblock(new) < 0)
		fd_close(&new);
	return (new);
}

static void
stdio_close(struct stream *s)
{
	put_back();
	in_use = false;
}

int
chardev_stdio_open(struct stream **out, struct mevent_loop *loop, struct lock *lock, struct err *e)
{
	static bool registered;
	struct stat st;
	struct stream *s;
	int in, rc;

	if (in_use)
		return (err_say(
		    e, EBUSY, "standard input and output serve another serial port already"));
	if ((s = stream_new(sizeof(*s), loop, lock)) == NULL)
		return (err_set(e, ENOMEM, "no memory"));
	s->is_socket = fstat(STDOUT_FILENO, &st) == 0 && S_ISSOCK(st.st_mode);
	in = own(STDIN_FILENO, O_RDONLY);
	rc = stream_attach(s, in, own(STDOUT_FILENO, O_WRONLY | O_APPEND));
	if (rc < 0) {
		chardev_close(&s->c);
		return (err_set(e, -rc, "standard input and output cannot be used"));
	}
	in_use = true;
	s->close = stdio_close;
	was_raw = tty_raw(STDIN_FILENO, &saved);
	if (!registered)
		registered = atexit(put_back) == 0;
	*out = s;
	return (0);
}
