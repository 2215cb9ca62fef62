/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A disk or CD in memory, for the tests of storage devices: it holds what is submitted until the
 * test lets it complete, with the result that the test decides about. Include after cmocka.h.
 */
#ifndef ZHYVE_TESTS_MEDIUM_H
#define ZHYVE_TESTS_MEDIUM_H

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "devices/block.h"

#define MEDIUM_DEPTH 128

struct medium {
	struct block_backend be;
	uint8_t *bytes;
	struct block_req *held[MEDIUM_DEPTH];
	unsigned nheld, kicks, flushes, discards;
	int answer;
	bool fua, unmap; /* of the last request */
};

static inline int
medium_submit(struct block_backend *b, struct block_req *req)
{
	struct medium *m = b->softc;

	assert_true(m->nheld < b->info.queue_depth);
	assert_true(range_ok(req->offset, req->len, b->info.size));
	assert_int_equal(req->offset % b->info.logical, 0);
	m->held[m->nheld++] = req;
	return (0);
}

static inline void
medium_kick(struct block_backend *b)
{
	struct medium *m = b->softc;

	m->kicks++;
}

static inline void
finish(struct medium *m, struct block_req *req)
{
	bool data = req->op == BLOCK_READ || req->op == BLOCK_WRITE;
	uint8_t *at = m->bytes + req->offset;
	uint64_t sum = 0;

	for (unsigned i = 0; data && i < req->niov; i++) {
		sum += req->iov[i].iov_len;
		if (m->answer != 0)
			continue;
		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		else
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		at += req->iov[i].iov_len;
	}
	assert_true(!data || sum == req->len);
	if (req->op == BLOCK_DISCARD || req->op == BLOCK_WRITE_ZEROES)
		memset(m->bytes + req->offset, 0, req->len);
	m->discards += req->op == BLOCK_DISCARD;
	m->flushes += req->op == BLOCK_FLUSH;
	m->fua = req->fua;
	m->unmap = req->unmap;
	req->done(req, m->answer);
}

/* One turn of the event loop: what was submitted comes back. */
static inline void
turn(struct medium *m)
{
	struct block_req *now[MEDIUM_DEPTH];
	unsigned n = m->nheld;

	memcpy(now, m->held, sizeof(now));
	m->nheld = 0;
	for (unsigned i = 0; i < n; i++)
		finish(m, now[i]);
	m->be.batch_done(m->be.dev);
}

static inline void
run(struct medium *m)
{
	while (m->nheld > 0)
		turn(m);
}

/* Of `size` bytes that differ from sector to sector; the test frees m->bytes. */
static inline void
medium_init(struct medium *m, uint64_t size)
{
	static const struct block_ops ops = { medium_submit, medium_kick };

	memset(m, 0, sizeof(*m));
	m->bytes = malloc(size);
	for (uint64_t i = 0; i < size; i++)
		m->bytes[i] = (uint8_t)(i / 512 * 7 + i);
	m->be = (struct block_backend){ .ops = &ops,
		.softc = m,
		.info = { .size = size,
		    .logical = 512,
		    .physical = 4096,
		    .can_discard = true,
		    .queue_depth = MEDIUM_DEPTH } };
}

#endif
