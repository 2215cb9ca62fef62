/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The back end of vhost-user with virtio-blk or virtio-net behind it: a front end that sends whatever
 * it likes, with descriptors or without, and changes the guest's memory and the memory of requests
 * in flight meanwhile.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/vhost_user_back.h"
#include "backend/vhost_user_io.h"
#include "base/checked.h"
#include "base/fd.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/net.h"
#include "fuzz_host.h"

#define RAM 65536u

struct target {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct virtio_dev *vd; /* of these, the one that is served */
	struct virtio_blk blk;
	struct virtio_net net;
	struct fuzz_disk disk;
	struct net_backend link;
	uint16_t frame; /* length of the next to be received; 0: none */
	bool full;      /* none is taken */
	struct vhost_user_back *back;
	int sock, ram_fd, bell, inflight_fd;
	uint8_t *ram;
	bool gone;
};

/* ---- a link: all of what it is given is read and written, so that no byte may be a stale one ---- */

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	static uint8_t out[VIRTIO_NET_FRAME_MAX];

	if (((struct target *)b->softc)->full)
		return (-EAGAIN);
	return ((ssize_t)gmem_iov_to_buf(iov, niov, 0, out, sizeof(out)));
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	static const uint8_t in[VIRTIO_NET_FRAME_MAX];
	struct target *t = b->softc;
	size_t len = t->frame;

	t->frame = 0;
	return (len == 0 ? -EAGAIN : (ssize_t)gmem_buf_to_iov(in, len, iov, niov, 0));
}

static void
link_want(struct net_backend *b, bool on)
{
	(void)b;
	(void)on;
}

static int
link_set_offload(struct net_backend *b, uint64_t features)
{
	(void)b;
	(void)features;
	return (0);
}

/* As the event loop would, also when nobody asked for it any more. */
static void
link_step(struct target *t, struct fuzz *in)
{
	uint8_t what = fuzz_u8(in);

	t->frame = fuzz_u16(in);
	t->full = (what & 4) != 0;
	if ((what & 1) != 0)
		t->link.readable(t->link.dev);
	if ((what & 2) != 0)
		t->link.writable(t->link.dev);
}

static void
drain(void *ctx)
{
	struct target *t = ctx;

	if (t->vd == &t->net.vd)
		virtio_net_let_go(&t->net);
	else
		fuzz_disk_drain(&t->disk);
}

static void
gone(void *ctx, int rc, const char *what)
{
	(void)rc;
	(void)what;
	((struct target *)ctx)->gone = true;
}

/* Let it have what was sent; take what it says, and a descriptor that comes along. */
static void
turn(struct target *t)
{
	uint8_t junk[512];
	int fds[FD_MSG_MAX];
	size_t n = FD_MSG_MAX;

	while (mevent_poll(t->loop, 0) > 0 && !t->gone)
		continue;
	while (fd_recv_msg(t->sock, junk, sizeof(junk), fds, &n) > 0) {
		for (size_t i = 0; i < n; i++) {
			fd_close(&t->inflight_fd);
			t->inflight_fd = fds[i];
		}
		n = FD_MSG_MAX;
	}
}

static void
send_msg(struct target *t, struct vu_msg *m)
{
	m->h.flags |= VU_VERSION;
	(void)vu_send(t->sock, m);
	turn(t);
}

static void
put(struct target *t, uint32_t request, uint32_t a, uint32_t b, int fd)
{
	struct vu_msg m = { .h = { request, 0, 8 }, .p.state = { a, b } };

	if (fd >= 0)
		m.fd[m.nfds++] = fd;
	send_msg(t, &m);
}

/* As a front end that keeps the rules: ring 0 of 16 entries, in the first pages. */
static void
start(struct target *t)
{
	struct vu_msg mem = { .h = { VU_SET_MEM_TABLE, 0, VU_LEN_MEMORY(1) },
		.p.memory = { .n = 1, .region = { { 0, RAM, 1u << 20, 0 } } },
		.nfds = 1,
		.fd = { t->ram_fd } };
	struct vu_msg addr = { .h = { VU_SET_VRING_ADDR, 0, VU_LEN_ADDR },
		.p.addr = {
		    .desc = 1u << 20, .avail = (1u << 20) + 4096, .used = (1u << 20) + 8192 } };
	struct vu_msg inflight = { .h = { VU_GET_INFLIGHT_FD, 0, VU_LEN_INFLIGHT },
		.p.inflight = { .queues = 2, .queue_size = 16 } };
	struct vu_msg features = { .h = { VU_SET_FEATURES, 0, 8 },
		.p.u64 = t->vd->offered | VU_F_PROTOCOL_FEATURES };

	send_msg(t, &features);
	send_msg(t, &mem);
	send_msg(t, &inflight);
	put(t, VU_SET_VRING_NUM, 0, 16, -1);
	send_msg(t, &addr);
	put(t, VU_SET_VRING_CALL, 0, 0, t->bell);
	put(t, VU_SET_VRING_KICK, 0, 0, t->bell);
	put(t, VU_SET_VRING_ENABLE, 0, 1, -1);
}

