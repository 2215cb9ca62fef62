/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk in memory: see disk.h. */
#include "disk.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

static int
disk_submit(struct block_backend *b, struct block_req *req)
{
	struct disk *d = b->softc;
	struct sim *s = d->s;
	uint64_t sum = 0;

	if (s->depth == 0)
		sim_fail(s, "backend", "a request from nowhere");
	if (req->done == NULL || req->niov > BLOCK_IOV_MAX)
		sim_fail(s, "backend", "a request of %u pieces", req->niov);
	for (unsigned i = 0; i < d->nwaiting; i++)
		if (d->waiting[i] == req)
			sim_fail(s, "backend", "a request comes again while it is under way");
	if (req->op != BLOCK_FLUSH &&
	    (req->offset % b->info.logical != 0 || req->len % b->info.logical != 0 ||
		req->len == 0 || !range_ok(req->offset, req->len, b->info.size)))
		sim_fail(s, "backend", "%llu bytes at %llu of a disk of %llu",
		    (unsigned long long)req->len, (unsigned long long)req->offset,
		    (unsigned long long)b->info.size);
	if (b->info.readonly && req->op != BLOCK_READ && req->op != BLOCK_FLUSH)
		sim_fail(s, "backend", "a read-only disk is written to");
	for (unsigned i = 0; i < req->niov; i++)
		sum += req->iov[i].iov_len;
	if ((req->op == BLOCK_READ || req->op == BLOCK_WRITE) && sum != req->len)
		sim_fail(s, "backend", "the pieces are %llu bytes, the request %llu",
		    (unsigned long long)sum, (unsigned long long)req->len);
	if (d->nwaiting == b->info.queue_depth)
		return (-EAGAIN);
	d->came(s, req);
	d->waiting[d->nwaiting++] = req;
	return (0);
}

static void
disk_kick(struct block_backend *b)
{
}

void
disk_init(struct disk *d, struct sim *s, struct prng *r)
{
	static const struct block_ops ops = { disk_submit, disk_kick };

	*d = (struct disk){ .s = s, .be = { .ops = &ops } };
	prng_fill(r, d->bytes, sizeof(d->bytes));
	d->be.softc = d;
	d->be.info = (struct block_info){
		.size = DISK_BYTES,
		.logical = prng_one_in(r, 4) ? 4096 : 512,
		.physical = 4096,
		.readonly = prng_one_in(r, 6),
		.can_discard = !prng_one_in(r, 4),
		.can_write_zeroes = !prng_one_in(r, 4),
		.queue_depth = prng_one_in(r, 3) ? prng_range(r, 1, 4) : DISK_DEPTH,
	};
	d->batch = prng_one_in(r, 2);
}

/* Move bytes between disk and guest; `most`: stop there. */
static void
move(struct disk *d, const struct block_req *req, uint64_t most)
{
	uint64_t at = req->offset;

	for (unsigned i = 0; i < req->niov && most > 0; i++) {
		size_t n = MIN(req->iov[i].iov_len, most);

		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, d->bytes + at, n);
		else
			memcpy(d->bytes + at, req->iov[i].iov_base, n);
		at += n;
		most -= n;
	}
}

static void
end_one(struct disk *d, struct prng *r, unsigned i)
{
	struct block_req *req = d->waiting[i];
	int result = 0;
	uint64_t most = req->len;

	if (prng_one_in(r, 6)) {
		result = prng_one_in(r, 3) ? -EOPNOTSUPP : -EIO;
		most = prng_one_in(r, 2) ? 0 : prng_below(r, (uint32_t)req->len);
	}
	sim_say(d->s, "(disk: %s of %llu at %llu ends: %d)",
	    req->op == BLOCK_READ        ? "read"
		: req->op == BLOCK_WRITE ? "write"
					 : "other",
	    (unsigned long long)req->len, (unsigned long long)req->offset, result);
	d->waiting[i] = d->waiting[--d->nwaiting];
	d->ends(d->s, req, result);
	if (req->op == BLOCK_READ || req->op == BLOCK_WRITE)
		move(d, req, most);
	else if (req->op == BLOCK_WRITE_ZEROES && result == 0)
		memset(d->bytes + req->offset, 0, req->len);
	req->done(req, result);
}

bool
disk_end_one(struct disk *d, struct prng *r)
{
	unsigned n = d->batch ? prng_range(r, 1, 4) : 1;

	if (d->nwaiting == 0)
		return (false);
	sim_enter(d->s);
	for (; n > 0 && d->nwaiting > 0; n--)
		end_one(d, r, prng_below(r, d->nwaiting));
	if (d->be.batch_done != NULL)
		d->be.batch_done(d->be.dev);
	sim_leave(d->s);
	return (true);
}

bool
disk_carries(
    const struct sim *s, const struct block_req *req, const struct disk_want *w, unsigned n)
{
	size_t used = 0; /* bytes of the request's piece k */
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		for (uint32_t at = 0; at < w[i].len;) {
			size_t part;

			if (k >= req->niov)
				return (false);
			if ((const uint8_t *)req->iov[k].iov_base + used != s->ram + w[i].gpa + at)
				return (false);
			part = MIN(req->iov[k].iov_len - used, (size_t)(w[i].len - at));
			at += (uint32_t)part;
			used += part;
			if (used == req->iov[k].iov_len) {
				used = 0;
				k++;
			}
		}
	}
	return (k == req->niov && used == 0);
}
