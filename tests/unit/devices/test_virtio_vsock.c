/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio socket device on a host in memory. */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "host_time.h"
#include "saved.h"
#include "vd_guest.h"

#define RAM  (2u << 20)
#define DATA 0x100000u
#define CID  42u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_vsock vs;
static struct vq_guest rx, tx, ev;

/* What the host did, and what it has for each connection. */
static struct {
	int conn;
	uint32_t port;
	unsigned connects, accepts, closes, shuts;
	uint8_t got[2 * VSOCK_BUFFER];
	size_t ngot, space;
	size_t have;
	bool ended, gone, want_read, want_write;
} host;

static void
h_connect(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	host.conn = (int)conn;
	host.port = port;
	host.connects++;
}

static void
h_accepted(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	host.port = port;
	host.accepts++;
}

static ssize_t
h_send(struct vsock_backend *b, unsigned conn, const void *buf, size_t len)
{
	size_t n = MIN(len, MIN(host.space, sizeof(host.got) - host.ngot));

	if (host.gone)
		return (-EPIPE);
	memcpy(host.got + host.ngot, buf, n);
	host.ngot += n;
	host.space -= n;
	return ((ssize_t)n);
}

static ssize_t
h_recv(struct vsock_backend *b, unsigned conn, const struct iovec *iov, unsigned niov)
{
	size_t n = 0;

	if (host.gone)
		return (-ECONNRESET);
	for (unsigned i = 0; i < niov && host.have > 0; i++) {
		size_t run = MIN(iov[i].iov_len, host.have);

		memset(iov[i].iov_base, 0x77, run);
		host.have -= run;
		n += run;
	}
	return (n > 0 ? (ssize_t)n : host.ended ? 0 : -EAGAIN);
}

static void
h_want(struct vsock_backend *b, unsigned conn, bool rd, bool wr)
{
	host.want_read = rd;
	host.want_write = wr;
}

static void
h_shut(struct vsock_backend *b, unsigned conn)
{
	host.shuts++;
}

static void
h_close(struct vsock_backend *b, unsigned conn)
{
	host.closes++;
}

static const struct vsock_backend_ops h_ops = { h_connect, h_accepted, h_send, h_recv, h_want,
	h_shut, h_close };
static struct vsock_backend backend = { .ops = &h_ops };

static const struct clock host_clock = { .now_ns = host_now };

static void
bring_up(void)
{
	vd_begin(&vs.vd, 1);
	vd_queue(&vs.vd, &rx, 0, ram, 64);
	vd_queue(&vs.vd, &tx, 1, ram, 64);
	vd_queue(&vs.vd, &ev, 2, ram, 16);
	virtio_set_status(&vs.vd, 0xf);
	assert_int_equal(vs.vd.status, 0xf);
}

static int
setup(void **state)
{
	ram = vd_ram(&gm, RAM);
	memset(&host, 0, sizeof(host));
	host.space = SIZE_MAX;
	now = 1000;
	armed = 0;
	assert_int_equal(virtio_vsock_init(&vs, &gm, CID, &backend, &host_clock), 0);
	vs.timer.arm = host_arm;
	vd_listen(&vs.vd);
	bring_up();
	return (0);
}

static int
teardown(void **state)
{
	virtio_vsock_destroy(&vs);
	free(ram);
	return (0);
}

static void
buffers(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		g_desc(&rx, i, DATA + i * 0x1000u, 4096, G_WRITE, 0);
		g_offer(&rx, (uint16_t)i);
	}
	virtio_notify(&vs.vd, VIRTIO_VSOCK_RX);
}

static uint32_t alloc = 65536, fwd;

