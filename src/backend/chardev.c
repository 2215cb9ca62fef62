/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Chardevs by their configuration text: see chardev.h. Refuses texts that name no kind. Runs in
 * zhyve.
 */
#include "backend/chardev.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "backend/chardev_stream.h"
#include "base/parse.h"

/* "PATH[,wait]" after "socket," */
static int
open_socket(struct stream **out, const char *conf, struct mevent_loop *loop, struct lock *lock,
    struct err *e)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *comma = strchr(conf, ',');
	size_t len = comma == NULL ? strlen(conf) : (size_t)(comma - conf);

	if (comma != NULL && strcmp(comma, ",wait") != 0)
		return (err_say(
		    e, EINVAL, "unknown option '%s' (only 'wait' may follow the path)", comma + 1));
	if (len == 0 || len >= sizeof(path))
		return (err_say(
		    e, EINVAL, "the path of a socket has 1 to %zu characters", sizeof(path) - 1));
	memcpy(path, conf, len);
	path[len] = '\0';
	return (chardev_socket_open(out, path, comma != NULL, loop, lock, e));
}

int
chardev_open(struct chardev **out, const char *conf, struct mevent_loop *loop, struct lock *lock,
    struct err *e)
{
	struct stream *s = NULL;
	int fd, rc;

	/* A pipe or terminal whose reader goes away must not end the machine. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (strcmp(conf, "stdio") == 0)
		rc = chardev_stdio_open(&s, loop, lock, e);
	else if (strncmp(conf, "socket,", 7) == 0)
		rc = open_socket(&s, conf + 7, loop, lock, e);
	else if (parse_fd(conf, &fd) == 0)
		rc = chardev_fd_open(&s, fd, conf, loop, lock, e);
	else if (conf[0] == '/')
		rc = chardev_tty_open(&s, conf, loop, lock, e);
	else
		rc = err_say(e, EINVAL, "expected stdio, socket,PATH[,wait], /dev/TTY or fd:N");
	if (rc < 0)
		return (err_ctx(e, "'%s'", conf));
	*out = &s->c;
	return (0);
}
