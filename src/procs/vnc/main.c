/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve-vnc: shows a machine's display to VNC clients, and brings their keys and pointers back. A
 * process of its own, because what speaks with clients is large and what it reads is hostile:
 * taken over, it has the guest's picture and may type, nothing else. Started by zhyve (by hand)
 * or by zoneadmd (in a zone) with everything open; it opens nothing.
 *
 *   zhyve-vnc -m fd:N -e fd:N -l fd:N [-l fd:N] [-p fd:N] [-u UID -g GID] NAME
 *
 * Stages: arguments and their descriptors checked; the framebuffer mapped, for reading; limits,
 * namespaces, identity; libraries warmed up; the system-call filter; "ready" told; the loop. It
 * ends when the other end of -e closes.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "procs/vnc/confine.h"
#include "procs/vnc/rfb.h"

#define LISTEN_MAX   2
#define PASSWORD_MAX 8
#define FRAME_MS     33  /* while something happens */
#define IDLE_MS      100 /* while nothing does */
#define LIVELY       30  /* frames until nothing counts as happening */

struct options {
	int mem, events, password;
	int listen[LISTEN_MAX];
	unsigned nlisten;
	uint32_t uid, gid;
	const char *name;
};

static _Noreturn void
usage(void)
{
	(void)fprintf(stderr,
	    "usage: zhyve-vnc -m fd:N -e fd:N -l fd:N [-l fd:N] [-p fd:N] [-u UID -g GID] NAME\n"
	    "It is started by zhyve and zoneadmd; see zhyve-vnc(8).\n");
	exit(1);
}

static void
parse_options(int argc, char **argv, struct options *o)
{
	int opt, rc = 0;

	*o = (struct options){ .mem = -1, .events = -1, .password = -1 };
	while ((opt = getopt(argc, argv, "m:e:l:p:u:g:")) != -1 && rc == 0) {
		switch (opt) {
		case 'm':
			rc = parse_fd(optarg, &o->mem);
			break;
		case 'e':
			rc = parse_fd(optarg, &o->events);
			break;
		case 'l':
			rc = o->nlisten == LISTEN_MAX ? -E2BIG
						      : parse_fd(optarg, &o->listen[o->nlisten++]);
			break;
		case 'p':
			rc = parse_fd(optarg, &o->password);
			break;
		case 'u':
			rc = parse_u32(optarg, 1, UINT32_MAX - 1, &o->uid);
			break;
		case 'g':
			rc = parse_u32(optarg, 1, UINT32_MAX - 1, &o->gid);
			break;
		default:
			usage();
		}
	}
	if (rc != 0 || argc - optind != 1 || o->mem < 0 || o->events < 0 || o->nlisten == 0 ||
	    (o->uid != 0) != (o->gid != 0))
		usage();
	o->name = argv[optind];
}

static int
read_password(int fd, char out[PASSWORD_MAX + 1], struct err *e)
{
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, out + len, PASSWORD_MAX + 1 - len);
		if (n > 0)
			len += (size_t)n;
	} while ((n < 0 && errno == EINTR) || (n > 0 && len <= PASSWORD_MAX));
	if (n < 0)
		return (err_set(e, errno, "cannot read the password"));
	if (len > PASSWORD_MAX)
		return (err_say(e, EINVAL,
		    "VNC password is too long, maximum length is %d characters.", PASSWORD_MAX));
	out[len] = '\0';
	(void)close(fd);
	return (0);
}

static int
map_picture(struct picture *p, int fd, struct err *e)
{
	uint64_t size;
	void *vram;

	if (display_vram(fd, &size) != 0)
		return (err_say(e, EINVAL, "-m is not a framebuffer"));
	vram = mmap(NULL, size + DISPLAY_PAGE_LEN, PROT_READ, MAP_SHARED, fd, 0);
	if (vram == MAP_FAILED)
		return (err_set(e, errno, "cannot map the framebuffer"));
	(void)close(fd);
	if (picture_init(p, vram, size) != 0)
		return (err_set(e, ENOMEM, "no memory for the picture"));
	return (0);
}

static int
set_nonblock(const struct options *o)
{
	int rc = 0;

	for (unsigned i = 0; i < o->nlisten && rc == 0; i++)
		rc = fd_set_nonblock(o->listen[i]);
	return (rc);
}

static void
accept_client(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		rfb_client(fd);
}

/* Until zhyve closes its end. */
static int
serve(const struct options *o)
{
	unsigned lively = 0;

	for (;;) {
		struct pollfd fds[1 + RFB_CLIENTS_MAX + LISTEN_MAX] = {
			{ .fd = o->events, .events = POLLIN },
		};
		int socks[RFB_CLIENTS_MAX];
		unsigned n = rfb_sockets(socks);
		/* With nobody there, nothing is looked at and nobody is woken. */
		int timeout = n == 0 ? -1 : lively > 0 ? FRAME_MS : IDLE_MS;

		for (unsigned i = 0; i < n; i++)
			fds[1 + i] = (struct pollfd){ .fd = socks[i], .events = POLLIN };
		for (unsigned i = 0; i < o->nlisten; i++)
			fds[1 + n + i] = (struct pollfd){ .fd = o->listen[i], .events = POLLIN };
		if (poll(fds, 1 + n + o->nlisten, timeout) < 0 && errno != EINTR)
			return (-errno);
		if (fds[0].revents != 0)
			return (0);
		for (unsigned i = 0; i < n; i++) {
			if (fds[1 + i].revents != 0)
				rfb_readable(socks[i]);
		}
		for (unsigned i = 0; i < o->nlisten; i++) {
			if (fds[1 + n + i].revents != 0)
				accept_client(o->listen[i]);
		}
		if (rfb_sockets(socks) > 0)
			lively = rfb_frame() ? LIVELY : lively - (lively > 0);
	}
}

int
main(int argc, char **argv)
{
	static char password[PASSWORD_MAX + 1];
	const struct display_event ready = { .type = DISPLAY_READY };
	struct err e = { 0 };
	struct picture picture;
	struct options o;
	int rc;

	fd_std_hold();
	log_open("zhyve-vnc", STDERR_FILENO, LOG_LVL_WARN);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)setsid(); /* what a terminal or a supervisor sends to its group is for zhyve alone */
	parse_options(argc, argv, &o);
	if ((o.password >= 0 && read_password(o.password, password, &e) != 0) ||
	    map_picture(&picture, o.mem, &e) != 0 || set_nonblock(&o) != 0 ||
	    confine_early(o.uid, o.gid, &e) != 0 ||
	    (rc = rfb_init(&picture, o.name, o.password >= 0 ? password : NULL, o.events)) != 0 ||
	    confine_calls(&e) != 0) {
		log_err("%s", e.text[0] != '\0' ? e.text : "cannot start");
		return (1);
	}
	if (display_send(o.events, &ready) != 0)
		return (0);
	if ((rc = serve(&o)) != 0) {
		log_err("cannot wait for clients: %s", strerror(-rc));
		return (1);
	}
	return (0);
}
