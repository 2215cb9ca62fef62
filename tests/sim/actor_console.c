/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-console (virtio 1.2, 5.3) in the simulator. Oracles of its own: each port's bytes come out
 * on the other side as they went in, in both directions, none lost or twice; a peer is granted room
 * only while a buffer is there to take it; control messages make sense.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/console.h"
#include "vdrv.h"

#define PORTS    2
#define STREAM   (64u << 10)
#define CTRL_BUF 80u

struct stream {
	uint8_t bytes[STREAM];
	uint32_t in, out;
};

struct port {
	struct chardev chr;
	struct sim *s;
	struct stream tx, rx; /* from the guest, to the guest */
	size_t room;
	uint32_t waiting; /* bytes that the peer wants to send */
	bool held;        /* a write took less than it could */
	/* When the device was saved: what the guest was still to be told, and had said. */
	unsigned pending;
	bool ready, open;
};

struct actor {
	struct vdrv v;
	struct virtio_console con;
	struct port port[PORTS];
	struct prng chance;
	bool console; /* port 0 is one */
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static unsigned
rx_queue(unsigned port)
{
	return (port == 0 ? 0 : 2 + port * 2);
}

/* The port of a data queue, -1: it is not one. */
static int
port_of(unsigned queue)
{
	return (queue < 2 ? 0 : queue < 4 ? -1 : (int)queue / 2 - 1);
}

/* --- the other side --- */

static size_t
chr_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct port *p = c->softc;
	struct sim *s = p->s;
	struct actor *a = actor_of(s);
	size_t n = prng_one_in(&a->chance, 4) ? prng_below(&a->chance, (uint32_t)len) : len;

	if (!virtio_running(&a->con.vd))
		sim_fail(s, "reset", "a device that does not run sends %zu bytes", len);
	p->held = n < len;
	if (s->wild)
		return (n);
	if (n > p->tx.in - p->tx.out || memcmp(buf, p->tx.bytes + p->tx.out, n) != 0)
		sim_fail(s, "data", "bytes that the guest did not send at this place");
	p->tx.out += (uint32_t)n;
	return (n);
}

static void
chr_room(struct chardev *c, size_t n)
{
	struct port *p = c->softc;

	p->room = n;
}

/* Let the peer of a port take bytes again, or send some. */
static bool
port_step(struct sim *s, struct prng *r, struct port *p)
{
	uint8_t buf[512];
	size_t n = MIN(p->waiting, MIN(p->room, sizeof(buf)));

	if (p->held) {
		p->held = false;
		sim_enter(s);
		p->chr.writable(p->chr.dev);
		sim_leave(s);
		return (true);
	}
	n = n == 0 ? 0 : prng_range(r, 1, (uint32_t)n);
	if (n == 0 || p->rx.in + n > STREAM)
		return (false);
	prng_fill(r, buf, n);
	memcpy(p->rx.bytes + p->rx.in, buf, n);
	p->rx.in += (uint32_t)n;
	p->waiting -= (uint32_t)n;
	p->room -= n;
	sim_say(s, "(the peer sends %zu bytes)", n);
	sim_enter(s);
	p->chr.rx(p->chr.dev, buf, n);
	sim_leave(s);
	return (true);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned first = prng_below(r, PORTS);

	for (unsigned i = 0; i < PORTS; i++)
		if (port_step(s, r, &a->port[(first + i) % PORTS]))
			return (true);
	return (false);
}

/* --- the driver --- */

static void
used_rx(struct sim *s, struct port *p, struct vreq *req, uint32_t len)
{
	uint8_t got[4096];

	vdrv_get(s, req, true, 0, got, len);
	if (len == 0 || len > p->rx.in - p->rx.out ||
	    memcmp(got, p->rx.bytes + p->rx.out, len) != 0)
		sim_fail(s, "data", "%u bytes that the peer did not send at this place", len);
	p->rx.out += len;
}

