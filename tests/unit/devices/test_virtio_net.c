/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio network device on a link in memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/virtio/net.h"
#include "vd_guest.h"

#define RAM     (8u << 20)
#define RX_RING 0x10000u
#define TX_RING 0x20000u
#define CT_RING 0x30000u
#define RX_BUF  0x100000u
#define TX_BUF  0x300000u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_net net;
static struct vq_guest rx, tx, ct;

/* The link: one frame to be received (as often as `frames` says), the last one sent. */
static uint8_t in[70000], out[70000];
static size_t in_len, out_len;
static unsigned frames, sent;
static bool full, want_read, want_write;
static uint64_t offload;

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	if (full)
		return (-EAGAIN);
	sent++;
	out_len = gmem_iov_to_buf(iov, niov, 0, out, sizeof(out));
	return ((ssize_t)out_len);
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	if (frames == 0)
		return (-EAGAIN);
	frames--;
	return ((ssize_t)gmem_buf_to_iov(in, in_len, iov, niov, 0));
}

static void
link_want_read(struct net_backend *b, bool on)
{
	want_read = on;
}

static void
link_want_write(struct net_backend *b, bool on)
{
	want_write = on;
}

static int
link_set_offload(struct net_backend *b, uint64_t f)
{
	offload = f;
	return (0);
}

static const struct net_ops link_ops = { link_send, link_recv, link_want_read, link_want_write,
	link_set_offload };
static struct net_backend nic;

static unsigned lent_count;

static int
t_lend(struct virtio_dev *vd, unsigned queue, bool on, int *kick, int *call)
{
	lent_count += on ? 1u : -1u;
	*kick = 100 + (int)queue;
	*call = 200 + (int)queue;
	return (0);
}

static const struct virtio_transport_ops transport = { told_interrupt, told_config, told_reset,
	told_again, t_lend };

static void
bring_up(uint64_t features)
{
	vd_begin(&net.vd, features);
	vd_queue(&net.vd, &rx, 0, ram, 256);
	vd_queue(&net.vd, &tx, 1, ram, 64);
	vd_queue(&net.vd, &ct, 2, ram, 16);
	virtio_set_status(&net.vd, 0xf);
}

#define BASIC (VIRTIO_NET_F_MAC | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX)
#define MRG   (BASIC | VIRTIO_NET_F_MRG_RXBUF)
#define FULL                                                                          \
	(MRG | VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_CSUM | \
	    VIRTIO_NET_F_GUEST_TSO4)

static int
setup_with(struct virtio_extern *x)
{
	ram = vd_ram(&gm, RAM);
	nic = (struct net_backend){ .ops = &link_ops,
		.mac = { 2, 8, 0x20, 1, 2, 3 },
		.mtu = 1400,
		.offload_features = VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 |
		    VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_ECN,
		.vhost_tap_fd = -1 };
	frames = sent = lent_count = 0;
	full = want_read = want_write = false;
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = i < NET_HDR_LEN ? 0 : (uint8_t)(i * 13 >> 2);
	assert_int_equal(virtio_net_init(&net, &gm, &nic, x), 0);
	vd_listen(&net.vd);
	net.vd.transport = &transport;
	return (0);
}

static int
setup(void **state)
{
	return (setup_with(NULL));
}

static int
teardown(void **state)
{
	virtio_net_destroy(&net);
	free(ram);
	return (0);
}

static void
offer_rx(unsigned i, uint32_t len)
{
	g_desc(&rx, i, RX_BUF + i * 0x1000u, len, G_WRITE, 0);
	g_offer(&rx, (uint16_t)i);
}

/* Header and frame in one buffer. */
static void
offer_tx(unsigned i, uint32_t frame_len)
{
	memset(ram + TX_BUF + i * 0x1000u, 0, NET_HDR_LEN);
	memset(ram + TX_BUF + i * 0x1000u + NET_HDR_LEN, (int)(0x60 + i), frame_len);
	g_desc(&tx, i, TX_BUF + i * 0x1000u, NET_HDR_LEN + frame_len, 0, 0);
	g_offer(&tx, (uint16_t)i);
}

