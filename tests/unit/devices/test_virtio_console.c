/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio console on chardevs in memory. */
#include "devices/virtio/console.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "saved.h"
#include "vd_guest.h"

#define RAM    (2u << 20)
#define PORTS  2u
#define QUEUES (PORTS * 2 + 2)
#define DATA   0x100000u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_console con;
static struct vq_guest q[QUEUES];

/* The other side of a port. */
static struct peer {
	struct chardev c;
	size_t room;  /* granted by the device */
	size_t space; /* what it takes */
	uint8_t got[4096];
	size_t ngot;
} peer[PORTS];

static size_t
p_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct peer *p = c->softc;
	size_t n = MIN(len, MIN(p->space, sizeof(p->got) - p->ngot));

	memcpy(p->got + p->ngot, buf, n);
	p->ngot += n;
	p->space -= n;
	return (n);
}

static void
p_room(struct chardev *c, size_t n)
{
	((struct peer *)c->softc)->room = n;
}

static const struct chardev_ops peer_ops = { p_write, p_room };

static void
bring_up(uint64_t features)
{
	vd_up(&con.vd, features, q, QUEUES, ram, 16);
}

static int
setup(void **state)
{
	static const char *const names[PORTS] = { "org.zhyve.a", "b" };

	ram = vd_ram(&gm, RAM);
	assert_int_equal(virtio_console_init(&con, &gm, PORTS, true, 80, 25), 0);
	for (unsigned i = 0; i < PORTS; i++) {
		peer[i] = (struct peer){ .c = { .ops = &peer_ops, .softc = &peer[i] } };
		peer[i].space = sizeof(peer[i].got);
		assert_int_equal(virtio_console_port(&con, i, names[i], &peer[i].c), 0);
	}
	vd_listen(&con.vd);
	return (0);
}

static int
teardown(void **state)
{
	virtio_console_destroy(&con);
	free(ram);
	return (0);
}

static uint64_t
slot(unsigned queue, unsigned i)
{
	return (DATA + (queue * 16 + i) * 0x400u);
}

static void
offer(unsigned queue, unsigned i, uint32_t len, uint16_t flags)
{
	g_desc(&q[queue], i, slot(queue, i), len, flags, 0);
	g_offer(&q[queue], (uint16_t)i);
}

static void
say_control(uint32_t id, uint16_t event, uint16_t value)
{
	uint8_t *m = ram + slot(VIRTIO_CONSOLE_CTRL_TX, 0);

	le32_put(m, id);
	le16_put(m + 4, event);
	le16_put(m + 6, value);
	offer(VIRTIO_CONSOLE_CTRL_TX, 0, 8, 0);
	virtio_notify(&con.vd, VIRTIO_CONSOLE_CTRL_TX);
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_TX], NULL), 0);
}

/* The next control message; its text after the head, its length. */
static uint32_t
heard(uint32_t id, uint16_t event, uint16_t value)
{
	uint32_t len = 0;
	int i = g_take(&q[VIRTIO_CONSOLE_CTRL_RX], &len);
	const uint8_t *m;

	assert_true(i >= 0 && len >= 8);
	m = ram + slot(VIRTIO_CONSOLE_CTRL_RX, (unsigned)i);
	assert_int_equal(le32_get(m), id);
	assert_int_equal(le16_get(m + 4), event);
	assert_int_equal(le16_get(m + 6), value);
	return (len - 8);
}

static void
up_with_ports(void)
{
	bring_up(VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_CONSOLE_F_SIZE);
	for (unsigned i = 0; i < 12; i++)
		offer(VIRTIO_CONSOLE_CTRL_RX, i, 128, G_WRITE);
	virtio_notify(&con.vd, VIRTIO_CONSOLE_CTRL_RX);
	say_control(0, 0, 1);
	(void)heard(0, 1, 1);
	(void)heard(1, 1, 1);
}

static void
test_hello(void **state)
{
	uint8_t *m;

	assert_int_equal(le32_get(con.vd.config + 4), PORTS);
	assert_int_equal(le16_get(con.vd.config), 80);
	up_with_ports();
	peer[1].c.has_peer = true;
	say_control(0, 3, 1);
	assert_int_equal(heard(0, 7, 1), 11);
	assert_memory_equal(ram + slot(VIRTIO_CONSOLE_CTRL_RX, 2) + 8, "org.zhyve.a", 11);
	assert_int_equal(heard(0, 4, 1), 0);
	assert_int_equal(heard(0, 5, 1), 4);
	m = ram + slot(VIRTIO_CONSOLE_CTRL_RX, 4) + 8;
	assert_int_equal(le16_get(m), 80);
	assert_int_equal(le16_get(m + 2), 25);
	say_control(1, 3, 1);
	assert_int_equal(heard(1, 7, 1), 1);
	assert_int_equal(heard(1, 6, 1), 0); /* somebody is there */
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_RX], NULL), -1);
	assert_true(told.interrupts[VIRTIO_CONSOLE_CTRL_RX] > 0);
	say_control(77, 3, 1); /* no such port, no such event: nothing */
	say_control(1, 99, 1);
	assert_int_equal(con.vd.status, 0xf);
}

