/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program in zhyve's place ($ZHYVE_BIN), for the tests of the zone. It speaks zhyve's side of the
 * wire; on the way up it tries to get out of the jail in every way of hostile.h and reports those that
 * succeed on COM1, one line each: "probe NAME: DONE", at last "probe end: N tried". Then it obeys lines
 * read from COM1: reset, power-off, halt, triple-fault, error, panic, crash, wire-garbage,
 * wire-order, refused (a system call that a filter kills for), silent (closes the wire), flood N (bytes on COM1), fork N, eat N (MiB),
 * ask REQUEST (on COM2), raw N HEX (on COM2: these bytes, the last N times, and then a proper request; what came before its answer), peers (reaches for every other process that it can name), exit N, and echoes any other. The power button (WIRE_POWER_BUTTON) ends it as power-off unless "deaf" was said. With the
 * kernel command line "fail" it refuses to come up, with "hang" it never does, with "die" it is
 * killed by its own signal.
 *
 * Static. It is no part of the product.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "hostile.h"
#include "wire/wire.h"

#define PEERS_MAX 1000

static int com1 = -1, com2 = -1, wire_fd = -1, kvm_fd = -1;
static const char *cmdline = "";
static bool deaf;

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void
say(const char *fmt, ...)
{
	char line[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line) - 2, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 3)
		n = (int)sizeof(line) - 3;
	line[n++] = '\r';
	line[n++] = '\n';
	for (int at = 0; at < n;) {
		ssize_t w = write(com1, line + at, (size_t)(n - at));
		if (w > 0) {
			at += (int)w;
		} else {
			struct pollfd p = { .fd = com1, .events = POLLOUT };
			if (errno != EAGAIN || poll(&p, 1, 1000) <= 0)
				return;
		}
	}
}

/* ---- ways out ---- */

static unsigned tried;

static void
tell(const struct attempt_group *g, const struct attempt *a, enum hostile_filter filter,
    enum hostile_end end, int number)
{
	tried++;
	if (end == END_DONE || end == END_OTHER)
		say("probe %s, %s (%s): DONE (%d)", g->name, a->name, hostile_filter_names[filter],
		    number);
}

static void
probe_identity(char **envp)
{
	say("probe identity: uid %u gid %u pid %d groups %d env %s", getuid(), getgid(), getpid(),
	    getgroups(0, NULL), envp[0] == NULL ? "empty" : envp[0]);
}

/* Each way out as it is, and under zhyve's own filters. */
static void
probe_all(int highest, int kvm, char **envp)
{
	bait.highest = highest;
	bait.kvm = kvm;
	probe_identity(envp);
	hostile_try(FILTER_NONE, false, tell);
	hostile_try(FILTER_ZHYVE_MAIN, false, tell);
	hostile_try(FILTER_ZHYVE_VCPU, false, tell);
	say("probe end: %u tried", tried);
}

/* ---- zhyve's side of the wire ---- */

static void
stop(enum wire_stop why, const char *text)
{
	struct wire_msg m = { .type = WIRE_STOPPED, .stop = why };

	(void)snprintf(m.text, sizeof(m.text), "%s", text);
	(void)wire_send(wire_fd, &m);
	exit(why == WIRE_STOP_PANIC ? WIRE_STOP_HALT : (int)why);
}

static void
flood(unsigned long n)
{
	char block[4096];

	memset(block, 'x', sizeof(block));
	for (; n > 0;) {
		ssize_t w = write(com1, block, n < sizeof(block) ? n : sizeof(block));
		struct pollfd p = { .fd = com1, .events = POLLOUT };
		if (w > 0)
			n -= (unsigned long)w;
		else if (errno != EAGAIN || poll(&p, 1, 5000) <= 0)
			return;
	}
	say("flood end");
}

static void
fork_many(unsigned n)
{
	unsigned made = 0;

	for (unsigned i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			(void)pause();
			_exit(0);
		}
		made += pid > 0;
	}
	say("forked %u of %u", made, n);
}

/* Touch so many MiB. */
static void
eat(unsigned long mib)
{
	for (; mib > 0; mib--) {
		char *p = malloc(1 << 20);
		if (p == NULL)
			return;
		memset(p, 1, 1 << 20);
	}
	say("eaten");
}