static void
test_config(void **state)
{
	static const uint8_t mac[] = { 2, 8, 0x20, 1, 2, 3 };

	assert_memory_equal(net.vd.config, mac, 6);
	assert_int_equal(le16_get(net.vd.config + 6), 1);
	assert_int_equal(le16_get(net.vd.config + 10), 1400);
	assert_true((net.vd.offered & VIRTIO_NET_F_MTU) != 0);
	assert_true((net.vd.offered & VIRTIO_NET_F_HOST_TSO6) == 0); /* the link cannot */
}

static void
test_link(void **state)
{
	virtio_net_link(&net, false); /* before there is a driver */
	assert_int_equal(told.configs, 0);
	bring_up(BASIC | VIRTIO_NET_F_STATUS);
	assert_int_equal(net.vd.config[6], 0);
	virtio_net_link(&net, true);
	assert_int_equal(net.vd.config[6], 1);
	assert_int_equal(told.configs, 1);
	virtio_net_link(&net, true);
	assert_int_equal(told.configs, 1);
	virtio_net_link(&net, false);
	assert_int_equal(told.configs, 2);
	virtio_reset(&net.vd); /* does not bring it back */
	assert_int_equal(net.vd.config[6], 0);
}

static void
test_dependencies(void **state)
{
	static const uint64_t bad[] = {
		VIRTIO_NET_F_HOST_TSO4,
		VIRTIO_NET_F_GUEST_TSO4,
		VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_GUEST_ECN,
		VIRTIO_NET_F_CTRL_RX,
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		virtio_set_status(&net.vd, 0);
		virtio_set_status(&net.vd, 3);
		virtio_propose(&net.vd, 0, (uint32_t)bad[i]);
		virtio_propose(&net.vd, 1, 1);
		virtio_set_status(&net.vd, 0xb);
		assert_int_equal(net.vd.status, 3);
	}
}

static void
test_receive(void **state)
{
	uint32_t len = 0;

	bring_up(MRG);
	assert_false(want_read); /* no buffers, no interest */
	offer_rx(0, 2000);
	offer_rx(1, 2000);
	virtio_notify(&net.vd, 0);
	assert_true(want_read);
	in_len = 1000;
	frames = 1;
	nic.readable(nic.dev);
	assert_int_equal(g_take(&rx, &len), 0);
	assert_int_equal(len, 1000);
	assert_int_equal(le16_get(ram + RX_BUF + 10), 1);
	assert_memory_equal(ram + RX_BUF + 12, in + 12, 988);
	assert_int_equal(g_take(&rx, &len), -1);
	assert_int_equal(told.interrupts[0], 1);
	frames = 2; /* one more than there are buffers */
	nic.readable(nic.dev);
	assert_int_equal(g_take(&rx, &len), 1);
	assert_false(want_read);
	assert_int_equal(frames, 1);
	offer_rx(0, 2000);
	virtio_notify(&net.vd, 0);
	assert_int_equal(g_take(&rx, &len), 0);
	assert_int_equal(frames, 0);
}

/* A frame over several buffers, with the guest short of them in the middle of it. */
static void
test_receive_merged(void **state)
{
	uint32_t len = 0;
	size_t at = 0;

	bring_up(MRG);
	offer_rx(0, 100);
	offer_rx(1, 1000);
	in_len = 5000;
	frames = 1;
	virtio_notify(&net.vd, 0);
	assert_int_equal(g_take(&rx, &len), -1); /* all or nothing */
	assert_false(want_read);
	frames = 1;
	for (unsigned i = 2; i < 6; i++) {
		offer_rx(i, 1000);
		virtio_notify(&net.vd, 0);
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(g_take(&rx, &len), (int)i);
		assert_int_equal(len, i == 0 ? 100 : i < 5 ? 1000 : 900);
		if (i > 0)
			assert_memory_equal(ram + RX_BUF + i * 0x1000, in + at, len);
		at += len;
	}
	assert_int_equal(at, 5000);
	assert_int_equal(le16_get(ram + RX_BUF + 10), 6);
	assert_int_equal(frames, 1); /* the next one has not been taken */
}

