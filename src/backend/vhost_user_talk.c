/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Questions and answers of a front end: see vhost_user_talk.h; QEMU's docs/interop/vhost-user.
 * Addresses of rings are given in numbers of our own (guest-physical, moved up), so that the
 * process learns nothing of our address space. Runs in zhyve, on any thread that holds the
 * device's lock; allocates nothing.
 */
#include "backend/vhost_user_talk.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "backend/vhost_user.h"
#include "base/checked.h"
#include "base/fd.h"

#define USER_BASE (1ull << 46) /* what we call guest-physical 0: never 0, never NULL to anybody */
#define PROTOCOL  (VU_P_MQ | VU_P_REPLY_ACK | VU_P_BACKEND_REQ | VU_P_CONFIG | VU_P_INFLIGHT_SHMFD)

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

/* The whole answer, or it is dead. */
static int
wait_reply(struct vu_conn *c, const struct vu_msg *asked)
{
	const uint64_t until = now_ms() + VHOST_USER_WAIT_MS;
	struct pollfd p = { .fd = c->sock, .events = POLLIN };
	uint64_t now;
	int rc;

	vu_reader_next(&c->in);
	while ((rc = vu_receive(&c->in, c->sock, true)) == 0) {
		if ((now = now_ms()) >= until)
			return (-ETIMEDOUT);
		if (poll(&p, 1, (int)(until - now)) < 0 && errno != EINTR)
			return (-errno);
	}
	return (rc < 0 ? rc : vu_reply_check(&c->in.m, asked));
}

static int
failed(struct vu_conn *c, int rc)
{
	c->dead = true;
	return (rc);
}

/* Ask; the answer is in c->in.m. */
static int
ask(struct vu_conn *c, struct vu_msg *m)
{
	int rc;

	if (c->dead || c->sock < 0)
		return (-EPIPE);
	m->h.flags = VU_VERSION;
	if ((rc = vu_send(c->sock, m)) < 0 || (rc = wait_reply(c, m)) < 0)
		return (failed(c, rc));
	return (0);
}

/* Tell, and have it confirmed where that can be had. */
static int
tell(struct vu_conn *c, struct vu_msg *m)
{
	bool ack = (c->protocol & VU_P_REPLY_ACK) != 0;
	int rc;

	if (c->dead || c->sock < 0)
		return (-EPIPE);
	m->h.flags = VU_VERSION | (ack ? VU_NEED_REPLY : 0);
	if ((rc = vu_send(c->sock, m)) < 0 || (ack && (rc = wait_reply(c, m)) < 0))
		return (failed(c, rc));
	return (ack && c->in.m.p.u64 != 0 ? failed(c, -EREMOTEIO) : 0);
}

static int
ask_u64(struct vu_conn *c, uint32_t request, uint64_t *out, const char **what)
{
	struct vu_msg m = { .h.request = request };
	int rc;

	*what = vu_request_name(request);
	if ((rc = ask(c, &m)) == 0)
		*out = c->in.m.p.u64;
	return (rc);
}

static int
tell_u64(struct vu_conn *c, uint32_t request, uint64_t v, const char **what)
{
	struct vu_msg m = { .h = { request, 0, sizeof(v) }, .p.u64 = v };

	*what = vu_request_name(request);
	return (tell(c, &m));
}

static int
tell_empty(struct vu_conn *c, uint32_t request, int fd, const char **what)
{
	struct vu_msg m = { .h.request = request };

	*what = vu_request_name(request);
	if (fd >= 0)
		m.fd[m.nfds++] = fd;
	return (tell(c, &m));
}

static int
agree_protocol(struct vu_conn *c, const struct vu_hello *h, const char **what)
{
	uint64_t offered, want = PROTOCOL;
	int rc;

	if ((rc = ask_u64(c, VU_GET_PROTOCOL_FEATURES, &offered, what)) < 0)
		return (rc);
	if (h->channel < 0 || (offered & VU_P_REPLY_ACK) == 0)
		want &= ~VU_P_BACKEND_REQ;
	if (h->config_len == 0)
		want &= ~VU_P_CONFIG;
	if ((rc = tell_u64(c, VU_SET_PROTOCOL_FEATURES, offered & want, what)) == 0)
		c->protocol = offered & want;
	return (rc);
}

