/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net behind vhost-user, on a link in memory: a front end that stops a ring, takes the
 * memory away or ends while frames are under way finds where the ring stands, and no frame's
 * buffers are lost. Messages are written by hand.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../devices/vq_guest.h"
#include "backend/vhost_user_back.h"
#include "backend/vhost_user_io.h"
#include "base/fd.h"
#include "devices/virtio/net.h"

#define RAM     (2u << 20)
#define USER    (1ull << 40) /* the front end's address of the guest's 0 */
#define RING(i) (0x10000u * ((i) + 1))
#define BUF     0x100000u
#define SIZE    16

static struct fix {
	struct mevent_loop *loop;
	struct lock lock;
	struct gmem gm;
	struct net_backend link;
	struct virtio_net net;
	struct vhost_user_back *back;
	int sock, ram_fd, kick[2], call[2];
	uint8_t *ram;
	struct vq_guest q[2];
	unsigned frames, sent, gone;
	size_t in_len;
	bool full;
} f;

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	if (f.full)
		return (-EAGAIN);
	f.sent++;
	return (1);
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	static const uint8_t in[4096];

	if (f.frames == 0)
		return (-EAGAIN);
	f.frames--;
	return ((ssize_t)gmem_buf_to_iov(in, f.in_len, iov, niov, 0));
}

static void
link_want(struct net_backend *b, bool on)
{
}

static int
link_set_offload(struct net_backend *b, uint64_t features)
{
	return (0);
}

static const struct net_ops link_ops = { link_send, link_recv, link_want, link_want,
	link_set_offload, NULL };

static void
drain(void *ctx)
{
	virtio_net_let_go(&f.net);
}

static void
gone(void *ctx, int rc, const char *what)
{
	assert_int_equal(rc, 0);
	f.gone++;
}

static int
setup(void **state)
{
	struct virtio_net_setup s = { .npairs = 1, .queues_only = true };
	const struct vhost_user_back_ops ops = { .drain = drain, .gone = gone, .in_pairs = true };
	struct err e;
	int sv[2];

	f = (struct fix){ .link = { .ops = &link_ops, .offload_features = VIRTIO_NET_OFFLOADS } };
	(void)pthread_mutex_init(&f.lock.mutex, NULL);
	assert_int_equal(mevent_loop_create(&f.loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv), 0);
	f.sock = sv[0];
	f.ram_fd = memfd_sealed("ram", RAM);
	f.ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_SHARED, f.ram_fd, 0);
	assert_true(f.ram != MAP_FAILED);
	for (unsigned i = 0; i < 2; i++) {
		f.kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		f.call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		g_init(&f.q[i], f.ram, RING(i), SIZE);
	}
	gmem_empty(&f.gm);
	s.backend[0] = &f.link;
	assert_int_equal(virtio_net_init_pairs(&f.net, &f.gm, &s), 0);
	assert_int_equal(
	    vhost_user_back_create(&f.back, &f.net.vd, &f.gm, sv[1], f.loop, &f.lock, &ops, &e), 0);
	return (0);
}

static int
teardown(void **state)
{
	vhost_user_back_destroy(f.back);
	virtio_net_destroy(&f.net);
	mevent_loop_destroy(f.loop);
	(void)munmap(f.ram, RAM);
	(void)close(f.ram_fd);
	fd_close(&f.sock);
	for (unsigned i = 0; i < 2; i++) {
		(void)close(f.kick[i]);
		(void)close(f.call[i]);
	}
	return (0);
}

/* Send it; 0, or what the answer says (REPLY_ACK, or the answer's own). */
static uint64_t
say(struct vu_msg *m, bool answered)
{
	struct vu_reader in = { 0 };
	uint64_t v;

	m->h.flags |= VU_VERSION;
	assert_int_equal(vu_send(f.sock, m), 0);
	while (mevent_poll(f.loop, 0) > 0)
		continue;
	if (!answered)
		return (0);
	assert_int_equal(vu_receive(&in, f.sock, true), 1);
	v = in.m.h.size == VU_LEN_STATE && m->h.request == VU_GET_VRING_BASE ? in.m.p.state.num
									     : in.m.p.u64;
	vu_reader_next(&in);
	return (v);
}

static uint64_t
ask(uint32_t request)
{
	struct vu_msg m = { .h = { request, 0, 0 } };

	return (say(&m, true));
}

static void
number(uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_msg m = { .h = { request, 0, VU_LEN_STATE }, .p.state = { index, num } };

	(void)say(&m, false);
}

static void
descriptor(uint32_t request, uint32_t index, int fd)
{
	struct vu_msg m = { .h = { request, 0, 8 }, .p.u64 = index, .nfds = 1, .fd = { fd } };

	(void)say(&m, false);
}

static uint32_t
base(uint32_t index)
{
	struct vu_msg m = { .h = { VU_GET_VRING_BASE, 0, VU_LEN_STATE }, .p.state = { index, 0 } };

	return ((uint32_t)say(&m, true));
}

static void
memory(void)
{
	struct vu_msg m = { .h = { VU_SET_MEM_TABLE, 0, VU_LEN_MEMORY(1) },
		.p.memory = { .n = 1, .region = { { 0, RAM, USER, 0 } } },
		.nfds = 1,
		.fd = { f.ram_fd } };

	(void)say(&m, false);
}