static void
test_receive_unmerged(void **state)
{
	uint32_t len = 0;

	bring_up(BASIC);
	offer_rx(0, 1526);
	in_len = 1527; /* one too long: lost, and the buffer serves the next */
	frames = 1;
	virtio_notify(&net.vd, 0);
	assert_int_equal(g_take(&rx, &len), -1);
	assert_int_equal(net.vd.queue[0].inflight, 0);
	in_len = 1526;
	frames = 1;
	nic.readable(nic.dev);
	assert_int_equal(g_take(&rx, &len), 0);
	assert_int_equal(len, 1526);
	assert_int_equal(le16_get(ram + RX_BUF + 10), 1);
}

static void
test_receive_bad_buffer(void **state)
{
	bring_up(MRG);
	offer_rx(0, 11);
	in_len = 100;
	frames = 1;
	virtio_notify(&net.vd, 0);
	assert_int_equal(net.vd.status, 0x4f);
	assert_false(want_read);
	virtio_set_status(&net.vd, 0);
	bring_up(MRG);
	g_desc(&rx, 0, RX_BUF, 100, G_NEXT, 1); /* readable, in the receive queue */
	g_desc(&rx, 1, RX_BUF, 100, G_WRITE, 0);
	g_offer(&rx, 0);
	virtio_notify(&net.vd, 0);
	assert_int_equal(net.vd.status, 0x4f);
}

static void
test_flood(void **state)
{
	bring_up(MRG);
	for (unsigned i = 0; i < 256; i++)
		offer_rx(i, 2000);
	in_len = 60;
	frames = 100000;
	virtio_notify(&net.vd, 0);
	/*
	 * It stops after a bounded number of frames; the loop comes back when others have had
	 * their turn.
	 */
	assert_int_equal(g_used_idx(&rx), 256);
	assert_int_equal(frames, 100000 - 256);
	/* And not one interrupt a frame. */
	assert_true(told.interrupts[0] >= 1 && told.interrupts[0] <= 5);
}

/* What is under way is given up, and its chains are as if they had not been taken. */
static void
test_let_go(void **state)
{
	uint32_t len = 0;

	bring_up(MRG);
	offer_rx(0, 1000);
	offer_rx(1, 1000);
	in_len = 500;
	frames = 1;
	virtio_notify(&net.vd, 0);
	in_len = 2500;
	frames = 1;
	nic.readable(nic.dev); /* one buffer has some of it, and there is no other */
	full = true;
	offer_tx(0, 60);
	offer_tx(1, 61);
	virtio_notify(&net.vd, 1);
	virtio_net_let_go(&net);
	assert_false(want_read || want_write);
	assert_int_equal(net.vd.queue[0].last_avail, 1);
	assert_int_equal(net.vd.queue[1].last_avail, 0);
	assert_int_equal(g_used_idx(&rx), 1);
	full = false;
	in_len = 600;
	frames = 1;
	for (unsigned i = 0; i < 2; i++)
		virtio_notify(&net.vd, i);
	assert_int_equal(sent, 2);
	assert_int_equal(g_take(&rx, &len), 0);
	assert_int_equal(len, 500);
	assert_int_equal(g_take(&rx, &len), 1);
	assert_int_equal(len, 600);
	/* After a rule was broken there is nothing to give back. */
	offer_rx(2, 11);
	frames = 1;
	nic.readable(nic.dev);
	assert_int_equal(net.vd.status, 0x4f);
	virtio_net_let_go(&net);
}

