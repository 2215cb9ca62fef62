/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting zhyve-vnc: see display_start.h. It gets the framebuffer for reading only, a listening
 * socket, its end of the events and the password through a pipe; nothing else of ours, and no
 * path. Runs in zhyve, stage 3, before any thread is made.
 */
#include "procs/zhyve/display_start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "wire/display.h"

#define RFB_ADDRESS  "127.0.0.1"
#define RFB_PORT     5900
#define PASSWORD_MAX 8 /* RFB's VNC authentication knows no more (RFC 6143, 7.2.2) */

/* What the child gets, in the order of its descriptors from 3 on. */
struct child_fds {
	int mem, events, listen, password;
};

/* "[ADDRESS:]PORT", the address in brackets if it has colons itself. */
static int
split_address(const char *text, char host[64], uint16_t *port, struct err *e)
{
	const char *colon = strrchr(text, ':'), *number = colon != NULL ? colon + 1 : text;
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;
	uint32_t n;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (parse_u32(number, 0, UINT16_MAX, &n) != 0 || len >= 64)
		return (err_say(e, EINVAL, "'%s' is not of the form [ADDRESS:]PORT", text));
	(void)snprintf(host, 64, "%.*s", (int)len, text);
	if (len == 0)
		(void)snprintf(host, 64, RFB_ADDRESS);
	*port = (uint16_t)n;
	return (0);
}

static int
listen_at(const char *text, struct err *e)
{
	char host[64];
	uint16_t port;
	int rc;

	if ((rc = split_address(text, host, &port, e)) != 0)
		return (rc);
	return (tcp_listen(host, &port, e));
}

static int
open_listener(struct config_node *cfg, struct err *e)
{
	const char *path = config_get(cfg, "unix");
	const char *tcp = config_text(cfg, "rfb", config_get(cfg, "tcp"));
	char any[32];

	if (path != NULL && tcp != NULL)
		return (err_say(e, EINVAL, "unix= and %s= cannot both be given",
		    config_get(cfg, "rfb") != NULL ? "rfb" : "tcp"));
	if (path != NULL)
		return (unix_listen(path, 0600, e));
	if (tcp != NULL)
		return (listen_at(tcp, e));
	(void)snprintf(any, sizeof(any), "%s:%u", RFB_ADDRESS, RFB_PORT);
	return (listen_at(any, e));
}

/* The reading end of a pipe that holds the password, or -errno. */
static int
password_pipe(const char *password, struct err *e)
{
	CLEANUP_FD int out = -1;
	int fds[2], rc;

	if (strlen(password) > PASSWORD_MAX)
		return (err_say(e, EINVAL,
		    "VNC password is too long, maximum length is %d characters.", PASSWORD_MAX));
	if (pipe2(fds, O_CLOEXEC) != 0)
		return (err_set(e, errno, "cannot hand over the password"));
	out = fds[1];
	if ((rc = fd_write_full(out, password, strlen(password))) != 0) {
		fd_close(&fds[0]);
		return (err_set(e, -rc, "cannot hand over the password"));
	}
	return (fds[0]);
}

/* In the child. Descriptors 3 to 6 are what it gets; all others close by themselves. */
static _Noreturn void
become_vnc(const char *bin, const char *name, const struct child_fds *f)
{
	const int from[] = { f->mem, f->events, f->listen, f->password };
	const char *argv[] = { "zhyve-vnc", "-m", "fd:3", "-e", "fd:4", "-l", "fd:5", "-p", "fd:6",
		name, NULL };
	int high[NITEMS(from)];

	if (f->password < 0) {
		argv[7] = name;
		argv[8] = NULL;
	}
	/* First out of the way of the numbers they are to get. */
	for (size_t i = 0; i < NITEMS(from); i++)
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, 16);
	for (size_t i = 0; i < NITEMS(from); i++) {
		if (high[i] >= 0 && dup2(high[i], 3 + (int)i) < 0)
			_exit(126);
	}
	(void)close_range(3 + NITEMS(from), ~0u, 0);
	(void)execv(bin, (char *const *)(uintptr_t)argv);
	(void)dprintf(STDERR_FILENO, "zhyve: cannot execute '%s': %s\n", bin, strerror(errno));
	_exit(127);
}

/* Until it says that it is confined, or that a client is there. */
static int
wait_ready(int events, bool client, pid_t pid, struct err *e)
{
	const uint32_t until = client ? DISPLAY_CLIENT : DISPLAY_READY;
	struct display_event ev;
	int rc, status = 0;

	do
		rc = display_recv(events, &ev);
	while (rc == -EINTR || (rc == 1 && ev.type != until));
	if (rc == 1)
		return (0);
	(void)waitpid(pid, &status, 0);
	return (err_say(e, ECHILD,
	    "zhyve-vnc ended before it was ready (status %d); its own message says why",
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status)));
}

int
display_start(struct config_node *cfg, const char *name, int mem, int *events, struct err *e)
{
	CLEANUP_FD int readonly = -1, listener = -1, secret = -1, ours = -1, theirs = -1;
	const char *password = config_get(cfg, "password");
	const char *bin = secure_getenv("ZHYVE_VNC_BIN");
	char path[32];
	int sv[2], rc;
	bool wait;
	pid_t pid;

	if ((rc = config_bool(cfg, "wait", false, &wait, e)) != 0)
		return (rc);
	if ((listener = open_listener(cfg, e)) < 0)
		return (listener);
	if (password != NULL && (secret = password_pipe(password, e)) < 0)
		return (secret);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", mem);
	if ((readonly = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot open the framebuffer for reading"));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) != 0)
		return (err_set(e, errno, "cannot connect zhyve-vnc"));
	ours = sv[0];
	theirs = sv[1];
	const struct child_fds fds = { readonly, theirs, listener, secret };
	if ((pid = fork()) < 0)
		return (err_set(e, errno, "cannot start zhyve-vnc"));
	if (pid == 0)
		become_vnc(
		    bin != NULL ? bin : ZHYVE_VNC_BIN, name[0] != '\0' ? name : "zhyve", &fds);
	fd_close(&theirs);
	if ((rc = wait_ready(ours, wait, pid, e)) != 0)
		return (rc);
	*events = fd_steal(&ours);
	return (0);
}
