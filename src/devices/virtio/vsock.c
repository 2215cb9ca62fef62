/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio socket device: connections and their ends: see vsock.h. What the guest sends is in
 * vsock_tx.c, what it gets in vsock_rx.c. Runs in zhyve.
 */
#include "devices/virtio/vsock.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"
#include "devices/state.h"

#define QUEUE_SIZE 128
#define PORT_FIRST 0x40000000u /* of those that the host asks from; services have small ones */
#define CHECK_NS   1000000000ull

/* A slot for a new connection, without anything of the one before it. NULL: all are in use. */
static struct vsock_conn *
slot(struct virtio_vsock *vs)
{
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &vs->conn[i];

		if (c->state != VSOCK_FREE)
			continue;
		*c = (struct vsock_conn){ 0 };
		ring_init(&c->ring, vs->buffers + (size_t)i * VSOCK_BUFFER, VSOCK_BUFFER);
		return (c);
	}
	return (NULL);
}

void
virtio_vsock_end(struct virtio_vsock *vs, struct vsock_conn *c, bool reset)
{
	struct vsock_backend *b = vs->backend;

	if (c->state != VSOCK_DYING)
		b->ops->close(b, virtio_vsock_number(vs, c));
	c->state = reset ? VSOCK_DYING : VSOCK_FREE;
	c->pending = reset ? VSOCK_TELL_RESET : 0;
}

struct vsock_conn *
virtio_vsock_find(struct virtio_vsock *vs, uint32_t host_port, uint32_t guest_port)
{
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &vs->conn[i];

		if (c->state != VSOCK_FREE && c->host_port == host_port &&
		    c->guest_port == guest_port)
			return (c);
	}
	return (NULL);
}

struct vsock_conn *
virtio_vsock_request(struct virtio_vsock *vs, uint32_t host_port, uint32_t guest_port)
{
	struct vsock_conn *c = slot(vs);

	if (c == NULL)
		return (NULL);
	c->state = VSOCK_CONNECTING;
	c->host_port = host_port;
	c->guest_port = guest_port;
	return (c);
}

/* A timer that is armed already looks at all of them. */
static void
watch_answers(struct virtio_vsock *vs, uint64_t at)
{
	if (!vs->timer_armed)
		dev_timer_arm(&vs->timer, at);
	vs->timer_armed = true;
}

int
virtio_vsock_incoming(struct virtio_vsock *vs, uint32_t guest_port)
{
	struct vsock_conn *c;

	if (!virtio_running(&vs->vd))
		return (-ENETDOWN);
	if ((c = slot(vs)) == NULL)
		return (-ENOBUFS);
	c->state = VSOCK_ASKING;
	c->guest_port = guest_port;
	do
		c->host_port = PORT_FIRST + vs->next_port++ % PORT_FIRST;
	while (virtio_vsock_find(vs, c->host_port, guest_port) != c);
	c->deadline = vs->clock->now_ns(vs->clock->ctx) + VSOCK_ANSWER_NS;
	watch_answers(vs, c->deadline);
	return ((int)virtio_vsock_number(vs, c));
}

void
virtio_vsock_adopted(struct virtio_vsock *vs, unsigned conn, int result)
{
	struct vsock_conn *c = &vs->conn[conn];

	if (result < 0)
		virtio_vsock_end(vs, c, false);
	else
		c->pending = VSOCK_TELL_REQUEST;
	virtio_vsock_rx_run(vs);
}

void
virtio_vsock_connected(struct virtio_vsock *vs, unsigned conn, int result)
{
	struct vsock_conn *c = &vs->conn[conn];

	if (c->state != VSOCK_CONNECTING)
		return;
	if (result < 0) {
		virtio_vsock_end(vs, c, true);
	} else {
		c->state = VSOCK_OPEN;
		c->pending |= VSOCK_TELL_RESPONSE;
		c->readable = true;
	}
	virtio_vsock_rx_run(vs);
}

