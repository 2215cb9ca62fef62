/* SPDX-License-Identifier: BSD-2-Clause */
/* Kills by system-call filters: see refusal.h. Runs in zoneadmd. */
#include "zone/refusal.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define RECORD_MAX 8192 /* more than MAX_AUDIT_MESSAGE_LENGTH of text is of no use */

int
refusal_open(void)
{
	/* nlmsg_type is in the host's order, and BPF loads in the network's. */
	struct sock_filter only[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_type)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(AUDIT_SECCOMP), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, RECORD_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = NITEMS(only), .filter = only };
	struct sockaddr_nl group = { .nl_family = AF_NETLINK,
		.nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1) };
	CLEANUP_FD int fd =
	    socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0 ||
	    bind(fd, (const struct sockaddr *)&group, sizeof(group)) != 0)
		return (-errno);
	return (fd_steal(&fd));
}

/* The value of a field "name=", which begins a word. */
static const char *
field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = strstr(text, name); p != NULL; p = strstr(p + 1, name)) {
		if (p != text && p[-1] == ' ' && p[len] == '=')
			return (p + len + 1);
	}
	return (NULL);
}

static bool
number(const char *text, const char *name, uint32_t *out)
{
	const char *p = field(text, name);
	unsigned long n;
	char *end;

	if (p == NULL || *p < '0' || *p > '9')
		return (false);
	errno = 0;
	n = strtoul(p, &end, 10);
	*out = (uint32_t)n;
	return (errno == 0 && n <= UINT32_MAX && (*end == ' ' || *end == '\0'));
}

/* comm="NAME"; a name with blanks, quotes or control characters is in hexadecimal digits instead. */
static void
thread_name(const char *text, char out[16])
{
	const char *p = field(text, "comm");
	size_t n = 0;
	unsigned byte = 0;

	if (p != NULL && *p == '"') {
		n = strcspn(p + 1, "\"");
		(void)snprintf(out, 16, "%.*s", (int)MIN(n, (size_t)15), p + 1);
		return;
	}
	for (;
	     p != NULL && n < 15 && isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]);
	     p += 2) {
		(void)sscanf(p, "%2x", &byte);
		out[n++] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '?');
	}
	out[n] = '\0';
}

bool
refusal_parse(const char *text, struct refusal *out)
{
	uint32_t signo;

	if (!number(text, "uid", &out->uid) || !number(text, "pid", &out->pid) ||
	    !number(text, "sig", &signo) || !number(text, "syscall", &out->call) || signo == 0)
		return (false);
	thread_name(text, out->thread);
	return (true);
}

bool
refusal_next(int fd, struct refusal *out)
{
	char buf[RECORD_MAX + 1] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct sockaddr_nl from = { 0 };
	socklen_t len = sizeof(from);
	ssize_t n;

	for (;;) {
		n = recvfrom(fd, buf, RECORD_MAX, 0, (struct sockaddr *)&from, &len);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS)) /* some were lost */
			continue;
		if (n < 0)
			return (false);
		/* From the kernel, which alone has port 0. Its nlmsg_len has been wrong at times. */
		if (from.nl_pid != 0 || (size_t)n <= NLMSG_HDRLEN)
			continue;
		buf[n] = '\0';
		if (refusal_parse(buf + NLMSG_HDRLEN, out))
			return (true);
	}
}