/* What cannot be told for want of buffers is told later, and only what still counts. */
static void
test_peer_comes_and_goes(void **state)
{
	up_with_ports();
	peer[1].c.peer(peer[1].c.dev, true); /* not ready yet: it will hear when it is */
	say_control(1, 3, 1);
	(void)heard(1, 7, 1);
	for (unsigned i = 0; i < 12; i++)
		peer[1].c.peer(peer[1].c.dev, i % 2 == 0);
	for (unsigned i = 3; i < 12; i++)
		(void)heard(1, 6, i % 2); /* 3 are used; 9 are left, the rest is put together */
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_RX], NULL), -1);
	for (unsigned i = 0; i < 8; i++)
		offer(VIRTIO_CONSOLE_CTRL_RX, i, 128, G_WRITE);
	virtio_notify(&con.vd, VIRTIO_CONSOLE_CTRL_RX);
	(void)heard(1, 6, 0);
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_RX], NULL), -1);
}

static unsigned
tx_of(unsigned port)
{
	return (port == 0 ? 1 : 3 + port * 2);
}

static void
test_send(void **state)
{
	unsigned tx = tx_of(1);

	up_with_ports();
	peer[1].space = 5;
	memcpy(ram + slot(tx, 0), "hello, ", 7);
	memcpy(ram + slot(tx, 1), "world", 5);
	g_desc(&q[tx], 0, slot(tx, 0), 7, G_NEXT, 1);
	g_desc(&q[tx], 1, slot(tx, 1), 5, 0, 0);
	g_offer(&q[tx], 0);
	virtio_notify(&con.vd, tx);
	assert_int_equal(peer[1].ngot, 5);
	assert_int_equal(g_take(&q[tx], NULL), -1); /* the guest has to wait */
	virtio_notify(&con.vd, tx);
	peer[1].space = 3;
	peer[1].c.writable(peer[1].c.dev);
	assert_int_equal(peer[1].ngot, 8);
	peer[1].space = 100;
	peer[1].c.writable(peer[1].c.dev);
	assert_int_equal(peer[1].ngot, 12);
	assert_memory_equal(peer[1].got, "hello, world", 12);
	assert_int_equal(g_take(&q[tx], NULL), 0);
	assert_int_equal(peer[0].ngot, 0);
}

static void
test_receive(void **state)
{
	unsigned rx = tx_of(1) - 1;
	uint32_t len = 0;

	up_with_ports();
	offer(rx, 0, 8, G_WRITE);
	offer(rx, 1, 100, G_WRITE);
	virtio_notify(&con.vd, rx);
	assert_int_equal(peer[1].room, 0); /* nobody has it open */
	say_control(1, 6, 1);
	assert_int_equal(peer[1].room, 8);
	peer[1].c.rx(peer[1].c.dev, (const uint8_t *)"abc", 3);
	assert_int_equal(g_take(&q[rx], &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(ram + slot(rx, 0), "abc", 3);
	assert_int_equal(peer[1].room, 100);
	say_control(1, 6, 0);
	assert_int_equal(peer[1].room, 0);
	say_control(1, 6, 1);
	assert_int_equal(peer[1].room, 100);
	peer[1].c.rx(peer[1].c.dev, (const uint8_t *)"d", 1);
	assert_int_equal(g_take(&q[rx], &len), 1);
	assert_int_equal(peer[1].room, 0); /* no buffers: the peer waits */
	offer(rx, 2, 50, G_WRITE);
	virtio_notify(&con.vd, rx);
	assert_int_equal(peer[1].room, 50);
}

/* A driver of one port: it is open from the start, and nothing is told. */
static void
test_single(void **state)
{
	bring_up(0);
	offer(0, 0, 64, G_WRITE);
	virtio_notify(&con.vd, 0);
	assert_int_equal(peer[0].room, 64);
	offer(VIRTIO_CONSOLE_CTRL_RX, 0, 128, G_WRITE);
	peer[0].c.peer(peer[0].c.dev, true);
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_RX], NULL), -1);
	offer(1, 0, 4, 0);
	virtio_notify(&con.vd, 1);
	assert_int_equal(peer[0].ngot, 4);
	virtio_set_status(&con.vd, 0);
	assert_int_equal(con.vd.status, 0);
	assert_int_equal(peer[0].room, 0);
	peer[0].c.rx(peer[0].c.dev, (const uint8_t *)"x", 1); /* came too late */
	peer[0].c.writable(peer[0].c.dev);
}

