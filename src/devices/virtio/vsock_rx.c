/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio socket device: packets to the guest: see vsock.h. Resets first, then one packet of each
 * connection in turn, as long as the guest has buffers and gives credit. A connection is read only
 * while both are so; so the host waits when the guest does. Runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/virtio/vsock.h"

#define BATCH 256u /* packets per wake-up: other devices have their turn */

static void
put_header(struct virtio_vsock *vs, uint16_t op, uint32_t host_port, uint32_t guest_port,
    uint32_t len, uint32_t flags, uint32_t fwd)
{
	uint8_t h[VSOCK_HDR_LEN] = { 0 };

	le64_put(h + VSOCK_H_SRC_CID, VSOCK_CID_HOST);
	le64_put(h + VSOCK_H_DST_CID, vs->cid);
	le32_put(h + VSOCK_H_SRC_PORT, host_port);
	le32_put(h + VSOCK_H_DST_PORT, guest_port);
	le32_put(h + VSOCK_H_DATA_LEN, len);
	le16_put(h + VSOCK_H_TYPE, VSOCK_TYPE_STREAM);
	le16_put(h + VSOCK_H_OP, op);
	le32_put(h + VSOCK_H_FLAGS, flags);
	le32_put(h + VSOCK_H_BUF_ALLOC, op == VSOCK_OP_RST ? 0 : VSOCK_BUFFER);
	le32_put(h + VSOCK_H_FWD_CNT, fwd);
	(void)gmem_buf_to_iov(h, sizeof(h), vs->rx.iov, vs->rx.nwrite, 0);
	virtq_push(&vs->vd.queue[VIRTIO_VSOCK_RX], vs->rx.head, (uint32_t)sizeof(h) + len);
}

static bool
take_buffer(struct virtio_vsock *vs)
{
	if (!virtio_pop(&vs->vd, VIRTIO_VSOCK_RX, &vs->rx))
		return (false);
	if (vs->rx.nread == 0 && vs->rx.write_len >= VSOCK_HDR_LEN)
		return (true);
	virtio_needs_reset(&vs->vd, "socket buffer that is readable or too small for a header");
	return (false);
}

/* How many bytes the guest still takes (5.10.6.3). One that says nonsense gets nothing. */
static uint32_t
credit(const struct vsock_conn *c)
{
	uint32_t on_the_way = c->sent - c->peer_fwd;

	return (on_the_way < c->peer_alloc ? c->peer_alloc - on_the_way : 0);
}

static bool
can_read(const struct vsock_conn *c)
{
	return (c->state == VSOCK_OPEN && !c->host_ended && !c->guest_deaf && credit(c) > 0);
}

/* What comes before any byte of data, or instead of it: one packet. */
static uint16_t
next_control(const struct vsock_conn *c, unsigned *bit, uint32_t *flags)
{
	static const struct {
		unsigned bit;
		uint16_t op;
		uint32_t flags;
	} order[] = {
		{ VSOCK_TELL_RESET, VSOCK_OP_RST, 0 },
		{ VSOCK_TELL_REQUEST, VSOCK_OP_REQUEST, 0 },
		{ VSOCK_TELL_RESPONSE, VSOCK_OP_RESPONSE, 0 },
		{ VSOCK_TELL_CREDIT, VSOCK_OP_CREDIT, 0 },
		{ VSOCK_TELL_END, VSOCK_OP_SHUTDOWN, VSOCK_SHUT_SEND },
	};

	for (size_t i = 0; i < NITEMS(order); i++) {
		if ((c->pending & order[i].bit) != 0) {
			*bit = order[i].bit;
			*flags = order[i].flags;
			return (order[i].op);
		}
	}
	return (0);
}

/* The room behind the header in the chain, at most `most` bytes. */
static unsigned
data_iov(struct virtio_vsock *vs, size_t most)
{
	size_t skip = VSOCK_HDR_LEN;
	unsigned n = 0;

	for (unsigned i = 0; i < vs->rx.nwrite && most > 0; i++) {
		const struct iovec *v = &vs->rx.iov[i];

		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		vs->rx_iov[n].iov_base = (uint8_t *)v->iov_base + skip;
		vs->rx_iov[n].iov_len = MIN(v->iov_len - skip, most);
		most -= vs->rx_iov[n++].iov_len;
		skip = 0;
	}
	return (n);
}

