/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-net (virtio 1.2, 5.1) in the simulator, one pair of queues or two. Oracles of its own: each
 * frame sent reaches the link once, in order, whole, behind a header with nothing in it that was not
 * negotiated; each frame of the link's reaches the guest whole, over as many buffers as its header
 * says; a link with frames is listened to where there are buffers for them.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/net.h"
#include "vdrv.h"

#define PAIRS     2
#define FRAME_MAX 700u
#define BACKLOG   8
#define OFFLOADS                                                                \
	(VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_HOST_TSO4 | \
	    VIRTIO_NET_F_GUEST_TSO4)

struct frame {
	uint8_t bytes[FRAME_MAX]; /* header first */
	uint32_t len;
};

struct link {
	struct net_backend be;
	struct sim *s;
	unsigned index;
	bool want_read, want_write, active, full;
	bool was_active;               /* when the device was saved */
	struct frame waiting[BACKLOG]; /* for the guest */
	unsigned nwaiting;
	struct frame given[BACKLOG]; /* taken by the device, not seen by the guest yet */
	unsigned ngiven;
	uint32_t seen; /* bytes of given[0] that the guest has got */
	unsigned buffers;
};

struct actor {
	struct vdrv v;
	struct virtio_net net;
	struct link link[PAIRS];
	struct prng chance;
	unsigned npairs;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

/* --- the link --- */

static void
check_header(struct sim *s, struct actor *a, const uint8_t *h, uint64_t len)
{
	unsigned end = le16_get(h + 6) + le16_get(h + 8) + 2u;

	if ((h[0] & ~1u) != 0 || le16_get(h + 10) != 0)
		sim_fail(s, "backend", "a header with flags %#x", h[0]);
	if ((h[0] & 1) != 0 && (!virtio_has(&a->net.vd, VIRTIO_NET_F_CSUM) || end > len))
		sim_fail(s, "backend", "a checksum at %u of %llu bytes is asked of the link", end,
		    (unsigned long long)len);
	if (h[1] != 0 && (h[1] != 1 || !virtio_has(&a->net.vd, VIRTIO_NET_F_HOST_TSO4)))
		sim_fail(s, "backend", "segmentation %u, which was not negotiated", h[1]);
}

static ssize_t
link_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct link *l = b->softc;
	struct sim *s = l->s;
	struct actor *a = actor_of(s);
	unsigned queue = l->index * 2 + 1;
	uint8_t got[FRAME_MAX * 2], want[FRAME_MAX * 2];
	struct vreq *req = NULL;
	size_t len = 0;

	if (!virtio_running(&a->net.vd))
		sim_fail(s, "reset", "a device that does not run sends a frame");
	if (l->full || prng_one_in(&a->chance, 6)) {
		l->full = true;
		return (-EAGAIN);
	}
	for (unsigned i = 0; i < niov; i++)
		len += iov[i].iov_len;
	if (s->wild)
		return ((ssize_t)len);
	for (unsigned i = 0; i < a->v.q[queue].size && req == NULL; i++)
		if (vdrv_taken_last(s, &a->v.q[queue].req[i]))
			req = &a->v.q[queue].req[i];
	if (req == NULL || req->started || len != req->rlen || len > sizeof(got))
		sim_fail(s, "backend", "a frame of %zu bytes that was not sent", len);
	(void)gmem_iov_to_buf(iov, niov, 0, got, len);
	check_header(s, a, got, len - NET_HDR_LEN);
	vdrv_get(s, req, false, 0, want, (uint32_t)len);
	if (memcmp(got + NET_HDR_LEN, want + NET_HDR_LEN, len - NET_HDR_LEN) != 0)
		sim_fail(s, "data", "another frame than the one sent");
	req->started = true;
	return (prng_one_in(&a->chance, 10) ? -EIO : (ssize_t)len);
}

