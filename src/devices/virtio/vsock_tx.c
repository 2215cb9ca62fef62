/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio socket device: packets from the guest: see vsock.h. The header is read once into a private
 * copy; its length must be that of the buffers. Refuses what belongs to no connection, comes out
 * of order or exceeds the credit, by resets. Runs in zhyve.
 */
#include "base/checked.h"
#include "devices/virtio/vsock.h"

struct packet {
	uint32_t host_port, guest_port, len, flags, buf_alloc, fwd_cnt;
	uint16_t type, op;
	uint64_t src, dst;
};

void
virtio_vsock_flush(struct virtio_vsock *vs, struct vsock_conn *c)
{
	struct vsock_backend *b = vs->backend;
	unsigned conn = virtio_vsock_number(vs, c);
	uint64_t pos = c->ring.tail;
	size_t len;
	ssize_t n;

	for (;;) {
		const uint8_t *p = ring_peek(&c->ring, &pos, &len);

		if (len == 0)
			break;
		if ((n = b->ops->send(b, conn, p, len)) < 0) {
			virtio_vsock_end(vs, c, true);
			return;
		}
		pos += (size_t)n;
		c->ring.tail = pos;
		c->fwd += (uint32_t)n;
		if ((size_t)n < len)
			break;
	}
	if (ring_used(&c->ring) == 0 && c->guest_ended) {
		/* Both ways are closed: there is nothing left to wait for (5.10.6.6). */
		if (c->guest_deaf) {
			virtio_vsock_end(vs, c, true);
			return;
		}
		if (!c->shut)
			b->ops->shut(b, conn);
		c->shut = true;
	}
	if (c->want_write != (ring_used(&c->ring) != 0)) {
		c->want_write = !c->want_write;
		b->ops->want(b, conn, c->want_read, c->want_write);
	}
	/* The guest is told of new room when half of it is new. */
	if (c->fwd - c->fwd_told >= VSOCK_BUFFER / 2)
		c->pending |= VSOCK_TELL_CREDIT;
}

/* A reset that belongs to no connection of ours. The caller has seen that there is room. */
static void
refuse(struct virtio_vsock *vs, const struct packet *p)
{
	if (p->op == VSOCK_OP_RST)
		return; /* never a reset for a reset */
	vs->resets[vs->nresets].host_port = p->host_port;
	vs->resets[vs->nresets++].guest_port = p->guest_port;
}

/* Data: into the ring, and on to the host. False: not within the credit. */
static bool
take_data(struct virtio_vsock *vs, struct vsock_conn *c, const struct packet *p)
{
	size_t skip = VSOCK_HDR_LEN;

	if (c->guest_ended || p->len > ring_free(&c->ring))
		return (false);
	for (unsigned i = 0; i < vs->tx.nread; i++) {
		const struct iovec *v = &vs->tx.iov[i];

		if (skip < v->iov_len)
			(void)ring_put(
			    &c->ring, (const uint8_t *)v->iov_base + skip, v->iov_len - skip);
		skip -= MIN(skip, v->iov_len);
	}
	virtio_vsock_flush(vs, c);
	return (true);
}

static void
request(struct virtio_vsock *vs, const struct packet *p)
{
	struct vsock_conn *c = virtio_vsock_request(vs, p->host_port, p->guest_port);

	if (c == NULL) {
		refuse(vs, p);
		return;
	}
	c->peer_alloc = p->buf_alloc;
	c->peer_fwd = p->fwd_cnt;
	vs->backend->ops->connect(vs->backend, virtio_vsock_number(vs, c), p->host_port);
}

