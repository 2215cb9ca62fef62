/* SPDX-License-Identifier: BSD-2-Clause */
/* The front end of a device process: see front.h. Runs in device processes, before their filters. */
#include "procs/common/front.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/parse.h"

int
front_option(struct front *f, int opt, const char *arg)
{
	switch (opt) {
	case 's':
		return (parse_fd(arg, &f->sock));
	case 'c':
		f->connect = arg;
		return (0);
	case 'l':
		f->listen = arg;
		return (0);
	}
	return (-EINVAL);
}

bool
front_given(const struct front *f)
{
	return ((f->sock >= 0) + (f->connect != NULL) + (f->listen != NULL) == 1);
}

int
front_meet(struct front *f, struct err *e)
{
	struct pollfd wait = { .events = POLLIN };
	CLEANUP_FD int listener = -1;

	if (f->connect != NULL)
		f->sock = unix_connect(f->connect, SOCK_STREAM, e);
	if (f->listen == NULL)
		return (f->sock < 0 ? f->sock : 0);
	if ((listener = unix_listen(f->listen, 0600, e)) < 0)
		return (listener);
	wait.fd = listener;
	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		continue;
	f->sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	(void)unlink(f->listen);
	return (f->sock < 0 ? err_set(e, errno, "cannot accept on '%s'", f->listen) : 0);
}
