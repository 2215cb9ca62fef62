/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors and paths: whole reads and writes, descriptors over sockets, files replaced
 * atomically, paths that cannot leave their folder. Every descriptor made here is close-on-exec.
 * Every process; what opens paths is of use outside jails only.
 */
#ifndef ZHYVE_BASE_FD_H
#define ZHYVE_BASE_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Scope-bound close: `CLEANUP_FD int fd = -1;`. fd_steal hands the descriptor out of the scope. */
#define CLEANUP_FD __attribute__((cleanup(fd_cleanup)))
void fd_cleanup(int *fd);
int fd_steal(int *fd);
/* Close and set to -1; nothing when it is -1 already. Keeps errno. */
void fd_close(int *fd);

/* Scope-bound free: `CLEANUP_FREE char *p = NULL;`. */
#define CLEANUP_FREE __attribute__((cleanup(ptr_cleanup)))
void ptr_cleanup(void *pp);

/* Read or write all of it, over EINTR and short transfers. -EIO when the file ends before. */
int fd_read_full(int fd, void *buf, size_t len);
int fd_write_full(int fd, const void *buf, size_t len);
int fd_pread_full(int fd, void *buf, size_t len, off_t off);
int fd_pwrite_full(int fd, const void *buf, size_t len, off_t off);

int fd_set_nonblock(int fd);

/*
 * First thing in main(): a program that was started with descriptor 0, 1 or 2 closed must not get a
 * file of its own under that number, and write its messages into it. Input and output then fail
 * with EBADF as before.
 */
void fd_std_hold(void);

/*
 * Read a whole regular file of at most `max` bytes; *out is malloc'ed, end byte added, caller
 * frees. -EFBIG.
 */
int file_read(const char *path, size_t max, char **out, size_t *len, struct err *e);
/* The same of what is named by a path, or handed over as fd:N, which stays open. */
int file_read_named(const char *name, size_t max, char **out, size_t *len, struct err *e);

/*
 * Replace `path` by a file with this content: temporary name beside it, fsync, rename, fsync of the
 * folder. On any failure (a full disk) the old file stands and nothing is left beside it.
 */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/*
 * The same by this temporary name, on the same file system; one that is there is removed first. For
 * who holds a lock: what a killed writer left is then found without looking through the folder.
 */
int file_replace_by(
    const char *path, const char *tmp, const void *data, size_t len, mode_t mode, struct err *e);

/* mkdir -p; folders that exist are left as they are. */
int dir_make(const char *path, mode_t mode, struct err *e);

/*
 * openat2(2) below dirfd, with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS.
 * Returns the descriptor or -errno.
 */
int fd_open_beneath(int dirfd, const char *path, int flags, mode_t mode);

/*
 * A listening SOCK_STREAM UNIX socket; an older socket file of that name is removed first. fd or
 * -errno.
 */
int unix_listen(const char *path, mode_t mode, struct err *e);
/*
 * A listening TCP socket, non-blocking, at a numeric address of IPv4 or IPv6. *port is the port
 * asked for, 0: any free one, and then the one it is. fd or -errno.
 */
int tcp_listen(const char *address, uint16_t *port, struct err *e);
/* Connect to a UNIX socket (type SOCK_STREAM or SOCK_SEQPACKET). fd or -errno. */
int unix_connect(const char *path, int type, struct err *e);

/*
 * Send one message with up to FD_MSG_MAX descriptors on a SOCK_SEQPACKET or SOCK_STREAM socket.
 * 0 or -errno. Does not raise SIGPIPE.
 */
#define FD_MSG_MAX 16
int fd_send_msg(int sock, const void *buf, size_t len, const int *fds, size_t nfds);

/*
 * Send bytes on a socket without waiting and without SIGPIPE, by sendmsg(2): one system call for
 * all that is sent, to the filters as well. As send(2): how many were taken, or -1 and errno.
 */
ssize_t fd_send(int sock, const void *buf, size_t len);

/*
 * Receive one message. Returns its length (0: the peer is gone) or -errno; *nfds holds the room in
 * fds at the call and the number received after. Too many descriptors or a truncated message: all
 * descriptors closed, -EMSGSIZE.
 */
ssize_t fd_recv_msg(int sock, void *buf, size_t len, int *fds, size_t *nfds);

/* A memfd of `size` bytes that can be neither shrunk, grown nor resealed. fd or -errno. */
int memfd_sealed(const char *name, uint64_t size);
/* The same of huge pages of `page` bytes (a power of two; 0: as usual), from the host's pool of them. */
int memfd_sealed_huge(const char *name, uint64_t size, uint64_t page);

#endif