/* A packet of the guest's: header and data in two buffers. */
static void
put(unsigned i, uint64_t src, uint32_t from, uint32_t to, uint16_t op, uint32_t flags, uint32_t len)
{
	uint8_t *h = ram + 0x40000 + i * 64;

	memset(h, 0, VSOCK_HDR_LEN);
	le64_put(h + VSOCK_H_SRC_CID, src);
	le64_put(h + VSOCK_H_DST_CID, 2);
	le32_put(h + VSOCK_H_SRC_PORT, from);
	le32_put(h + VSOCK_H_DST_PORT, to);
	le32_put(h + VSOCK_H_DATA_LEN, len);
	le16_put(h + VSOCK_H_TYPE, 1);
	le16_put(h + VSOCK_H_OP, op);
	le32_put(h + VSOCK_H_FLAGS, flags);
	le32_put(h + VSOCK_H_BUF_ALLOC, alloc);
	le32_put(h + VSOCK_H_FWD_CNT, fwd);
	g_desc(&tx, i, 0x40000 + i * 64, VSOCK_HDR_LEN, len > 0 ? G_NEXT : 0, (uint16_t)(i + 1));
	if (len > 0)
		g_desc(&tx, i + 1, 0x60000, len, 0, 0);
	g_offer(&tx, (uint16_t)i);
}

static void
say(uint32_t from, uint32_t to, uint16_t op, uint32_t flags, uint32_t len)
{
	put(0, CID, from, to, op, flags, len);
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	if ((vs.vd.status & VIRTIO_STATUS_NEEDS_RESET) == 0)
		assert_int_equal(g_take(&tx, NULL), 0);
}

/* The next packet to the guest is this one; its header. */
static const uint8_t *
heard(uint32_t from, uint32_t to, uint16_t op)
{
	uint32_t len = 0;
	int i = g_take(&rx, &len);
	const uint8_t *h = ram + DATA + (unsigned)i * 0x1000u;

	assert_true(i >= 0);
	assert_int_equal(le16_get(h + VSOCK_H_OP), op);
	assert_int_equal(le64_get(h + VSOCK_H_DST_CID), CID);
	assert_int_equal(le32_get(h + VSOCK_H_SRC_PORT), from);
	assert_int_equal(le32_get(h + VSOCK_H_DST_PORT), to);
	assert_int_equal(len, VSOCK_HDR_LEN + le32_get(h + VSOCK_H_DATA_LEN));
	return (h);
}

static void
silence(void)
{
	assert_int_equal(g_take(&rx, NULL), -1);
}

/* The host asks, and has given the connection its socket. */
static int
incoming(uint32_t port)
{
	int conn = virtio_vsock_incoming(&vs, port);

	if (conn >= 0)
		virtio_vsock_adopted(&vs, (unsigned)conn, 0);
	return (conn);
}

static void
open_guest(void)
{
	buffers(32);
	say(1000, 80, VSOCK_OP_REQUEST, 0, 0);
	assert_int_equal(host.port, 80);
	silence(); /* the host has not answered yet */
	virtio_vsock_connected(&vs, (unsigned)host.conn, 0);
	(void)heard(80, 1000, VSOCK_OP_RESPONSE);
}

static void
test_guest_asks(void **state)
{
	const uint8_t *h;

	open_guest();
	memset(ram + 0x60000, 0x11, 100);
	say(1000, 80, VSOCK_OP_RW, 0, 100);
	assert_int_equal(host.ngot, 100);
	host.have = 5000;
	virtio_vsock_ready(&vs, 0, true, false);
	h = heard(80, 1000, VSOCK_OP_RW);
	assert_int_equal(le32_get(h + VSOCK_H_DATA_LEN), 4096 - VSOCK_HDR_LEN);
	assert_int_equal(le32_get(h + VSOCK_H_FWD_CNT), 100);
	assert_int_equal(h[VSOCK_HDR_LEN], 0x77);
	h = heard(80, 1000, VSOCK_OP_RW);
	assert_int_equal(le32_get(h + VSOCK_H_DATA_LEN), 5000 - 4096 + VSOCK_HDR_LEN);
	assert_true(host.want_read);
	say(1000, 80, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND, 0);
	assert_int_equal(host.shuts, 1);
	host.ended = true;
	virtio_vsock_ready(&vs, 0, true, false);
	h = heard(80, 1000, VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32_get(h + VSOCK_H_FLAGS), VSOCK_SHUT_SEND);
	assert_int_equal(host.closes, 0);
	say(1000, 80, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND | VSOCK_SHUT_RECV, 0);
	(void)heard(80, 1000, VSOCK_OP_RST);
	assert_int_equal(host.closes, 1);
	say(1000, 80, VSOCK_OP_RST, 0, 0); /* no reset for a reset */
	silence();
}