static void
any_message(struct target *t, struct fuzz *in)
{
	static const uint16_t lens[] = { 0, 8, 40, 20, 24, 40, 72, 12, 16, 268 };
	struct vu_msg m = { 0 };
	uint8_t how = fuzz_u8(in);

	m.h.request = fuzz_u8(in) % 44;
	m.h.flags = (how & 1) != 0 ? VU_NEED_REPLY : 0;
	m.h.size = (how & 2) != 0 ? lens[fuzz_u8(in) % NITEMS(lens)] : 8;
	(void)fuzz_bytes(in, &m.p, MIN(m.h.size, sizeof(m.p)));
	for (unsigned n = how >> 2 & 3; n > 0; n--) {
		const int fds[] = { t->ram_fd, t->bell, t->inflight_fd, t->ram_fd };

		m.fd[m.nfds] = fds[fuzz_u8(in) & 3];
		m.nfds += m.fd[m.nfds] >= 0;
	}
	send_msg(t, &m);
}

/* Memory that the front end has too. */
static void
scribble(struct target *t, struct fuzz *in)
{
	uint16_t at = fuzz_u16(in);
	uint8_t bytes[32], n = fuzz_u8(in) % sizeof(bytes);

	(void)fuzz_bytes(in, bytes, n);
	if ((at & 1) != 0 && t->inflight_fd >= 0)
		(void)!pwrite(t->inflight_fd, bytes, n, at % 8192);
	else
		memcpy(t->ram + at % (RAM - sizeof(bytes)), bytes, n);
}

static void
step(struct target *t, struct fuzz *in)
{
	const uint64_t one = 1;

	switch (fuzz_u8(in) % 6) {
	case 0:
	case 1:
		any_message(t, in);
		break;
	case 2:
		(void)!write(t->bell, &one, sizeof(one));
		turn(t);
		break;
	case 3:
		if (t->vd == &t->net.vd)
			link_step(t, in);
		else
			fuzz_disk_step(&t->disk, in);
		break;
	case 4:
		le16_put(t->ram + 4098, (uint16_t)(le16_get(t->ram + 4098) + 1));
		(void)!write(t->bell, &one, sizeof(one));
		turn(t);
		break;
	default:
		scribble(t, in);
	}
}

static void
make_models(struct target *t, bool net)
{
	static const struct net_ops link_ops = { link_send, link_recv, link_want, link_want,
		link_set_offload, NULL };
	struct virtio_net_setup s = {
		.npairs = 1, .rx_size = 64, .tx_size = 32, .queues_only = true
	};
	int rc;

	fuzz_disk_init(&t->disk);
	rc = virtio_blk_init(&t->blk, &t->gm, &t->disk.be, "FUZZ", 2);
	assert(rc == 0);
	t->link = (struct net_backend){
		.ops = &link_ops, .softc = t, .offload_features = VIRTIO_NET_OFFLOADS
	};
	s.backend[0] = &t->link;
	rc = virtio_net_init_pairs(&t->net, &t->gm, &s);
	assert(rc == 0);
	t->vd = net ? &t->net.vd : &t->blk.vd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct target t;
	struct vhost_user_back_ops ops = { drain, gone, true, &t, false };
	struct fuzz in = { data, size };
	uint8_t how = fuzz_u8(&in);
	struct err e;
	int sv[2], rc;

	t = (struct target){ .inflight_fd = -1 };
	(void)pthread_mutex_init(&t.lock.mutex, NULL);
	rc = mevent_loop_create(&t.loop);
	assert(rc == 0);
	rc = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv);
	assert(rc == 0);
	t.sock = sv[0];
	t.ram_fd = memfd_sealed("ram", RAM);
	t.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, t.ram_fd, 0);
	gmem_empty(&t.gm);
	make_models(&t, (how & 2) != 0);
	ops.remembers = (how & 2) == 0;
	ops.in_pairs = !ops.remembers;
	rc = vhost_user_back_create(&t.back, t.vd, &t.gm, sv[1], t.loop, &t.lock, &ops, &e);
	assert(rc == 0);
	if ((how & 1) != 0)
		start(&t);
	for (unsigned n = 0; n < 300 && in.left > 0 && !t.gone; n++)
		step(&t, &in);
	vhost_user_back_destroy(t.back);
	fuzz_disk_drain(&t.disk);
	virtio_blk_destroy(&t.blk);
	virtio_net_destroy(&t.net);
	fuzz_disk_fini(&t.disk);
	mevent_loop_destroy(t.loop);
	(void)munmap(t.ram, RAM);
	fd_close(&t.sock);
	fd_close(&t.ram_fd);
	fd_close(&t.bell);
	fd_close(&t.inflight_fd);
	return (0);
}
