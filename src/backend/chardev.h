/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outer ends of serial ports: bhyve's `-l comN,…` values as struct chardev
 * (devices/chardev.h).
 *
 *	stdio               standard input and output; a terminal is made raw and put back at the end
 *	/dev/tty…           a terminal device, raw
 *	socket,PATH[,wait]  a UNIX stream socket, listening; one client at a time
 *	fd:N                a descriptor, read and written: a socket, pipe or terminal; or a UNIX
 *	                    stream socket that listens
 *
 * Output goes out at once where the other side takes it, else into a bounded buffer, and when
 * that is full the device has to wait. Without a peer output is dropped (bhyve's rule). Nothing
 * here blocks, but for `wait` at the start. A peer that goes away raises no signal that ends the
 * process. zhyve.
 */
#ifndef ZHYVE_BACKEND_CHARDEV_H
#define ZHYVE_BACKEND_CHARDEV_H

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/chardev.h"

/*
 * Open one by its configuration text. The device's callbacks are called from `loop` with `lock`
 * held, and it calls back with it held. 0 or -errno with a message that names the text.
 */
int chardev_open(struct chardev **out, const char *conf, struct mevent_loop *loop,
    struct lock *lock, struct err *e);
/* Closes, frees, puts a terminal back; in the loop's thread. NULL is allowed. */
void chardev_close(struct chardev *c);

#endif