/* A buffer that takes a header and no more must not keep the device busy for ever. */
static void
test_header_only(void **state)
{
	open_guest();
	while (g_take(&rx, NULL) >= 0)
		;
	virtio_set_status(&vs.vd, 0);
	bring_up();
	g_desc(&rx, 0, DATA, 4096, G_WRITE, 0);
	g_desc(&rx, 1, DATA + 0x1000, VSOCK_HDR_LEN, G_WRITE, 0);
	g_desc(&rx, 2, DATA + 0x2000, 4096, G_WRITE, 0);
	g_offer(&rx, 0);
	g_offer(&rx, 1);
	g_offer(&rx, 2);
	host.have = 100;
	say(1000, 80, VSOCK_OP_REQUEST, 0, 0);
	virtio_vsock_connected(&vs, (unsigned)host.conn, 0);
	(void)heard(80, 1000, VSOCK_OP_RESPONSE);
	(void)heard(80, 1000, VSOCK_OP_CREDIT);
	assert_int_equal(le32_get(heard(80, 1000, VSOCK_OP_RW) + VSOCK_H_DATA_LEN), 100);
}

static void
test_host_refuses(void **state)
{
	buffers(8);
	say(1000, 81, VSOCK_OP_REQUEST, 0, 0);
	virtio_vsock_connected(&vs, (unsigned)host.conn, -ECONNREFUSED);
	(void)heard(81, 1000, VSOCK_OP_RST);
	say(1000, 81, VSOCK_OP_REQUEST, 0, 0);
	say(1000, 81, VSOCK_OP_RST, 0, 0); /* the guest does not wait for the answer */
	virtio_vsock_connected(&vs, (unsigned)host.conn, 0);
	silence();
}

static void
test_host_asks(void **state)
{
	uint32_t port;

	assert_int_equal(incoming(22), 0);
	buffers(8);
	port = vs.conn[0].host_port;
	(void)heard(port, 22, VSOCK_OP_REQUEST);
	host.have = 10;
	silence();
	say(22, port, VSOCK_OP_RESPONSE, 0, 0);
	assert_int_equal(host.accepts, 1);
	assert_int_equal(host.port, port);
	(void)heard(port, 22, VSOCK_OP_RW);
	say(22, port, VSOCK_OP_RESPONSE, 0, 0); /* once is enough */
	(void)heard(port, 22, VSOCK_OP_RST);
	assert_int_equal(host.closes, 1);
}

static void
test_no_answer(void **state)
{
	buffers(4);
	(void)incoming(22);
	(void)heard(vs.conn[0].host_port, 22, VSOCK_OP_REQUEST);
	now += VSOCK_ANSWER_NS / 2;
	(void)incoming(23);
	(void)heard(vs.conn[1].host_port, 23, VSOCK_OP_REQUEST);
	assert_int_equal(armed, 1000 + VSOCK_ANSWER_NS);
	now = armed;
	vs.timer.fire(vs.timer.dev);
	(void)heard(vs.conn[0].host_port, 22, VSOCK_OP_RST);
	silence();
	assert_true(armed > now); /* for the other */
	for (unsigned i = 0; i < 20 && host.closes < 2; i++) {
		now = armed;
		vs.timer.fire(vs.timer.dev);
	}
	(void)heard(vs.conn[1].host_port, 23, VSOCK_OP_RST);
	/* A table that is full says so. */
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		assert_int_equal(incoming(22), (int)i);
	assert_int_equal(incoming(22), -ENOBUFS);
}