static ssize_t
link_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	struct link *l = b->softc;
	struct sim *s = l->s;
	struct actor *a = actor_of(s);
	struct frame f;
	size_t room = 0;
	bool merge = virtio_has(&a->net.vd, VIRTIO_NET_F_MRG_RXBUF);

	if (!virtio_running(&a->net.vd))
		sim_fail(s, "reset", "a device that does not run receives");
	if (l->nwaiting == 0)
		return (-EAGAIN);
	/* The last piece is the device's own memory; all before it are the guest's. */
	for (unsigned i = 0; i + 1 < niov; i++) {
		struct vreq *req = vdrv_current(s, l->index * 2);

		room += iov[i].iov_len;
		if (!s->wild &&
		    (req == NULL || !sim_owned(s, iov[i].iov_base, iov[i].iov_len, true, req->tag)))
			sim_fail(s, "backend", "the link is to write where there is no buffer");
	}
	f = l->waiting[0];
	memmove(&l->waiting[0], &l->waiting[1], --l->nwaiting * sizeof(f));
	(void)gmem_buf_to_iov(f.bytes, f.len, iov, niov, 0);
	if (prng_one_in(&a->chance, 12))
		return (prng_one_in(&a->chance, 2) ? -EMSGSIZE : -EIO);
	if (f.len > room && !merge)
		return ((ssize_t)f.len); /* lost */
	if (l->ngiven == BACKLOG)
		sim_fail(s, "data", "more frames taken than the guest can have got");
	l->given[l->ngiven++] = f;
	return ((ssize_t)f.len);
}

static void
link_want_read(struct net_backend *b, bool on)
{
	((struct link *)b->softc)->want_read = on;
}

static void
link_want_write(struct net_backend *b, bool on)
{
	((struct link *)b->softc)->want_write = on;
}

static int
link_offload(struct net_backend *b, uint64_t features)
{
	return (0);
}

static int
link_active(struct net_backend *b, bool on)
{
	((struct link *)b->softc)->active = on;
	return (0);
}

static bool
link_step(struct sim *s, struct link *l)
{
	if (l->want_write && l->full) {
		l->full = false;
		sim_enter(s);
		l->be.writable(l->be.dev);
		sim_leave(s);
		return (true);
	}
	/* A frame that stands with the device waits for buffers, and the link with it. */
	if (l->nwaiting == 0 || !l->want_read || l->ngiven + l->nwaiting > BACKLOG)
		return (false);
	sim_enter(s);
	l->be.readable(l->be.dev);
	sim_leave(s);
	return (true);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned first = prng_below(r, a->npairs);

	for (unsigned i = 0; i < a->npairs; i++)
		if (link_step(s, &a->link[(first + i) % a->npairs]))
			return (true);
	return (false);
}

/* --- the driver --- */

static bool
is_control(struct actor *a, unsigned queue)
{
	return (queue == (virtio_has(&a->net.vd, VIRTIO_NET_F_MQ) ? a->npairs * 2 : 2));
}

/* One more buffer of the frame that is on its way. */
static void
used_rx(struct sim *s, struct link *l, struct vreq *req, uint32_t len)
{
	const struct frame *f = &l->given[0];
	uint8_t got[FRAME_MAX];
	unsigned skip = 0;

	if (l->ngiven == 0 || len > f->len - l->seen)
		sim_fail(s, "data", "%u bytes of a frame that did not come", len);
	vdrv_get(s, req, true, 0, got, len);
	if (l->seen == 0) { /* num_buffers is the device's */
		skip = NET_HDR_LEN;
		l->buffers = le16_get(got + 10);
		if (len < NET_HDR_LEN || memcmp(got, f->bytes, 10) != 0)
			sim_fail(s, "data", "another header than the frame's");
	}
	if (memcmp(got + skip, f->bytes + l->seen + skip, len - skip) != 0)
		sim_fail(s, "data", "another frame than the one that came");
	l->seen += len;
	if (l->buffers-- == 0 || (l->buffers == 0) != (l->seen == f->len))
		sim_fail(s, "data", "%u bytes of %u, and %u buffers are to come", l->seen, f->len,
		    l->buffers);
	if (l->seen == f->len) {
		l->seen = 0;
		memmove(&l->given[0], &l->given[1], --l->ngiven * sizeof(*f));
	}
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	struct actor *a = actor_of(s);
	uint8_t ack;

	if (is_control(a, req->queue)) {
		vdrv_get(s, req, true, 0, &ack, 1);
		if (len != 1 || ack > 1)
			sim_fail(s, "status", "%u bytes, answer %u", len, ack);
		return;
	}
	if (req->queue % 2 == 0) {
		used_rx(s, &a->link[req->queue / 2], req, len);
		return;
	}
	if (len != 0)
		sim_fail(s, "used", "%u bytes written to a frame", len);
	if (!req->started && !req->failed)
		sim_fail(s, "data", "a frame was not sent");
}

