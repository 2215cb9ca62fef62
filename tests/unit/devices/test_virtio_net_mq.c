/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio network device with several pairs of queues; queues reset by themselves; sizes, speed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/virtio/net.h"
#include "saved.h"
#include "vd_guest.h"

#define RAM   (4u << 20)
#define PAIRS 3u
#define DATA  0x200000u
#define BASIC (VIRTIO_NET_F_CTRL_VQ | VIRTIO_FEAT_RING_RESET)
#define MQ    (BASIC | VIRTIO_NET_F_MQ)

static uint8_t *ram;
static struct gmem gm;
static struct virtio_net net;
static struct vq_guest q[PAIRS * 2 + 1];

static struct nic {
	struct net_backend be;
	unsigned frames, sent;
	bool active, full, want_read, want_write;
} nic[PAIRS];

static ssize_t
l_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct nic *n = b->softc;

	if (n->full)
		return (-EAGAIN);
	n->sent++;
	return (100);
}

static ssize_t
l_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct nic *n = b->softc;
	uint8_t frame[100] = { 0 };

	if (n->frames == 0)
		return (-EAGAIN);
	n->frames--;
	return ((ssize_t)gmem_buf_to_iov(frame, sizeof(frame), iov, niov, 0));
}

static void
l_want_read(struct net_backend *b, bool on)
{
	((struct nic *)b->softc)->want_read = on;
}

static void
l_want_write(struct net_backend *b, bool on)
{
	((struct nic *)b->softc)->want_write = on;
}

static int
l_set_offload(struct net_backend *b, uint64_t f)
{
	return (0);
}

static int
l_set_active(struct net_backend *b, bool on)
{
	((struct nic *)b->softc)->active = on;
	return (0);
}

static const struct net_ops ops = { l_send, l_recv, l_want_read, l_want_write, l_set_offload,
	l_set_active };

static void
bring_up(uint64_t features)
{
	vd_up(&net.vd, features, q, NITEMS(q), ram, 16);
}

static int
setup(void **state)
{
	struct virtio_net_setup s = {
		.npairs = PAIRS, .rx_size = 64, .tx_size = 32, .speed = 2500
	};

	ram = vd_ram(&gm, RAM);
	for (unsigned i = 0; i < PAIRS; i++) {
		nic[i] =
		    (struct nic){ .be = { .ops = &ops, .softc = &nic[i], .vhost_tap_fd = -1 } };
		s.backend[i] = &nic[i].be;
	}
	assert_int_equal(virtio_net_init_pairs(&net, &gm, &s), 0);
	vd_listen(&net.vd);
	return (0);
}

static int
teardown(void **state)
{
	virtio_net_destroy(&net);
	free(ram);
	return (0);
}

static void
offer(unsigned queue, unsigned i, uint32_t len, uint16_t flags)
{
	g_desc(&q[queue], i, DATA + (queue * 16 + i) * 0x1000u, len, flags, 0);
	g_offer(&q[queue], (uint16_t)i);
	virtio_notify(&net.vd, queue);
}

/* A command in the control queue `queue`; its answer. */
static uint8_t
command(unsigned queue, uint8_t class, uint8_t cmd, uint16_t value)
{
	uint8_t *c = ram + 0x100000;

	c[0] = class;
	c[1] = cmd;
	le16_put(c + 2, value);
	c[8] = 0xff;
	g_desc(&q[queue], 0, 0x100000, 2, G_NEXT, 1);
	g_desc(&q[queue], 1, 0x100002, 2, G_NEXT, 2);
	g_desc(&q[queue], 2, 0x100008, 1, G_WRITE, 0);
	g_offer(&q[queue], 0);
	virtio_notify(&net.vd, queue);
	assert_int_equal(g_take(&q[queue], NULL), 0);
	return (c[8]);
}

