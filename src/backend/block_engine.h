/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between block_file.c and its engines; private to them. An engine performs one step of a request
 * at a time (one system call's worth) and asks block_advance what comes next: this keeps short
 * transfers, unsupported operations and the like out of the engines.
 */
#ifndef ZHYVE_BACKEND_BLOCK_ENGINE_H
#define ZHYVE_BACKEND_BLOCK_ENGINE_H

#include "backend/block_file.h"

#define BLOCK_DEPTH 128 /* requests in flight */

struct block_file;

struct block_engine {
	const char *name;
	/*
	 * Make it for f->fd and set f->be.ops; f->event is the eventfd that it rings. 0 or
	 * -errno.
	 */
	int (*start)(struct block_file *f);
	/* Stop; nothing is in flight. */
	void (*stop)(struct block_file *f);
	/*
	 * Call block_finish for what has completed. With wait, for one at least. The lock is
	 * held.
	 */
	void (*reap)(struct block_file *f, bool wait);
};

/*
 * Buffers for requests whose memory O_DIRECT does not take: one for each request in flight, which
 * goes through it piece by piece. Not touched, so not there, until it is needed.
 */
#define BLOCK_BOUNCE_LEN 65536u

struct block_bounce {
	uint8_t *mem; /* BLOCK_DEPTH times BLOCK_BOUNCE_LEN; NULL: any memory will do */
	uint32_t mem_align, len_align; /* of what it takes; powers of two */
	struct iovec iov[BLOCK_DEPTH];
	uint16_t free[BLOCK_DEPTH]; /* a stack: the one used last is used next */
	unsigned nfree;
};

struct block_file {
	struct block_backend be; /* softc: this */
	const struct block_engine *engine;
	void *priv;    /* the engine's */
	char name[64]; /* for messages; cut */
	int fd;
	int event; /* eventfd: there are completions */
	struct mevent *ev;
	struct lock *lock;
	bool sync;
	int (*confine)(void);
	void (*failed)(void *arg, const char *text); /* as block_opts, NULL: nobody */
	void *failed_arg;
	_Atomic bool zero_by_write; /* the file system cannot zero a range: write zeroes */
	unsigned inflight;
	struct block_bounce bounce;
};

/* What one step of a request is. */
struct block_step {
	enum {
		STEP_READ,
		STEP_WRITE,
		STEP_SYNC,
		STEP_PUNCH,
		STEP_ZERO
	} kind;
	bool dsync; /* STEP_WRITE */
	uint64_t offset, len;
	const struct iovec *iov; /* of the request */
	unsigned niov;
};

/* For submit: the request is in flight from here on. The lock is held. */
void block_begin(struct block_file *f, struct block_req *req);
/* The step to do now. */
void block_next(struct block_file *f, struct block_req *req, struct block_step *step);
/* A step gave `res` (bytes, 0, or -errno). True: do another; false: finished with *result. */
bool block_advance(struct block_file *f, struct block_req *req, const struct block_step *step,
    int64_t res, int *result);
/* fallocate mode of STEP_PUNCH and STEP_ZERO. */
int block_fallocate_mode(const struct block_step *step);
/* Tell the device. The lock is held. */
void block_finish(struct block_file *f, struct block_req *req, int result);

/* --- block_bounce.c --- */

/* The disk is open with O_DIRECT: find out what it takes, make room for buffers. 0 or -errno. */
int block_bounce_init(struct block_file *f);
void block_bounce_destroy(struct block_file *f);
/* Give the request a buffer if its memory needs one; take it back. */
void block_bounce_begin(struct block_file *f, struct block_req *req);
void block_bounce_end(struct block_file *f, struct block_req *req);
/* The next piece by way of the buffer; what is to be written is copied into it. */
void block_bounce_next(struct block_file *f, struct block_req *req, struct block_step *step);
/* `n` bytes have been read into the buffer: to where they belong. */
void block_bounce_read(struct block_file *f, struct block_req *req, uint64_t n);

extern const struct block_engine block_uring_engine;
extern const struct block_engine block_thread_engine;

#endif