/* The frames' half alone: no registers, so no configuration and no control queue. */
static void
test_queues_only(void **state)
{
	struct virtio_net_setup s = { .npairs = 1, .backend = { &nic }, .queues_only = true };
	const uint64_t not = VIRTIO_NET_F_MAC | VIRTIO_NET_F_MTU | VIRTIO_NET_F_STATUS |
	    VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_CTRL_RX | VIRTIO_NET_F_MQ | VIRTIO_FEAT_RING_RESET;
	struct virtio_net half;

	assert_int_equal(virtio_net_init_pairs(&half, &gm, &s), 0);
	assert_int_equal(half.vd.nqueues, 2);
	assert_int_equal(half.vd.config_len, 0);
	assert_int_equal(half.vd.offered & not, 0);
	assert_true((half.vd.offered & VIRTIO_NET_F_MRG_RXBUF) != 0);
	assert_true((half.vd.offered & VIRTIO_NET_F_HOST_TSO4) != 0);
	virtio_net_destroy(&half);
	s.npairs = 2;
	s.backend[1] = &nic;
	assert_int_equal(virtio_net_init_pairs(&half, &gm, &s), -EINVAL);
}

static void
test_send(void **state)
{
	uint32_t len = 0;

	bring_up(BASIC);
	offer_tx(0, 60);
	offer_tx(1, 1500);
	virtio_notify(&net.vd, 1);
	assert_int_equal(sent, 2);
	assert_int_equal(out_len, 1512);
	assert_int_equal(out[12], 0x61);
	assert_int_equal(g_take(&tx, &len), 0);
	assert_int_equal(len, 0);
	assert_int_equal(g_take(&tx, &len), 1);
}

static void
test_send_backpressure(void **state)
{
	uint32_t len = 0;

	bring_up(BASIC);
	full = true;
	offer_tx(0, 60);
	offer_tx(1, 61);
	virtio_notify(&net.vd, 1);
	virtio_notify(&net.vd, 1);
	assert_int_equal(sent, 0);
	assert_true(want_write);
	assert_int_equal(g_take(&tx, &len), -1);
	nic.writable(nic.dev); /* spurious */
	assert_true(want_write);
	full = false;
	nic.writable(nic.dev);
	assert_false(want_write);
	assert_int_equal(sent, 2);
	assert_int_equal(out_len, 73);
	assert_int_equal(g_take(&tx, &len), 0);
	assert_int_equal(g_take(&tx, &len), 1);
	/* A reset while a frame waits forgets it. */
	full = true;
	offer_tx(2, 60);
	virtio_notify(&net.vd, 1);
	assert_true(want_write);
	virtio_set_status(&net.vd, 0);
	assert_false(want_write);
	full = false;
	bring_up(BASIC);
	offer_tx(3, 60);
	virtio_notify(&net.vd, 1);
	assert_int_equal(sent, 3);
}

/* What the header asks for and the guest did not negotiate does not reach the link. */
static void
test_send_headers(void **state)
{
	static const struct {
		uint8_t flags, gso;
		uint16_t start, offset;
		bool basic, full; /* is it sent? */
	} h[] = {
		{ 0, 0, 0, 0, true, true },
		{ 1, 0, 34, 16, false, true },
		{ 1, 0, 34, 65535, false, false },
		{ 1, 0, 99, 0, false, false },
		{ 1, 0, 98, 0, false, true },
		{ 1, 1, 34, 16, false, true },
		{ 0, 4, 0, 0, false, false },
		{ 0, 3, 0, 0, false, false },
		{ 0, 0x81, 0, 0, false, false },
		{ 0, 0x80, 0, 0, false, false },
		{ 0, 2, 0, 0, false, false },
	};

	for (unsigned pass = 0; pass < 2; pass++) {
		virtio_set_status(&net.vd, 0);
		bring_up(pass == 0 ? BASIC : FULL);
		for (unsigned i = 0; i < NITEMS(h); i++) {
			uint8_t *p = ram + TX_BUF;

			sent = 0;
			offer_tx(0, 100);
			p[0] = h[i].flags;
			p[1] = h[i].gso;
			le16_put(p + 6, h[i].start);
			le16_put(p + 8, h[i].offset);
			le16_put(p + 10, 7);
			virtio_notify(&net.vd, 1);
			assert_int_equal(sent, pass == 0 ? h[i].basic : h[i].full);
			assert_int_equal(g_take(&tx, NULL), 0); /* given back either way */
			if (sent)
				assert_int_equal(le16_get(out + 10), 0);
		}
	}
	assert_true(virtio_running(&net.vd));
}

