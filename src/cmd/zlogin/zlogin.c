/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zlogin: the console of a zone, and commands in its namespaces (zones.md 9). A zone of the bhyve brand
 * has no programs and no users: the command is the host's and runs as root (enter.c); the options that are
 * for users or for zones with programs of their own are parsed and refused. On the console the
 * terminal is in raw mode while connected, and set back however the session ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "cmd/zlogin/enter.h"
#include "cmd/zlogin/escape.h"
#include "zone/client.h"
#include "zone/console.h"
#include "zone/zstate.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	bool console, disconnect, interactive, zfd, no_zfd, safe, null_stdin, quiet, login;
	int escape;
};

static int
usage(void)
{
	(void)fprintf(stderr,
	    "usage: zlogin [-dINQnS] [-E | -e escape_char] [-l user] zonename [utility [argument "
	    "...]]\n"
	    "       zlogin -C [-d] [-E | -e escape_char] zonename\n");
	return (EXIT_USAGE);
}

/* ---- the terminal ---- */

static struct termios saved;
static volatile sig_atomic_t saved_is;

static void
restore_terminal(void)
{
	if (saved_is) {
		saved_is = 0;
		(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	}
}

static void
on_signal(int signo)
{
	restore_terminal(); /* tcsetattr may be called here (POSIX) */
	(void)signal(signo, SIG_DFL);
	(void)raise(signo);
}

static void
raw_terminal(struct escape *es)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE };
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved) != 0)
		return; /* not a terminal: the escape works all the same */
	es->eof = saved.c_cc[VEOF];
	es->breaks[es->nbreaks++] = (char)saved.c_cc[VKILL];
	es->breaks[es->nbreaks++] = (char)saved.c_cc[VEOL];
	es->breaks[es->nbreaks++] = (char)saved.c_cc[VSUSP];
	es->breaks[es->nbreaks++] = (char)saved.c_cc[VINTR];
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		(void)signal(signals[i], on_signal);
	saved_is = 1;
	(void)atexit(restore_terminal);
	raw = saved;
	cfmakeraw(&raw);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

/* ---- the session ---- */

/* Typed bytes to the console. False: the session is to end. */
static bool
from_user(int sock, struct escape *es, bool *open)
{
	char in[512], out[512], last;
	ssize_t got = read(STDIN_FILENO, in, sizeof(in));
	size_t n;
	bool end;

	if (got < 0)
		return (errno == EINTR || errno == EAGAIN);
	if (got == 0) {
		*open = false;
		(void)shutdown(sock, SHUT_WR);
		return (true);
	}
	end = escape_feed(es, in, (size_t)got, out, &n, &last);
	if (n > 0 && fd_write_full(sock, out, n) != 0)
		return (false);
	if (end) {
		char shown[2] = { (char)es->c, last };
		(void)fd_write_full(STDOUT_FILENO, shown, es->c >= ' ' && last >= ' ' ? 2 : 0);
	}
	return (!end);
}

static bool
from_zone(int sock)
{
	char buf[4096];
	ssize_t n = recv(sock, buf, sizeof(buf), 0);

	if (n < 0 && errno == EINTR)
		return (true);
	return (n > 0 && fd_write_full(STDOUT_FILENO, buf, (size_t)n) == 0);
}

static void
session(int sock, struct escape *es)
{
	bool open = true;

	for (;;) {
		struct pollfd p[2] = {
			{ .fd = sock, .events = POLLIN },
			{ .fd = open ? STDIN_FILENO : -1, .events = POLLIN },
		};
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[0].revents != 0 && !from_zone(sock))
			return;
		if (p[1].revents != 0 && !from_user(sock, es, &open))
			return;
	}
}

