/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent.c: process 1 of the virtual host, once its root file system stands.
 *
 * It runs the one command that tests/host/run was asked for, carries what the command writes to the
 * two virtio-serial ports "out" and "err" (so that standard output and error stay apart, live, and
 * free of kernel messages), tells its wait status on the port "status", and ends QEMU through the
 * isa-debug-exit device. A QEMU which ends in any other way is thereby known to have a defect of
 * its own.
 *
 * The command is read from a file of NUL-terminated strings: "cd=DIR" first, then environment
 * settings, an empty string, and the arguments. With a second argument, ROWSxCOLUMNS, the command
 * gets /dev/hvc0 as its controlling terminal, of that size, instead of the two ports.
 *
 * While the command runs it writes the time to the file COMMAND.alive every few seconds:
 * a command that takes too long in a living host is its own fault, in a host that stands still it is
 * the host's.
 *
 * It does not supervise: whatever the command leaves running ends with the machine.
 */
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	DEBUG_EXIT_PORT = 0xf4, /* as given to isa-debug-exit by tests/host/run */
	DEBUG_EXIT_CLEAN = 1,   /* QEMU's exit status becomes 2 * 1 + 1 */
	SPEC_MAX = 128 * 1024,
	STRINGS_MAX = 4096,
	BEAT_S = 5,
};

struct command {
	char *dir;
	char *env[STRINGS_MAX];
	char *argv[STRINGS_MAX];
};

static struct command command;
static char spec[SPEC_MAX];

/*
 * Ends QEMU. Where that cannot be done, powering off by panic (process 1 ends) is all that is left.
 */
static _Noreturn void
leave(void)
{
	if (ioperm(DEBUG_EXIT_PORT, 4, 1) == 0)
		outl(DEBUG_EXIT_CLEAN, DEBUG_EXIT_PORT);
	_exit(1);
}

static void
read_command(const char *path)
{
	size_t nenv = 0, nargs = 0;
	bool args = false;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", path);
	n = read(fd, spec, sizeof(spec) - 1);
	if (n <= 0 || n == sizeof(spec) - 1)
		errx(1, "%s: empty, or longer than %d bytes", path, SPEC_MAX - 2);
	close(fd);
	for (char *s = spec; s < spec + n; s += strlen(s) + 1) {
		if (nenv + 1 >= STRINGS_MAX || nargs + 1 >= STRINGS_MAX)
			errx(1, "%s: too many strings", path);
		if (args)
			command.argv[nargs++] = s;
		else if (*s == '\0')
			args = true;
		else if (command.dir == NULL && strncmp(s, "cd=", 3) == 0)
			command.dir = s + 3;
		else
			command.env[nenv++] = s;
	}
	if (nargs == 0)
		errx(1, "%s: no command", path);
}

/* Opens the virtio-serial port of that name; there is no udev to make /dev/virtio-ports. */
static int
open_port(const char *name)
{
	char path[300], have[64];
	struct dirent *e;
	DIR *d;
	FILE *f;

	d = opendir("/sys/class/virtio-ports");
	while (d != NULL && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", e->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		if (fgets(have, sizeof(have), f) == NULL)
			have[0] = '\0';
		fclose(f);
		have[strcspn(have, "\n")] = '\0';
		if (strcmp(have, name) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		closedir(d);
		return open(path, O_WRONLY | O_CLOEXEC);
	}
	if (d != NULL)
		closedir(d);
	errno = ENODEV;
	return -1;
}

static _Noreturn void
run_child(int out, int errfd, const char *tty)
{
	struct winsize ws = { 0 };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (tty != NULL) {
		out = errfd = open("/dev/hvc0", O_RDWR);
		if (out < 0)
			err(126, "/dev/hvc0");
		ioctl(out, TIOCSCTTY, 0);
		if (sscanf(tty, "%hux%hu", &ws.ws_row, &ws.ws_col) == 2)
			ioctl(out, TIOCSWINSZ, &ws);
		dup2(out, 0);
	} else {
		int null = open("/dev/null", O_RDONLY);

		dup2(null, 0);
	}
	dup2(out, 1);
	dup2(errfd, 2);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	if (chdir(command.dir) != 0)
		err(126, "%s", command.dir);
	execvpe(command.argv[0], command.argv, command.env);
	err(errno == ENOENT ? 127 : 126, "%s", command.argv[0]);
}

/* Copies what is there from a pipe to its port; false at the end of file. */
static bool
carry(int from, int to)
{
	char buf[16384];
	ssize_t n, w;

	n = read(from, buf, sizeof(buf));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	for (ssize_t done = 0; done < n; done += w) {
		w = write(to, buf + done, (size_t)(n - done));
		if (w <= 0)
			return false;
	}
	return n > 0;
}

/* Reaps what has ended; true when the command itself is among it. */
static bool
reap(pid_t child, int *status)
{
	bool ours = false;
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid == child) {
			*status = st;
			ours = true;
		}
	}
	return ours;
}

