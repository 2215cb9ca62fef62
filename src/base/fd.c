/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors, files and sockets: see fd.h. Every process. */
#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parse.h"

#define TCP_BACKLOG 4

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

void
fd_cleanup(int *fd)
{
	fd_close(fd);
}

int
fd_steal(int *fd)
{
	int out = *fd;

	*fd = -1;
	return (out);
}

void
ptr_cleanup(void *pp)
{
	void *p;

	memcpy(&p, pp, sizeof(p));
	free(p);
}

#define HERE ((off_t)-1) /* at the descriptor's own position: pipes and sockets have no other */

static ssize_t
read_some(int fd, uint8_t *p, size_t len, off_t off)
{
	return (off == HERE ? read(fd, p, len) : pread(fd, p, len, off));
}

static ssize_t
write_some(int fd, uint8_t *p, size_t len, off_t off)
{
	return (off == HERE ? write(fd, p, len) : pwrite(fd, p, len, off));
}

/* Repeat until everything has been moved; a call that moves nothing is an end too early. */
static int
move_all(ssize_t (*some)(int, uint8_t *, size_t, off_t), int fd, uint8_t *p, size_t len, off_t off)
{
	ssize_t n;

	while (len > 0) {
		n = some(fd, p, len, off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return (-errno);
		if (n == 0)
			return (-EIO);
		p += n;
		len -= (size_t)n;
		if (off != HERE)
			off += n;
	}
	return (0);
}

int
fd_read_full(int fd, void *buf, size_t len)
{
	return (move_all(read_some, fd, buf, len, HERE));
}

int
fd_write_full(int fd, const void *buf, size_t len)
{
	/* write_some only reads through the pointer. */
	return (move_all(write_some, fd, (uint8_t *)(uintptr_t)buf, len, HERE));
}

int
fd_pread_full(int fd, void *buf, size_t len, off_t off)
{
	return (move_all(read_some, fd, buf, len, off));
}

int
fd_pwrite_full(int fd, const void *buf, size_t len, off_t off)
{
	return (move_all(write_some, fd, (uint8_t *)(uintptr_t)buf, len, off));
}

void
fd_std_hold(void)
{
	/* Opened the other way round, so that using it still fails. Ours has the lowest free number: this one. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return; /* without /dev/null nothing helps */
}

int
fd_set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return (-errno);
	return (0);
}

static int
read_whole(int fd, const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	CLEANUP_FREE char *buf = NULL;
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot read '%s'", path));
	if (!S_ISREG(st.st_mode))
		return (err_say(e, EINVAL, "cannot read '%s': not a regular file", path));
	if ((uint64_t)st.st_size > max)
		return (err_say(e, EFBIG, "cannot read '%s': %lld bytes, at most %zu are taken",
		    path, (long long)st.st_size, max));
	if ((buf = malloc((size_t)st.st_size + 1)) == NULL)
		return (err_set(e, ENOMEM, "cannot read '%s'", path));
	if ((rc = fd_pread_full(fd, buf, (size_t)st.st_size, 0)) != 0)
		return (err_set(e, -rc, "cannot read '%s'", path));
	buf[st.st_size] = '\0';
	if (len != NULL)
		*len = (size_t)st.st_size;
	*out = buf;
	buf = NULL;
	return (0);
}

int
file_read(const char *path, size_t max, char **out, size_t *len, struct err *e)
{
	/* Without waiting for somebody to write into what is a FIFO by mistake. */
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return (read_whole(fd, path, max, out, len, e));
}

int
file_read_named(const char *name, size_t max, char **out, size_t *len, struct err *e)
{
	int fd;

	if (parse_fd(name, &fd) != 0)
		return (file_read(name, max, out, len, e));
	return (read_whole(fd, name, max, out, len, e));
}

static int
sync_parent(const char *path)
{
	char copy[PATH_MAX];
	CLEANUP_FD int fd = -1;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		return (-errno);
	return (0);
}

/* Fill `tmp`, which is open as `fd`, and make it `path`; on failure it is gone. */
static int
become(const char *path, const char *tmp, int fd, const void *data, size_t len, mode_t mode,
    struct err *e)
{
	int rc = fd_write_full(fd, data, len);

	if (rc == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0 || rename(tmp, path) != 0))
		rc = -errno;
	if (rc != 0) {
		(void)unlink(tmp);
		return (err_set(e, -rc, "cannot write '%s'", path));
	}
	if ((rc = sync_parent(path)) != 0)
		return (err_set(e, -rc, "cannot make '%s' durable", path));
	return (0);
}

int
file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *e)
{
	char tmp[PATH_MAX];
	CLEANUP_FD int fd = -1;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path) >= sizeof(tmp))
		return (err_set(e, ENAMETOOLONG, "cannot write '%s'", path));
	if ((fd = mkostemp(tmp, O_CLOEXEC)) < 0)
		return (err_set(e, errno, "cannot write '%s'", path));
	return (become(path, tmp, fd, data, len, mode, e));
}

