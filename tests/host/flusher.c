/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest of tests/guest/writer.c does, without a guest: the batches of writes.h, by the block backend of zhyve and zhyve-blk, on a
 * disk of at least 64 MiB. For kernels that run no guest (tests/host/uml). Says "flushed N" (hexadecimal) after each batch.
 *
 * usage: flusher DISK FIRST LAST
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/block_file.h"
#include "base/checked.h"
#include "writes.h"

static struct block_req req[WRITES];
static uint8_t data[WRITES][WRITES_LEN_MAX * WRITES_BLOCK * WRITES_SECTOR];
static struct mevent_loop *loop;
static struct lock lock = LOCK_INIT;
static unsigned pending;
static int failed;

static void
on_done(struct block_req *r, int result)
{
	(void)r;
	pending--;
	if (result < 0)
		failed = result;
}

static void
submit(struct block_backend *b, struct block_req *r)
{
	r->done = on_done;
	pending++;
	if (b->ops->submit(b, r) != 0)
		abort(); /* fewer than queue_depth are in flight */
}

static int
finish(struct block_backend *b)
{
	lock_take(&lock);
	b->ops->kick(b);
	lock_drop(&lock);
	while (pending > 0)
		if (mevent_poll(loop, 1000) < 0)
			return (-1);
	return (failed);
}

static int
write_batch(struct block_backend *b, uint32_t batch)
{
	int rc;

	lock_take(&lock);
	for (uint32_t i = 0; i < WRITES; i++) {
		uint32_t block, n;

		writes_place(batch, i, &block, &n);
		writes_fill(data[i], batch, (uint64_t)block * WRITES_BLOCK, n * WRITES_BLOCK);
		req[i] = (struct block_req){ .op = writes_zeroes(batch) ? BLOCK_WRITE_ZEROES
									: BLOCK_WRITE,
			.unmap = batch % 16 == 7,
			.offset = (uint64_t)block * WRITES_BLOCK * WRITES_SECTOR,
			.len = (uint64_t)n * WRITES_BLOCK * WRITES_SECTOR };
		if (!writes_zeroes(batch)) {
			req[i].iov[0] = (struct iovec){ data[i], req[i].len };
			req[i].niov = 1;
		}
		submit(b, &req[i]);
	}
	lock_drop(&lock);
	if ((rc = finish(b)) != 0)
		return (rc);
	lock_take(&lock);
	req[0] = (struct block_req){ .op = BLOCK_FLUSH };
	submit(b, &req[0]);
	lock_drop(&lock);
	return (finish(b));
}

int
main(int argc, char **argv)
{
	const struct block_opts opts = { 0 };
	struct block_backend *b;
	struct err e = { 0 };
	int rc = 0;

	if (argc != 4)
		return (2);
	if (mevent_loop_create(&loop) != 0 ||
	    block_open(&b, argv[1], &opts, loop, &lock, &e) != 0) {
		(void)fprintf(stderr, "flusher: %s\n", e.text);
		return (1);
	}
	for (uint32_t batch = (uint32_t)atoi(argv[2]); rc == 0 && batch <= (uint32_t)atoi(argv[3]);
	     batch++) {
		if ((rc = write_batch(b, batch)) == 0)
			(void)printf("flushed %x\n", batch);
		(void)fflush(stdout);
	}
	if (rc != 0)
		(void)fprintf(stderr, "flusher: %s\n", strerror(-rc));
	block_close(b);
	return (rc != 0);
}