static void
test_send_no_header(void **state)
{
	bring_up(BASIC);
	g_desc(&tx, 0, TX_BUF, 12, 0, 0); /* a header and nothing else: dropped */
	g_offer(&tx, 0);
	virtio_notify(&net.vd, 1);
	assert_int_equal(g_take(&tx, NULL), 0);
	assert_int_equal(sent, 0);
	g_desc(&tx, 1, TX_BUF, 11, 0, 0);
	g_offer(&tx, 1);
	virtio_notify(&net.vd, 1);
	assert_int_equal(net.vd.status, 0x4f);
}

static int
control(uint8_t class, uint8_t cmd)
{
	ram[0x40000] = class;
	ram[0x40001] = cmd;
	ram[0x40002] = 1;
	ram[0x40010] = 0xee;
	g_desc(&ct, 0, 0x40000, 2, G_NEXT, 1);
	g_desc(&ct, 1, 0x40002, 1, G_NEXT, 2);
	g_desc(&ct, 2, 0x40010, 1, G_WRITE, 0);
	g_offer(&ct, 0);
	virtio_notify(&net.vd, 2);
	assert_int_equal(g_take(&ct, NULL), 0);
	return (ram[0x40010]);
}

static void
test_control(void **state)
{
	bring_up(BASIC);
	assert_int_equal(control(0, 0), 0);
	assert_int_equal(control(0, 1), 0);
	assert_int_equal(control(0, 2), 1);
	assert_int_equal(control(1, 0), 0);
	assert_int_equal(control(1, 1), 1); /* its MAC is not the guest's to set */
	assert_int_equal(control(4, 0), 1);
	g_desc(&ct, 0, 0x40000, 2, 0, 0);
	g_offer(&ct, 0);
	virtio_notify(&net.vd, 2);
	assert_int_equal(net.vd.status, 0x4f);
}

static void
test_offload(void **state)
{
	bring_up(FULL);
	assert_int_equal(offload,
	    VIRTIO_NET_F_CSUM | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_GUEST_CSUM |
		VIRTIO_NET_F_GUEST_TSO4);
	virtio_set_status(&net.vd, 0);
	assert_int_equal(offload, 0);
}

/*
 * Whatever the driver puts into the three rings, while frames come and the link is full now and
 * then.
 */
static void
test_noise(void **state)
{
	uint32_t seed = 7, resets = 0, out_frames = 0;

	bring_up(FULL);
	for (unsigned round = 0; round < 100000; round++) {
		uint32_t r = g_random(&seed);

		if (r % 3 == VIRTIO_NET_RX)
			g_noise(&rx, 48, G_WRITE, RX_BUF, 0x4000, &seed);
		else if (r % 3 == VIRTIO_NET_TX)
			g_noise(&tx, 48, 0, RX_BUF, 0x4000, &seed);
		else
			g_noise(&ct, 12, -1, RX_BUF, 0x4000, &seed);
		full = r % 11 == 0;
		frames += r % 3;
		in_len = g_random(&seed) % VIRTIO_NET_FRAME_MAX;
		virtio_notify(&net.vd, r % 3);
		if (r % 5 == 0)
			nic.writable(nic.dev);
		if (want_read)
			nic.readable(nic.dev);
		if (net.vd.status == 0x4f || r % 64 == 0) {
			virtio_set_status(&net.vd, 0);
			assert_int_equal(net.vd.status, 0);
			assert_false(want_read);
			bring_up(r % 2 == 0 ? FULL : BASIC);
			resets++;
		}
		out_frames += sent;
		if (r % 7 == 0) /* no header asks for an offload */
			memset(ram + RX_BUF, 0, 0x8000);
		sent = 0;
	}
	assert_true(resets > 1000);
	assert_true(out_frames > 1000);
}