static void
test_config(void **state)
{
	assert_int_equal(le16_get(net.vd.config + 8), PAIRS);
	assert_int_equal(le32_get(net.vd.config + 12), 2500);
	assert_int_equal(net.vd.config[16], 1);
	assert_int_equal(net.vd.queue[0].size_max, 64);
	assert_int_equal(net.vd.queue[3].size_max, 32);
	assert_int_equal(net.vd.queue[PAIRS * 2].size_max, VIRTIO_NET_CTRL_SIZE);
	assert_true((net.vd.offered & VIRTIO_NET_F_SPEED) != 0);
	/* Many queues need somebody to say how many are used. */
	virtio_set_status(&net.vd, 3);
	virtio_propose(&net.vd, 0, (uint32_t)VIRTIO_NET_F_MQ);
	virtio_propose(&net.vd, 1, 1);
	virtio_set_status(&net.vd, 0xb);
	assert_int_equal(net.vd.status, 3);
}

static void
test_pairs(void **state)
{
	const unsigned ctrl = PAIRS * 2;

	bring_up(MQ);
	assert_true(nic[0].active && !nic[1].active && !nic[2].active);
	for (unsigned i = 0; i < PAIRS; i++) {
		nic[i].frames = 1;
		offer(i * 2, 0, 2000, G_WRITE);
	}
	assert_int_equal(g_take(&q[0], NULL), 0);
	assert_int_equal(g_take(&q[2], NULL), -1); /* not used yet */
	assert_int_equal(command(ctrl, 4, 0, 2), 0);
	assert_true(nic[1].active && !nic[2].active);
	assert_int_equal(g_take(&q[2], NULL), 0);
	assert_int_equal(g_take(&q[4], NULL), -1);
	assert_true(told.interrupts[2] == 1 && told.interrupts[4] == 0);
	offer(3, 0, 100, 0);
	assert_int_equal(nic[1].sent, 1);
	assert_int_equal(nic[0].sent, 0);
	for (uint16_t bad = 0; bad < 8; bad += 4)
		assert_int_equal(command(ctrl, 4, 0, bad), 1);
	assert_int_equal(command(ctrl, 4, 1, 1), 1);
	assert_int_equal(net.active, 2);
	assert_int_equal(command(ctrl, 4, 0, 1), 0);
	assert_false(nic[1].active || nic[1].want_read);
	virtio_set_status(&net.vd, 0);
	bring_up(MQ);
	assert_int_equal(net.active, 1);
}

/* A driver of one pair has its control queue behind that. */
static void
test_without_mq(void **state)
{
	bring_up(BASIC);
	assert_int_equal(command(VIRTIO_NET_CTRL, 4, 0, 2), 1);
	virtio_notify(&net.vd, PAIRS * 2); /* leads nowhere */
	offer(3, 0, 100, 0);
	assert_int_equal(net.vd.status, 0xf);
	assert_int_equal(net.active, 1);
}

static void
test_queue_reset(void **state)
{
	bring_up(MQ);
	nic[0].full = true;
	offer(1, 0, 100, 0);
	assert_true(nic[0].want_write);
	assert_false(virtio_queue_open(&net.vd, 1));
	virtio_queue_reset(&net.vd, 1);
	assert_false(nic[0].want_write);
	assert_false(net.vd.queue[1].enabled);
	assert_true(virtio_queue_open(&net.vd, 1));
	nic[0].be.writable(nic[0].be.dev); /* came too late */
	assert_int_equal(nic[0].sent, 0);
	/* Another size, another place; what is in it already counts. */
	nic[0].full = false;
	g_init(&q[1], ram, 0x90000, 8);
	offer(1, 0, 100, 0);
	net.vd.queue[1].size = 8;
	net.vd.queue[1].desc = q[1].desc;
	net.vd.queue[1].avail = q[1].avail;
	net.vd.queue[1].used = q[1].used;
	virtio_queue_enable(&net.vd, 1);
	assert_int_equal(nic[0].sent, 1);
	assert_int_equal(g_take(&q[1], NULL), 0);
	assert_false(virtio_queue_open(&net.vd, 1));
	/* A receive queue with a frame under way. */
	offer(0, 0, 50, G_WRITE);
	virtio_queue_reset(&net.vd, 0);
	nic[0].frames = 1;
	nic[0].be.readable(nic[0].be.dev);
	assert_int_equal(nic[0].frames, 1);
	net.vd.queue[0].size = 3;
	virtio_queue_enable(&net.vd, 0); /* it is judged anew */
	assert_int_equal(net.vd.status & VIRTIO_STATUS_NEEDS_RESET, VIRTIO_STATUS_NEEDS_RESET);
	virtio_set_status(&net.vd, 0);
	/* Not without having been agreed on. */
	bring_up(VIRTIO_NET_F_CTRL_VQ);
	virtio_queue_reset(&net.vd, 1);
	assert_true(net.vd.queue[1].enabled);
}