int
vu_hello(struct vu_conn *c, const struct vu_hello *h, const char **what)
{
	uint64_t features, queues;
	int rc;

	c->protocol = 0;
	if ((rc = ask_u64(c, VU_GET_FEATURES, &features, what)) < 0)
		return (rc);
	c->features = features & ~VU_F_PROTOCOL_FEATURES;
	c->has_protocol = (features & VU_F_PROTOCOL_FEATURES) != 0;
	if ((features & VIRTIO_FEAT_VERSION_1) == 0)
		return (failed(c, -ENOTSUP));
	if (c->has_protocol && (rc = agree_protocol(c, h, what)) < 0)
		return (rc);
	if ((rc = tell_empty(c, VU_SET_OWNER, -1, what)) < 0)
		return (rc);
	c->queues = 0;
	if ((c->protocol & VU_P_MQ) != 0) {
		if ((rc = ask_u64(c, VU_GET_QUEUE_NUM, &queues, what)) < 0)
			return (rc);
		c->queues = (unsigned)MIN(queues, (uint64_t)VU_QUEUES_MAX);
	}
	*what = "GET_QUEUE_NUM";
	if (h->queues > MAX(c->queues, 1u))
		return (failed(c, -E2BIG));
	*what = "GET_CONFIG";
	if (h->config_len != 0 && (c->protocol & VU_P_CONFIG) == 0)
		return (failed(c, -ENOTSUP));
	if ((c->protocol & VU_P_BACKEND_REQ) != 0)
		return (tell_empty(c, VU_SET_BACKEND_REQ_FD, h->channel, what));
	return (0);
}

int
vu_get_config(struct vu_conn *c, uint8_t *buf, uint32_t len)
{
	struct vu_msg m = { .h = { VU_GET_CONFIG, 0, VU_LEN_CONFIG(len) },
		.p.config = { .size = len } };
	int rc = ask(c, &m);

	if (rc == 0)
		memcpy(buf, c->in.m.p.config.bytes, len);
	return (rc);
}

int
vu_set_config(struct vu_conn *c, uint32_t off, const uint8_t *buf, uint32_t len)
{
	struct vu_msg m = { .h = { VU_SET_CONFIG, 0, VU_LEN_CONFIG(len) },
		.p.config = { .offset = off, .size = len } };

	memcpy(m.p.config.bytes, buf, len);
	return (tell(c, &m));
}

/* ---- rings ---- */

static int
set_memory(struct vu_conn *c, const struct gmem *gm, const char **what)
{
	struct vu_msg m = { .h = { VU_SET_MEM_TABLE, 0, VU_LEN_MEMORY(gm->nranges) } };

	*what = "SET_MEM_TABLE";
	if (gm->nranges > VU_REGIONS_MAX)
		return (failed(c, -E2BIG));
	m.p.memory.n = gm->nranges;
	for (unsigned i = 0; i < gm->nranges; i++) {
		const struct gmem_range *r = &gm->range[i];

		m.p.memory.region[i] =
		    (struct vu_region){ r->gpa, r->len, USER_BASE + r->gpa, r->offset };
		m.fd[m.nfds++] = gm->fd;
	}
	return (tell(c, &m));
}

static int
get_inflight(struct vu_conn *c, const struct vu_session *s)
{
	struct vu_inflight *in = s->inflight;
	struct vu_msg m = { .h = { VU_GET_INFLIGHT_FD, 0, VU_LEN_INFLIGHT },
		.p.inflight = { .queues = (uint16_t)s->nqueues, .queue_size = s->queue_size } };
	int rc;

	if ((rc = ask(c, &m)) < 0)
		return (rc);
	fd_close(&in->fd);
	in->fd = fd_steal(&c->in.m.fd[0]);
	in->size = c->in.m.p.inflight.size;
	in->offset = c->in.m.p.inflight.offset;
	in->queues = (uint16_t)s->nqueues;
	in->queue_size = s->queue_size;
	return (0);
}

