/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The front end of vhost-user against a back end that lies: a thread answers each of its questions
 * as the input says, rightly or not, speaks when nobody asked, and goes. Whatever it does, the front
 * end comes to an end at once, for the peer never leaves a question open.
 */
#include <assert.h>
#include <pthread.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/vhost_user.h"
#include "backend/vhost_user_io.h"
#include "base/checked.h"
#include "base/fd.h"
#include "fuzz.h"

#define RAM (1u << 20)

struct peer {
	int sock, channel, some_fd;
	struct fuzz in;
};

/* What one that keeps the rules would say. */
static void
honest(const struct vu_msg *asked, struct vu_msg *m, int fd)
{
	m->h.request = asked->h.request;
	m->h.flags = VU_VERSION | VU_REPLY;
	m->h.size = 8;
	switch (asked->h.request) {
	case VU_GET_FEATURES:
		m->p.u64 = VIRTIO_FEAT_VERSION_1 | VU_F_PROTOCOL_FEATURES | 1u << 9;
		break;
	case VU_GET_PROTOCOL_FEATURES:
		m->p.u64 = UINT64_MAX;
		break;
	case VU_GET_QUEUE_NUM:
		m->p.u64 = 2;
		break;
	case VU_GET_CONFIG:
	case VU_GET_VRING_BASE:
		m->h.size = asked->h.size;
		m->p = asked->p;
		break;
	case VU_GET_INFLIGHT_FD:
		m->h.size = VU_LEN_INFLIGHT;
		m->p = asked->p;
		m->p.inflight.size = 4096;
		m->fd[m->nfds++] = fd;
		break;
	default:
		m->p.u64 = 0;
	}
}

static void
lie(struct vu_msg *m, struct fuzz *in, int fd)
{
	uint8_t how = fuzz_u8(in);

	if ((how & 1) != 0)
		m->h.request = fuzz_u8(in) % 44;
	if ((how & 2) != 0)
		m->h.size = fuzz_u8(in);
	if ((how & 4) != 0)
		m->h.flags = fuzz_u8(in);
	if ((how & 8) != 0)
		(void)fuzz_bytes(in, &m->p, fuzz_u8(in) % sizeof(m->p));
	if ((how & 16) != 0)
		m->fd[m->nfds++] = fd;
	if ((how & 32) != 0)
		m->nfds = 0;
}

static void *
run_peer(void *arg)
{
	struct peer *p = arg;
	struct vu_reader r = { 0 };
	struct pollfd pfd = { .fd = p->sock, .events = POLLIN };

	while (p->in.left > 0) {
		struct vu_msg m = { 0 };
		uint8_t how;
		int rc;

		while ((rc = vu_receive(&r, p->sock, false)) == 0)
			(void)poll(&pfd, 1, -1);
		if (rc < 0)
			break;
		if (r.m.h.request == VU_SET_BACKEND_REQ_FD && r.m.nfds == 1) {
			fd_close(&p->channel);
			p->channel = fd_steal(&r.m.fd[0]);
		}
		how = fuzz_u8(&p->in);
		if (vu_has_reply(r.m.h.request) || (r.m.h.flags & VU_NEED_REPLY) != 0) {
			honest(&r.m, &m, p->some_fd);
			if (how >= 0xe0)
				lie(&m, &p->in, p->some_fd);
			if (vu_send(p->sock, &m) < 0)
				break;
		}
		vu_reader_next(&r);
		if (how % 16 == 3 && p->channel >= 0) {
			uint8_t word[32], n = fuzz_u8(&p->in) % sizeof(word);

			(void)fuzz_bytes(&p->in, word, n);
			(void)send(p->channel, word, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		}
	}
	vu_reader_next(&r);
	(void)shutdown(p->sock, SHUT_RDWR);
	return (NULL);
}

static void
quiet_turns(struct mevent_loop *loop)
{
	for (unsigned i = 0; i < 4; i++)
		(void)mevent_poll(loop, 0);
}

static void
use(struct vhost_user *vu, const struct gmem *gm, struct mevent_loop *loop, int bell)
{
	struct virtio_extern *x = vhost_user_extern(vu);
	struct virtio_extern_queue q = {
		.size = 16, .avail = 4096, .used = 8192, .kick_fd = bell, .call_fd = bell
	};
	const uint8_t zero = 0;

	vhost_user_device(vu, x->features, 2, 256);
	for (unsigned i = 0; i < 3; i++) {
		quiet_turns(loop);
		if (x->ops->start(x, x->features, gm, &q, 1) == 0)
			vhost_user_set_config(vu, 32, &zero, 1);
		quiet_turns(loop);
		x->ops->stop(x);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct peer p = { .channel = -1, .in = { data, size } };
	struct vhost_user_want want = { .queues = 2, .config_len = 60 };
	struct mevent_loop *loop;
	struct vhost_user *vu;
	struct lock lock;
	struct gmem gm;
	struct err e;
	pthread_t thread;
	char where[16];
	int sv[2], rc;

	(void)pthread_mutex_init(&lock.mutex, NULL);
	rc = mevent_loop_create(&loop);
	assert(rc == 0);
	rc = gmem_create(&gm, RAM, &e);
	assert(rc == 0);
	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	p.sock = sv[1];
	p.some_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)snprintf(where, sizeof(where), "fd:%d", sv[0]);
	want.where = where;
	want.in_order = (size & 1) != 0;
	rc = pthread_create(&thread, NULL, run_peer, &p);
	assert(rc == 0);
	if (vhost_user_open(&vu, &want, &gm, loop, &lock, &e) == 0) {
		use(vu, &gm, loop, p.some_fd);
		vhost_user_close(vu);
	}
	(void)pthread_join(thread, NULL);
	fd_close(&p.sock);
	fd_close(&p.channel);
	fd_close(&p.some_fd);
	gmem_destroy(&gm);
	mevent_loop_destroy(loop);
	return (0);
}
