/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio network device: receiving and sending. Frames are received straight into the guest's
 * first buffer, with our own memory behind it for what does not fit; they are sent straight from
 * the guest's buffers, behind a header copied and checked. A guest cannot ask the link for an
 * offload that it has not negotiated. Runs in zhyve and zhyve-net.
 */
#include "devices/virtio/net.h"

#include <errno.h>

#include "base/checked.h"

#define BATCH     256u  /* frames per wake-up: other devices have their turn */
#define SHOWN     64u   /* received frames that the driver is shown at a time */
#define IOV_LIMIT 1024u /* of readv(2) and writev(2) */

/* struct virtio_net_hdr, 5.1.6 */
#define H_FLAGS       0
#define H_GSO_TYPE    1
#define H_CSUM_START  6
#define H_CSUM_OFFSET 8
#define H_NUM_BUFFERS 10
#define F_NEEDS_CSUM  1u
#define GSO_NONE      0u
#define GSO_TCPV4     1u
#define GSO_UDP       3u
#define GSO_TCPV6     4u
#define GSO_ECN       0x80u

enum rx_result {
	RX_FRAME,     /* one delivered or dropped */
	RX_NONE,      /* the link has none */
	RX_NO_BUFFERS /* the guest has none, or the device stands still */
};

static struct virtq *
rx_queue(struct virtio_net_pair *p)
{
	return (&p->net->vd.queue[p->index * 2]);
}

static void
reading(struct virtio_net_pair *p, bool on)
{
	if (p->reading == on)
		return;
	p->reading = on;
	p->backend->ops->want_read(p->backend, on);
}

/* Take a chain to receive into. */
static bool
take_buffer(struct virtio_net_pair *p, struct vq_chain *c)
{
	if (!virtio_pop(&p->net->vd, p->index * 2, c))
		return (false);
	if (c->nread == 0 && c->write_len >= NET_HDR_LEN)
		return (true);
	virtio_needs_reset(
	    &p->net->vd, "receive buffer that is readable or too small for a header");
	return (false);
}

/*
 * The driver sees the frames that are whole. Buffers of one that is not are never shown to it: one
 * that ends here can be begun anew by another (virtq_rewind, or a process in our place).
 */
static void
show(struct virtio_net_pair *p)
{
	if (p->nbuffers == 0)
		virtio_publish(&p->net->vd, p->index * 2);
}

/* The whole frame is in its buffers: count them in the header of the first. */
static void
finish_frame(struct virtio_net_pair *p)
{
	uint8_t n[2];

	le16_put(n, p->nbuffers);
	(void)gmem_buf_to_iov(n, sizeof(n), p->rx.iov, p->rx.nwrite, H_NUM_BUFFERS);
	p->nbuffers = 0;
}

/* Spread what is left in bounce over further chains. False when the guest has none for now. */
static bool
spread_rest(struct virtio_net_pair *p)
{
	size_t n;

	while (p->rest_len > 0) {
		if (!take_buffer(p, &p->more))
			return (false);
		n = gmem_buf_to_iov(
		    p->bounce + p->rest_off, p->rest_len, p->more.iov, p->more.nwrite, 0);
		p->rest_off += n;
		p->rest_len -= n;
		p->nbuffers++;
		virtq_push(rx_queue(p), p->more.head, (uint32_t)n);
	}
	finish_frame(p);
	return (true);
}

/*
 * The guest's buffers of the first chain, then bounce. The bytes that fit into the former in
 * *room.
 */
static unsigned
rx_iovec(struct virtio_net_pair *p, size_t *room)
{
	unsigned n;

	*room = 0;
	for (n = 0; n < p->rx.nwrite && n < IOV_LIMIT - 1; n++) {
		p->rx_iov[n] = p->rx.iov[n];
		*room += p->rx.iov[n].iov_len;
	}
	p->rx_iov[n].iov_base = p->bounce;
	p->rx_iov[n].iov_len = VIRTIO_NET_FRAME_MAX;
	return (n + 1);
}

