/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usage: vsock_cat connect PORT | listen PORT
 *
 * In a guest: connects to a port of the host's, or takes one connection on a port of its own; sends
 * its standard input, prints what comes. Ends when the other side has ended, with status 0.
 */
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int
open_socket(const char *how, unsigned port)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK, .svm_port = port };
	int s = socket(AF_VSOCK, SOCK_STREAM, 0);

	a.svm_cid = strcmp(how, "connect") == 0 ? VMADDR_CID_HOST : VMADDR_CID_ANY;
	if (s >= 0 && a.svm_cid == VMADDR_CID_HOST)
		return (connect(s, (struct sockaddr *)&a, sizeof(a)) == 0 ? s : -1);
	if (s < 0 || bind(s, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(s, 1) != 0)
		return (-1);
	return (accept(s, NULL, NULL));
}

/* One run of bytes; false at the end. */
static int
copy(int from, int to)
{
	static char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf)), w;

	for (ssize_t at = 0; at < n; at += w)
		if ((w = write(to, buf + at, (size_t)(n - at))) <= 0)
			return (0);
	return (n > 0);
}

int
main(int argc, char **argv)
{
	struct pollfd p[2] = { { .fd = 0, .events = POLLIN }, { .events = POLLIN } };

	if (argc != 3)
		return (2);
	if ((p[1].fd = open_socket(argv[1], (unsigned)strtoul(argv[2], NULL, 10))) < 0) {
		perror(argv[1]);
		return (1);
	}
	for (;;) {
		if (poll(p, 2, -1) < 0)
			return (1);
		if (p[0].revents != 0 && !copy(0, p[1].fd)) {
			(void)shutdown(p[1].fd, SHUT_WR);
			p[0].fd = -1;
		}
		if (p[1].revents != 0 && !copy(p[1].fd, 1))
			return (0);
	}
}
