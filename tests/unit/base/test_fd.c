/* SPDX-License-Identifier: BSD-2-Clause */
/* Files replaced whole, paths that cannot leave, descriptors over sockets, errors with context. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"

static char dir[64];

static int
setup(void **state)
{
	(void)snprintf(dir, sizeof(dir), "/tmp/test_fd.XXXXXX");
	return (mkdtemp(dir) == NULL);
}

static int
teardown(void **state)
{
	char cmd[128];

	(void)snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd) != 0);
}

static char *
at(const char *name)
{
	static char path[4][PATH_MAX];
	static unsigned n;
	char *p = path[n++ % 4];

	(void)snprintf(p, PATH_MAX, "%s/%s", dir, name);
	return (p);
}

static void
test_file_replace(void **state)
{
	CLEANUP_FREE char *text = NULL, *again = NULL;
	struct err e = { 0 };
	struct stat st;
	size_t len;

	assert_int_equal(file_replace(at("f"), "one", 3, 0600, &e), 0);
	assert_int_equal(file_replace(at("f"), "second", 6, 0640, &e), 0);
	assert_int_equal(file_read(at("f"), 100, &text, &len, &e), 0);
	assert_string_equal(text, "second");
	assert_int_equal(len, 6);
	assert_int_equal(stat(at("f"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_read(at("f"), 5, &again, &len, &e), -EFBIG);
	assert_non_null(strstr(e.text, at("f")));
	assert_int_equal(file_read(at("none"), 5, &again, &len, &e), -ENOENT);
	assert_int_equal(file_read(dir, 5, &again, &len, &e), -EINVAL);
	/* Nobody writes into it, nobody waits for that. */
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(file_read(at("fifo"), 5, &again, &len, &e), -EINVAL);
	assert_int_equal(unlink(at("fifo")), 0);
}

/*
 * A write that fails half way (here by the file size limit) leaves the old file and nothing else.
 */