/* A request of the first metadata protocol; the answer on COM1. */
static void
ask(const char *request)
{
	char answer[256];
	struct pollfd p = { .fd = com2, .events = POLLIN };
	ssize_t n;

	(void)!write(com2, request, strlen(request));
	(void)!write(com2, "\n", 1);
	if (poll(&p, 1, 3000) != 1 || (n = read(com2, answer, sizeof(answer) - 1)) <= 0) {
		say("no answer");
		return;
	}
	answer[n] = '\0';
	answer[strcspn(answer, "\r\n")] = ' ';
	answer[strcspn(answer, "\r\n")] = '\0';
	say("answer: %s", answer);
}

static void
send_all(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(com2, bytes, len);
		struct pollfd p = { .fd = com2, .events = POLLOUT };

		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || poll(&p, 1, -1) <= 0) {
			return;
		}
	}
}

/*
 * Hostile bytes on COM2, a line's end, and a request whose answer is the last of what comes: told is,
 * escaped, what came before that.
 */
static void
raw(const char *words)
{
	static const char good[] = "\nNEGOTIATE V2\n", answer[] = "V2_OK\n";
	static char got[8192];
	char *hex, byte[3] = "", text[400];
	unsigned long times = strtoul(words, &hex, 10);
	size_t len = 0, at = 0;

	for (hex += strspn(hex, " "); hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		char c;

		memcpy(byte, hex, 2);
		c = (char)strtoul(byte, NULL, 16);
		for (unsigned long i = 0; i < (hex[2] == '\0' ? times : 1); i++)
			send_all(&c, 1);
	}
	send_all(good, strlen(good));
	while (len < sizeof(answer) - 1 ||
	    memcmp(got + len - strlen(answer), answer, strlen(answer)) != 0) {
		struct pollfd p = { .fd = com2, .events = POLLIN };

		if (len == sizeof(got) || poll(&p, 1, -1) < 0 || read(com2, got + len, 1) != 1)
			break;
		len++;
	}
	for (size_t i = 0; i + strlen(answer) < len && at < sizeof(text) - 5; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
		    got[i] < ' ' || got[i] > '~' ? "\\x%02x" : "%c", (unsigned char)got[i]);
	text[at] = '\0';
	say("raw: <%s>", text);
}

/*
 * What this process, the init of the zone, can do to others in its pid namespace: to an operator's command
 * (zlogin ZONE COMMAND), which is there as root. "met": they are there.
 */
static void
peers(void)
{
	char byte;
	struct iovec mine = { .iov_base = &byte, .iov_len = 1 },
		     theirs = { .iov_base = (void *)(uintptr_t)&byte, .iov_len = 1 };
	struct rlimit limit;
	unsigned met = 0, done = 0;

	for (pid_t pid = 2; pid < PEERS_MAX; pid++) {
		int fd = (int)syscall(SYS_pidfd_open, pid, 0);

		if (fd < 0)
			continue;
		met++;
		done += kill(pid, SIGCONT) == 0;
		done += syscall(SYS_pidfd_send_signal, fd, SIGCONT, NULL, 0) == 0;
		done += syscall(SYS_pidfd_getfd, fd, 0, 0) >= 0;
		done += ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0;
		done += process_vm_readv(pid, &mine, 1, &theirs, 1, 0) >= 0;
		done += process_vm_writev(pid, &mine, 1, &theirs, 1, 0) >= 0;
		done += syscall(SYS_kcmp, pid, getpid(), 0 /* KCMP_FILE */, 0, 0) >= 0;
		done += setns(fd, CLONE_NEWNS) == 0;
		done += prlimit(pid, RLIMIT_NOFILE, NULL, &limit) == 0;
		done += setpriority(PRIO_PROCESS, (id_t)pid, 19) == 0;
		(void)close(fd);
	}
	say("peers: %s met, %u done", met == 0 ? "none" : "some", done);
}

/* Make a call that a filter of our own, for the first time, does not let through. */
static void
refused(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
	say("still here: %d", getppid());
}

static void
become_deaf(void)
{
	deaf = true;
	say("heard nothing");
}

