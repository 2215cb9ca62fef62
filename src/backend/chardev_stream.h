/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all kinds of chardev share: a pair of descriptors on an event loop, a bounded buffer for
 * output, back-pressure both ways. Private to backend/chardev*.c. The lock is held for all calls
 * but stream_new and chardev_close.
 */
#ifndef ZHYVE_BACKEND_CHARDEV_STREAM_H
#define ZHYVE_BACKEND_CHARDEV_STREAM_H

#include "backend/chardev.h"
#include "base/ring.h"

#define STREAM_BUFFER 16384u /* bytes of output kept for a slow peer; a power of two */
/*
 * After output has gone out, more of it is gathered for so long: a guest sends byte by byte, and
 * each run costs us a system call and the peer a wake-up. The first byte after a pause goes out
 * at once.
 */
#define STREAM_GATHER_NS 4000000ull
#define STREAM_GATHER    1024u /* a run that is never waited for */

struct stream {
	struct chardev c; /* softc: this */
	struct mevent_loop *loop;
	struct lock *lock;
	int in, out; /* -1: none; may be the same */
	struct mevent *in_ev, *out_ev;
	struct mevent *gather_ev; /* timer: the time of gathering is over */
	bool gathering;
	bool is_socket; /* out; set before stream_attach */
	size_t room;    /* bytes the device takes */
	bool lost;      /* the peer is gone; the loop is about to notice */
	bool held_back; /* the device has been told to wait */
	struct ring ring;
	uint8_t buffer[STREAM_BUFFER];
	/* The peer is gone and the descriptors are closed (may be NULL). In the loop. */
	void (*gone)(struct stream *s);
	/* The kind's own clean-up (may be NULL); frees nothing that chardev_close frees. */
	void (*close)(struct stream *s);
};

/*
 * Make it without a peer. NULL when memory is short. `size` >= sizeof(struct stream): the kind's
 * own structure begins with it.
 */
struct stream *stream_new(size_t size, struct mevent_loop *loop, struct lock *lock);
/*
 * Give it its peer; the descriptors are non-blocking and its own from here on (also on failure).
 * 0 or -errno.
 */
int stream_attach(struct stream *s, int in, int out);
/* Close the descriptors, forget what has not been sent. */
void stream_detach(struct stream *s);
bool stream_attached(const struct stream *s);

int chardev_stdio_open(
    struct stream **out, struct mevent_loop *loop, struct lock *lock, struct err *e);
int chardev_socket_open(struct stream **out, const char *path, bool wait, struct mevent_loop *loop,
    struct lock *lock, struct err *e);
/* The same on a descriptor that listens already. Its own from here on, also on failure. */
int chardev_listening_open(
    struct stream **out, int fd, struct mevent_loop *loop, struct lock *lock, struct err *e);
int chardev_fd_open(struct stream **out, int fd, const char *name, struct mevent_loop *loop,
    struct lock *lock, struct err *e);
int chardev_tty_open(struct stream **out, const char *path, struct mevent_loop *loop,
    struct lock *lock, struct err *e);

/* Make a terminal raw; true when it is one. What it was goes to *old. */
struct termios;
bool tty_raw(int fd, struct termios *old);

#endif