void
virtio_vsock_ready(struct virtio_vsock *vs, unsigned conn, bool read, bool write)
{
	struct vsock_conn *c = &vs->conn[conn];

	if (c->state != VSOCK_OPEN || !virtio_running(&vs->vd)) {
		vs->backend->ops->want(vs->backend, conn, false, false);
		c->want_read = c->want_write = false;
		return;
	}
	c->readable |= read;
	if (write)
		virtio_vsock_flush(vs, c);
	virtio_vsock_rx_run(vs);
}

/* Connections that the guest has not answered in time. */
static void
timer_fired(void *dev)
{
	struct virtio_vsock *vs = dev;
	uint64_t now = vs->clock->now_ns(vs->clock->ctx);
	bool more = false;

	vs->timer_armed = false;
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &vs->conn[i];

		if (c->state != VSOCK_ASKING)
			continue;
		if (c->deadline > now)
			more = true;
		else
			/* What the guest has not heard of it need not be told the end of. */
			virtio_vsock_end(vs, c, (c->pending & VSOCK_TELL_REQUEST) == 0);
	}
	if (more)
		watch_answers(vs, now + CHECK_NS);
	virtio_vsock_rx_run(vs);
}

static void
vsock_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_vsock *vs = vd->softc;

	/* The buffers for events (5.10.6.7) stay: there is nothing to tell but migrations. */
	if (queue == VIRTIO_VSOCK_RX)
		virtio_vsock_rx_run(vs);
	else if (queue == VIRTIO_VSOCK_TX)
		virtio_vsock_tx_run(vs);
}

static bool
vsock_stop(struct virtio_dev *vd)
{
	struct virtio_vsock *vs = vd->softc;

	for (unsigned i = 0; i < VSOCK_CONNS; i++)
		if (vs->conn[i].state != VSOCK_FREE)
			virtio_vsock_end(vs, &vs->conn[i], false);
	vs->nresets = 0;
	vs->tx_waits = false;
	dev_timer_arm(&vs->timer, 0);
	vs->timer_armed = false;
	return (true);
}

static void
vsock_broken(struct virtio_dev *vd)
{
	(void)vsock_stop(vd);
}

/* --- state --- */

#define CONN_STATE(F, T)                   \
	F(T, state, SAVED, VSOCK_DYING)    \
	F(T, host_port, SAVED, STATE_ANY)  \
	F(T, guest_port, SAVED, STATE_ANY) \
	F(T, pending, OWN, 0)              \
	F(T, deadline, OWN, 0)             \
	F(T, ring, OWNS, 0)                \
	F(T, fwd, OWN, 0)                  \
	F(T, fwd_told, OWN, 0)             \
	F(T, sent, OWN, 0)                 \
	F(T, peer_alloc, OWN, 0)           \
	F(T, peer_fwd, OWN, 0)             \
	F(T, readable, OWN, 0)             \
	F(T, host_ended, OWN, 0)           \
	F(T, guest_ended, OWN, 0)          \
	F(T, guest_deaf, OWN, 0)           \
	F(T, shut, OWN, 0)                 \
	F(T, want_read, OWN, 0)            \
	F(T, want_write, OWN, 0)
STATE_TYPE(conn_type, struct vsock_conn, CONN_STATE, "vsock-conn", 1);

#define RESET_STATE(F, T)                 \
	F(T, host_port, SAVED, STATE_ANY) \
	F(T, guest_port, SAVED, STATE_ANY)
STATE_TYPE(reset_type, struct vsock_reset, RESET_STATE, "vsock-reset", 1);

#define VSOCK_STATE(F, T)                  \
	F(T, vd, OWNS, 0)                  \
	F(T, backend, OWN, 0)              \
	F(T, clock, OWN, 0)                \
	F(T, timer, OWNS, 0)               \
	F(T, timer_armed, OWN, 0)          \
	F(T, cid, SAME, STATE_ANY)         \
	F(T, config, OWNS, 0)              \
	F(T, rx, OWNS, 0)                  \
	F(T, tx, OWNS, 0)                  \
	F(T, rx_iov, OWN, 0)               \
	F(T, buffers, OWN, 0)              \
	F(T, conn, OWNS, 0)                \
	F(T, turn, SAVED, VSOCK_CONNS - 1) \
	F(T, next_port, SAVED, STATE_ANY)  \
	F(T, resets, PARTS, reset_type)    \
	F(T, nresets, SAVED, VSOCK_RESETS) \
	F(T, tx_waits, OWN, 0)