static void
test_noise(void **state)
{
	uint32_t seed = 7;

	for (unsigned round = 0; round < 2000; round++) {
		uint32_t r = g_random(&seed);
		unsigned i = r % (PAIRS * 2 + 1);

		if (net.vd.status != 0xf) {
			virtio_set_status(&net.vd, 0);
			bring_up(r % 3 == 0 ? BASIC : MQ);
		}
		nic[r % PAIRS].frames = r % 4;
		nic[r % PAIRS].full = r % 5 == 0;
		if (net.vd.queue[i].enabled)
			g_noise(&q[i], 12,
			    i == PAIRS * 2   ? -1
				: i % 2 == 0 ? G_WRITE
					     : 0,
			    DATA, 0x100000, &seed);
		if (r % 8 == 0)
			le32_put(ram + DATA + r % 0x100000, 4 | r % 4 << 16);
		virtio_notify(&net.vd, i);
		if (r % 16 == 0)
			virtio_queue_reset(&net.vd, i);
		if (virtio_queue_open(&net.vd, i))
			vd_queue(&net.vd, &q[i], i, ram, 16);
		nic[r % PAIRS].be.readable(nic[r % PAIRS].be.dev);
		nic[r % PAIRS].be.writable(nic[r % PAIRS].be.dev);
	}
}

static void
replace(unsigned npairs)
{
	struct virtio_net_setup s = {
		.npairs = npairs, .rx_size = 64, .tx_size = 32, .speed = 2500
	};

	virtio_net_destroy(&net);
	memset(&net, 0xa5, sizeof(net));
	for (unsigned i = 0; i < PAIRS; i++) {
		nic[i].active = nic[i].want_read = nic[i].want_write = nic[i].full = false;
		s.backend[i] = &nic[i].be;
	}
	assert_int_equal(virtio_net_init_pairs(&net, &gm, &s), 0);
	vd_listen(&net.vd);
}

/* The pairs in use are told to the link again; a frame that it had no room for is sent once. */
static void
test_saved(void **state)
{
	bring_up(MQ);
	assert_int_equal(command(PAIRS * 2, 4, 0, 2), 0);
	nic[1].full = true;
	g_desc(&q[3], 0, DATA, 100, 0, 0);
	g_offer(&q[3], 0);
	virtio_notify(&net.vd, 3);
	assert_true(nic[1].want_write);
	assert_int_equal(saved_from(saved_virtio, &net.vd), 0);
	replace(PAIRS);
	saved_goes_into(saved_virtio, &net.vd);
	assert_true(nic[0].active && nic[1].active && !nic[2].active);
	assert_int_equal(nic[1].sent, 0);
	virtio_resume(&net.vd);
	assert_int_equal(nic[1].sent, 1);
	assert_int_equal(g_take(&q[3], NULL), 0);
	replace(2);
	assert_int_equal(saved_into(saved_virtio, &net.vd), -EINVAL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_config),
		T(test_pairs),
		T(test_without_mq),
		T(test_queue_reset),
		T(test_noise),
		T(test_saved),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
