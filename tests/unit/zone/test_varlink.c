/* SPDX-License-Identifier: BSD-2-Clause */
/* varlink: framing and calls, with hostile input; a server and a client against each other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <pthread.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "zone/varlink.h"

static char got[4096];
static unsigned messages;

static bool
collect(void *arg, const char *text, size_t len)
{
	messages++;
	(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "<%.*s>", (int)len, text);
	return (messages < 4);
}

static void
framing(void **state)
{
	static const char stream[] = "{\"a\":1}\0\0{}"; /* and the literal's own end byte */
	struct varlink_reader r = { 0 };

	got[0] = '\0';
	messages = 0;
	for (size_t i = 0; i < sizeof(stream); i++) /* byte by byte */
		assert_int_equal(varlink_feed(&r, stream + i, 1, collect, NULL), 0);
	assert_string_equal(got, "<{\"a\":1}><><{}>");
	assert_int_equal(varlink_feed(&r, "x\0y\0", 4, collect, NULL), -ECANCELED);
	assert_string_equal(got, "<{\"a\":1}><><{}><x>");
	varlink_reader_free(&r);
}

static void
too_long(void **state)
{
	struct varlink_reader r = { 0 };
	char block[1000];
	size_t total = 0;
	int rc;

	memset(block, 'x', sizeof(block));
	while ((rc = varlink_feed(&r, block, sizeof(block), collect, NULL)) == 0)
		total += sizeof(block);
	assert_int_equal(rc, -EMSGSIZE);
	assert_true(total < VARLINK_MSG_MAX);
	varlink_reader_free(&r);
}

static void
calls(void **state)
{
	static const char *const bad[] = { "", "{", "[]", "1", "null", "{}", "{\"method\":1}",
		"{\"method\":\"a\",\"parameters\":[]}", "{\"method\":\"a\",\"more\":1}",
		"{\"method\":\"a\",\"oneway\":\"x\"}", "{\"method\":\"a\",\"upgrade\":true}",
		"{\"method\":\"a\",\"method\":\"b\"}", "{\"method\":\"\\u0000\"}",
		"{\"method\":\"\xff\"}", "{\"method\":\"a\"} x" };
	static const char good[] =
	    "{\"method\":\"org.x.Y\",\"parameters\":{\"a\":1},\"more\":true,\"other\":0}";
	char deep[20000];
	struct varlink_call c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(varlink_call_parse(bad[i], strlen(bad[i]), &c), -EINVAL);
	memset(deep, '[', sizeof(deep));
	assert_int_equal(varlink_call_parse(deep, sizeof(deep), &c), -EINVAL);
	assert_int_equal(varlink_call_parse(good, strlen(good), &c), 0);
	assert_string_equal(c.method, "org.x.Y");
	assert_true(c.more && !c.oneway);
	assert_int_equal(json_integer_value(json_object_get(c.parameters, "a")), 1);
	varlink_call_free(&c);
}

/* ---- both sides ---- */

static struct mevent_loop *loop;
static char dir[] = "/tmp/zhyve-varlink.XXXXXX", path[64];
static unsigned closed;

static void
serve_call(void *arg, struct varlink_conn *conn, const struct varlink_call *call)
{
	if (strcmp(call->method, "t.Echo") == 0) {
		varlink_reply(conn, json_incref(call->parameters), false);
	} else if (strcmp(call->method, "t.Fail") == 0) {
		varlink_error(
		    conn, "t.Failed", json_pack("{s:i,s:s}", "errno", EBUSY, "text", "it is busy"));
	} else if (strcmp(call->method, "t.Lie") ==
	    0) { /* an answer cannot pass for a broken connection */
		varlink_error(conn, "t.Failed", json_pack("{s:i}", "errno", ENOTCONN));
	} else if (strcmp(call->method, "t.Count") == 0) {
		for (int i = 1; i <= 3; i++)
			varlink_reply(conn, json_pack("{s:i}", "n", i), i < 3);
	} else if (strcmp(call->method, "t.Flood") == 0) { /* more than anybody may leave unread */
		for (int i = 0; i < 100000; i++)
			varlink_reply(conn,
			    json_pack("{s:s}", "text", "0123456789012345678901234567890123456789"),
			    true);
	} else if (strcmp(call->method, "t.Stop") == 0) {
		varlink_reply(conn, NULL, false);
		mevent_stop(loop);
	} else {
		varlink_error(conn, "org.varlink.service.MethodNotFound", NULL);
	}
}

static void
serve_closed(void *arg, struct varlink_conn *conn)
{
	closed++;
}

static const struct varlink_ops ops = { serve_call, serve_closed };

static void *
serve(void *arg)
{
	(void)mevent_dispatch(loop);
	return (NULL);
}

