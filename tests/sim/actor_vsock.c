/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-vsock (virtio 1.2, 5.10) in the simulator. Oracles of its own: the host gets the bytes of a
 * connection as the guest sent them, from its beginning, none lost or twice; headers to the guest are
 * right; the guest gets no more than its credit; connections are closed once, and all by a reset.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/vsock.h"
#include "vdrv.h"

#define CID        5u
#define PORTS      4u
#define PACKET_MAX 4000u
#define STREAMS    512u

/* What the guest sent from one port to another of the host's. */
struct stream {
	uint32_t port, host_port;
	uint32_t epoch; /* which connection it is; 0: none was begun */
	uint32_t sent;  /* bytes */
};

struct conn {
	bool used, connecting, adopting, want_read, want_write, full;
	uint32_t key, epoch; /* ports of the guest's packet that began it, and which one it was */
	uint32_t got;        /* bytes from the guest */
	uint32_t waiting;    /* bytes for the guest */
	uint32_t given;
	bool ended;
};

struct actor {
	struct vdrv v;
	struct virtio_vsock vs;
	struct vsock_backend be;
	struct conn conn[VSOCK_CONNS];
	struct virtio_vsock old; /* as it was when it was saved */
	struct prng chance;
	uint32_t alloc;            /* the credit that the guest gives, for ever; 0: any */
	uint32_t epochs;           /* connections begun by packets */
	uint32_t host_port[PORTS]; /* where each port of the guest sends to */
	struct stream stream[STREAMS];
	unsigned nstream;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

/* The byte at a place of a stream. */
static uint8_t
stream_byte(uint32_t epoch, uint32_t at)
{
	return ((uint8_t)(epoch * 37 + at + (at >> 8) * 11));
}

/* --- the host --- */

static struct conn *
conn_of(struct sim *s, unsigned conn, const char *what)
{
	struct actor *a = actor_of(s);

	if (!virtio_running(&a->vs.vd))
		sim_fail(s, "reset", "a device that does not run asks the host to %s", what);
	if (conn >= VSOCK_CONNS || !a->conn[conn].used)
		sim_fail(s, "backend", "%s of connection %u, which is not there", what, conn);
	return (&a->conn[conn]);
}

/* A connection begins with the packet in hand. */
static void
begin(struct sim *s, struct conn *c)
{
	struct vreq *req = s->wild ? NULL : vdrv_current(s, VIRTIO_VSOCK_TX);

	if (!s->wild && req == NULL)
		sim_fail(s, "backend", "a connection that no packet asks for");
	c->epoch = req == NULL ? 0 : (uint32_t)req->at;
	c->got = 0;
}

static void
host_connect(struct vsock_backend *b, unsigned conn, uint32_t port)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);

	if (conn >= VSOCK_CONNS || a->conn[conn].used)
		sim_fail(s, "backend", "connection %u is begun while it is there", conn);
	a->conn[conn] = (struct conn){ .used = true, .connecting = true };
	begin(s, conn_of(s, conn, "connect"));
}

static void
host_accepted(struct vsock_backend *b, unsigned conn, uint32_t host_port)
{
	struct sim *s = b->softc;

	begin(s, conn_of(s, conn, "accept"));
}

static ssize_t
host_send(struct vsock_backend *b, unsigned conn, const void *buf, size_t len)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);
	struct conn *c = conn_of(s, conn, "send");
	const uint8_t *p = buf;
	size_t n = len;

	if (c->full)
		return (0);
	if (prng_one_in(&a->chance, 40))
		return (-EPIPE);
	if (prng_one_in(&a->chance, 3))
		n = prng_below(&a->chance, (uint32_t)len);
	c->full = n < len;
	for (size_t i = 0; i < n && !s->wild; i++)
		if (p[i] != stream_byte(c->epoch, c->got + (uint32_t)i))
			sim_fail(s, "data", "connection %u: byte %zu is not what the guest sent",
			    conn, c->got + i);
	c->got += (uint32_t)n;
	return ((ssize_t)n);
}