static void
test_file_replace_fails_clean(void **state)
{
	struct rlimit lim = { 4, RLIM_INFINITY }, old;
	CLEANUP_FREE char *text = NULL;
	struct err e = { 0 };
	char listing[PATH_MAX + 32], out[64] = "";
	FILE *f;

	assert_int_equal(file_replace(at("g"), "old", 3, 0600, &e), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
	assert_int_equal(file_replace(at("g"), "much longer", 11, 0600, &e), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_non_null(strstr(e.text, "File too large"));
	assert_int_equal(file_read(at("g"), 100, &text, NULL, &e), 0);
	assert_string_equal(text, "old");
	(void)snprintf(listing, sizeof(listing), "ls '%s' | grep -c '^g'", dir);
	f = popen(listing, "r");
	assert_non_null(fgets(out, sizeof(out), f));
	(void)pclose(f);
	assert_string_equal(out, "1\n");
}

static void
test_open_beneath(void **state)
{
	struct err e = { 0 };
	int dfd, fd;

	assert_int_equal(dir_make(at("a/b/c"), 0755, &e), 0);
	assert_int_equal(dir_make(at("a/b/c"), 0755, &e), 0); /* again is no error */
	assert_int_equal(file_replace(at("secret"), "s", 1, 0600, &e), 0);
	assert_int_equal(symlink("../secret", at("a/link")), 0);
	assert_int_equal(symlink("b", at("a/inner")), 0);
	dfd = open(at("a"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dfd >= 0);
	assert_int_equal(fd_open_beneath(dfd, "../secret", O_RDONLY, 0), -EXDEV);
	assert_int_equal(fd_open_beneath(dfd, "/etc/passwd", O_RDONLY, 0), -EXDEV);
	assert_int_equal(fd_open_beneath(dfd, "link", O_RDONLY, 0), -ELOOP);
	assert_int_equal(fd_open_beneath(dfd, "inner/c", O_RDONLY, 0), -ELOOP);
	fd = fd_open_beneath(dfd, "b/new", O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	(void)close(fd);
	(void)close(dfd);
}

static void
test_messages_with_fds(void **state)
{
	int sv[2], out[2], pipefd[2];
	size_t n = 2;
	char buf[16];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
	assert_int_equal(pipe(pipefd), 0);
	assert_int_equal(fd_send_msg(sv[0], "hello", 5, pipefd, 2), 0);
	assert_int_equal(fd_recv_msg(sv[1], buf, sizeof(buf), out, &n), 5);
	assert_int_equal(n, 2);
	assert_int_equal(write(out[1], "x", 1), 1);
	assert_int_equal(read(pipefd[0], buf, 1), 1);
	/* More descriptors than wanted: refused, none kept. */
	assert_int_equal(fd_send_msg(sv[0], "hello", 5, pipefd, 2), 0);
	n = 1;
	assert_int_equal(fd_recv_msg(sv[1], buf, sizeof(buf), out, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	/* A message longer than the buffer: refused, not cut. */
	assert_int_equal(fd_send_msg(sv[0], "0123456789abcdefXYZ", 19, NULL, 0), 0);
	n = 0;
	assert_int_equal(fd_recv_msg(sv[1], buf, sizeof(buf), NULL, &n), -EMSGSIZE);
	(void)close(sv[0]);
	assert_int_equal(fd_recv_msg(sv[1], buf, sizeof(buf), NULL, &n), 0);
}

static void
test_memfd_sealed(void **state)
{
	int fd = memfd_sealed("t", 8192);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_int_equal(pwrite(fd, "x", 1, 8191), 1);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	(void)close(fd);
}

static void
test_unix_listen(void **state)
{
	struct err e = { 0 };
	char longpath[200];
	int l, c;

	l = unix_listen(at("sock"), 0600, &e);
	assert_true(l >= 0);
	c = unix_connect(at("sock"), SOCK_STREAM, &e);
	assert_true(c >= 0);
	(void)close(l);
	(void)close(c);
	l = unix_listen(at("sock"), 0600, &e); /* the stale file is replaced */
	assert_true(l >= 0);
	(void)close(l);
	assert_int_equal(unix_connect(at("sock"), SOCK_STREAM, &e), -ECONNREFUSED);
	assert_int_equal(file_replace(at("plain"), "", 0, 0600, &e), 0);
	assert_int_equal(unix_listen(at("plain"), 0600, &e), -EEXIST); /* but nothing else is */
	memset(longpath, 'x', sizeof(longpath));
	longpath[sizeof(longpath) - 1] = '\0';
	assert_int_equal(unix_listen(longpath, 0600, &e), -ENAMETOOLONG);
}

static void
test_read_named(void **state)
{
	char name[16], *text;
	struct err e = { 0 };
	size_t len;
	int fd;

	assert_int_equal(file_replace(at("named"), "text", 4, 0600, &e), 0);
	assert_int_equal(file_read_named(at("named"), 4, &text, &len, &e), 0);
	assert_string_equal(text, "text");
	free(text);
	fd = open(at("named"), O_RDONLY);
	(void)snprintf(name, sizeof(name), "fd:%d", fd);
	/* From the beginning, as often as it is asked for. */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(file_read_named(name, 4, &text, &len, &e), 0);
		assert_int_equal(len, 4);
		assert_string_equal(text, "text");
		free(text);
	}
	assert_int_equal(file_read_named(name, 3, &text, &len, &e), -EFBIG);
	(void)close(fd);
	assert_int_equal(file_read_named(name, 4, &text, &len, &e), -EBADF);
	assert_int_equal(file_read_named(at("unnamed"), 4, &text, &len, &e), -ENOENT);
}

static void
test_tcp_listen(void **state)
{
	struct err e = { 0 };
	struct sockaddr_in in = { .sin_family = AF_INET };
	uint16_t port = 0, taken;
	int l, c;

	l = tcp_listen("127.0.0.1", &port, &e);
	assert_true(l >= 0);
	assert_int_not_equal(port, 0);
	in.sin_port = htons(port);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(c, (struct sockaddr *)&in, sizeof(in)), 0);
	taken = port;
	assert_int_equal(tcp_listen("127.0.0.1", &taken, &e), -EADDRINUSE);
	(void)close(l);
	(void)close(c);
	port = 0;
	l = tcp_listen("::1", &port, &e);
	if (l != -EADDRNOTAVAIL && l != -EAFNOSUPPORT) { /* machines without IPv6 */
		assert_true(l >= 0);
		assert_int_not_equal(port, 0);
		(void)close(l);
	}
	assert_int_equal(tcp_listen("localhost", &port, &e), -EINVAL);
	assert_string_equal(e.text, "'localhost' is no IP address");
}

static void
test_err(void **state)
{
	struct err e = { 0 };

	errno = EPERM;
	assert_int_equal(err_set(&e, ENOENT, "cannot open '%s'", "x"), -ENOENT);
	assert_int_equal(errno, EPERM);
	assert_int_equal(err_ctx(&e, "zone '%s'", "z1"), -ENOENT);
	assert_string_equal(e.text, "zone 'z1': cannot open 'x': No such file or directory");
	assert_int_equal(err_say(&e, EINVAL, "said"), -EINVAL);
	assert_string_equal(e.text, "said");
	assert_int_equal(err_set(NULL, -EBUSY, "nobody listens"), -EBUSY);
	/* Long texts are cut, not overrun. */
	for (int i = 0; i < 300; i++)
		(void)err_ctx(&e, "context %d", i);
	assert_true(strlen(e.text) < ERR_TEXT_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file_replace),
		cmocka_unit_test(test_file_replace_fails_clean),
		cmocka_unit_test(test_open_beneath),
		cmocka_unit_test(test_messages_with_fds),
		cmocka_unit_test(test_memfd_sealed),
		cmocka_unit_test(test_unix_listen),
		cmocka_unit_test(test_read_named),
		cmocka_unit_test(test_tcp_listen),
		cmocka_unit_test(test_err),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
