/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device model behind vhost-user: see vhost_user_back.h; the messages are those of QEMU's
 * docs/interop/vhost-user. Refuses dirty logging, polled rings, postcopy, IOTLBs. Runs in device
 * processes.
 */
#include "backend/vhost_user_back.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backend/vhost_user_back_internal.h"
#include "base/checked.h"
#include "base/fd.h"

#define PROTOCOL           (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD)
#define MESSAGES_PER_ROUND 32

/* ---- what the model asks of its transport ---- */

static void
ring_bell(int fd)
{
	const uint64_t one = 1;

	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

void
vu_ring_look(struct vu_ring *r)
{
	if (r->started)
		ring_bell(r->call);
}

static void
queue_interrupt(struct virtio_dev *vd, unsigned queue)
{
	struct vhost_user_back *b = vd->transport_arg;

	ring_bell(b->ring[queue].call);
}

/* The driver broke a rule; how to say so is the only interrupt that is ours to send. */
static void
config_interrupt(struct virtio_dev *vd)
{
	struct vhost_user_back *b = vd->transport_arg;

	if ((vd->status & VIRTIO_STATUS_NEEDS_RESET) == 0)
		return;
	for (unsigned i = 0; i < vd->nqueues; i++)
		ring_bell(b->ring[i].err);
}

static void
was_reset(struct virtio_dev *vd)
{
	(void)vd;
}

static bool
again(struct virtio_dev *vd, unsigned queue)
{
	struct vhost_user_back *b = vd->transport_arg;

	if (b->ring[queue].kick < 0)
		return (false);
	ring_bell(b->ring[queue].kick);
	return (true);
}

static int
lend(struct virtio_dev *vd, unsigned queue, bool on, int *kick_fd, int *call_fd)
{
	(void)vd;
	(void)queue;
	(void)on;
	(void)kick_fd;
	(void)call_fd;
	return (-ENOTSUP);
}

static const struct virtio_transport_ops transport_ops = {
	.queue_interrupt = queue_interrupt,
	.config_interrupt = config_interrupt,
	.was_reset = was_reset,
	.again = again,
	.lend = lend,
};

/* ---- messages ---- */

static int
answer(struct vhost_user_back *b, struct vu_msg *m, uint32_t size)
{
	m->h.flags = VU_VERSION | VU_REPLY;
	m->h.size = size;
	return (vu_send(b->sock, m));
}

static uint64_t
protocol_offered(const struct vhost_user_back *b)
{
	uint64_t p = PROTOCOL;

	if (!b->ops.remembers)
		p &= ~VU_P_INFLIGHT_SHMFD;
	if (b->vd->config_len == 0)
		p &= ~(VU_P_CONFIG | VU_P_BACKEND_REQ);
	return (p);
}

static int
answer_u64(struct vhost_user_back *b, struct vu_msg *m, uint64_t v)
{
	m->p.u64 = v;
	return (answer(b, m, sizeof(m->p.u64)));
}

/* Features of the device. The model starts anew with them. */
static int
set_features(struct vhost_user_back *b, uint64_t features)
{
	struct virtio_dev *vd = b->vd;
	uint64_t f = features & ~VU_F_PROTOCOL_FEATURES;
	bool same = b->negotiated && f == vd->features, ok;

	for (unsigned i = 0; i < vd->nqueues; i++)
		if (b->ring[i].started)
			return (same ? 0 : -EBUSY);
	lock_take(b->lock);
	virtio_reset(vd);
	virtio_set_status(vd, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER);
	virtio_propose(vd, 0, (uint32_t)f);
	virtio_propose(vd, 1, (uint32_t)(f >> 32));
	virtio_set_status(vd, VIRTIO_STATUS_FEATURES_OK);
	ok = (vd->status & VIRTIO_STATUS_FEATURES_OK) != 0;
	lock_drop(b->lock);
	b->acked = (features & VU_F_PROTOCOL_FEATURES) != 0;
	b->negotiated = ok;
	return (ok ? 0 : -EINVAL);
}

static int
get_config(struct vhost_user_back *b, struct vu_msg *m)
{
	const struct virtio_dev *vd = b->vd;
	uint32_t off = m->p.config.offset, size = m->p.config.size;

	/* More than there is reads as zero: front ends ask for what their own version knows. */
	memset(m->p.config.bytes, 0, sizeof(m->p.config.bytes));
	if (off < vd->config_len)
		memcpy(m->p.config.bytes, vd->config + off, MIN(size, vd->config_len - off));
	return (answer(b, m, VU_LEN_CONFIG(size)));
}

static int
set_config(struct vhost_user_back *b, const struct vu_msg *m)
{
	struct virtio_dev *vd = b->vd;

	if (!range_ok(m->p.config.offset, m->p.config.size, vd->config_len))
		return (-EINVAL);
	lock_take(b->lock);
	if (vd->ops->config_write != NULL)
		vd->ops->config_write(vd, m->p.config.offset, m->p.config.bytes, m->p.config.size);
	lock_drop(b->lock);
	return (0);
}

static int
take_fd(struct vu_msg *m)
{
	return (m->nfds == 0 ? -1 : fd_steal(&m->fd[0]));
}

static int
set_addr(struct vhost_user_back *b, const struct vu_msg *m)
{
	struct vu_ring *r = &b->ring[m->p.addr.index];

	if (r->started || (m->p.addr.flags & 1) != 0)
		return (-EBUSY);
	r->desc = m->p.addr.desc;
	r->used = m->p.addr.used;
	r->avail = m->p.addr.avail;
	r->has_addr = true;
	return (0);
}

static int
set_number(struct vhost_user_back *b, const struct vu_msg *m)
{
	struct vu_ring *r = &b->ring[m->p.state.index];

	if (r->started || m->p.state.num > UINT16_MAX)
		return (-EBUSY);
	if (m->h.request == VU_SET_VRING_NUM)
		r->num = (uint16_t)m->p.state.num;
	else
		r->base = (uint16_t)m->p.state.num;
	return (0);
}

static int
get_base(struct vhost_user_back *b, struct vu_msg *m)
{
	struct vu_ring *r = &b->ring[m->p.state.index];

	vu_ring_stop(r);
	m->p.state.num = r->base;
	return (answer(b, m, VU_LEN_STATE));
}

static int
set_enable(struct vhost_user_back *b, const struct vu_msg *m)
{
	struct vu_ring *r = &b->ring[m->p.state.index];

	r->enabled = m->p.state.num != 0;
	return (vu_ring_update(r));
}

static void
reset_owner(struct vhost_user_back *b)
{
	for (unsigned i = 0; i < b->vd->nqueues; i++) {
		vu_ring_stop(&b->ring[i]);
		b->ring[i].enabled = false;
	}
}

/* The descriptor is ours and stays so: the answer has it lent. */
static int
get_inflight(struct vhost_user_back *b, struct vu_msg *m)
{
	int rc;

	if (!b->ops.remembers || vu_get_inflight(b, m) < 0)
		return (-EINVAL);
	m->fd[0] = b->own_fd;
	m->nfds = 1;
	rc = answer(b, m, VU_LEN_INFLIGHT);
	m->nfds = 0;
	return (rc);
}

/* Requests that have an answer of their own. */
static int
ask(struct vhost_user_back *b, struct vu_msg *m)
{
	switch (m->h.request) {
	case VU_GET_FEATURES:
		return (answer_u64(b, m, b->vd->offered | VU_F_PROTOCOL_FEATURES));
	case VU_GET_PROTOCOL_FEATURES:
		return (answer_u64(b, m, protocol_offered(b)));
	case VU_GET_QUEUE_NUM:
		return (answer_u64(b, m, b->vd->nqueues / (b->ops.in_pairs ? 2 : 1)));
	case VU_GET_VRING_BASE:
		return (get_base(b, m));
	case VU_GET_CONFIG:
		return (get_config(b, m));
	default:
		return (get_inflight(b, m));
	}
}

static int
tell(struct vhost_user_back *b, struct vu_msg *m)
{
	/* Of the messages with a descriptor; they have been checked. */
	struct vu_ring *r = &b->ring[MIN(m->p.u64 & 0xff, b->vd->nqueues - 1)];

	switch (m->h.request) {
	case VU_SET_FEATURES:
		return (set_features(b, m->p.u64));
	case VU_SET_PROTOCOL_FEATURES:
		b->protocol = m->p.u64;
		return ((m->p.u64 & ~protocol_offered(b)) != 0 ? -EINVAL : 0);
	case VU_SET_OWNER:
		return (0);
	case VU_RESET_OWNER:
		reset_owner(b);
		return (0);
	case VU_SET_MEM_TABLE:
		return (vu_set_memory(b, m));
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
		return (set_number(b, m));
	case VU_SET_VRING_ADDR:
		return (set_addr(b, m));
	case VU_SET_VRING_KICK:
		return (vu_ring_set_kick(r, take_fd(m)));
	case VU_SET_VRING_CALL:
		fd_close(&r->call);
		r->call = take_fd(m);
		vu_ring_look(r);
		return (0);
	case VU_SET_VRING_ERR:
		fd_close(&r->err);
		r->err = take_fd(m);
		return (0);
	case VU_SET_VRING_ENABLE:
		return (set_enable(b, m));
	case VU_SET_BACKEND_REQ_FD:
		fd_close(&b->channel);
		b->channel = take_fd(m);
		return (0);
	case VU_SET_CONFIG:
		return (set_config(b, m));
	case VU_SET_INFLIGHT_FD:
		return (b->ops.remembers ? vu_set_inflight(b, m) : -EINVAL);
	default:
		return (-ENOSYS);
	}
}

/* One whole message. 0, or -errno: end the connection. */
static int
on_message(struct vhost_user_back *b, struct vu_msg *m)
{
	bool ack = (m->h.flags & VU_NEED_REPLY) != 0 && (b->protocol & VU_P_REPLY_ACK) != 0;
	int rc = vu_request_check(m, b->vd->nqueues);

	if (rc == -EPROTO)
		return (rc);
	if (rc == 0 && vu_has_reply(m->h.request))
		return (ask(b, m));
	if (rc == 0)
		rc = tell(b, m);
	for (unsigned i = 0; i < m->nfds; i++)
		fd_close(&m->fd[i]);
	m->nfds = 0;
	/* Said where it can be heard, it is the front end's to judge; else there is no going on. */
	return (ack ? answer_u64(b, m, rc != 0) : rc);
}

static void
end(struct vhost_user_back *b, int rc, const char *what)
{
	if (b->dead)
		return;
	b->dead = true;
	for (unsigned i = 0; i < b->vd->nqueues; i++)
		vu_ring_stop(&b->ring[i]);
	(void)mevent_disable(b->ev);
	b->ops.gone(b->ops.ctx, rc, what);
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user_back *b = arg;
	const char *what = "";
	int rc = 0;

	(void)type;
	for (unsigned i = 0; i < MESSAGES_PER_ROUND && !b->dead; i++) {
		if ((rc = vu_receive(&b->in, fd, false)) <= 0)
			break;
		what = vu_request_name(b->in.m.h.request);
		rc = on_message(b, &b->in.m);
		vu_reader_next(&b->in);
		if (rc < 0)
			break;
	}
	if (rc < 0)
		end(b, rc == -EPIPE || rc == -ECONNRESET ? 0 : rc, what);
}

/* ---- the whole ---- */

static int
make_rings(struct vhost_user_back *b)
{
	struct virtio_dev *vd = b->vd;
	uint64_t size = 0;

	if ((b->ring = calloc(vd->nqueues, sizeof(*b->ring))) == NULL)
		return (-ENOMEM);
	for (unsigned i = 0; i < vd->nqueues; i++) {
		struct vu_ring *r = &b->ring[i];

		*r = (struct vu_ring){ .b = b, .index = i, .kick = -1, .call = -1, .err = -1 };
		if ((r->again = calloc(vd->queue[i].size_max, sizeof(*r->again))) == NULL)
			return (-ENOMEM);
		size += virtq_inflight_len(vd->queue[i].size_max);
	}
	b->own_size = ROUND_UP(size, (uint64_t)4096);
	b->own_fd = memfd_sealed("inflight", b->own_size);
	return (b->own_fd < 0 ? b->own_fd : 0);
}

int
vhost_user_back_create(struct vhost_user_back **out, struct virtio_dev *vd, struct gmem *gm,
    int sock, struct mevent_loop *loop, struct lock *lock, const struct vhost_user_back_ops *ops,
    struct err *e)
{
	struct vhost_user_back *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return (err_set(e, ENOMEM, "cannot serve the device"));
	*b = (struct vhost_user_back){ .vd = vd,
		.gm = gm,
		.loop = loop,
		.lock = lock,
		.ops = *ops,
		.sock = sock,
		.channel = -1,
		.own_fd = -1 };
	vd->transport = &transport_ops;
	vd->transport_arg = b;
	if ((rc = make_rings(b)) == 0 && (rc = fd_set_nonblock(sock)) == 0 &&
	    (b->ev = mevent_add(loop, sock, EVF_READ, on_readable, b)) == NULL)
		rc = -errno;
	if (rc < 0) {
		vhost_user_back_destroy(b);
		return (err_set(e, -rc, "cannot serve the device"));
	}
	*out = b;
	return (0);
}

void
vhost_user_back_destroy(struct vhost_user_back *b)
{
	if (b == NULL)
		return;
	b->dead = true;
	for (unsigned i = 0; b->ring != NULL && i < b->vd->nqueues; i++) {
		vu_ring_stop(&b->ring[i]);
		fd_close(&b->ring[i].err);
		free(b->ring[i].again);
	}
	mevent_delete(b->ev);
	vu_reader_next(&b->in);
	if (b->inflight != NULL)
		(void)munmap(b->inflight, b->inflight_size);
	fd_close(&b->own_fd);
	fd_close(&b->channel);
	fd_close(&b->sock);
	b->vd->transport = NULL;
	gmem_destroy(b->gm);
	free(b->ring);
	free(b);
}

void
vhost_user_back_config_changed(struct vhost_user_back *b)
{
	const struct vu_msg m = { .h = { VU_BACK_CONFIG_CHANGE, VU_VERSION, 0 } };

	if (!b->dead && b->channel >= 0 && (b->protocol & VU_P_BACKEND_REQ) != 0)
		(void)vu_send(b->channel, &m);
}