/* The outside driver. */
static unsigned x_started, x_stopped;
static struct virtio_extern_queue x_queue[2];
static uint64_t x_features;
static int x_answer;

static int
x_start(struct virtio_extern *x, uint64_t features, const struct gmem *g,
    const struct virtio_extern_queue *q, unsigned n)
{
	assert_int_equal(n, 2);
	memcpy(x_queue, q, sizeof(x_queue));
	x_features = features;
	x_started++;
	return (x_answer);
}

static void
x_stop(struct virtio_extern *x)
{
	x_stopped++;
}

static void
test_extern(void **state)
{
	static const struct virtio_extern_ops ops = { x_start, x_stop };
	struct virtio_extern x = { .ops = &ops,
		.features = VIRTIO_FEAT_VERSION_1 | VIRTIO_FEAT_EVENT_IDX };

	x_started = x_stopped = 0;
	x_answer = 0;
	setup_with(&x);
	assert_true((net.vd.offered & VIRTIO_FEAT_INDIRECT_DESC) == 0);
	assert_true((net.vd.offered & VIRTIO_NET_F_MRG_RXBUF) == 0);
	assert_true((net.vd.offered & VIRTIO_FEAT_EVENT_IDX) != 0);
	bring_up(BASIC);
	assert_int_equal(x_started, 1);
	assert_int_equal(lent_count, 2);
	assert_int_equal(x_features, VIRTIO_FEAT_VERSION_1);
	assert_int_equal(x_queue[1].size, 64);
	assert_int_equal(x_queue[1].desc, tx.desc);
	assert_int_equal(x_queue[1].kick_fd, 101);
	assert_int_equal(x_queue[1].call_fd, 201);
	/* Kicks that come to us are passed on; we do not touch the rings. */
	memset(told.again, 0, sizeof(told.again));
	offer_tx(0, 60);
	virtio_notify(&net.vd, 1);
	assert_int_equal(told.again[1], 1);
	assert_int_equal(sent, 0);
	assert_int_equal(control(0, 0), 0);
	virtio_set_status(&net.vd, 0);
	assert_int_equal(x_stopped, 1);
	assert_int_equal(lent_count, 0);
	/* A driver that breaks a rule elsewhere loses it, too. */
	bring_up(BASIC);
	assert_int_equal(lent_count, 2);
	g_offer(&ct, 99);
	virtio_notify(&net.vd, 2);
	assert_int_equal(net.vd.status, 0x4f);
	assert_int_equal(x_stopped, 2);
	assert_int_equal(lent_count, 0);
	virtio_set_status(&net.vd, 0);
	assert_int_equal(x_stopped, 2);
	/* One that cannot start leaves the queues with us. */
	x_answer = -EBUSY;
	bring_up(BASIC);
	assert_int_equal(lent_count, 0);
	offer_tx(0, 60);
	virtio_notify(&net.vd, 1);
	assert_int_equal(sent, 1);
	teardown(state);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_config),
		T(test_link),
		T(test_dependencies),
		T(test_receive),
		T(test_receive_merged),
		T(test_receive_unmerged),
		T(test_receive_bad_buffer),
		T(test_flood),
		T(test_let_go),
		T(test_queues_only),
		T(test_send),
		T(test_send_backpressure),
		T(test_send_headers),
		T(test_send_no_header),
		T(test_control),
		T(test_offload),
		T(test_noise),
		cmocka_unit_test(test_extern),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
