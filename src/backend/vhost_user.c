/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a front end: its connections, one after the other, and what is lent to them. See
 * vhost_user.h. What a vCPU's thread finds out (start, stop) is only noted there; connections are
 * closed, and others taken, on the event loop. Runs in zhyve.
 */
#include "backend/vhost_user.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/vhost_user_talk.h"
#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"

#define FIRST_WAIT_MS 30000
#define NS_PER_MS     1000000ull
#define CALM_MS       50u /* between two words about the configuration */

enum source {
	SOURCE_NONE,   /* the one connection */
	SOURCE_LISTEN, /* accepted */
	SOURCE_PASSED, /* received */
};

struct vhost_user {
	struct virtio_extern x; /* softc: this */
	struct vhost_user_want want;
	struct vhost_user_events ev;
	char name[64]; /* for messages; cut */
	const struct gmem *gm;
	struct mevent_loop *loop;
	struct lock *lock;
	enum source from;
	int source; /* -1: SOURCE_NONE */
	struct mevent *source_ev, *sock_ev, *channel_ev, *err_ev, *timer, *calm;
	struct vu_conn conn;
	int channel[2]; /* its own requests: [0] is ours */
	struct vu_reader channel_in;
	int err_fd;
	uint8_t config[VU_CONFIG_MAX];
	bool remembers; /* what is in flight outlives the process */
	/* What is lent, while it is. */
	bool lent;
	struct virtio_extern_queue q[VIRTIO_EXTERN_QUEUES_MAX];
	struct vu_session session;
	struct vu_inflight inflight;
	bool given_up; /* it will not come back */
};

/* ---- one connection ---- */

static void
say(const struct vhost_user *vu, const char *what, int rc)
{
	log_warn("device process '%s': %s: %s", vu->name, what,
	    rc == -EPROTO          ? "its answer does not fit the question"
		: rc == -ETIMEDOUT ? "no answer in time"
		: rc == -EREMOTEIO ? "it refused"
		: rc == -EPIPE     ? "it is gone"
				   : strerror(-rc));
}

static int
greet(struct vhost_user *vu, const char **what)
{
	const struct vu_hello h = {
		.queues = vu->want.queues,
		.config_len = vu->want.config_len,
		.channel = vu->want.config_len != 0 ? vu->channel[1] : -1,
	};
	int rc;

	if ((rc = vu_hello(&vu->conn, &h, what)) < 0)
		return (rc);
	*what = "GET_CONFIG";
	return (vu->want.config_len == 0
		? 0
		: vu_get_config(&vu->conn, vu->config, vu->want.config_len));
}

/* It failed on whatever thread: the event loop parts from it. */
static void
part_soon(struct vhost_user *vu)
{
	(void)mevent_timer_set(vu->timer, 1, 0);
}

static void
part(struct vhost_user *vu)
{
	bool waits = vu->from != SOURCE_NONE && !vu->want.stateful;

	mevent_delete(vu->sock_ev);
	vu->sock_ev = NULL;
	vu_reader_next(&vu->conn.in);
	fd_close(&vu->conn.sock);
	vu->conn.dead = true;
	vu->given_up = !waits;
	(void)mevent_timer_set(vu->timer, waits ? VHOST_USER_RETURN_MS * NS_PER_MS : 0, 0);
	if (vu->ev.gone != NULL)
		vu->ev.gone(vu->ev.ctx, waits);
}

/* Nothing is to be read but answers that somebody waits for: whatever else comes is its end. */
static bool
still_there(const struct vhost_user *vu)
{
	uint8_t byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (!vu->conn.dead && recvmsg(vu->conn.sock, &msg, MSG_PEEK | MSG_DONTWAIT) < 0 &&
	    (errno == EAGAIN || errno == EINTR));
}

static void
on_sock(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;

	(void)fd;
	(void)type;
	lock_take(vu->lock);
	if (vu->conn.sock >= 0 && !still_there(vu)) {
		log_warn("device process '%s' is gone", vu->name);
		part(vu);
	}
	lock_drop(vu->lock);
}

static void
on_timer(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;

	(void)fd;
	(void)type;
	lock_take(vu->lock);
	if (vu->conn.sock >= 0) {
		if (vu->conn.dead)
			part(vu);
	} else if (!vu->given_up) {
		vu->given_up = true;
		log_warn("device process '%s': no other came in its place", vu->name);
		if (vu->ev.gone != NULL)
			vu->ev.gone(vu->ev.ctx, false);
	}
	lock_drop(vu->lock);
}

/* ---- its own requests ---- */