static ssize_t
host_recv(struct vsock_backend *b, unsigned conn, const struct iovec *iov, unsigned niov)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);
	struct conn *c = conn_of(s, conn, "receive");
	struct vreq *req = vdrv_current(s, VIRTIO_VSOCK_RX);
	uint32_t n = 0;

	if (c->waiting == 0)
		return (c->ended ? (prng_one_in(&a->chance, 2) ? 0 : -ECONNRESET) : -EAGAIN);
	for (unsigned i = 0; i < niov && n < c->waiting; i++) {
		uint32_t part = (uint32_t)MIN(iov[i].iov_len, c->waiting - n);

		if (!s->wild &&
		    (req == NULL || !sim_owned(s, iov[i].iov_base, iov[i].iov_len, true, req->tag)))
			sim_fail(s, "backend", "bytes are to go where there is no buffer");
		memset(iov[i].iov_base, (uint8_t)(c->given + n), part);
		n += part;
	}
	c->waiting -= n;
	c->given += n;
	if (a->alloc != 0 && c->given > a->alloc && !s->wild)
		sim_fail(s, "data", "%u bytes given to a guest that takes %u", c->given, a->alloc);
	if (req != NULL)
		req->result = n;
	return ((ssize_t)n);
}

static void
host_want(struct vsock_backend *b, unsigned conn, bool read, bool write)
{
	struct actor *a = actor_of(b->softc);

	a->conn[conn].want_read = read;
	a->conn[conn].want_write = write;
}

static void
host_shut(struct vsock_backend *b, unsigned conn)
{
	(void)conn_of(b->softc, conn, "shut");
}

static void
host_close(struct vsock_backend *b, unsigned conn)
{
	struct sim *s = b->softc;
	struct actor *a = actor_of(s);

	if (conn >= VSOCK_CONNS || !a->conn[conn].used)
		sim_fail(s, "backend", "connection %u is closed, but not there", conn);
	a->conn[conn] = (struct conn){ 0 };
}

static bool
conn_step(struct sim *s, struct prng *r, unsigned conn)
{
	struct actor *a = actor_of(s);
	struct conn *c = &a->conn[conn];
	bool read = c->want_read && (c->waiting > 0 || c->ended), write = c->want_write && c->full;

	if (!c->used || (!c->adopting && !c->connecting && !read && !write))
		return (false);
	sim_enter(s);
	if (c->adopting) {
		c->adopting = false;
		virtio_vsock_adopted(&a->vs, conn, prng_one_in(r, 6) ? -EMFILE : 0);
	} else if (c->connecting) {
		c->connecting = false;
		virtio_vsock_connected(&a->vs, conn, prng_one_in(r, 4) ? -ECONNREFUSED : 0);
	} else {
		c->full = false;
		virtio_vsock_ready(&a->vs, conn, read, write);
	}
	sim_leave(s);
	return (true);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	unsigned first = prng_below(r, 8);

	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		if (conn_step(s, r, (first + i) % VSOCK_CONNS))
			return (true);
	return (false);
}

/* --- the driver --- */

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	uint8_t h[VSOCK_HDR_LEN];
	uint32_t data;
	uint16_t op;

	if (req->queue != VIRTIO_VSOCK_RX) {
		if (len != 0)
			sim_fail(s, "used", "%u bytes written to a packet", len);
		return;
	}
	if (len < sizeof(h))
		sim_fail(s, "used", "a packet of %u bytes", len);
	vdrv_get(s, req, true, 0, h, sizeof(h));
	data = le32_get(h + VSOCK_H_DATA_LEN);
	op = le16_get(h + VSOCK_H_OP);
	if (le64_get(h) != VSOCK_CID_HOST || le64_get(h + 8) != CID || le16_get(h + 28) != 1 ||
	    op == 0 || op > VSOCK_OP_CREDIT)
		sim_fail(s, "data", "a packet with operation %u", op);
	if (len != sizeof(h) + data || data != (op == VSOCK_OP_RW ? req->result : 0))
		sim_fail(s, "used", "operation %u with %u bytes of data, %u in all", op, data, len);
}

static void
header(struct actor *a, struct prng *r, uint8_t *h, uint16_t op, unsigned port, uint32_t len)
{
	memset(h, 0, VSOCK_HDR_LEN);
	le64_put(h, CID);
	le64_put(h + 8, VSOCK_CID_HOST);
	le32_put(h + VSOCK_H_SRC_PORT, port);
	le32_put(h + VSOCK_H_DST_PORT, a->host_port[port]);
	le32_put(h + VSOCK_H_DATA_LEN, len);
	le16_put(h + VSOCK_H_TYPE, VSOCK_TYPE_STREAM);
	le16_put(h + VSOCK_H_OP, op);
	if (op == VSOCK_OP_SHUTDOWN)
		le32_put(h + VSOCK_H_FLAGS, prng_range(r, 1, 3));
	le32_put(h + VSOCK_H_BUF_ALLOC, a->alloc != 0 ? a->alloc : (uint32_t)prng_next(r) >> 18);
	le32_put(h + VSOCK_H_FWD_CNT, a->alloc != 0 ? 0 : prng_below(r, 5000));
}