/* Does the header ask for something that drops the frame? */
static bool
dropped(struct actor *a, const uint8_t *h, uint32_t len)
{
	unsigned end = le16_get(h + 6) + le16_get(h + 8) + 2u;

	if (len == 0)
		return (true);
	if ((h[0] & 1) != 0 && (!virtio_has(&a->net.vd, VIRTIO_NET_F_CSUM) || end > len))
		return (true);
	return (h[1] != 0 && (h[1] != 1 || !virtio_has(&a->net.vd, VIRTIO_NET_F_HOST_TSO4)));
}

static void
op_send(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned queue = prng_below(r, a->npairs) * 2 + 1, n;
	uint32_t len = prng_range(r, 0, FRAME_MAX - NET_HDR_LEN);
	uint8_t f[FRAME_MAX];
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r) || is_control(a, queue))
		return;
	prng_fill(r, f, sizeof(f));
	if (!prng_one_in(r, 4))
		memset(f, 0, NET_HDR_LEN);
	else {
		f[0] &= 3;
		f[1] = prng_one_in(r, 3) ? f[1] : f[1] & 1;
		le16_put(f + 6, (uint16_t)prng_below(r, prng_one_in(r, 4) ? 65536 : FRAME_MAX));
		le16_put(f + 8, (uint16_t)prng_below(r, prng_one_in(r, 4) ? 65536 : 64));
	}
	if (prng_one_in(r, 40)) {
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, NET_HDR_LEN - 1), false, 2);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a transmit buffer without a header");
		return;
	}
	n = vdrv_buffer(s, r, seg, len + NET_HDR_LEN, false, 5);
	vdrv_put(s, seg, n, false, f, len + NET_HDR_LEN);
	if ((req = vdrv_submit(s, r, queue, seg, n)) == NULL)
		return;
	req->failed = dropped(a, f, len);
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

static void
op_receive(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned queue = prng_below(r, a->npairs) * 2, n;
	bool small = prng_one_in(r, 3);
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r) || is_control(a, queue))
		return;
	if (prng_one_in(r, 40)) {
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, NET_HDR_LEN - 1), true, 2);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a receive buffer too small for a header");
		return;
	}
	for (unsigned i = prng_range(r, 1, 3); i > 0; i--) {
		n = vdrv_buffer(
		    s, r, seg, prng_range(r, NET_HDR_LEN, small ? 100 : FRAME_MAX + 100), true, 3);
		(void)vdrv_submit(s, r, queue, seg, n);
	}
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

static void
op_frame(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	struct link *l = &a->link[prng_below(r, a->npairs)];

	for (unsigned i = prng_range(r, 1, 3); i > 0; i--) {
		struct frame *f = &l->waiting[l->nwaiting];

		if (l->nwaiting + l->ngiven >= BACKLOG)
			break;
		f->len = prng_range(r, NET_HDR_LEN + 1, FRAME_MAX);
		prng_fill(r, f->bytes, f->len);
		l->nwaiting++;
	}
	sim_say(s, "link %u has %u frames", l->index, l->nwaiting);
	if (l->want_read && prng_one_in(r, 2))
		(void)link_step(s, l);
}

static void
op_control(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint8_t cmd[8] = { (uint8_t)prng_below(r, 6), (uint8_t)prng_below(r, 3) };
	struct vseg seg[VSEG_MAX];
	unsigned queue = 2, n;
	struct vreq *req;

	if (!vdrv_want(s, r))
		return;
	while (!is_control(a, queue))
		queue++;
	le16_put(cmd + 2, (uint16_t)prng_below(r, 4));
	if (prng_one_in(r, 2)) {
		cmd[0] = 4;
		cmd[1] = 0;
	}
	if (prng_one_in(r, 20)) {
		n = vdrv_buffer(s, r, seg, prng_one_in(r, 2) ? 1 : 4, false, 2);
		if (n > 0 && seg[0].len + (n > 1 ? seg[1].len : 0) == 1)
			n += vdrv_buffer(s, r, seg + n, 1, true, 1);
		if ((req = vdrv_submit(s, r, queue, seg, n)) != NULL)
			vdrv_condemn(s, r, req, "a control command without command or answer");
		return;
	}
	n = vdrv_buffer(s, r, seg, prng_range(r, 2, sizeof(cmd)), false, 3);
	vdrv_put(s, seg, n, false, cmd, sizeof(cmd));
	n += vdrv_buffer(s, r, seg + n, prng_range(r, 1, 4), true, 2);
	if (seg[n - 1].write && vdrv_submit(s, r, queue, seg, n) != NULL)
		vdrv_kick(s, r, queue, false);
}