static void
forget_channel(struct vhost_user *vu)
{
	uint8_t junk[256];
	size_t n = 0;

	vu_reader_next(&vu->channel_in);
	while (vu->channel[0] >= 0 && fd_recv_msg(vu->channel[0], junk, sizeof(junk), NULL, &n) > 0)
		n = 0;
}

static void
config_changed(struct vhost_user *vu)
{
	uint8_t now[VU_CONFIG_MAX];

	if (vu->conn.sock < 0 || vu->conn.dead)
		return;
	if (vu_get_config(&vu->conn, now, vu->want.config_len) < 0) {
		part_soon(vu);
		return;
	}
	if (memcmp(now, vu->config, vu->want.config_len) == 0)
		return;
	memcpy(vu->config, now, vu->want.config_len);
	if (vu->ev.config != NULL)
		vu->ev.config(vu->ev.ctx, vu->config);
}

static void
on_channel(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;
	struct vu_msg *m = &vu->channel_in.m;
	int rc;

	(void)type;
	lock_take(vu->lock);
	/* However much it has to say, we listen now and then only. */
	(void)mevent_disable(vu->channel_ev);
	(void)mevent_timer_set(vu->calm, CALM_MS * NS_PER_MS, 0);
	rc = vu_receive(&vu->channel_in, fd, false);
	if (rc > 0 && m->h.request == VU_BACK_CONFIG_CHANGE && m->h.size == 0) {
		if ((m->h.flags & VU_NEED_REPLY) != 0) {
			struct vu_msg ok = { .h = { m->h.request, VU_VERSION | VU_REPLY, 8 } };

			(void)vu_send(fd, &ok);
		}
		config_changed(vu);
	} else if (rc != 0 && vu->conn.sock >= 0) {
		vu->conn.dead = true;
		part_soon(vu);
	}
	if (rc != 0)
		vu_reader_next(&vu->channel_in);
	lock_drop(vu->lock);
}

static void
on_calm(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;

	(void)fd;
	(void)type;
	(void)mevent_enable(vu->channel_ev);
}

static void
on_err(int fd, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;
	uint64_t n;

	(void)type;
	lock_take(vu->lock);
	(void)!read(fd, &n, sizeof(n));
	(void)mevent_disable(vu->err_ev); /* until the next start: once is enough */
	if (vu->lent && vu->ev.broken != NULL)
		vu->ev.broken(vu->ev.ctx);
	lock_drop(vu->lock);
}

/* ---- rings ---- */

static int
start(struct virtio_extern *x, uint64_t features, const struct gmem *gm,
    const struct virtio_extern_queue *q, unsigned n)
{
	struct vhost_user *vu = x->softc;
	const char *what = "";
	int rc;

	assert(n <= VIRTIO_EXTERN_QUEUES_MAX);
	memcpy(vu->q, q, n * sizeof(*q));
	vu->session.features = features;
	vu->session.gm = gm;
	vu->session.q = vu->q;
	vu->session.nq = n;
	vu->session.again = false;
	fd_close(&vu->inflight.fd);
	(void)mevent_enable(vu->err_ev);
	if ((rc = vu_start(&vu->conn, &vu->session, &what)) < 0) {
		if (!vu->given_up && vu->conn.sock >= 0) {
			say(vu, what, rc);
			part_soon(vu);
		}
		/* Where another may come it is that one which takes them. */
		if (vu->given_up || vu->from == SOURCE_NONE || vu->want.stateful)
			return (rc);
	}
	vu->lent = true;
	return (0);
}

static void
stop(struct virtio_extern *x)
{
	struct vhost_user *vu = x->softc;
	const char *what = "";
	int rc;

	if (vu->lent && (rc = vu_stop(&vu->conn, &vu->session, &what)) < 0 && vu->conn.sock >= 0) {
		say(vu, what, rc);
		part_soon(vu);
	}
	vu->lent = false;
	vu->session.wrote_len = 0;
}

static const struct virtio_extern_ops vhost_user_ops = {
	.start = start,
	.stop = stop,
};

/* ---- another in its place ---- */