STATE_TYPE(vsock_type, struct virtio_vsock, VSOCK_STATE, "vsock", 1);

/*
 * The host's ends of connections do not outlive the device: what is saved of one that the guest may
 * have heard of is that it is over, and the guest gets a reset.
 */
static int
vsock_state(struct virtio_dev *vd, struct state *st)
{
	struct virtio_vsock *vs = vd->softc;
	struct vsock_conn over[VSOCK_CONNS] = { 0 };

	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		const struct vsock_conn *c = &vs->conn[i];
		bool told = c->state != VSOCK_ASKING || (c->pending & VSOCK_TELL_REQUEST) == 0;

		if (c->state != VSOCK_FREE && told)
			over[i] = (struct vsock_conn){ .state = VSOCK_DYING,
				.host_port = c->host_port,
				.guest_port = c->guest_port };
	}
	state_struct(st, &vsock_type, vs);
	state_structs(st, &conn_type, over, VSOCK_CONNS);
	for (unsigned i = 0; i < VSOCK_CONNS && st->rc == 0 && st->loading; i++) {
		if (over[i].state != VSOCK_FREE && over[i].state != VSOCK_DYING)
			return (state_refuse(st, EINVAL, "connection %u is not over", i));
		over[i].pending = over[i].state == VSOCK_DYING ? VSOCK_TELL_RESET : 0;
		vs->conn[i] = over[i];
	}
	return (st->rc);
}

static const struct virtio_dev_ops vsock_ops = {
	.name = "virtio-vsock",
	.type = VIRTIO_TYPE_VSOCK,
	.pci_class = 0x078000, /* communication controller, other */
	.notify = vsock_notify,
	.stop = vsock_stop,
	.broken = vsock_broken,
	.state = vsock_state,
};

int
virtio_vsock_init(struct virtio_vsock *vs, const struct gmem *gm, uint32_t cid,
    struct vsock_backend *backend, const struct clock *clock)
{
	int rc;

	*vs = (struct virtio_vsock){ .backend = backend, .clock = clock, .cid = cid };
	if (cid < VSOCK_CID_MIN)
		return (-EINVAL);
	rc = virtio_init(&vs->vd, &vsock_ops, vs, gm, VIRTIO_VSOCK_QUEUES, QUEUE_SIZE);
	if (rc < 0)
		return (rc);
	vs->rx_iov = calloc(QUEUE_SIZE, sizeof(*vs->rx_iov));
	vs->buffers = calloc(VSOCK_CONNS, VSOCK_BUFFER); /* untouched pages cost nothing */
	if (vs->rx_iov == NULL || vs->buffers == NULL ||
	    vq_chain_init(&vs->rx, &vs->vd.queue[VIRTIO_VSOCK_RX]) < 0 ||
	    vq_chain_init(&vs->tx, &vs->vd.queue[VIRTIO_VSOCK_TX]) < 0) {
		virtio_vsock_destroy(vs);
		return (-ENOMEM);
	}
	vs->vd.offered |= VIRTIO_VSOCK_F_STREAM;
	le64_put(vs->config, cid);
	vs->vd.config = vs->config;
	vs->vd.config_len = sizeof(vs->config);
	vs->timer.fire = timer_fired;
	vs->timer.dev = vs;
	backend->dev = vs;
	return (0);
}

void
virtio_vsock_destroy(struct virtio_vsock *vs)
{
	vq_chain_destroy(&vs->rx);
	vq_chain_destroy(&vs->tx);
	free(vs->rx_iov);
	free(vs->buffers);
	virtio_destroy(&vs->vd);
}
