/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk device asks of its block backend. The device fills a struct block_req (its own
 * memory, sized at start), submits it and is called back once. Submission never blocks;
 * completion comes from the backend's event loop with the device's lock held, never before submit
 * has returned. Implemented by backend/block_uring.c, and by memory in tests.
 */
#ifndef ZHYVE_DEVICES_BLOCK_H
#define ZHYVE_DEVICES_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define BLOCK_IOV_MAX 130

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,
	BLOCK_DISCARD,
	BLOCK_WRITE_ZEROES
};

struct block_req {
	enum block_op op;
	bool unmap;      /* write zeroes may free the space */
	bool fua;        /* write: on stable storage before it is done */
	uint64_t offset; /* bytes, a multiple of the logical sector */
	uint64_t len;    /* bytes; of iov for read and write */
	struct iovec iov[BLOCK_IOV_MAX];
	unsigned niov;
	/* Called once; result 0 or -errno (short transfers have been continued or are -EIO). */
	void (*done)(struct block_req *req, int result);
	void *arg;
	/* The backend's own. */
	uint64_t moved;
	struct block_req *next;
	int backend_slot;
	int bounce;
};

struct block_info {
	uint64_t size;    /* bytes, a multiple of `logical` */
	uint32_t logical; /* sector sizes in bytes, powers of two >= 512 */
	uint32_t physical;
	bool readonly;
	bool can_discard;
	bool can_write_zeroes;
	uint32_t queue_depth; /* requests that may be in flight */
};

struct block_backend;

struct block_ops {
	/*
	 * Queue it; 0, or -EAGAIN when queue_depth are in flight (the device keeps it and tries
	 * again after a completion).
	 */
	int (*submit)(struct block_backend *b, struct block_req *req);
	/* End of a batch of submit calls: tell the kernel once. */
	void (*kick)(struct block_backend *b);
};

struct block_backend {
	const struct block_ops *ops;
	struct block_info info;
	void *softc;
	/*
	 * Set by the device: called after a batch of `done` calls (the device's lock held), to
	 * tell the guest once and to submit what waited. May be NULL.
	 */
	void (*batch_done)(void *dev);
	void *dev;
};

#endif
