/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of vhost-user over a socket: see vhost_user_io.h. Runs in zhyve and device processes. */
#include "backend/vhost_user_io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define HEADER sizeof(struct vu_header)

/* The next bytes of [buf, buf + len), with the descriptors that come with them. */
static int
take(struct vu_reader *r, int sock, void *buf, size_t len)
{
	size_t nfds = VU_FDS_MAX - r->m.nfds;
	ssize_t n = fd_recv_msg(sock, buf, len, r->m.fd + r->m.nfds, &nfds);

	if (n == -EAGAIN)
		return (0);
	if (n <= 0)
		return (n == 0 ? -EPIPE : (int)n);
	r->m.nfds += (unsigned)nfds;
	r->have += (size_t)n;
	return (1);
}

int
vu_receive(struct vu_reader *r, int sock, bool reply)
{
	int rc;

	while (r->have < HEADER) {
		if ((rc = take(r, sock, (uint8_t *)&r->m.h + r->have, HEADER - r->have)) <= 0)
			return (rc);
	}
	if ((rc = vu_header_check(&r->m.h, reply)) < 0)
		return (rc);
	while (r->have < HEADER + r->m.h.size) {
		size_t at = r->have - HEADER;

		rc = take(r, sock, (uint8_t *)&r->m.p + at, r->m.h.size - at);
		if (rc <= 0)
			return (rc);
	}
	return (1);
}

void
vu_reader_next(struct vu_reader *r)
{
	for (unsigned i = 0; i < r->m.nfds; i++)
		fd_close(&r->m.fd[i]);
	memset(r, 0, sizeof(*r));
}

int
vu_send(int sock, const struct vu_msg *m)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VU_FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec iov[2] = {
		{ (void *)(uintptr_t)&m->h, HEADER },
		{ (void *)(uintptr_t)&m->p, m->h.size },
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	struct cmsghdr *c;
	ssize_t n;

	if (m->nfds > 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(m->nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(m->nfds * sizeof(int));
		memcpy(CMSG_DATA(c), m->fd, m->nfds * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return (-errno);
	/* So little is either taken whole, or the peer has let the socket fill up. */
	return ((size_t)n == HEADER + m->h.size ? 0 : -EAGAIN);
}
