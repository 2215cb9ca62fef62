/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * varlink's framing and server: see varlink.h. The client stands in varlink_client.c. Runs in
 * zoneadmd.
 */
#include "zone/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"

#define PEER_GROUPS_MAX 256

struct varlink_conn {
	struct varlink_server *server; /* NULL: this place is free */
	int fd;
	struct mevent *rd, *wr;
	struct varlink_reader in;
	char *out; /* not yet taken by the peer */
	size_t out_len, out_cap;
	bool root;
	bool broken; /* to be closed when the present callback is over */
};

struct varlink_server {
	struct mevent_loop *loop;
	const struct varlink_ops *ops;
	void *arg;
	int fd;
	gid_t readers;
	struct mevent *accept;
	struct varlink_conn conn[VARLINK_CONNS_MAX];
};

/* ---- framing ---- */

static int
reader_append(struct varlink_reader *r, const char *data, size_t len)
{
	size_t need;
	char *p;

	if (!add_ok(r->len, len, &need) || need >= VARLINK_MSG_MAX)
		return (-EMSGSIZE);
	if (need + 1 > r->cap) {
		size_t cap = MAX(r->cap * 2, (size_t)4096);
		while (cap < need + 1)
			cap *= 2;
		if ((p = realloc(r->buf, cap)) == NULL)
			return (-ENOMEM);
		r->buf = p;
		r->cap = cap;
	}
	memcpy(r->buf + r->len, data, len);
	r->len = need;
	r->buf[r->len] = '\0';
	return (0);
}

int
varlink_feed(struct varlink_reader *r, const void *data, size_t len,
    bool (*msg)(void *arg, const char *text, size_t len), void *arg)
{
	const char *p = data, *end = p + len, *zero;
	int rc;

	while (p < end) {
		zero = memchr(p, '\0', (size_t)(end - p));
		if ((rc = reader_append(r, p, (size_t)((zero != NULL ? zero : end) - p))) != 0)
			return (rc);
		if (zero == NULL)
			break;
		p = zero + 1;
		size_t n = r->len;
		r->len = 0;
		if (!msg(arg, r->buf != NULL ? r->buf : "", n))
			return (-ECANCELED);
	}
	return (0);
}

void
varlink_reader_free(struct varlink_reader *r)
{
	free(r->buf);
	*r = (struct varlink_reader){ 0 };
}

/* A flag of a call: absent or a boolean. */
static int
flag(json_t *msg, const char *name, bool *out)
{
	json_t *j = json_object_get(msg, name);

	*out = json_is_true(j);
	return (j == NULL || json_is_boolean(j) ? 0 : -EINVAL);
}

int
varlink_call_parse(const char *text, size_t len, struct varlink_call *out)
{
	json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *params = json_object_get(j, "parameters");
	bool upgrade;

	*out = (struct varlink_call){
		.message = j,
		.method = json_string_value(json_object_get(j, "method")),
		.parameters = params,
	};
	if (!json_is_object(j) || out->method == NULL ||
	    (params != NULL && !json_is_object(params)) || flag(j, "more", &out->more) != 0 ||
	    flag(j, "oneway", &out->oneway) != 0 || flag(j, "upgrade", &upgrade) != 0 || upgrade) {
		varlink_call_free(out);
		return (-EINVAL);
	}
	return (0);
}

void
varlink_call_free(struct varlink_call *c)
{
	json_decref(c->message);
	*c = (struct varlink_call){ 0 };
}

/* ---- connections ---- */

static void
conn_close(struct varlink_conn *c, bool tell)
{
	struct varlink_server *s = c->server;

	if (s == NULL)
		return;
	c->server = NULL; /* whatever is said to it from now on is dropped */
	if (tell)
		s->ops->closed(s->arg, c);
	mevent_delete(c->rd);
	mevent_delete(c->wr);
	fd_close(&c->fd);
	varlink_reader_free(&c->in);
	free(c->out);
	*c = (struct varlink_conn){ .fd = -1 };
}

/*
 * Give a connection up. It is closed from the loop, not from under whoever is using it: the
 * shutdown makes it readable.
 */
static void
conn_break(struct varlink_conn *c)
{
	c->broken = true;
	(void)shutdown(c->fd, SHUT_RDWR);
}

/* Send what is queued, as much as the peer takes. */
static void
conn_flush(struct varlink_conn *c)
{
	ssize_t n;

	while (c->out_len > 0) {
		n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			if (errno != EAGAIN)
				conn_break(c);
			break;
		}
		c->out_len -= (size_t)n;
		memmove(c->out, c->out + n, c->out_len);
	}
	(void)(c->out_len > 0 && !c->broken ? mevent_enable(c->wr) : mevent_disable(c->wr));
}