static void
used_control(struct sim *s, struct vreq *req, uint32_t len)
{
	uint8_t m[CTRL_BUF];
	uint16_t event;

	if (len < 8 || len > sizeof(m))
		sim_fail(s, "used", "a control message of %u bytes", len);
	vdrv_get(s, req, true, 0, m, len);
	event = le16_get(m + 4);
	if (le32_get(m) >= PORTS || event > 7 || event == 0 || event == 2 || event == 3)
		sim_fail(s, "data", "control message %u for port %u", event, le32_get(m));
	if (event == 7 && (len != 8 + 5 || memcmp(m + 8, "port", 4) != 0))
		sim_fail(s, "data", "another name than the port's");
	if (event != 7 && len != (event == 5 ? 12u : 8u))
		sim_fail(s, "used", "control message %u of %u bytes", event, len);
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	struct actor *a = actor_of(s);
	int port = port_of(req->queue);

	if (req->queue == VIRTIO_CONSOLE_CTRL_RX)
		used_control(s, req, len);
	else if (port >= 0 && req->queue % 2 == 0)
		used_rx(s, &a->port[port], req, len);
	else if (len != 0)
		sim_fail(s, "used", "%u bytes written to what the device only reads", len);
	/* All of it was sent: its end is at most where the peer has got to. */
	if (port >= 0 && req->queue % 2 == 1 && a->port[port].tx.out < req->at)
		sim_fail(s, "early", "a buffer is given back before it was sent");
}

static void
op_send(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned port = prng_below(r, PORTS), queue = rx_queue(port) + 1, n;
	struct port *p = &a->port[port];
	uint32_t len = prng_range(r, 1, 300);
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r) || p->tx.in + len > STREAM)
		return;
	if (prng_one_in(r, 20)) {
		n = vdrv_buffer(s, r, seg, len, prng_one_in(r, 2), 2);
		n += vdrv_buffer(s, r, seg + n, len, true, 2);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a transmit buffer that is writable");
		return;
	}
	n = vdrv_buffer(s, r, seg, len, false, 4);
	if ((req = vdrv_submit(s, r, queue, seg, n)) == NULL)
		return;
	vdrv_get(s, req, false, 0, p->tx.bytes + p->tx.in, len);
	p->tx.in += len;
	req->at = p->tx.in;
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

