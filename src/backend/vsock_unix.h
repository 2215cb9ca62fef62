/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of virtio-vsock (devices/virtio/vsock.h) on UNIX stream sockets.
 *
 * From the host: a client connects to the one listening socket, sends "CONNECT port\n", and is
 * answered "OK port\n" (the port it was given) once the guest has taken the connection; after that
 * the bytes are the connection's. It is hung up on when the guest does not take it.
 *
 * From the guest: a port leads to a socket only when it was named at the start. There a service of
 * the host connects beforehand and waits; each connection of the guest's takes one that waits, and
 * is refused when none does. So nothing is opened or connected while the guest runs
 * (docs/decisions/0034). zhyve.
 */
#ifndef ZHYVE_BACKEND_VSOCK_UNIX_H
#define ZHYVE_BACKEND_VSOCK_UNIX_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/virtio/vsock.h"

#define VSOCK_UNIX_PORTS   16 /* of the host's */
#define VSOCK_UNIX_CLIENTS 16 /* that have not said yet where to */

struct vsock_unix;

/* Callbacks come from `loop` with `lock` held. NULL when memory is short. */
struct vsock_unix *vsock_unix_create(struct mevent_loop *loop, struct lock *lock);
struct vsock_backend *vsock_unix_backend(struct vsock_unix *u);
/* Where clients of the host connect: a path, or fd:N of a socket that listens. 0 or -errno. */
int vsock_unix_listen(struct vsock_unix *u, const char *where, struct err *e);
/*
 * What port `port` of the host leads to: a path that is listened on, or fd:N of a socket that
 * listens, or of one that is connected (and serves one connection). 0 or -errno.
 */
int vsock_unix_port(struct vsock_unix *u, uint32_t port, const char *where, struct err *e);
/* In the loop's thread. NULL is allowed. */
void vsock_unix_destroy(struct vsock_unix *u);

#endif