/* Where requests in flight are remembered: new memory for new rings, the old for old ones. */
static int
set_inflight(struct vu_conn *c, const struct vu_session *s, const char **what)
{
	const struct vu_inflight *in = s->inflight;
	struct vu_msg m = { .h = { VU_SET_INFLIGHT_FD, 0, VU_LEN_INFLIGHT }, .nfds = 1 };
	int rc;

	if ((c->protocol & VU_P_INFLIGHT_SHMFD) == 0)
		return (0);
	*what = "GET_INFLIGHT_FD";
	if (!s->again && (rc = get_inflight(c, s)) < 0)
		return (rc);
	*what = "SET_INFLIGHT_FD";
	if (in->fd < 0)
		return (failed(c, -EPROTO));
	m.p.inflight.size = in->size;
	m.p.inflight.offset = in->offset;
	m.p.inflight.queues = in->queues;
	m.p.inflight.queue_size = in->queue_size;
	m.fd[0] = in->fd;
	return (tell(c, &m));
}

static int
set_number(struct vu_conn *c, uint32_t request, unsigned index, uint32_t num, const char **what)
{
	struct vu_msg m = { .h = { request, 0, VU_LEN_STATE }, .p.state = { index, num } };

	*what = vu_request_name(request);
	return (tell(c, &m));
}

static int
set_fd(struct vu_conn *c, uint32_t request, unsigned index, int fd, const char **what)
{
	struct vu_msg m = { .h = { request, 0, sizeof(uint64_t) }, .p.u64 = index, .nfds = 1 };

	*what = vu_request_name(request);
	m.fd[0] = fd;
	return (tell(c, &m));
}

/* The ring's own word on how far it was served, where nobody is left to be asked. */
static uint32_t
base_of(const struct vu_session *s, const struct virtio_extern_queue *q)
{
	uint16_t used = 0;

	if (s->again)
		(void)gmem_load16(s->gm, q->used + 2, &used);
	return (used);
}

static int
set_queue(struct vu_conn *c, const struct vu_session *s, const struct virtio_extern_queue *q,
    const char **what)
{
	struct vu_msg addr = { .h = { VU_SET_VRING_ADDR, 0, VU_LEN_ADDR },
		.p.addr = {
		    .index = q->index,
		    .desc = USER_BASE + q->desc,
		    .used = USER_BASE + q->used,
		    .avail = USER_BASE + q->avail,
		} };
	int rc;

	if ((rc = set_number(c, VU_SET_VRING_NUM, q->index, q->size, what)) < 0 ||
	    (rc = set_number(c, VU_SET_VRING_BASE, q->index, base_of(s, q), what)) < 0)
		return (rc);
	*what = "SET_VRING_ADDR";
	if ((rc = tell(c, &addr)) < 0 ||
	    (rc = set_fd(c, VU_SET_VRING_CALL, q->index, q->call_fd, what)) < 0 ||
	    (rc = set_fd(c, VU_SET_VRING_ERR, q->index, s->err_fd, what)) < 0)
		return (rc);
	return (set_fd(c, VU_SET_VRING_KICK, q->index, q->kick_fd, what));
}

int
vu_start(struct vu_conn *c, const struct vu_session *s, const char **what)
{
	uint64_t features = s->features | (c->has_protocol ? VU_F_PROTOCOL_FEATURES : 0), now;
	int rc;

	if ((rc = tell_u64(c, VU_SET_FEATURES, features, what)) < 0)
		return (rc);
	*what = "SET_CONFIG";
	if ((s->wrote_len != 0 &&
		(rc = vu_set_config(c, s->wrote_off, s->wrote, s->wrote_len)) < 0) ||
	    (rc = set_memory(c, s->gm, what)) < 0 || (rc = set_inflight(c, s, what)) < 0)
		return (rc);
	for (unsigned i = 0; i < s->nq; i++)
		if ((rc = set_queue(c, s, &s->q[i], what)) < 0)
			return (rc);
	for (unsigned i = 0; i < s->nq && c->has_protocol; i++)
		if ((rc = set_number(c, VU_SET_VRING_ENABLE, s->q[i].index, 1, what)) < 0)
			return (rc);
	/* One that confirms nothing is at least seen to be there. */
	return (c->protocol & VU_P_REPLY_ACK ? 0 : ask_u64(c, VU_GET_FEATURES, &now, what));
}

int
vu_stop(struct vu_conn *c, const struct vu_session *s, const char **what)
{
	int rc;

	*what = "GET_VRING_BASE";
	for (unsigned i = 0; i < s->nq; i++) {
		struct vu_msg m = { .h = { VU_GET_VRING_BASE, 0, VU_LEN_STATE },
			.p.state = { s->q[i].index, 0 } };

		if ((rc = ask(c, &m)) < 0)
			return (rc);
	}
	return (0);
}