static void
op_receive(struct sim *s, struct prng *r)
{
	unsigned queue = rx_queue(prng_below(r, PORTS)), n;
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r))
		return;
	if (prng_one_in(r, 30)) {
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, 200), false, 3);
		n += vdrv_buffer(s, r, seg + n, prng_range(r, 1, 200), true, 3);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a receive buffer that is readable");
		return;
	}
	n = vdrv_buffer(s, r, seg, prng_range(r, 1, 200), true, 3);
	if (vdrv_submit(s, r, queue, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

/* Buffers for control messages, and messages. */
static void
op_control(struct sim *s, struct prng *r)
{
	static const uint16_t events[] = { 0, 3, 3, 6, 6, 6, 1, 9 };
	uint32_t id = prng_below(r, prng_one_in(r, 8) ? 20 : PORTS);
	uint16_t event = events[prng_below(r, NITEMS(events))];
	struct vseg seg[VSEG_MAX];
	struct vreq *req;
	unsigned n;
	uint8_t m[8];

	if (!vdrv_want(s, r))
		return;
	n = vdrv_buffer(s, r, seg, CTRL_BUF, true, 3);
	if (vdrv_submit(s, r, VIRTIO_CONSOLE_CTRL_RX, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, VIRTIO_CONSOLE_CTRL_RX, false);
	if (!vdrv_ready(s))
		return;
	le32_put(m, id);
	le16_put(m + 4, event);
	le16_put(m + 6, !prng_one_in(r, 4));
	if (prng_one_in(r, 40)) {
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, 7), false, 2);
		if ((req = vdrv_submit(s, r, VIRTIO_CONSOLE_CTRL_TX, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a control message that is too short");
		return;
	}
	n = vdrv_buffer(s, r, seg, sizeof(m), false, 2);
	vdrv_put(s, seg, n, false, m, sizeof(m));
	if (vdrv_submit(s, r, VIRTIO_CONSOLE_CTRL_TX, seg, n) == NULL)
		return;
	sim_say(s, "control: event %u port %u value %u", event, id, le16_get(m + 6));
	vdrv_kick(s, r, VIRTIO_CONSOLE_CTRL_TX, false);
}

static void
op_peer(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	struct port *p = &a->port[prng_below(r, PORTS)];

	if (!prng_one_in(r, 3)) {
		p->waiting = MIN(p->waiting + prng_range(r, 1, 300), 2000u);
		return;
	}
	p->chr.has_peer = !p->chr.has_peer;
	sim_say(s, "peer %s", p->chr.has_peer ? "comes" : "goes");
	sim_enter(s);
	p->chr.peer(p->chr.dev, p->chr.has_peer);
	sim_leave(s);
}

static bool
drains(struct sim *s, unsigned queue)
{
	struct actor *a = actor_of(s);
	int port = port_of(queue);

	if (queue == VIRTIO_CONSOLE_CTRL_RX)
		return (false);
	if (port < 0 || queue % 2 == 1)
		return (true);
	/* With a whole chain of control behind it, this is when the port takes bytes. */
	return (a->port[port].waiting > 0 && a->port[port].rx.in < STREAM - 512 &&
	    a->con.port[port].guest_open);
}

static void
after(struct sim *s)
{
	struct actor *a = actor_of(s);

	vdrv_after(s);
	if (a->v.vd == NULL)
		return;
	for (unsigned i = 0; i < PORTS; i++)
		if (a->port[i].room > 0 && !virtio_running(&a->con.vd))
			sim_fail(s, "reset",
			    "port %u: room is granted by a device that does not run", i);
}

/* What was on its way is lost with the driver that it was on its way to. */
static void
was_reset(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &a->port[i];

		p->tx.in = p->tx.out = p->rx.in = p->rx.out = 0;
		p->held = false;
	}
}

static void
make(struct actor *a, struct sim *s)
{
	int rc = virtio_console_init(&a->con, &s->gm, PORTS, a->console, 80, 25);

	assert(rc == 0);
	for (unsigned i = 0; i < PORTS; i++) {
		char name[] = "port0";

		name[4] = (char)('0' + i);
		rc = virtio_console_port(&a->con, i, name, &a->port[i].chr);
		assert(rc == 0);
	}
	(void)rc;
}

/* The peers stay, and what they have to say; what they were granted goes with who granted it. */
static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &a->port[i];

		p->room = 0;
		p->held = false;
		p->pending = a->con.port[i].pending;
		p->ready = a->con.port[i].ready;
		p->open = a->con.port[i].guest_open;
	}
	virtio_console_destroy(&a->con);
	memset(&a->con, SIM_JUNK, sizeof(a->con));
	make(a, s);
}

static void
loaded(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < PORTS; i++) {
		const struct virtio_console_port *p = &a->con.port[i];

		if (p->pending != a->port[i].pending || p->ready != a->port[i].ready ||
		    p->guest_open != a->port[i].open)
			sim_fail(s, "state", "port %u is not as it was", i);
	}
}

static const struct vdrv_ops ops = {
	.used = used,
	.end_one = end_one,
	.drains = drains,
	.was_reset = was_reset,
	.remake = remake,
	.loaded = loaded,
};

static void
start(struct sim *s, struct prng *r)
{
	static const struct chardev_ops chr_ops = { chr_write, chr_room };
	struct actor *a = actor_of(s);

	a->console = prng_one_in(r, 2);
	a->chance.state = prng_next(r);
	for (unsigned i = 0; i < PORTS; i++) {
		struct port *p = &a->port[i];

		p->s = s;
		p->chr.ops = &chr_ops;
		p->chr.softc = p;
		p->chr.has_peer = prng_one_in(r, 2);
	}
	make(a, s);
	vdrv_start(s, &a->con.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_console_destroy(&actor_of(s)->con);
}

static const struct sim_op op_table[] = {
	{ "send", 20, op_send },
	{ "receive", 20, op_receive },
	{ "control", 20, op_control },
	{ "peer", 15, op_peer },
	VDRV_OPS(3),
};

const struct sim_actor actor_console = {
	.name = "virtio-console",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = after,
};