static void
on_sigchld(int sig)
{
	(void)sig;
}

/* Shows that the host is alive, by a file on the machine. */
static void
beat(const char *file)
{
	static time_t next;
	struct timespec now;
	int fd;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec < next)
		return;
	next = now.tv_sec + BEAT_S;
	if ((fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) < 0)
		return;
	dprintf(fd, "%lld s\n", (long long)now.tv_sec);
	close(fd);
}

/*
 * Carries output until the command has ended and its pipes are empty (others may still hold them
 * open).
 */
static int
serve(pid_t child, struct pollfd p[2], const int port[2], const char *alive)
{
	const struct timespec blink = { .tv_nsec = 50 * 1000 * 1000 }, pause = { .tv_sec = BEAT_S };
	bool ended = false;
	sigset_t none;
	int status = 0, n, late = 0;

	sigemptyset(&none);
	for (;;) {
		beat(alive);
		n = ppoll(p, 2, ended ? &blink : &pause, &none);
		for (int i = 0; n > 0 && i < 2; i++) {
			if (p[i].revents != 0 && !carry(p[i].fd, port[i]))
				p[i].fd = -1;
		}
		if (ended && (n == 0 || late++ > 200 || (p[0].fd < 0 && p[1].fd < 0)))
			return status;
		if (reap(child, &status))
			ended = true;
	}
}

int
main(int argc, char **argv)
{
	int out[2], er[2], port[2] = { -1, -1 }, st, status;
	struct sigaction sa = { .sa_handler = on_sigchld };
	struct pollfd p[2];
	const char *tty;
	char text[32], alive[PATH_MAX];
	sigset_t chld;
	pid_t child;

	if (argc < 2)
		errx(2, "usage: agent FILE [ROWSxCOLUMNS]");
	tty = argc > 2 ? argv[2] : NULL;
	read_command(argv[1]);
	snprintf(alive, sizeof(alive), "%s.alive", argv[1]);
	st = open_port("status");
	if (tty == NULL) {
		port[0] = open_port("out");
		port[1] = open_port("err");
	}
	if (st < 0 || (tty == NULL && (port[0] < 0 || port[1] < 0)))
		err(1, "virtio-serial ports");
	if (pipe2(out, O_CLOEXEC) != 0 || pipe2(er, O_CLOEXEC) != 0)
		err(1, "pipe");
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigaction(SIGCHLD, &sa, NULL);
	sigprocmask(SIG_BLOCK, &chld, NULL); /* open only in ppoll */
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0)
		run_child(out[1], er[1], tty);
	close(out[1]);
	close(er[1]);
	fcntl(out[0], F_SETFL, O_NONBLOCK);
	fcntl(er[0], F_SETFL, O_NONBLOCK);
	p[0] = (struct pollfd){ .fd = out[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = er[0], .events = POLLIN };
	status = serve(child, p, port, alive);
	/* Told last: it says that all output is out. */
	snprintf(text, sizeof(text), "%d\n",
	    WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	if (write(st, text, strlen(text)) < 0)
		warn("status port");
	leave();
}