static void
expect_broken(unsigned queue)
{
	virtio_notify(&con.vd, queue);
	assert_int_equal(con.vd.status & VIRTIO_STATUS_NEEDS_RESET, VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(peer[1].room, 0);
	virtio_set_status(&con.vd, 0);
	up_with_ports();
	say_control(1, 6, 1);
	say_control(1, 3, 1);
	(void)heard(1, 7, 1);
}

static void
test_bad_buffers(void **state)
{
	up_with_ports();
	say_control(1, 6, 1);
	offer(tx_of(1), 0, 10, G_WRITE); /* to send from, yet writable */
	expect_broken(tx_of(1));
	offer(tx_of(1) - 1, 0, 10, 0); /* to receive into, yet readable */
	expect_broken(tx_of(1) - 1);
	offer(VIRTIO_CONSOLE_CTRL_TX, 0, 7, 0); /* not a whole message */
	expect_broken(VIRTIO_CONSOLE_CTRL_TX);
	for (unsigned i = 0; i < 9; i++) /* use up the good ones */
		peer[1].c.peer(peer[1].c.dev, i % 2 == 0);
	offer(VIRTIO_CONSOLE_CTRL_RX, 0, 4, G_WRITE); /* no room for one */
	peer[1].c.peer(peer[1].c.dev, false);
	expect_broken(VIRTIO_CONSOLE_CTRL_RX);
}

static void
test_noise(void **state)
{
	uint32_t seed = 4711;

	for (unsigned round = 0; round < 3000; round++) {
		unsigned i = g_random(&seed) % QUEUES, p = g_random(&seed) % PORTS;

		if (con.vd.status != 0xf) {
			virtio_set_status(&con.vd, 0);
			bring_up(round % 5 == 0 ? 0 : VIRTIO_CONSOLE_F_MULTIPORT);
		}
		g_noise(&q[i], 12,
		    g_random(&seed) % 8 == 0 ? -1
			: i % 2 == 0         ? G_WRITE
					     : 0,
		    DATA, 0x40000, &seed);
		if (i == VIRTIO_CONSOLE_CTRL_TX)
			for (unsigned k = 0; k < 64; k++)
				le32_put(ram + DATA + g_random(&seed) % 0x40000,
				    g_random(&seed) % 8 << 16 | g_random(&seed) % 3);
		virtio_notify(&con.vd, i);
		peer[p].space = peer[p].ngot = g_random(&seed) % 200;
		if (peer[p].room > 0)
			peer[p].c.rx(peer[p].c.dev, ram, MIN(peer[p].room, 100u));
		peer[p].c.peer(peer[p].c.dev, g_random(&seed) % 2 == 0);
		peer[p].c.writable(peer[p].c.dev);
	}
}

/* A chain of which the peer has taken a part goes on where it was, and the peer's leaving is told. */
static void
test_saved(void **state)
{
	uint64_t at = slot(VIRTIO_CONSOLE_CTRL_TX + 2, 0);

	peer[1].c.has_peer = true;
	bring_up(VIRTIO_CONSOLE_F_MULTIPORT);
	say_control(1, 3, 1);
	say_control(1, 6, 1);
	memcpy(ram + at, "abcdefgh", 8);
	peer[1].space = 3;
	offer(VIRTIO_CONSOLE_CTRL_TX + 2, 0, 8, 0);
	virtio_notify(&con.vd, VIRTIO_CONSOLE_CTRL_TX + 2);
	assert_int_equal(peer[1].ngot, 3);
	assert_int_equal(saved_from(saved_virtio, &con.vd), 0);
	virtio_console_destroy(&con);
	memset(&con, 0xa5, sizeof(con));
	assert_int_equal(virtio_console_init(&con, &gm, PORTS, true, 80, 25), 0);
	for (unsigned i = 0; i < PORTS; i++)
		assert_int_equal(virtio_console_port(&con, i, "x", &peer[i].c), 0);
	vd_listen(&con.vd);
	saved_goes_into(saved_virtio, &con.vd);
	assert_true(con.port[1].guest_open);
	assert_int_equal(
	    con.port[1].pending, 1u << 1 | 1u << 5); /* name and open: no buffers yet */
	peer[1].space = 100;
	virtio_resume(&con.vd);
	assert_int_equal(peer[1].ngot, 8);
	assert_memory_equal(peer[1].got, "abcdefgh", 8);
	assert_int_equal(g_take(&q[VIRTIO_CONSOLE_CTRL_TX + 2], NULL), 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_hello),
		T(test_peer_comes_and_goes),
		T(test_send),
		T(test_receive),
		T(test_single),
		T(test_bad_buffers),
		T(test_noise),
		T(test_saved),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
