/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol of VNC (RFB, RFC 6143) by libvncserver, behind our own loop: it never listens, and
 * is given sockets of clients. What it reads from clients is hostile, and it is a large library:
 * it runs only after confine.c. Runs in zhyve-vnc; one per process.
 */
#ifndef ZHYVE_PROCS_VNC_RFB_H
#define ZHYVE_PROCS_VNC_RFB_H

#include <stdint.h>

#include "procs/vnc/picture.h"

#define RFB_CLIENTS_MAX 8

/*
 * Make the screen, once: `name` and `password` (NULL: none) are kept by reference, events go to the
 * socket `events`. Everything that libraries open or ask for at first use happens here. 0 or
 * -errno.
 */
int rfb_init(struct picture *p, const char *name, const char *password, int events);
/* A client has connected; the socket is taken over. */
void rfb_client(int fd);
/* The clients' sockets, for poll; returns how many (at most RFB_CLIENTS_MAX). */
unsigned rfb_sockets(int fds[RFB_CLIENTS_MAX]);
/* There is something to read on this client's socket. */
void rfb_readable(int fd);
/*
 * Look at the picture and send what is due. True when the picture changed or a client did
 * something since the last time.
 */
bool rfb_frame(void);

#endif