static void
conn_send(struct varlink_conn *c, json_t *msg)
{
	CLEANUP_FREE char *text = NULL;
	size_t len, need;
	char *p;

	text = msg != NULL ? json_dumps(msg, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(msg);
	if (c->server == NULL || c->broken)
		return;
	len = text != NULL ? strlen(text) + 1 : 0;
	need = c->out_len + len;
	if (len == 0 || need > VARLINK_QUEUE_MAX) { /* no memory, or it does not read */
		conn_break(c);
		return;
	}
	if (need > c->out_cap) {
		if ((p = realloc(c->out, need)) == NULL) {
			conn_break(c);
			return;
		}
		c->out = p;
		c->out_cap = need;
	}
	memcpy(c->out + c->out_len, text, len);
	c->out_len = need;
	conn_flush(c);
}

void
varlink_reply(struct varlink_conn *conn, json_t *parameters, bool continues)
{
	json_t *msg = json_object();

	if (parameters == NULL)
		parameters = json_object();
	(void)json_object_set_new(msg, "parameters", parameters);
	if (continues)
		(void)json_object_set_new(msg, "continues", json_true());
	conn_send(conn, msg);
}

void
varlink_error(struct varlink_conn *conn, const char *error, json_t *parameters)
{
	json_t *msg = json_object();

	(void)json_object_set_new(msg, "error", json_string(error));
	if (parameters == NULL)
		parameters = json_object();
	(void)json_object_set_new(msg, "parameters", parameters);
	conn_send(conn, msg);
}

static bool
on_message(void *arg, const char *text, size_t len)
{
	struct varlink_conn *c = arg;
	struct varlink_call call;

	if (varlink_call_parse(text, len, &call) != 0) {
		log_warn("a client sent what is not a varlink call: disconnected");
		c->broken = true;
		return (false);
	}
	c->server->ops->call(c->server->arg, c, &call);
	varlink_call_free(&call);
	return (!c->broken);
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct varlink_conn *c = arg;
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || varlink_feed(&c->in, buf, (size_t)n, on_message, c) != 0 || c->broken)
		conn_close(c, true);
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	conn_flush(arg);
}

static bool
peer_is_root(int fd, gid_t *gid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return (false);
	*gid = cred.gid;
	return (cred.uid == 0 || cred.uid == geteuid());
}

/* Its group, or one of its supplementary ones. */
static bool
peer_is_reader(int fd, gid_t gid, gid_t readers)
{
	gid_t groups[PEER_GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (readers == VARLINK_NO_GROUP)
		return (false);
	if (gid == readers)
		return (true);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0)
		return (false);
	for (size_t i = 0; i < len / sizeof(groups[0]); i++) {
		if (groups[i] == readers)
			return (true);
	}
	return (false);
}

bool
varlink_may_change(const struct varlink_conn *conn)
{
	return (conn->root);
}

/* A free place; readers leave half of them to root. */
static struct varlink_conn *
free_conn(struct varlink_server *s, bool root)
{
	struct varlink_conn *c = NULL;
	unsigned readers = 0;

	for (size_t i = 0; i < NITEMS(s->conn); i++) {
		if (s->conn[i].server == NULL)
			c = &s->conn[i];
		else
			readers += !s->conn[i].root;
	}
	return (root || readers < VARLINK_CONNS_MAX / 2 ? c : NULL);
}

static void
on_accept(int fd, enum mevent_type type, void *arg)
{
	struct varlink_server *s = arg;
	struct varlink_conn *c;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	gid_t gid = VARLINK_NO_GROUP;
	bool root;

	if (sock < 0)
		return;
	root = peer_is_root(sock, &gid);
	if ((!root && !peer_is_reader(sock, gid, s->readers)) || (c = free_conn(s, root)) == NULL) {
		(void)close(sock);
		return;
	}
	*c = (struct varlink_conn){ .server = s, .fd = sock, .root = root };
	c->rd = mevent_add(s->loop, sock, EVF_READ, on_readable, c);
	c->wr = mevent_add_disabled(s->loop, sock, EVF_WRITE, on_writable, c);
	if (c->rd == NULL || c->wr == NULL)
		conn_close(c, false);
}

/* ---- server ---- */

int
varlink_server_create(struct mevent_loop *loop, const char *path, gid_t readers,
    const struct varlink_ops *ops, void *arg, struct varlink_server **out, struct err *e)
{
	struct varlink_server *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return (err_set(e, ENOMEM, "cannot listen on '%s'", path));
	s->loop = loop;
	s->ops = ops;
	s->arg = arg;
	s->readers = readers;
	s->fd = unix_listen(path, 0600, e);
	if (s->fd < 0) {
		int rc = s->fd;
		free(s);
		return (rc);
	}
	/* Who gets in is decided by on_accept; this only lets them knock. */
	if (readers != VARLINK_NO_GROUP &&
	    (chown(path, (uid_t)-1, readers) != 0 || chmod(path, 0660) != 0))
		log_warn("'%s' cannot be opened to its group: %s", path, strerror(errno));
	if ((s->accept = mevent_add(loop, s->fd, EVF_READ, on_accept, s)) == NULL) {
		int rc = err_set(e, errno, "cannot listen on '%s'", path);
		varlink_server_destroy(s);
		return (rc);
	}
	*out = s;
	return (0);
}

void
varlink_server_destroy(struct varlink_server *s)
{
	if (s == NULL)
		return;
	mevent_delete(s->accept);
	fd_close(&s->fd);
	for (size_t i = 0; i < NITEMS(s->conn); i++)
		conn_close(&s->conn[i], false);
	free(s);
}

unsigned
varlink_server_conns(const struct varlink_server *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < NITEMS(s->conn); i++)
		n += s->conn[i].server != NULL;
	return (n);
}