static int
console(const char *zone, const struct options *o)
{
	struct escape es;
	struct err e = { 0 };
	int sock = zone_console_connect(zone, o->disconnect ? CONSOLE_FLAG_DISCONNECT : 0, &e);

	if (sock < 0) {
		(void)fprintf(stderr, "zlogin: zone '%s': %s\n", zone, e.text);
		return (EXIT_FAILED);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	escape_init(&es, o->escape);
	if (!o->quiet)
		(void)printf("[Connected to zone '%s' console]\n", zone);
	(void)fflush(stdout);
	raw_terminal(&es);
	session(sock, &es);
	restore_terminal();
	(void)close(sock);
	if (!o->quiet)
		(void)printf("\n[Connection to zone '%s' console closed]\n", zone);
	return (EXIT_DONE);
}

/* ---- a command ---- */

/* `argv` is empty: a shell. */
static int
login(const char *zone, const struct options *o, char *argv[])
{
	static char sh[] = "/bin/sh";
	char *shell[] = { getenv("SHELL"), NULL };
	bool greet = argv[0] == NULL && !o->quiet;
	struct err e = { 0 };
	int status = EXIT_FAILED, rc;

	if (shell[0] == NULL || shell[0][0] != '/')
		shell[0] = sh;
	if (o->null_stdin) {
		CLEANUP_FD int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
			(void)fprintf(
			    stderr, "zlogin: cannot open /dev/null: %s\n", strerror(errno));
			return (EXIT_FAILED);
		}
	}
	if (greet)
		(void)printf("[Connected to the namespaces of zone '%s']\n", zone);
	(void)fflush(stdout);
	if ((rc = zone_enter(zone, argv[0] == NULL ? shell : argv, &status, &e)) != 0)
		(void)fprintf(stderr, "zlogin: zone '%s': %s\n", zone, e.text);
	if (greet)
		(void)printf("[Connection to the namespaces of zone '%s' closed]\n", zone);
	return (rc == 0 ? status : EXIT_FAILED);
}

/* ---- arguments ---- */

static bool
parse(int argc, char **argv, struct options *o)
{
	int c;

	o->escape = '~';
	while ((c = getopt(argc, argv, "+CdEe:IiNQnSl:")) != -1) {
		switch (c) {
		case 'C':
			o->console = true;
			break;
		case 'd':
			o->disconnect = true;
			break;
		case 'E':
			o->escape = -1;
			break;
		case 'e':
			if ((o->escape = escape_parse(optarg)) < 0) {
				(void)fprintf(
				    stderr, "zlogin: invalid escape character '%s'\n", optarg);
				return (false);
			}
			break;
		case 'I':
			o->zfd = true;
			break;
		case 'i':
			o->interactive = true;
			break;
		case 'N':
			o->no_zfd = true;
			break;
		case 'Q':
			o->quiet = true;
			break;
		case 'n':
			o->null_stdin = true;
			break;
		case 'S':
			o->safe = true;
			break;
		case 'l':
			o->login = true;
			break;
		default:
			return (false);
		}
	}
	if (o->console && (o->login || o->safe || o->zfd || o->interactive || argc - optind != 1))
		return (false);
	return (argc - optind >= 1 && !(o->interactive && o->null_stdin) &&
	    !(o->disconnect && !o->console) && !(o->no_zfd && !o->zfd));
}

int
main(int argc, char **argv)
{
	struct options o = { 0 };
	struct zone_status st;
	struct err e = { 0 };
	const char *zone;
	int rc;

	fd_std_hold();
	if (!parse(argc, argv, &o))
		return (usage());
	zone = argv[optind];
	if (strcmp(zone, "global") == 0) {
		(void)fprintf(stderr, "zlogin: '%s' not allowed with the global zone\n",
		    o.console ? "-C" : "login");
		return (EXIT_FAILED);
	}
	rc = zconf_name_check(zone, NULL) != 0 ? -ENOENT : zone_status_get(zone, &st, &e);
	if (rc == -ENOENT)
		(void)fprintf(stderr, "zlogin: zone '%s' unknown\n", zone);
	else if (rc != 0)
		(void)fprintf(stderr, "zlogin: zone '%s': %s\n", zone, e.text);
	else if (zone_state_check(ZCMD_CONSOLE, st.state, &e) != 0)
		(void)fprintf(stderr, "zlogin: %s\n", e.text);
	else if (geteuid() != 0)
		(void)fprintf(stderr,
		    "zlogin: You lack sufficient privilege to run this command (all privs "
		    "required)\n");
	else if (o.console)
		return (console(zone, &o));
	else if (o.login || o.zfd)
		(void)fprintf(stderr,
		    "zlogin: zone '%s' holds a virtual machine: it has no %s; its console is "
		    "zlogin -C %s\n",
		    zone, o.login ? "users" : "standard input and output", zone);
	else if (zone_state_check(ZCMD_LOGIN, st.state, &e) != 0)
		(void)fprintf(
		    stderr, "zlogin: %s (%s is '%s').\n", e.text, zone, zone_state_name(st.state));
	else
		return (login(zone, &o, argv + optind + 1));
	return (EXIT_FAILED);
}