static bool
add_up(void *arg, json_t *parameters)
{
	*(int *)arg += (int)json_integer_value(json_object_get(parameters, "n"));
	return (true);
}

static void
both_sides(void **state)
{
	struct varlink_server *s;
	json_t *reply = NULL, *params = json_pack("{s:s}", "a", "b");
	struct err e = { 0 };
	pthread_t thread;
	int sum = 0, fd;
	char c;

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(varlink_call(path, "t.Echo", NULL, NULL, &e), -ENOTCONN);
	assert_int_equal(mevent_loop_create(&loop), 0);
	assert_int_equal(
	    varlink_server_create(loop, path, VARLINK_NO_GROUP, &ops, NULL, &s, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);

	assert_int_equal(varlink_call(path, "t.Echo", params, &reply, &e), 0);
	assert_true(json_equal(params, reply));
	json_decref(reply);
	json_decref(params);
	assert_int_equal(varlink_call(path, "t.Fail", NULL, NULL, &e), -EBUSY);
	assert_string_equal(e.text, "it is busy");
	assert_int_equal(varlink_call(path, "t.Lie", NULL, NULL, &e), -EIO);
	assert_int_equal(varlink_call(path, "t.Nothing", NULL, NULL, &e), -EIO);
	assert_int_equal(varlink_call_more(path, "t.Count", NULL, add_up, &sum, &e), 0);
	assert_int_equal(sum, 6);
	/*
	 * What is not varlink, and one that never reads: disconnected, and the others are served
	 * on.
	 */
	fd = unix_connect(path, SOCK_STREAM, &e);
	assert_int_equal(fd_write_full(fd, "GET / HTTP/1.0\r\n\r\n\0", 19), 0);
	assert_int_not_equal(read(fd, &c, 1), 1);
	(void)close(fd);
	fd = unix_connect(path, SOCK_STREAM, &e);
	assert_int_equal(fd_write_full(fd, "{\"method\":\"t.Flood\"}", 21), 0);
	assert_int_equal(varlink_call(path, "t.Echo", NULL, NULL, &e), 0);
	(void)close(fd);
	assert_int_equal(varlink_call(path, "t.Stop", NULL, NULL, &e), 0);

	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(closed >= 6);
	varlink_server_destroy(s);
	mevent_loop_destroy(loop);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void
serve_who(void *arg, struct varlink_conn *conn, const struct varlink_call *call)
{
	varlink_reply(conn, json_pack("{s:b}", "root", (int)varlink_may_change(conn)), false);
	if (strcmp(call->method, "t.Stop") == 0)
		mevent_stop(loop);
}

/* Ask as another user: 0 not root, 1 root, 2 not let in. */
static int
ask_as(uid_t uid, gid_t gid, gid_t more)
{
	struct err e = { 0 };
	json_t *reply = NULL;
	pid_t pid = fork();
	int status, rc;

	if (pid == 0) {
		if (setgroups(more != 0 ? 1 : 0, &more) != 0 || setresgid(gid, gid, gid) != 0 ||
		    setresuid(uid, uid, uid) != 0)
			_exit(9);
		rc = varlink_call(path, "t.Who", NULL, &reply, &e);
		_exit(rc != 0 ? 2 : json_is_true(json_object_get(reply, "root")));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (WEXITSTATUS(status));
}

/* Members of a group are let in, and told from root. */
static void
readers(void **state)
{
	static const struct varlink_ops who = { serve_who, serve_closed };
	enum {
		READERS = 54321,
		OTHERS = 54322
	};
	struct varlink_server *s;
	struct err e = { 0 };
	pthread_t thread;

	if (geteuid() != 0)
		skip(); /* only root can be others */
	(void)strcpy(dir, "/tmp/zhyve-varlink.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0711), 0);
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	assert_int_equal(mevent_loop_create(&loop), 0);
	assert_int_equal(varlink_server_create(loop, path, READERS, &who, NULL, &s, &e), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	assert_int_equal(ask_as(0, OTHERS, 0), 1);
	assert_int_equal(ask_as(65534, READERS, 0), 0);
	assert_int_equal(ask_as(65534, OTHERS, READERS), 0);
	assert_int_equal(ask_as(65534, OTHERS, 0), 2);
	/* The socket's mode is not what keeps them out. */
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(ask_as(65534, OTHERS, 0), 2);
	assert_int_equal(varlink_call(path, "t.Stop", NULL, NULL, &e), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	varlink_server_destroy(s);
	mevent_loop_destroy(loop);
	(void)unlink(path);
	(void)rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(framing),
		cmocka_unit_test(too_long),
		cmocka_unit_test(calls),
		cmocka_unit_test(both_sides),
		cmocka_unit_test(readers),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