/* The next connection; -EAGAIN: there is none yet. */
static int
next_connection(struct vhost_user *vu)
{
	size_t n = 1;
	uint8_t byte;
	int fd, rc;

	if (vu->from == SOURCE_LISTEN) {
		fd = accept4(vu->source, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		return (fd < 0 ? -errno : fd);
	}
	rc = (int)fd_recv_msg(vu->source, &byte, 1, &fd, &n);
	if (rc <= 0)
		return (rc == 0 ? -EPIPE : rc);
	return (n == 1 ? fd : -EAGAIN);
}

/* It must be able to do what the driver was promised. */
static int
adopt(struct vhost_user *vu, const char **what)
{
	int rc;

	forget_channel(vu);
	if ((rc = greet(vu, what)) < 0)
		return (rc);
	*what = "GET_FEATURES";
	if ((vu->x.features & ~vu->conn.features) != 0)
		return (-ENOTSUP);
	if (!vu->lent)
		return (0);
	*what = "GET_INFLIGHT_FD";
	if (vu->remembers ? (vu->conn.protocol & VU_P_INFLIGHT_SHMFD) == 0 : !vu->want.in_order)
		return (-ENOTSUP);
	/* Without that memory the one before did not come so far as to serve a ring. */
	vu->session.again = vu->inflight.fd >= 0 || !vu->remembers;
	return (vu_start(&vu->conn, &vu->session, what));
}

static void
take_over(struct vhost_user *vu, int fd)
{
	const char *what = "";
	int rc;

	vu->conn = (struct vu_conn){ .sock = fd };
	if ((vu->sock_ev = mevent_add(vu->loop, fd, EVF_READ, on_sock, vu)) == NULL)
		rc = -ENOMEM;
	else
		rc = adopt(vu, &what);
	if (rc < 0) {
		say(vu, what, rc);
		part(vu);
		return;
	}
	(void)mevent_timer_set(vu->timer, 0, 0);
	log_info("device process '%s': another has taken its place", vu->name);
	if (vu->ev.back != NULL)
		vu->ev.back(vu->ev.ctx);
	if (vu->want.config_len != 0 && vu->ev.config != NULL)
		vu->ev.config(vu->ev.ctx, vu->config);
}

static void
on_source(int source, enum mevent_type type, void *arg)
{
	struct vhost_user *vu = arg;
	int fd;

	(void)source;
	(void)type;
	lock_take(vu->lock);
	if ((fd = next_connection(vu)) >= 0) {
		if (vu->conn.sock >= 0 && !still_there(vu))
			part(vu);
		if (vu->conn.sock >= 0 || vu->given_up)
			(void)close(fd); /* one at a time; and not after the device has failed */
		else
			take_over(vu, fd);
	} else if (fd != -EAGAIN && fd != -EINTR)
		(void)mevent_disable(vu->source_ev);
	lock_drop(vu->lock);
}

/* ---- the beginning and the end ---- */

static int
socket_option(int fd, int what)
{
	int v = 0;
	socklen_t len = sizeof(v);

	return (getsockopt(fd, SOL_SOCKET, what, &v, &len) < 0 ? -errno : v);
}

static int
first_wait(struct vhost_user *vu, struct err *e)
{
	struct pollfd p = { .fd = vu->source, .events = POLLIN };
	int fd;

	if (poll(&p, 1, FIRST_WAIT_MS) == 0)
		return (err_say(e, ETIMEDOUT,
		    "no device process came to '%s' within %d s: start one, as in zhyve-blk -c %s "
		    "DISK",
		    vu->name, FIRST_WAIT_MS / 1000, vu->name));
	if ((fd = next_connection(vu)) < 0)
		return (err_set(e, -fd, "device process '%s'", vu->name));
	vu->conn.sock = fd;
	return (0);
}

static int
open_socket(struct vhost_user *vu, struct err *e)
{
	const char *where = vu->want.where;
	int fd, type, rc;

	if (parse_fd(where, &fd) != 0)
		fd = vu->want.server ? unix_listen(where, 0600, e)
				     : unix_connect(where, SOCK_STREAM, e);
	if (fd < 0)
		return (fd);
	if ((type = socket_option(fd, SO_TYPE)) < 0 || (rc = fd_set_nonblock(fd)) < 0)
		return (err_set(e, type < 0 ? -type : -rc, "device process '%s'", where));
	if (type == SOCK_SEQPACKET)
		vu->from = SOURCE_PASSED;
	else if (socket_option(fd, SO_ACCEPTCONN) == 1)
		vu->from = SOURCE_LISTEN;
	if (vu->from == SOURCE_NONE) {
		vu->conn.sock = fd;
		return (0);
	}
	vu->source = fd;
	return (first_wait(vu, e));
}

static int
make_events(struct vhost_user *vu, struct err *e)
{
	struct mevent_loop *loop = vu->loop;

	if ((vu->err_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return (err_set(e, errno, "device process '%s'", vu->name));
	vu->session.err_fd = vu->err_fd;
	vu->timer = mevent_add_timer(loop, 0, 0, on_timer, vu);
	vu->calm = mevent_add_timer(loop, 0, 0, on_calm, vu);
	vu->err_ev = mevent_add_disabled(loop, vu->err_fd, EVF_READ, on_err, vu);
	vu->sock_ev = mevent_add(loop, vu->conn.sock, EVF_READ, on_sock, vu);
	if (vu->timer == NULL || vu->calm == NULL || vu->err_ev == NULL || vu->sock_ev == NULL)
		return (err_set(e, ENOMEM, "device process '%s'", vu->name));
	if (vu->source >= 0 &&
	    (vu->source_ev = mevent_add(loop, vu->source, EVF_READ, on_source, vu)) == NULL)
		return (err_set(e, ENOMEM, "device process '%s'", vu->name));
	if (vu->want.config_len != 0 &&
	    (vu->channel_ev = mevent_add(loop, vu->channel[0], EVF_READ, on_channel, vu)) == NULL)
		return (err_set(e, ENOMEM, "device process '%s'", vu->name));
	return (0);
}

int
vhost_user_open(struct vhost_user **out, const struct vhost_user_want *want, const struct gmem *gm,
    struct mevent_loop *loop, struct lock *lock, struct err *e)
{
	struct vhost_user *vu = calloc(1, sizeof(*vu));
	const char *what = "";
	int rc;

	if (vu == NULL)
		return (err_set(e, ENOMEM, "device process '%s'", want->where));
	assert(want->config_len <= VU_CONFIG_MAX);
	*vu = (struct vhost_user){ .want = *want,
		.gm = gm,
		.loop = loop,
		.lock = lock,
		.source = -1,
		.conn.sock = -1,
		.channel = { -1, -1 },
		.err_fd = -1,
		.inflight.fd = -1 };
	vu->session.inflight = &vu->inflight;
	(void)snprintf(vu->name, sizeof(vu->name), "%s", want->where);
	if ((rc = open_socket(vu, e)) < 0)
		goto fail;
	if (want->config_len != 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, vu->channel) < 0) {
		rc = err_set(e, errno, "device process '%s'", vu->name);
		goto fail;
	}
	if ((rc = greet(vu, &what)) < 0) {
		rc = err_set(e, -rc, "device process '%s': %s%s", vu->name, what,
		    rc == -E2BIG ? " (it serves fewer queues)" : "");
		goto fail;
	}
	if ((rc = make_events(vu, e)) < 0)
		goto fail;
	vu->remembers = (vu->conn.protocol & VU_P_INFLIGHT_SHMFD) != 0;
	vu->x = (struct virtio_extern){
		.ops = &vhost_user_ops, .softc = vu, .features = vu->conn.features, .some = true
	};
	*out = vu;
	return (0);
fail:
	vhost_user_close(vu);
	return (rc);
}

void
vhost_user_listen(struct vhost_user *vu, const struct vhost_user_events *ev)
{
	vu->ev = *ev;
}

void
vhost_user_device(struct vhost_user *vu, uint64_t features, unsigned queues, uint16_t queue_size)
{
	vu->x.features &= features;
	vu->session.nqueues = queues;
	vu->session.queue_size = queue_size;
}

struct virtio_extern *
vhost_user_extern(struct vhost_user *vu)
{
	return (&vu->x);
}

const uint8_t *
vhost_user_config(const struct vhost_user *vu)
{
	return (vu->config);
}

void
vhost_user_set_config(struct vhost_user *vu, uint32_t off, const void *buf, uint32_t len)
{
	if (!range_ok(off, len, vu->want.config_len))
		return;
	memcpy(vu->config + off, buf, len);
	vu->session.wrote = vu->config + off;
	vu->session.wrote_off = off;
	vu->session.wrote_len = len;
	/* Before that it has no features to judge it by, and is told with them. */
	if (vu->lent && vu->conn.sock >= 0 && !vu->conn.dead &&
	    vu_set_config(&vu->conn, off, vu->config + off, len) < 0)
		part_soon(vu);
}

void
vhost_user_close(struct vhost_user *vu)
{
	if (vu == NULL)
		return;
	mevent_delete(vu->source_ev);
	mevent_delete(vu->sock_ev);
	mevent_delete(vu->channel_ev);
	mevent_delete(vu->err_ev);
	mevent_delete(vu->timer);
	mevent_delete(vu->calm);
	vu_reader_next(&vu->conn.in);
	vu_reader_next(&vu->channel_in);
	fd_close(&vu->conn.sock);
	fd_close(&vu->source);
	fd_close(&vu->channel[0]);
	fd_close(&vu->channel[1]);
	fd_close(&vu->err_fd);
	fd_close(&vu->inflight.fd);
	free(vu);
}