/* A packet of a connection that is there. False: it has no place here. */
static bool
for_conn(struct virtio_vsock *vs, struct vsock_conn *c, const struct packet *p)
{
	struct vsock_backend *b = vs->backend;
	bool open = c->state == VSOCK_OPEN;

	c->peer_alloc = p->buf_alloc;
	c->peer_fwd = p->fwd_cnt;
	switch (p->op) {
	case VSOCK_OP_RST:
		virtio_vsock_end(vs, c, false);
		return (true);
	case VSOCK_OP_RESPONSE:
		if (c->state != VSOCK_ASKING || (c->pending & VSOCK_TELL_REQUEST) != 0)
			return (false);
		c->state = VSOCK_OPEN;
		c->readable = true;
		b->ops->accepted(b, virtio_vsock_number(vs, c), c->host_port);
		return (true);
	case VSOCK_OP_RW:
		return (open && take_data(vs, c, p));
	case VSOCK_OP_CREDIT:
		return (open);
	case VSOCK_OP_ASK:
		c->pending |= VSOCK_TELL_CREDIT;
		return (open);
	case VSOCK_OP_SHUTDOWN:
		if (!open)
			return (false);
		c->guest_ended |= (p->flags & VSOCK_SHUT_SEND) != 0;
		c->guest_deaf |= (p->flags & VSOCK_SHUT_RECV) != 0;
		virtio_vsock_flush(vs, c);
		return (true);
	}
	return (false);
}

static void
dispatch(struct virtio_vsock *vs, const struct packet *p)
{
	struct vsock_conn *c;

	if (p->src != vs->cid || p->dst != VSOCK_CID_HOST || p->type != VSOCK_TYPE_STREAM) {
		refuse(vs, p);
		return;
	}
	c = virtio_vsock_find(vs, p->host_port, p->guest_port);
	if (c != NULL && c->state == VSOCK_DYING) {
		/* It gets its reset in any case; its own makes that needless. */
		if (p->op == VSOCK_OP_RST)
			virtio_vsock_end(vs, c, false);
		return;
	}
	if (c != NULL) {
		if (!for_conn(vs, c, p))
			virtio_vsock_end(vs, c, true);
	} else if (p->op == VSOCK_OP_REQUEST) {
		request(vs, p);
	} else {
		refuse(vs, p);
	}
}

/* The chain in tx as a packet. False: the device stands still. */
static bool
read_packet(struct virtio_vsock *vs, struct packet *p)
{
	const struct vq_chain *c = &vs->tx;
	uint8_t h[VSOCK_HDR_LEN];

	if (c->nwrite != 0 || gmem_iov_to_buf(c->iov, c->nread, 0, h, sizeof(h)) != sizeof(h) ||
	    le32_get(h + VSOCK_H_DATA_LEN) != c->read_len - sizeof(h)) {
		virtio_needs_reset(
		    &vs->vd, "socket packet whose length is not that of its buffers");
		return (false);
	}
	*p = (struct packet){
		.src = le64_get(h + VSOCK_H_SRC_CID),
		.dst = le64_get(h + VSOCK_H_DST_CID),
		.guest_port = le32_get(h + VSOCK_H_SRC_PORT),
		.host_port = le32_get(h + VSOCK_H_DST_PORT),
		.len = le32_get(h + VSOCK_H_DATA_LEN),
		.type = le16_get(h + VSOCK_H_TYPE),
		.op = le16_get(h + VSOCK_H_OP),
		.flags = le32_get(h + VSOCK_H_FLAGS),
		.buf_alloc = le32_get(h + VSOCK_H_BUF_ALLOC),
		.fwd_cnt = le32_get(h + VSOCK_H_FWD_CNT),
	};
	return (true);
}

void
virtio_vsock_tx_run(struct virtio_vsock *vs)
{
	struct virtio_dev *vd = &vs->vd;
	struct virtq *q = &vd->queue[VIRTIO_VSOCK_TX];
	unsigned round = 0;
	struct packet p;

	if (!virtio_running(vd) || !q->enabled)
		return;
	do {
		virtq_kick_off(q);
		for (unsigned n = 0; n < q->size; n++) {
			vs->tx_waits = vs->nresets == VSOCK_RESETS;
			if (vs->tx_waits || !virtio_pop(vd, VIRTIO_VSOCK_TX, &vs->tx))
				break;
			if (!read_packet(vs, &p))
				return;
			dispatch(vs, &p);
			virtq_push(q, vs->tx.head, 0);
		}
		virtio_publish(vd, VIRTIO_VSOCK_TX);
	} while (!vs->tx_waits && virtio_another_round(vd, VIRTIO_VSOCK_TX, round++));
	virtio_vsock_rx_run(vs);
}