static bool
drains(struct sim *s, unsigned queue)
{
	struct actor *a = actor_of(s);
	struct link *l;

	if (is_control(a, queue))
		return (true);
	if (queue >= a->npairs * 2)
		return (false);
	l = &a->link[queue / 2];
	if (queue % 2 == 1)
		return (true);
	/* A frame may wait for more buffers; then all that were there have been taken. */
	return (l->nwaiting > 0 && queue / 2 < a->net.active &&
	    a->net.vd.queue[queue].last_avail != a->v.q[queue].avail_idx);
}

static void
was_reset(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < a->npairs; i++) {
		struct link *l = &a->link[i];

		l->ngiven = l->seen = l->buffers = 0;
		l->full = false;
		if (l->want_read || l->want_write)
			sim_fail(s, "reset", "the link is still listened to");
		if (l->active != (i == 0))
			sim_fail(s, "reset", "link %u is %sactive", i, l->active ? "" : "not ");
	}
}

static void
make(struct actor *a, struct sim *s)
{
	struct virtio_net_setup setup = { .npairs = a->npairs };
	int rc;

	for (unsigned i = 0; i < a->npairs; i++)
		setup.backend[i] = &a->link[i].be;
	rc = virtio_net_init_pairs(&a->net, &s->gm, &setup);
	assert(rc == 0);
	(void)rc;
}

/* The links are new; what was sent to us waits there. A frame that is in some of its buffers is lost. */
static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	virtio_net_destroy(&a->net);
	memset(&a->net, SIM_JUNK, sizeof(a->net));
	for (unsigned i = 0; i < a->npairs; i++) {
		struct link *l = &a->link[i];

		if (l->ngiven > 1 || l->seen != 0)
			sim_fail(s, "data", "the guest was shown less than it could be");
		l->ngiven = 0;
		l->was_active = l->active;
		l->full = l->want_read = l->want_write = l->active = false;
	}
	make(a, s);
}

static void
loaded(struct sim *s)
{
	struct actor *a = actor_of(s);

	for (unsigned i = 0; i < a->npairs; i++)
		if (a->link[i].active != a->link[i].was_active)
			sim_fail(
			    s, "state", "link %u is %sactive", i, a->link[i].active ? "" : "not ");
}

static const struct vdrv_ops ops = { .used = used,
	.end_one = end_one,
	.drains = drains,
	.was_reset = was_reset,
	.remake = remake,
	.loaded = loaded,
	.never = VIRTIO_FEAT_RING_RESET };

static void
start(struct sim *s, struct prng *r)
{
	static const struct net_ops link_ops = { link_send, link_recv, link_want_read,
		link_want_write, link_offload, link_active };
	struct actor *a = actor_of(s);

	a->npairs = prng_range(r, 1, PAIRS);
	a->chance.state = prng_next(r);
	for (unsigned i = 0; i < a->npairs; i++) {
		struct link *l = &a->link[i];

		l->s = s;
		l->index = i;
		l->be = (struct net_backend){ .ops = &link_ops,
			.softc = l,
			.mac = { 2, 0, 0, 0, 0, 1 },
			.mtu = 1500,
			.offload_features = OFFLOADS,
			.vhost_tap_fd = -1 };
	}
	make(a, s);
	vdrv_start(s, &a->net.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_net_destroy(&actor_of(s)->net);
}

static const struct sim_op op_table[] = {
	{ "send", 25, op_send },
	{ "receive", 25, op_receive },
	{ "frame", 20, op_frame },
	{ "control", 5, op_control },
	VDRV_OPS(3),
};

const struct sim_actor actor_net = {
	.name = "virtio-net",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
