/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * varlink (varlink.org): JSON objects, each ended by a zero byte, over a UNIX stream socket. A call
 * is {"method","parameters","more", "oneway"}; an answer is {"parameters","continues"} or
 * {"error","parameters"}. Here: the framing, a server in an event loop for zoneadmd, and a blocking
 * client for the tools. Everything received is bounded and checked; a peer that breaks the rules is
 * disconnected, one that does not read its answers as well.
 */
#ifndef ZHYVE_ZONE_VARLINK_H
#define ZHYVE_ZONE_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/mevent.h"

#define VARLINK_MSG_MAX   (64u * 1024u)
#define VARLINK_QUEUE_MAX (256u * 1024u)
#define VARLINK_CONNS_MAX 64

/* ---- framing: pure ---- */

/* Collects bytes until a message is whole. Zero-initialised is empty. */
struct varlink_reader {
	char *buf;
	size_t len, cap;
};
/*
 * Feed bytes; msg is called for each whole message (its text is valid during the call only) and
 * returns false to stop reading. 0; -EMSGSIZE when a message would be longer than VARLINK_MSG_MAX;
 * -ECANCELED when msg stopped it; -ENOMEM.
 */
int varlink_feed(struct varlink_reader *r, const void *data, size_t len,
    bool (*msg)(void *arg, const char *text, size_t len), void *arg);
void varlink_reader_free(struct varlink_reader *r);

struct varlink_call {
	json_t *message; /* owns the rest */
	const char *method;
	json_t *parameters; /* an object, or NULL */
	bool more;
	bool oneway;
};
/* 0 or -EINVAL. The caller frees with varlink_call_free. */
int varlink_call_parse(const char *text, size_t len, struct varlink_call *out);
void varlink_call_free(struct varlink_call *c);

/* ---- server ---- */

struct varlink_server;
struct varlink_conn;

struct varlink_ops {
	/* A call came in. It is answered now or later, while the connection lives. */
	void (*call)(void *arg, struct varlink_conn *conn, const struct varlink_call *call);
	/* The connection is gone: forget it. */
	void (*closed)(void *arg, struct varlink_conn *conn);
};
/*
 * Listen on `path`. Root is served, and the members of `readers` (VARLINK_NO_GROUP: nobody else),
 * who have half of the connections at most; what they may call is for ops->call to say
 * (varlink_may_change). `ops` is kept by reference.
 */
#define VARLINK_NO_GROUP ((gid_t)-1)
int varlink_server_create(struct mevent_loop *loop, const char *path, gid_t readers,
    const struct varlink_ops *ops, void *arg, struct varlink_server **out, struct err *e);
/* Is it root who calls (SO_PEERCRED), not a reader? */
bool varlink_may_change(const struct varlink_conn *conn);
/* Stop listening and close all connections (closed is not called). */
void varlink_server_destroy(struct varlink_server *s);
unsigned varlink_server_conns(const struct varlink_server *s);

/*
 * Answer; takes over the reference to `parameters` (NULL: none). With `continues` more answers to
 * the same call will follow.
 */
void varlink_reply(struct varlink_conn *conn, json_t *parameters, bool continues);
void varlink_error(struct varlink_conn *conn, const char *error, json_t *parameters);

/* ---- client ---- */

/* Send a call over a socket, all of it. 0 or -errno. */
int varlink_call_send(int fd, const char *method, json_t *parameters, bool more);

/*
 * Connect, call, wait for the one answer. 0 with *reply (a new reference; may be NULL to ignore);
 * -ENOTCONN when nobody listens; -ECONNRESET when the connection ended without an answer; for an
 * error answer -errno and text from its parameters "errno" and "text" (never one of the former
 * two).
 */
int varlink_call(
    const char *path, const char *method, json_t *parameters, json_t **reply, struct err *e);
/* The same on a connection, which stays. */
int varlink_call_on(int fd, const char *method, json_t *parameters, json_t **reply, struct err *e);
/*
 * The same with "more": cb for the parameters of each answer until it returns false (0) or the
 * connection ends (0).
 */
int varlink_call_more(const char *path, const char *method, json_t *parameters,
    bool (*cb)(void *arg, json_t *parameters), void *arg, struct err *e);

#endif