/* The stream between a port and where it sends to now; NULL: too many. */
static struct stream *
stream_of(struct actor *a, unsigned port)
{
	struct stream *st;

	for (st = a->stream; st < &a->stream[a->nstream]; st++)
		if (st->port == port && st->host_port == a->host_port[port])
			return (st);
	if (a->nstream == STREAMS)
		return (NULL);
	a->nstream++;
	*st = (struct stream){ .port = port, .host_port = a->host_port[port] };
	return (st);
}

/* One packet with `len` bytes of the stream. False: no room for it. */
static bool
packet(struct sim *s, struct prng *r, uint16_t op, unsigned port, uint32_t len)
{
	struct actor *a = actor_of(s);
	struct stream *st = stream_of(a, port);
	uint8_t body[VSOCK_HDR_LEN + PACKET_MAX];
	struct vseg seg[VSEG_MAX];
	struct vreq *req;
	unsigned n;

	if (st == NULL)
		return (false);
	header(a, r, body, op, port, len);
	for (uint32_t i = 0; i < len; i++)
		body[VSOCK_HDR_LEN + i] = stream_byte(st->epoch, st->sent + i);
	n = vdrv_buffer(s, r, seg, VSOCK_HDR_LEN + len, false, 4);
	vdrv_put(s, seg, n, false, body, VSOCK_HDR_LEN + len);
	if (n == 0 || (req = vdrv_submit(s, r, VIRTIO_VSOCK_TX, seg, n)) == NULL)
		return (false);
	if (op == VSOCK_OP_REQUEST || op == VSOCK_OP_RESPONSE) {
		st->epoch = ++a->epochs;
		st->sent = 0;
	}
	sim_say(s, "operation %u port %u to %u, %u bytes", op, port, st->host_port, len);
	req->at = st->epoch;
	st->sent += len;
	return (true);
}

static void
op_packet(struct sim *s, struct prng *r)
{
	static const uint16_t kinds[] = { 1, 1, 1, 2, 2, 3, 4, 5, 5, 5, 5, 5, 5, 6, 7, 9 };
	uint16_t op = kinds[prng_below(r, NITEMS(kinds))];
	unsigned port = prng_below(r, PORTS);

	if (!vdrv_want(s, r))
		return;
	if (packet(s, r, op, port, op == VSOCK_OP_RW ? prng_below(r, 300) : 0) &&
	    !prng_one_in(r, 3))
		vdrv_kick(s, r, VIRTIO_VSOCK_TX, false);
}

/* More than the host has room for. */
static void
op_flood(struct sim *s, struct prng *r)
{
	unsigned port = prng_below(r, PORTS);

	if (!vdrv_want(s, r))
		return;
	for (unsigned i = 0; i < 8; i++) {
		if (!packet(s, r, VSOCK_OP_RW, port, prng_range(r, 1000, PACKET_MAX)))
			break;
		vdrv_kick(s, r, VIRTIO_VSOCK_TX, false);
	}
}

/* A packet whose header does not agree with its buffers. */
static void
op_wrong(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint8_t h[VSOCK_HDR_LEN];
	struct vseg seg[VSEG_MAX];
	uint32_t len = prng_below(r, 100), said = prng_one_in(r, 2) ? 0xffffffff : len + 1;
	struct vreq *req;
	unsigned n;

	if (!vdrv_want(s, r))
		return;
	header(a, r, h, VSOCK_OP_RW, prng_below(r, PORTS), said);
	switch (prng_below(r, 3)) {
	case 0:
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, VSOCK_HDR_LEN - 1), false, 2);
		break;
	case 1:
		n = vdrv_buffer(s, r, seg, VSOCK_HDR_LEN + len, false, 3);
		break;
	default:
		le32_put(h + VSOCK_H_DATA_LEN, 0);
		n = vdrv_buffer(s, r, seg, VSOCK_HDR_LEN, false, 2);
		n += vdrv_buffer(s, r, seg + n, VSOCK_HDR_LEN, true, 2);
	}
	vdrv_put(s, seg, n, false, h, sizeof(h));
	if (n > 0 && (req = vdrv_submit(s, r, VIRTIO_VSOCK_TX, seg, n)) != NULL)
		vdrv_condemn(s, r, req, "a packet that does not agree with its buffers");
}

static void
op_receive(struct sim *s, struct prng *r)
{
	unsigned queue = prng_one_in(r, 12) ? VIRTIO_VSOCK_EVENT : VIRTIO_VSOCK_RX, n;
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r))
		return;
	if (queue == VIRTIO_VSOCK_RX && prng_one_in(r, 40)) {
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, VSOCK_HDR_LEN - 1), true, 2);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a receive buffer too small for a header");
		return;
	}
	for (unsigned i = prng_range(r, 1, 4); i > 0; i--) {
		n = vdrv_buffer(s, r, seg, VSOCK_HDR_LEN + prng_below(r, 300), true, 3);
		(void)vdrv_submit(s, r, queue, seg, n);
	}
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

