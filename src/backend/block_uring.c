/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk I/O by io_uring: one ring per disk, the disk its only registered file, and only the
 * operations needed allowed, so that whoever takes the process over gains nothing from the ring.
 * A batch of requests costs one system call, a batch of completions one wake-up. Runs in zhyve
 * and zhyve-blk.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "backend/block_engine.h"
#include "base/checked.h"

struct slot {
	struct block_req *req;
	struct block_step step;
	uint16_t next; /* of the free ones */
};

#define SLOT_NONE UINT16_MAX

struct uring {
	struct io_uring ring;
	struct slot slot[BLOCK_DEPTH];
	uint16_t free;
	bool pending; /* entries that the kernel has not been told of */
};

/* Queue the next step of the request in slot `i`. */
static void
queue_step(struct block_file *f, unsigned i)
{
	struct uring *u = f->priv;
	struct slot *s = &u->slot[i];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	/*
	 * The submission ring holds as many entries as there are slots, and a slot has one at a
	 * time.
	 */
	assert(sqe != NULL);
	block_next(f, s->req, &s->step);
	switch (s->step.kind) {
	case STEP_READ:
		io_uring_prep_readv2(sqe, 0, s->step.iov, s->step.niov, s->step.offset, 0);
		break;
	case STEP_WRITE:
		io_uring_prep_writev2(sqe, 0, s->step.iov, s->step.niov, s->step.offset,
		    s->step.dsync ? RWF_DSYNC : 0);
		break;
	case STEP_SYNC:
		io_uring_prep_fsync(sqe, 0, IORING_FSYNC_DATASYNC);
		break;
	case STEP_PUNCH:
	case STEP_ZERO:
		io_uring_prep_fallocate(sqe, 0, block_fallocate_mode(&s->step),
		    (off_t)s->step.offset, (off_t)s->step.len);
		break;
	}
	sqe->flags |= IOSQE_FIXED_FILE;
	io_uring_sqe_set_data64(sqe, i);
	u->pending = true;
}

static int
uring_submit(struct block_backend *b, struct block_req *req)
{
	struct block_file *f = b->softc;
	struct uring *u = f->priv;
	unsigned i = u->free;

	if (i == SLOT_NONE)
		return (-EAGAIN);
	u->free = u->slot[i].next;
	u->slot[i].req = req;
	block_begin(f, req);
	queue_step(f, i);
	return (0);
}

static void
uring_kick(struct block_backend *b)
{
	struct block_file *f = b->softc;
	struct uring *u = f->priv;
	uint64_t one = 1;

	if (!u->pending)
		return;
	if (io_uring_submit(&u->ring) < 0 || io_uring_sq_ready(&u->ring) != 0) {
		/* The kernel is short of something for now: come back by way of the event loop. */
		(void)!write(f->event, &one, sizeof(one));
		return;
	}
	u->pending = false;
}

static void
complete(struct block_file *f, unsigned i, int res)
{
	struct uring *u = f->priv;
	struct slot *s = &u->slot[i];
	struct block_req *req = s->req;
	int result;

	assert(i < BLOCK_DEPTH && req != NULL);
	if (block_advance(f, req, &s->step, res, &result)) {
		queue_step(f, i);
		return;
	}
	s->req = NULL;
	s->next = u->free;
	u->free = (uint16_t)i;
	block_finish(f, req, result);
}

static void
uring_reap(struct block_file *f, bool wait)
{
	struct uring *u = f->priv;
	struct io_uring_cqe *cqe;
	unsigned i;
	int res;

	if (wait)
		(void)io_uring_wait_cqe(&u->ring, &cqe);
	while (io_uring_peek_cqe(&u->ring, &cqe) == 0) {
		i = (unsigned)io_uring_cqe_get_data64(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&u->ring, cqe);
		complete(f, i, res);
	}
	uring_kick(&f->be);
}

static const struct block_ops uring_ops = {
	.submit = uring_submit,
	.kick = uring_kick,
};

/* From here on only these operations, on the registered file. */
static int
restrict_ring(struct io_uring *ring)
{
	static const uint8_t ops[] = { IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
		IORING_OP_FALLOCATE };
	struct io_uring_restriction r[NITEMS(ops) + 2] = { 0 };
	unsigned n = 0;
	int rc;

	for (; n < NITEMS(ops); n++) {
		r[n].opcode = IORING_RESTRICTION_SQE_OP;
		r[n].sqe_op = ops[n];
	}
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	r[n].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	r[n++].sqe_flags = IOSQE_FIXED_FILE;
	if ((rc = io_uring_register_restrictions(ring, r, n)) < 0)
		return (rc);
	return (io_uring_enable_rings(ring));
}

static int
uring_start(struct block_file *f)
{
	struct io_uring_params p = { .flags = IORING_SETUP_R_DISABLED | IORING_SETUP_CLAMP };
	struct uring *u = calloc(1, sizeof(*u));
	int rc;

	if (u == NULL)
		return (-ENOMEM);
	if ((rc = io_uring_queue_init_params(BLOCK_DEPTH, &u->ring, &p)) < 0) {
		free(u);
		return (rc);
	}
	if (p.sq_entries < BLOCK_DEPTH)
		rc = -ENOSPC;
	if (rc < 0 || (rc = io_uring_register_files(&u->ring, &f->fd, 1)) < 0 ||
	    (rc = io_uring_register_eventfd(&u->ring, f->event)) < 0 ||
	    (rc = restrict_ring(&u->ring)) < 0) {
		io_uring_queue_exit(&u->ring);
		free(u);
		return (rc);
	}
	for (unsigned i = 0; i < BLOCK_DEPTH; i++)
		u->slot[i].next = i + 1 < BLOCK_DEPTH ? (uint16_t)(i + 1) : SLOT_NONE;
	f->priv = u;
	f->be.ops = &uring_ops;
	return (0);
}

static void
uring_stop(struct block_file *f)
{
	struct uring *u = f->priv;

	io_uring_queue_exit(&u->ring);
	free(u);
	f->priv = NULL;
}

const struct block_engine block_uring_engine = {
	.name = "io_uring",
	.start = uring_start,
	.stop = uring_stop,
	.reap = uring_reap,
};