static enum rx_result
rx_one(struct virtio_net_pair *p)
{
	struct net_backend *b = p->backend;
	size_t room, len;
	ssize_t n;

	if (p->nbuffers != 0)
		return (spread_rest(p) ? RX_FRAME : RX_NO_BUFFERS);
	if (!take_buffer(p, &p->rx))
		return (RX_NO_BUFFERS);
	n = b->ops->recv(b, p->rx_iov, rx_iovec(p, &room));
	len = n > 0 ? (size_t)n : 0;
	/* Without mergeable buffers a frame that does not fit is lost (5.1.6.4). */
	if (len < NET_HDR_LEN || (len > room && !virtio_has(&p->net->vd, VIRTIO_NET_F_MRG_RXBUF))) {
		virtq_unpop(rx_queue(p), &p->rx);
		return (n >= 0 || n == -EMSGSIZE ? RX_FRAME : RX_NONE);
	}
	if (len > room)
		show(p); /* what is done; this one may have to wait for buffers */
	p->nbuffers = 1;
	p->rest_off = 0;
	p->rest_len = len > room ? len - room : 0;
	virtq_push(rx_queue(p), p->rx.head, (uint32_t)(len - p->rest_len));
	return (spread_rest(p) ? RX_FRAME : RX_NO_BUFFERS);
}

void
virtio_net_rx_run(struct virtio_net_pair *p)
{
	enum rx_result r = RX_FRAME;

	if (!virtio_running(&p->net->vd) || p->lent || !rx_queue(p)->enabled ||
	    p->index >= p->net->active) {
		reading(p, false);
		return;
	}
	virtq_kick_off(rx_queue(p));
	for (unsigned n = 0; n < BATCH && r == RX_FRAME; n++) {
		r = rx_one(p);
		if (r == RX_NO_BUFFERS && virtio_running(&p->net->vd) &&
		    virtq_kick_on(rx_queue(p))) {
			virtq_kick_off(rx_queue(p));
			r = RX_FRAME;
		}
		if (n % SHOWN == SHOWN - 1)
			show(p);
	}
	show(p);
	/*
	 * While there are buffers the link wakes us, and kicks may stay off; without, a kick
	 * does.
	 */
	reading(p, r != RX_NO_BUFFERS);
}

/* May the guest ask for this segmentation? */
static bool
gso_allowed(const struct virtio_net_pair *p, uint8_t type)
{
	if ((type & GSO_ECN) != 0 && !virtio_has(&p->net->vd, VIRTIO_NET_F_HOST_ECN))
		return (false);
	switch (type & ~GSO_ECN) {
	case GSO_NONE:
		return (type == GSO_NONE);
	case GSO_TCPV4:
		return (virtio_has(&p->net->vd, VIRTIO_NET_F_HOST_TSO4));
	case GSO_TCPV6:
		return (virtio_has(&p->net->vd, VIRTIO_NET_F_HOST_TSO6));
	case GSO_UDP:
		return (virtio_has(&p->net->vd, VIRTIO_NET_F_HOST_UFO));
	}
	return (false);
}

/* Check the private copy of the header against what was negotiated and the frame's length. */
static bool
header_ok(struct virtio_net_pair *p, uint64_t frame_len)
{
	uint8_t *h = p->tx_hdr;
	uint32_t end = (uint32_t)le16_get(h + H_CSUM_START) + le16_get(h + H_CSUM_OFFSET) + 2;

	h[H_FLAGS] &= F_NEEDS_CSUM; /* other flags are the receiver's (5.1.6.2.1) */
	le16_put(h + H_NUM_BUFFERS, 0);
	if ((h[H_FLAGS] & F_NEEDS_CSUM) != 0 &&
	    (!virtio_has(&p->net->vd, VIRTIO_NET_F_CSUM) || end > frame_len))
		return (false);
	return (gso_allowed(p, h[H_GSO_TYPE]));
}

/*
 * Make tx_iov of the chain in tx: our header, then the guest's frame. False: the frame is to be
 * dropped.
 */