/* The host speaks, ends, or asks for a port of the guest's. */
static void
op_host(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned port = prng_below(r, PORTS), first = prng_below(r, 6);
	int conn;

	if (prng_one_in(r, 4)) {
		sim_enter(s);
		conn = virtio_vsock_incoming(&a->vs, port);
		sim_leave(s);
		if (conn < 0)
			return;
		if (a->conn[conn].used)
			sim_fail(s, "backend", "connection %d is given twice", conn);
		a->conn[conn] = (struct conn){ .used = true, .adopting = true };
		a->host_port[port] = a->vs.conn[conn].host_port;
		return;
	}
	if (prng_one_in(r, 4))
		a->host_port[port] = prng_below(r, 3);
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct conn *c = &a->conn[(first + i) % VSOCK_CONNS];

		if (!c->used)
			continue;
		c->waiting += c->ended ? 0 : prng_below(r, 500);
		c->ended |= prng_one_in(r, 10);
		break;
	}
}

static void
op_time(struct sim *s, struct prng *r)
{
	sim_pass(s, prng_range(r, 1, 3000) * 1000000ull);
}

static bool
drains(struct sim *s, unsigned queue)
{
	struct actor *a = actor_of(s);
	bool due = a->vs.nresets > 0;

	if (queue == VIRTIO_VSOCK_TX)
		return (!a->vs.tx_waits);
	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		due |= a->vs.conn[i].state != VSOCK_FREE && a->vs.conn[i].pending != 0;
	return (queue == VIRTIO_VSOCK_RX && due);
}

static void
was_reset(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		if (a->conn[i].used)
			sim_fail(s, "reset", "connection %u is still there", i);
	if (s->timer[0].at_ns != 0)
		sim_fail(s, "reset", "the timer is still armed");
}

static void
make(struct actor *a, struct sim *s)
{
	int rc = virtio_vsock_init(&a->vs, &s->gm, CID, &a->be, &s->clock);

	assert(rc == 0);
	(void)rc;
	s->ntimers = 0;
	sim_timer(s, &a->vs.timer);
}

/* The host's ends of the connections are gone. */
static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	a->old = a->vs;
	virtio_vsock_destroy(&a->vs);
	memset(&a->vs, SIM_JUNK, sizeof(a->vs));
	memset(a->conn, 0, sizeof(a->conn));
	make(a, s);
}

/* Each connection that was is over, and to be told so; nothing else is. */
static void
loaded(struct sim *s)
{
	const struct virtio_vsock *was = &actor_of(s)->old, *is = &actor_of(s)->vs;

	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		const struct vsock_conn *w = &was->conn[i], *c = &is->conn[i];
		bool told = w->state != VSOCK_FREE &&
		    (w->state != VSOCK_ASKING || (w->pending & VSOCK_TELL_REQUEST) == 0);

		if (c->state != (told ? VSOCK_DYING : VSOCK_FREE) ||
		    c->pending != (told ? VSOCK_TELL_RESET : 0) ||
		    (told && (c->host_port != w->host_port || c->guest_port != w->guest_port)))
			sim_fail(s, "state", "connection %u is not over as it should", i);
	}
	if (is->nresets != was->nresets || is->next_port != was->next_port ||
	    memcmp(is->resets, was->resets, sizeof(is->resets)) != 0)
		sim_fail(s, "state", "other resets are to be told than before");
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
	static const struct vsock_backend_ops host = { host_connect, host_accepted, host_send,
		host_recv, host_want, host_shut, host_close };
	struct actor *a = actor_of(s);

	a->chance.state = prng_next(r);
	a->alloc = prng_one_in(r, 2) ? prng_range(r, 1, 2000) : 0;
	for (unsigned i = 0; i < PORTS; i++)
		a->host_port[i] = i % 2;
	a->be.ops = &host;
	a->be.softc = s;
	make(a, s);
	vdrv_start(s, &a->vs.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_vsock_destroy(&actor_of(s)->vs);
}

static const struct sim_op op_table[] = {
	{ "packet", 40, op_packet },
	{ "flood", 3, op_flood },
	{ "wrong", 1, op_wrong },
	{ "receive", 25, op_receive },
	{ "host", 15, op_host },
	{ "time", 4, op_time },
	VDRV_OPS(3),
};

const struct sim_actor actor_vsock = {
	.name = "virtio-vsock",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