/* The guest's credit is kept, and so is ours. */
static void
test_credit(void **state)
{
	const uint8_t *h;

	alloc = 100;
	open_guest();
	host.have = 1000;
	virtio_vsock_ready(&vs, 0, true, false);
	h = heard(80, 1000, VSOCK_OP_RW);
	assert_int_equal(le32_get(h + VSOCK_H_DATA_LEN), 100);
	silence();
	assert_false(host.want_read); /* the host has to wait */
	fwd = 60;
	say(1000, 80, VSOCK_OP_CREDIT, 0, 0);
	h = heard(80, 1000, VSOCK_OP_RW);
	assert_int_equal(le32_get(h + VSOCK_H_DATA_LEN), 60);
	fwd = 0x80000000; /* more than it has got */
	say(1000, 80, VSOCK_OP_CREDIT, 0, 0);
	silence();
	fwd = 160;
	host.space = 0;
	say(1000, 80, VSOCK_OP_RW, 0, 0x8000);
	(void)heard(80, 1000, VSOCK_OP_RW);
	say(1000, 80, VSOCK_OP_ASK, 0, 0);
	h = heard(80, 1000, VSOCK_OP_CREDIT);
	assert_int_equal(le32_get(h + VSOCK_H_BUF_ALLOC), VSOCK_BUFFER);
	assert_int_equal(le32_get(h + VSOCK_H_FWD_CNT), 0);
	say(1000, 80, VSOCK_OP_RW, 0, 0x8000);
	assert_true(host.want_write);
	host.space = 0x9000;
	virtio_vsock_ready(&vs, 0, false, true);
	h = heard(80, 1000, VSOCK_OP_CREDIT); /* there is room again */
	assert_int_equal(le32_get(h + VSOCK_H_FWD_CNT), 0x9000);
	say(1000, 80, VSOCK_OP_RW, 0, 0x9001); /* one byte too many */
	(void)heard(80, 1000, VSOCK_OP_RST);
	assert_int_equal(host.closes, 1);
	alloc = 65536;
	fwd = 0;
}

/* What the guest sent before it closed arrives, however slow the host is. */
static void
test_close_waits(void **state)
{
	open_guest();
	host.space = 10;
	say(1000, 80, VSOCK_OP_RW, 0, 3000);
	say(1000, 80, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND | VSOCK_SHUT_RECV, 0);
	assert_int_equal(host.closes, 0);
	silence();
	say(1000, 80, VSOCK_OP_RW, 0, 1); /* after its end */
	(void)heard(80, 1000, VSOCK_OP_RST);
	virtio_set_status(&vs.vd, 0);
	bring_up();
	open_guest();
	host.space = 10;
	host.ngot = 0;
	say(1000, 80, VSOCK_OP_RW, 0, 3000);
	say(1000, 80, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND | VSOCK_SHUT_RECV, 0);
	host.space = 100000;
	virtio_vsock_ready(&vs, (unsigned)host.conn, false, true);
	assert_int_equal(host.ngot, 3000);
	(void)heard(80, 1000, VSOCK_OP_RST);
	virtio_set_status(&vs.vd, 0);
	bring_up();
	open_guest();
	host.gone = true;
	say(1000, 80, VSOCK_OP_RW, 0, 10);
	(void)heard(80, 1000, VSOCK_OP_RST);
}

static void
test_nonsense(void **state)
{
	buffers(16);
	say(1, 2, VSOCK_OP_RW, 0, 10);
	(void)heard(2, 1, VSOCK_OP_RST);
	say(1, 2, 99, 0, 0);
	(void)heard(2, 1, VSOCK_OP_RST);
	put(0, CID + 1, 1, 2, VSOCK_OP_REQUEST, 0, 0); /* as if it were another */
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	(void)heard(2, 1, VSOCK_OP_RST);
	assert_int_equal(host.connects, 0);
	/* More resets than there is room for: the rest waits until the guest has buffers. */
	while (g_take(&tx, NULL) >= 0)
		;
	for (unsigned i = 0; i < 60; i++)
		put(i, CID, 1, 2, VSOCK_OP_RW, 0, 0);
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	assert_int_equal((uint16_t)(g_used_idx(&tx) - tx.seen), VSOCK_RESETS);
	assert_true(told.again[VIRTIO_VSOCK_TX] > 0 &&
	    told.again[VIRTIO_VSOCK_RX] == 0); /* 13 of them are out */
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	assert_int_equal(vs.nresets, VSOCK_RESETS);
	assert_int_equal((uint16_t)(g_used_idx(&tx) - tx.seen), 13 + VSOCK_RESETS);
	memset(told.again, 0, sizeof(told.again));
	for (unsigned i = 0; i < 13; i++)
		(void)heard(2, 1, VSOCK_OP_RST);
	buffers(60);
	assert_true(told.again[VIRTIO_VSOCK_TX] > 0 && told.again[VIRTIO_VSOCK_RX] == 0);
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	assert_int_equal((uint16_t)(g_used_idx(&tx) - tx.seen), 60);
	assert_int_equal((uint16_t)(g_used_idx(&rx) - rx.seen), 47);
}