static bool
tx_prepare(struct virtio_net_pair *p)
{
	struct vq_chain *c = &p->tx;
	size_t skip = NET_HDR_LEN;
	unsigned n = 1;

	(void)gmem_iov_to_buf(c->iov, c->nread, 0, p->tx_hdr, NET_HDR_LEN);
	p->tx_iov[0] = (struct iovec){ p->tx_hdr, NET_HDR_LEN };
	for (unsigned i = 0; i < c->nread; i++) {
		if (skip >= c->iov[i].iov_len) {
			skip -= c->iov[i].iov_len;
			continue;
		}
		p->tx_iov[n].iov_base = (uint8_t *)c->iov[i].iov_base + skip;
		p->tx_iov[n++].iov_len = c->iov[i].iov_len - skip;
		skip = 0;
	}
	p->tx_niov = n;
	return (n > 1 && n <= IOV_LIMIT && c->read_len <= VIRTIO_NET_FRAME_MAX &&
	    header_ok(p, c->read_len - NET_HDR_LEN));
}

/* Hand the prepared frame to the link; false when it has to wait. */
static bool
tx_send(struct virtio_net_pair *p)
{
	struct net_backend *b = p->backend;

	if (b->ops->send(b, p->tx_iov, p->tx_niov) == -EAGAIN) {
		if (!p->tx_held)
			b->ops->want_write(b, true);
		p->tx_held = true;
		return (false);
	}
	return (true);
}

/* At most one ring's length of frames; false when the link is full. */
static bool
tx_round(struct virtio_net_pair *p)
{
	struct virtq *q = &p->net->vd.queue[p->index * 2 + 1];

	for (unsigned n = 0; n < q->size && virtio_pop(&p->net->vd, p->index * 2 + 1, &p->tx);
	     n++) {
		if (p->tx.read_len < NET_HDR_LEN) {
			virtio_needs_reset(&p->net->vd, "transmit buffer without a header");
			return (true);
		}
		if (tx_prepare(p) && !tx_send(p))
			return (false);
		virtq_push(q, p->tx.head, 0);
	}
	return (true);
}

void
virtio_net_tx_run(struct virtio_net_pair *p)
{
	struct virtq *q = &p->net->vd.queue[p->index * 2 + 1];
	unsigned round = 0;
	bool go_on;

	if (p->tx_held)
		return;
	do {
		virtq_kick_off(q);
		go_on = tx_round(p);
		virtio_publish(&p->net->vd, p->index * 2 + 1);
	} while (go_on && virtio_another_round(&p->net->vd, p->index * 2 + 1, round++));
}

void
virtio_net_tx_writable(struct virtio_net_pair *p)
{
	if (!p->tx_held || !virtio_running(&p->net->vd)) {
		p->backend->ops->want_write(p->backend, false);
		return;
	}
	if (!tx_send(p))
		return;
	p->tx_held = false;
	p->backend->ops->want_write(p->backend, false);
	virtq_push(&p->net->vd.queue[p->index * 2 + 1], p->tx.head, 0);
	virtio_publish(&p->net->vd, p->index * 2 + 1);
	virtio_net_tx_run(p);
}

void
virtio_net_rx_stop(struct virtio_net_pair *p)
{
	p->backend->ops->want_read(p->backend, false);
	p->reading = false;
	p->nbuffers = 0;
	p->rest_len = 0;
}

void
virtio_net_tx_stop(struct virtio_net_pair *p)
{
	p->backend->ops->want_write(p->backend, false);
	p->tx_held = false;
}

/* Are there chains to be given back? Not after a driver has broken a rule: nothing is served any more. */
static bool
may_give_back(struct virtio_net_pair *p, const struct virtq *q)
{
	return (virtio_running(&p->net->vd) && q->broken == NULL);
}

void
virtio_net_rx_give_up(struct virtio_net_pair *p)
{
	if (p->nbuffers != 0 && may_give_back(p, rx_queue(p)))
		virtq_rewind(rx_queue(p));
	virtio_net_rx_stop(p);
}

void
virtio_net_tx_give_up(struct virtio_net_pair *p)
{
	struct virtq *q = &p->net->vd.queue[p->index * 2 + 1];

	if (p->tx_held && may_give_back(p, q))
		virtq_unpop(q, &p->tx);
	virtio_net_tx_stop(p);
}
