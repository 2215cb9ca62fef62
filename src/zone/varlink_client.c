/* SPDX-License-Identifier: BSD-2-Clause */
/* varlink's blocking client: see varlink.h. Runs in the tools. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "zone/varlink.h"

struct answers {
	bool (*cb)(void *arg, json_t *parameters); /* NULL: one answer, kept in `reply` */
	void *arg;
	json_t *reply;
	bool done;
	int rc;
	struct err *e;
};

/* An error answer: its own text where it has one, the error's name else. */
static int
take_error(const char *name, json_t *params, struct err *e)
{
	const char *text = json_string_value(json_object_get(params, "text"));
	json_int_t code = json_integer_value(json_object_get(params, "errno"));

	/* These two are said of the connection only. */
	if (code <= 0 || code > 4095 || code == ENOTCONN || code == ECONNRESET)
		code = EIO;
	return (err_say(e, (int)code, "%s", text != NULL ? text : name));
}

static bool
on_answer(void *arg, const char *text, size_t len)
{
	struct answers *a = arg;
	json_t *j = json_loadb(text, len, 0, NULL);
	json_t *params = json_object_get(j, "parameters");
	const char *error = json_string_value(json_object_get(j, "error"));

	if (!json_is_object(j)) {
		a->rc = err_say(a->e, EPROTO, "the answer is not a varlink message");
		a->done = true;
	} else if (error != NULL) {
		a->rc = take_error(error, params, a->e);
		a->done = true;
	} else if (a->cb == NULL) {
		a->reply = json_incref(params);
		a->done = true;
	} else {
		a->done = !a->cb(a->arg, params) || !json_is_true(json_object_get(j, "continues"));
	}
	json_decref(j);
	return (!a->done);
}

int
varlink_call_send(int fd, const char *method, json_t *parameters, bool more)
{
	json_t *msg = json_pack("{s:s}", "method", method);
	CLEANUP_FREE char *text = NULL;
	size_t len, at = 0;
	ssize_t n;

	(void)json_object_set_new(
	    msg, "parameters", parameters != NULL ? json_incref(parameters) : json_object());
	if (more)
		(void)json_object_set_new(msg, "more", json_true());
	text = msg != NULL ? json_dumps(msg, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(msg);
	if (text == NULL)
		return (-ENOMEM);
	for (len = strlen(text) + 1; at < len; at += (size_t)n) {
		do
			n = send(fd, text + at, len - at, MSG_NOSIGNAL);
		while (n < 0 && errno == EINTR);
		if (n < 0)
			return (errno == EPIPE ? -ECONNRESET : -errno);
	}
	return (0);
}

static int
talk(int fd, const char *method, json_t *parameters, struct answers *a)
{
	struct varlink_reader r = { 0 };
	char buf[4096];
	ssize_t n;
	int rc;

	rc = varlink_call_send(fd, method, parameters, a->cb != NULL);
	while (rc == 0 && !a->done) {
		do
			n = recv(fd, buf, sizeof(buf), 0);
		while (n < 0 && errno == EINTR);
		if (n <= 0) {
			rc = n < 0 ? -errno : -ECONNRESET;
			break;
		}
		rc = varlink_feed(&r, buf, (size_t)n, on_answer, a);
		if (rc == -ECANCELED)
			rc = 0;
	}
	varlink_reader_free(&r);
	return (a->done ? a->rc : rc);
}

static int
converse(const char *path, const char *method, json_t *parameters, struct answers *a)
{
	CLEANUP_FD int fd = unix_connect(path, SOCK_STREAM, a->e);
	int rc;

	if (fd == -ENOENT || fd == -ECONNREFUSED || fd == -ENOTDIR)
		return (-ENOTCONN);
	if (fd < 0)
		return (fd);
	rc = talk(fd, method, parameters, a);
	return (a->done ? rc : err_set(a->e, -rc, "no answer from '%s'", path));
}

static int
one_reply(struct answers *a, int rc, json_t **reply)
{
	if (reply != NULL && rc == 0)
		*reply = a->reply;
	else
		json_decref(a->reply);
	return (rc);
}

int
varlink_call_on(int fd, const char *method, json_t *parameters, json_t **reply, struct err *e)
{
	struct answers a = { .e = e };
	int rc = talk(fd, method, parameters, &a);

	if (!a.done)
		rc = err_set(e, -rc, "no answer to %s", method);
	return (one_reply(&a, rc, reply));
}

int
varlink_call(
    const char *path, const char *method, json_t *parameters, json_t **reply, struct err *e)
{
	struct answers a = { .e = e };

	return (one_reply(&a, converse(path, method, parameters, &a), reply));
}

int
varlink_call_more(const char *path, const char *method, json_t *parameters,
    bool (*cb)(void *arg, json_t *parameters), void *arg, struct err *e)
{
	struct answers a = { .cb = cb, .arg = arg, .e = e };
	int rc = converse(path, method, parameters, &a);

	return (rc == -ECONNRESET ? 0 : rc);
}