static void
ring(unsigned i, uint32_t from)
{
	struct vu_msg addr = { .h = { VU_SET_VRING_ADDR, 0, VU_LEN_ADDR },
		.p.addr = { .index = i,
		    .desc = USER + f.q[i].desc,
		    .avail = USER + f.q[i].avail,
		    .used = USER + f.q[i].used } };

	number(VU_SET_VRING_NUM, i, SIZE);
	number(VU_SET_VRING_BASE, i, from);
	(void)say(&addr, false);
	descriptor(VU_SET_VRING_CALL, i, f.call[i]);
	descriptor(VU_SET_VRING_KICK, i, f.kick[i]);
	number(VU_SET_VRING_ENABLE, i, 1);
}

static void
start(void)
{
	struct vu_msg m = { .h = { VU_SET_FEATURES, 0, 8 },
		.p.u64 = VIRTIO_FEAT_VERSION_1 | VIRTIO_NET_F_MRG_RXBUF | VU_F_PROTOCOL_FEATURES };

	(void)say(&m, false);
	memory();
	ring(0, 0);
	ring(1, 0);
}

/* A receive buffer of `len`, or a frame to be sent. */
static void
offer(unsigned queue, unsigned i, uint32_t len)
{
	const uint64_t one = 1;

	g_desc(
	    &f.q[queue], i, BUF + 0x10000u * queue + i * 0x1000u, len, queue == 0 ? G_WRITE : 0, 0);
	g_offer(&f.q[queue], (uint16_t)i);
	assert_int_equal(write(f.kick[queue], &one, 8), 8);
	while (mevent_poll(f.loop, 0) > 0)
		continue;
}

static void
test_greeting(void **state)
{
	uint64_t features = ask(VU_GET_FEATURES), protocol = ask(VU_GET_PROTOCOL_FEATURES);

	assert_true((features & VIRTIO_NET_F_MRG_RXBUF) != 0);
	assert_int_equal(features & (VIRTIO_NET_F_MAC | VIRTIO_NET_F_CTRL_VQ), 0);
	assert_int_equal(protocol & (VU_P_CONFIG | VU_P_BACKEND_REQ | VU_P_INFLIGHT_SHMFD), 0);
	assert_int_equal(ask(VU_GET_QUEUE_NUM), 1); /* pairs */
}

static void
test_frames(void **state)
{
	uint32_t len;

	start();
	offer(1, 0, 100);
	assert_int_equal(f.sent, 1);
	assert_int_equal(g_take(&f.q[1], &len), 0);
	f.in_len = 1000;
	f.frames = 1;
	offer(0, 0, 600);
	assert_int_equal(g_take(&f.q[0], &len), -1);
	offer(0, 1, 600);
	assert_int_equal(g_take(&f.q[0], &len), 0);
	assert_int_equal(g_take(&f.q[0], &len), 1);
	assert_int_equal(len, 400);
	assert_int_equal(base(0), 2);
	assert_int_equal(base(1), 1);
}

/* A frame that the link does not take, and one of `len` bytes for which buffers are missing. */
static void
begin_frames(size_t len)
{
	start();
	f.full = true;
	offer(1, 0, 100);
	f.in_len = len;
	f.frames = 1;
	offer(0, 0, 600);
	assert_int_equal(f.frames, 0);
}

static void
test_stopped_under_way(void **state)
{
	uint32_t len;

	begin_frames(2000);
	assert_int_equal(base(1), 0);
	assert_int_equal(base(0), 0);
	f.full = false;
	f.in_len = 500;
	f.frames = 1;
	ring(0, 0);
	ring(1, 0);
	assert_int_equal(f.sent, 1);
	assert_int_equal(g_take(&f.q[1], NULL), 0);
	assert_int_equal(g_take(&f.q[0], &len), 0);
	assert_int_equal(len, 500);
	assert_int_equal(g_take(&f.q[0], NULL), -1);
}

/* Memory goes away and comes again, at another address here, with frames under way in the old. */
static void
test_memory_under_way(void **state)
{
	uint32_t len;

	begin_frames(1000);
	f.full = false;
	memory();
	assert_int_equal(f.sent, 1); /* it went on by itself */
	assert_int_equal(g_take(&f.q[1], NULL), 0);
	f.frames = 1;
	offer(0, 1, 600);
	assert_int_equal(g_take(&f.q[0], &len), 0);
	assert_int_equal(len, 600);
	assert_int_equal(g_take(&f.q[0], &len), 1);
	assert_int_equal(len, 400);
}

/* A ring that is disabled keeps still, and goes on when it is enabled. */
static void
test_disabled(void **state)
{
	start();
	number(VU_SET_VRING_ENABLE, 1, 0);
	offer(1, 0, 100);
	assert_int_equal(f.sent, 0);
	f.link.writable(f.link.dev);
	f.link.readable(f.link.dev);
	assert_int_equal(f.sent, 0);
	number(VU_SET_VRING_ENABLE, 1, 1);
	assert_int_equal(f.sent, 1);
}

static void
test_ended_under_way(void **state)
{
	begin_frames(2000);
	fd_close(&f.sock);
	while (mevent_poll(f.loop, 0) > 0)
		continue;
	assert_int_equal(f.gone, 1);
	f.link.writable(f.link.dev);
	f.link.readable(f.link.dev);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_greeting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stopped_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_memory_under_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disabled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ended_under_way, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