/* Read from the host into the chain. False: nothing came of it, the chain is still to be used. */
static bool
give_data(struct virtio_vsock *vs, struct vsock_conn *c)
{
	struct vsock_backend *b = vs->backend;
	unsigned n = data_iov(vs, credit(c));
	ssize_t got;

	if (n == 0) {
		/* Room for a header only: it is used up, for it would be in the way for ever. */
		c->fwd_told = c->fwd;
		put_header(vs, VSOCK_OP_CREDIT, c->host_port, c->guest_port, 0, 0, c->fwd);
		return (true);
	}
	got = b->ops->recv(b, virtio_vsock_number(vs, c), vs->rx_iov, n);
	if (got == -EAGAIN) {
		c->readable = false;
		return (false);
	}
	if (got < 0) {
		virtio_vsock_end(vs, c, true);
		return (false);
	}
	if (got == 0) {
		c->host_ended = true;
		c->pending |= VSOCK_TELL_END;
		return (false);
	}
	c->sent += (uint32_t)got;
	c->fwd_told = c->fwd;
	put_header(vs, VSOCK_OP_RW, c->host_port, c->guest_port, (uint32_t)got, 0, c->fwd);
	return (true);
}

/* Use the chain in rx for this connection; false when it has nothing for it. */
static bool
give(struct virtio_vsock *vs, struct vsock_conn *c)
{
	uint32_t flags;
	unsigned bit;
	uint16_t op = next_control(c, &bit, &flags);

	if (op == 0 && c->readable && can_read(c)) {
		if (give_data(vs, c))
			return (true);
		op = next_control(c, &bit, &flags); /* the host has ended, or is gone */
	}
	if (op == 0)
		return (false);
	c->pending &= ~bit;
	c->fwd_told = c->fwd;
	put_header(vs, op, c->host_port, c->guest_port, 0, flags, c->fwd);
	if (op == VSOCK_OP_RST)
		c->state = VSOCK_FREE;
	return (true);
}

static bool
has_work(const struct vsock_conn *c)
{
	return (c->state != VSOCK_FREE && (c->pending != 0 || (c->readable && can_read(c))));
}

/* The next connection that may have something for the guest, from `turn` on. */
static struct vsock_conn *
next_conn(struct virtio_vsock *vs)
{
	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &vs->conn[(vs->turn + i) % VSOCK_CONNS];

		if (has_work(c)) {
			vs->turn = (virtio_vsock_number(vs, c) + 1) % VSOCK_CONNS;
			return (c);
		}
	}
	return (NULL);
}

/* Be told of what the host sends where it could be passed on, and not where it could not. */
static void
set_wants(struct virtio_vsock *vs, bool buffers)
{
	struct vsock_backend *b = vs->backend;

	for (unsigned i = 0; i < VSOCK_CONNS; i++) {
		struct vsock_conn *c = &vs->conn[i];
		bool want = buffers && !c->readable && can_read(c);

		if (c->state != VSOCK_OPEN || want == c->want_read)
			continue;
		c->want_read = want;
		b->ops->want(b, i, want, c->want_write);
	}
}

/* One packet for the guest. False: there is none, or no buffer for it (*buffers). */
static bool
give_one(struct virtio_vsock *vs, bool *buffers)
{
	struct vsock_conn *c = NULL;

	if (vs->nresets == 0 && (c = next_conn(vs)) == NULL)
		return (false);
	if (!take_buffer(vs)) {
		*buffers = false;
		return (false);
	}
	if (vs->nresets > 0) {
		vs->nresets--;
		put_header(vs, VSOCK_OP_RST, vs->resets[vs->nresets].host_port,
		    vs->resets[vs->nresets].guest_port, 0, 0, 0);
		return (true);
	}
	if (!give(vs, c))
		virtq_unpop(&vs->vd.queue[VIRTIO_VSOCK_RX], &vs->rx);
	return (true);
}

void
virtio_vsock_rx_run(struct virtio_vsock *vs)
{
	struct virtio_dev *vd = &vs->vd;
	struct virtq *q = &vd->queue[VIRTIO_VSOCK_RX];
	bool buffers = true;
	unsigned n = 0;

	if (!virtio_running(vd) || !q->enabled)
		return;
	virtq_kick_off(q);
	for (; n < BATCH; n++) {
		if (give_one(vs, &buffers))
			continue;
		if (buffers || !virtio_running(vd) || !virtq_kick_on(q))
			break;
		virtq_kick_off(q);
		buffers = true;
	}
	if (!virtio_running(vd))
		return;
	virtio_publish(vd, VIRTIO_VSOCK_RX);
	if (n == BATCH && vd->transport != NULL)
		(void)vd->transport->again(vd, VIRTIO_VSOCK_RX);
	set_wants(vs, buffers);
	if (vs->tx_waits && vs->nresets < VSOCK_RESETS && vd->transport != NULL)
		(void)vd->transport->again(vd, VIRTIO_VSOCK_TX);
}