static void
obey(char *line)
{
	static const char *const stops[] = { "reset", "power-off", "halt", "triple-fault", "error",
		"panic" };
	struct wire_msg m = { .type = WIRE_HW_READY };

	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
		if (strcmp(line, stops[i]) == 0)
			stop((enum wire_stop)i, "as told");
	}
	if (strcmp(line, "crash") == 0)
		__builtin_trap();
	else if (strcmp(line, "wire-garbage") == 0)
		(void)!write(wire_fd, "garbage", 7);
	else if (strcmp(line, "wire-order") == 0)
		(void)wire_send(wire_fd, &m);
	else if (strcmp(line, "silent") == 0)
		(void)close(wire_fd);
	else if (strcmp(line, "deaf") == 0)
		become_deaf();
	else if (strncmp(line, "flood ", 6) == 0)
		flood(strtoul(line + 6, NULL, 10));
	else if (strncmp(line, "fork ", 5) == 0)
		fork_many((unsigned)strtoul(line + 5, NULL, 10));
	else if (strncmp(line, "eat ", 4) == 0)
		eat(strtoul(line + 4, NULL, 10));
	else if (strncmp(line, "ask ", 4) == 0)
		ask(line + 4);
	else if (strncmp(line, "raw ", 4) == 0)
		raw(line + 4);
	else if (strcmp(line, "refused") == 0)
		refused();
	else if (strcmp(line, "peers") == 0)
		peers();
	else if (strncmp(line, "exit ", 5) == 0)
		exit(atoi(line + 5));
	else
		say("heard '%s'", line);
}

static void
serve(void)
{
	char line[1024];
	size_t len = 0;
	struct wire_msg m;
	char c;

	for (;;) {
		struct pollfd p[2] = { { .fd = com1, .events = POLLIN },
			{ .fd = wire_fd, .events = POLLIN } };
		if (poll(p, 2, -1) < 0)
			exit(4);
		while (p[0].revents != 0 && read(com1, &c, 1) == 1) {
			if (c == '\r' || c == '\n') {
				line[len] = '\0';
				if (len > 0)
					obey(line);
				len = 0;
			} else if (len < sizeof(line) - 1) {
				line[len++] = c;
			}
		}
		if (p[1].revents == 0)
			continue;
		if (wire_recv(wire_fd, &m) <= 0 || m.type == WIRE_QUIT)
			exit(1);
		if (m.type == WIRE_POWER_BUTTON && !deaf)
			stop(WIRE_STOP_POWEROFF, "power button");
		say("wire message %u", m.type);
	}
}

/* Take in turn what zoneadmd's command line says. The highest descriptor named. */
static int
read_args(int argc, char **argv)
{
	int highest = 2, fd;

	for (int i = 1; i < argc; i++) {
		for (const char *p = argv[i]; (p = strstr(p, "fd:")) != NULL; p += 3) {
			if ((fd = atoi(p + 3)) > highest)
				highest = fd;
		}
		if (strncmp(argv[i], "com1,fd:", 8) == 0)
			com1 = atoi(argv[i] + 8);
		if (strncmp(argv[i], "com2,fd:", 8) == 0)
			com2 = atoi(argv[i] + 8);
		if (strncmp(argv[i], "wire=fd:", 8) == 0)
			wire_fd = atoi(argv[i] + 8);
		if (strncmp(argv[i], "kvm=fd:", 7) == 0)
			kvm_fd = atoi(argv[i] + 7);
		if (strncmp(argv[i], "boot.cmdline=", 13) == 0)
			cmdline = argv[i] + 13;
	}
	return (highest);
}

int
main(int argc, char **argv, char **envp)
{
	struct wire_msg m = { .type = WIRE_HW_READY, .vcpus = 1, .memory = 1 << 20 };
	int highest = read_args(argc, argv);

	(void)!write(1, "probe: started\n", 15);
	if (strstr(cmdline, "fail") != NULL) {
		m = (struct wire_msg){ .type = WIRE_FAILED, .text = "told to fail" };
		(void)wire_send(wire_fd, &m);
		return (4);
	}
	if (strstr(cmdline, "die") != NULL)
		__builtin_trap();
	while (strstr(cmdline, "hang") != NULL)
		(void)pause();
	struct pollfd p = { .fd = wire_fd, .events = POLLIN };
	if (com1 < 0 || wire_fd < 0 || wire_send(wire_fd, &m) != 0 || poll(&p, 1, -1) != 1 ||
	    wire_recv(wire_fd, &m) != 1 || m.type != WIRE_RUN)
		return (4);
	m = (struct wire_msg){ .type = WIRE_RUNNING };
	if (wire_send(wire_fd, &m) != 0)
		return (4);
	if (strstr(cmdline, "loop") != NULL)
		stop(WIRE_STOP_RESET, "told to loop");
	if (strstr(cmdline, "quiet") == NULL)
		probe_all(highest, kvm_fd, envp);
	say("ready");
	serve();
}