static void
expect_broken(void)
{
	assert_int_equal(vs.vd.status, 0xf | VIRTIO_STATUS_NEEDS_RESET);
	virtio_set_status(&vs.vd, 0);
	bring_up();
	buffers(8);
}

static void
test_lengths(void **state)
{
	open_guest();
	put(0, CID, 1000, 80, VSOCK_OP_RW, 0, 50);
	g_desc(&tx, 1, 0x60000, 49, 0, 0); /* one byte is missing */
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	assert_int_equal(host.closes, 1); /* a device that stands still holds nobody up */
	expect_broken();
	put(0, CID, 1000, 80, VSOCK_OP_RW, 0, 0);
	g_desc(&tx, 0, 0x40000, VSOCK_HDR_LEN - 1, 0, 0);
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	expect_broken();
	put(0, CID, 1000, 80, VSOCK_OP_RW, 0, 0);
	le32_put(ram + 0x40000 + VSOCK_H_DATA_LEN, 0xffffffd4);
	virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
	expect_broken();
	g_desc(&rx, 10, DATA, VSOCK_HDR_LEN - 1, G_WRITE, 0);
	for (unsigned i = 0; i < 8; i++)
		say(1, 2, VSOCK_OP_RW, 0, 0);
	g_offer(&rx, 10);
	say(1, 2, VSOCK_OP_RW, 0, 0);
	expect_broken();
}

static void
test_noise(void **state)
{
	uint32_t seed = 31337;

	for (unsigned round = 0; round < 4000; round++) {
		uint32_t r = g_random(&seed);

		if (vs.vd.status != 0xf) {
			virtio_set_status(&vs.vd, 0);
			bring_up();
		}
		if (r % 4 != 0)
			put(r % 8 * 2, CID, 1000 + r / 8 % 3, 80 + r / 32 % 3,
			    (uint16_t)(r / 128 % 8), r / 1024 % 4, r / 4096 % 600);
		else
			g_noise(&tx, 12, -1, 0x40000, 0x20000, &seed);
		virtio_notify(&vs.vd, VIRTIO_VSOCK_TX);
		g_noise(&rx, 12, G_WRITE, DATA, 0x80000, &seed);
		virtio_notify(&vs.vd, VIRTIO_VSOCK_RX);
		host.space = host.ngot = g_random(&seed) % 1000;
		host.have = g_random(&seed) % 1000;
		host.ended = r % 16 == 3;
		host.gone = r % 32 == 5;
		for (unsigned i = 0; i < 4; i++) {
			virtio_vsock_connected(&vs, i, r % 8 == 0 ? -ECONNREFUSED : 0);
			virtio_vsock_ready(&vs, i, (r & 1) != 0, (r & 2) != 0);
		}
		if (r % 7 == 0)
			(void)incoming(r / 8 % 3);
		now += r % 64 == 0 ? VSOCK_ANSWER_NS : 1;
		if (armed != 0 && armed <= now)
			vs.timer.fire(vs.timer.dev);
	}
}

/* The host's end of a connection does not outlive the device: the guest is told that it is over. */
static void
test_saved(void **state)
{
	open_guest();
	assert_int_equal(saved_from(saved_virtio, &vs.vd), 0);
	assert_int_equal(vs.conn[0].state, VSOCK_OPEN); /* here it goes on */
	virtio_vsock_destroy(&vs);
	memset(&vs, 0xa5, sizeof(vs));
	assert_int_equal(virtio_vsock_init(&vs, &gm, CID, &backend, &host_clock), 0);
	vs.timer.arm = host_arm;
	vd_listen(&vs.vd);
	saved_goes_into(saved_virtio, &vs.vd);
	silence();
	virtio_resume(&vs.vd);
	(void)heard(80, 1000, VSOCK_OP_RST);
	silence();
	say(1000, 80, VSOCK_OP_REQUEST, 0, 0);
	assert_int_equal(host.connects, 2);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_guest_asks),
		T(test_header_only),
		T(test_host_refuses),
		T(test_host_asks),
		T(test_no_answer),
		T(test_credit),
		T(test_close_waits),
		T(test_nonsense),
		T(test_lengths),
		T(test_noise),
		T(test_saved),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