int
file_replace_by(
    const char *path, const char *tmp, const void *data, size_t len, mode_t mode, struct err *e)
{
	CLEANUP_FD int fd = -1;

	if (unlink(tmp) == 0 || errno == ENOENT)
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return (err_set(e, errno, "cannot write '%s'", path));
	return (become(path, tmp, fd, data, len, mode, e));
}

int
dir_make(const char *path, mode_t mode, struct err *e)
{
	char copy[PATH_MAX];
	char *p;

	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return (err_set(e, ENAMETOOLONG, "cannot make folder '%s'", path));
	for (p = copy + 1;; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char keep = *p;
		*p = '\0';
		if (mkdir(copy, mode) != 0 && errno != EEXIST)
			return (err_set(e, errno, "cannot make folder '%s'", copy));
		*p = keep;
		if (keep == '\0')
			return (0);
	}
}

int
fd_open_beneath(int dirfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.mode = (flags & (O_CREAT | O_TMPFILE)) ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	return (fd < 0 ? -errno : (int)fd);
}

static int
unix_address(struct sockaddr_un *sun, const char *path, struct err *e)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sun->sun_path))
		return (err_say(e, ENAMETOOLONG,
		    "socket path '%s' is longer than the %zu bytes the system takes", path,
		    sizeof(sun->sun_path) - 1));
	(void)snprintf(sun->sun_path, sizeof(sun->sun_path), "%s", path);
	return (0);
}

int
unix_listen(const char *path, mode_t mode, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct sockaddr_un sun;
	struct stat st;
	int rc;

	if ((rc = unix_address(&sun, path, e)) != 0)
		return (rc);
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode))
			return (err_say(e, EEXIST,
			    "cannot listen on '%s': a file that is not a socket is there; remove "
			    "it",
			    path));
		(void)unlink(path);
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		return (err_set(e, errno, "cannot listen on '%s'", path));
	if (chmod(path, mode) != 0 || listen(fd, 16) != 0) {
		rc = err_set(e, errno, "cannot listen on '%s'", sun.sun_path);
		(void)unlink(path);
		return (rc);
	}
	return (fd_steal(&fd));
}

int
tcp_listen(const char *address, uint16_t *port, struct err *e)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} at = { .in = { .sin_family = AF_INET, .sin_port = htons(*port) } };
	socklen_t len = sizeof(at.in);
	CLEANUP_FD int fd = -1;
	int on = 1;

	if (inet_pton(AF_INET, address, &at.in.sin_addr) != 1) {
		at.in6 =
		    (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(*port) };
		len = sizeof(at.in6);
		if (inet_pton(AF_INET6, address, &at.in6.sin6_addr) != 1)
			return (err_say(e, EINVAL, "'%s' is no IP address", address));
	}
	fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, &at.any, len) != 0 || listen(fd, TCP_BACKLOG) != 0 ||
	    getsockname(fd, &at.any, &len) != 0)
		return (err_set(e, errno, "cannot listen on %s port %u", address, *port));
	/* Both families have it at the same place. */
	*port = ntohs(at.in.sin_port);
	return (fd_steal(&fd));
}

int
unix_connect(const char *path, int type, struct err *e)
{
	CLEANUP_FD int fd = -1;
	struct sockaddr_un sun;
	int rc;

	if ((rc = unix_address(&sun, path, e)) != 0)
		return (rc);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		return (err_set(e, errno, "cannot connect to '%s'", path));
	return (fd_steal(&fd));
}

int
fd_send_msg(int sock, const void *buf, size_t len, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FD_MSG_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (nfds > FD_MSG_MAX)
		return (-EINVAL);
	if (nfds > 0) {
		memset(&control, 0, sizeof(control));
		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do
		n = sendmsg(sock, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return (-errno);
	return ((size_t)n == len ? 0 : -EMSGSIZE);
}

ssize_t
fd_send(int sock, const void *buf, size_t len)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	const struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* Take the descriptors out of a received control message; those beyond `room` are closed. */
static size_t
take_fds(struct msghdr *msg, int *fds, size_t room)
{
	size_t got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (got < room)
				fds[got] = fd;
			else
				(void)close(fd);
			got++;
		}
	}
	return (got);
}

ssize_t
fd_recv_msg(int sock, void *buf, size_t len, int *fds, size_t *nfds)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(FD_MSG_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	size_t room = nfds != NULL ? *nfds : 0, got;
	ssize_t n;

	do
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return (-errno);
	got = take_fds(&msg, fds, room);
	if (got > room || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
		for (size_t i = 0; i < MIN(got, room); i++)
			(void)close(fds[i]);
		if (nfds != NULL)
			*nfds = 0;
		return (-EMSGSIZE);
	}
	if (nfds != NULL)
		*nfds = got;
	return (n);
}

int
memfd_sealed(const char *name, uint64_t size)
{
	return (memfd_sealed_huge(name, size, 0));
}

int
memfd_sealed_huge(const char *name, uint64_t size, uint64_t page)
{
	unsigned huge =
	    page == 0 ? 0 : MFD_HUGETLB | (unsigned)__builtin_ctzll(page) << MAP_HUGE_SHIFT;
	CLEANUP_FD int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | huge);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return (-errno);
	return (fd_steal(&fd));
}
