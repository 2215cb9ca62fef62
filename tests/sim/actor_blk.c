/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-blk (virtio 1.2, 5.2) in the simulator. Oracles of its own: what reaches the backend is
 * what one request asked for, byte for byte, and nothing else does; a request ends after the backend
 * has ended it and as that said; what is read is what the disk holds.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/blk.h"
#include "disk.h"
#include "vdrv.h"

enum {
	T_IN = 0,
	T_OUT = 1,
	T_SCSI = 2, /* the legacy pass-through */
	T_FLUSH = 4,
	T_GET_ID = 8,
	T_DISCARD = 11,
	T_WRITE_ZEROES = 13
};
enum {
	S_OK,
	S_IOERR,
	S_UNSUPP
};
#define F_FLUSH      (1ull << 9)
#define F_CONFIG_WCE (1ull << 11)
#define HEADER       16u
#define SECTOR       512u
#define C_WRITEBACK  32
#define DATA_MAX     (8 * SECTOR)
static const char serial[] = "SIMULATED-DISK-00001";

struct actor {
	struct vdrv v;
	struct virtio_blk blk;
	struct disk disk;
	unsigned nqueues;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

/* The ranges of a request's data: what is between header and status. */
static unsigned
data_of(const struct vreq *req, bool write, struct disk_want *w)
{
	uint32_t skip = write ? 0 : HEADER, len = write ? req->wlen - 1 : req->rlen - HEADER;
	unsigned n = 0;

	for (unsigned i = 0; i < req->nseg && len > 0; i++) {
		const struct vseg *g = &req->seg[i];
		uint32_t part;

		if (g->write != write)
			continue;
		if (skip >= g->len) {
			skip -= g->len;
			continue;
		}
		part = MIN(g->len - skip, len);
		w[n++] = (struct disk_want){ g->gpa + skip, part };
		len -= part;
		skip = 0;
	}
	return (n);
}

static bool
is_it(struct sim *s, const struct vreq *req, const struct block_req *io)
{
	static const uint8_t op_of[] = {
		[BLOCK_READ] = T_IN,
		[BLOCK_WRITE] = T_OUT,
		[BLOCK_FLUSH] = T_FLUSH,
		[BLOCK_DISCARD] = T_DISCARD,
		[BLOCK_WRITE_ZEROES] = T_WRITE_ZEROES,
	};
	struct disk_want w[VSEG_MAX];
	uint8_t range[16];

	if (!vdrv_taken_last(s, req) || req->started || req->kind != op_of[io->op])
		return (false);
	switch (io->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return (io->offset == req->at * SECTOR &&
		    disk_carries(s, io, w, data_of(req, io->op == BLOCK_READ, w)));
	case BLOCK_FLUSH:
		return (true);
	default:
		if (req->rlen != HEADER + sizeof(range))
			return (false);
		vdrv_get(s, req, false, HEADER, range, sizeof(range));
		/* One with other flags is refused, and may have been taken last, too. */
		return (io->offset == le64_get(range) * SECTOR &&
		    io->len == (uint64_t)le32_get(range + 8) * SECTOR &&
		    le32_get(range + 12) <= (io->op == BLOCK_WRITE_ZEROES ? 1 : 0));
	}
}

static struct vreq *
find(struct sim *s, const struct block_req *io,
    bool (*match)(struct sim *, const struct vreq *, const struct block_req *))
{
	struct vdrv *v = vdrv_of(s);

	for (unsigned i = 0; i < v->nq; i++)
		for (unsigned k = 0; v->q[i].up && k < v->q[i].size; k++)
			if (match(s, &v->q[i].req[k], io))
				return (&v->q[i].req[k]);
	return (NULL);
}

/* Is a write to be on stable storage when it is done (5.2.6.2)? */
static bool
through(struct actor *a)
{
	return (!virtio_has(&a->blk.vd, F_FLUSH) ||
	    (virtio_has(&a->blk.vd, F_CONFIG_WCE) && a->blk.config[C_WRITEBACK] == 0));
}

static void
came(struct sim *s, struct block_req *io)
{
	struct actor *a = actor_of(s);
	struct vreq *req;

	if (!virtio_running(&a->blk.vd))
		sim_fail(s, "reset", "the backend is asked by a device that does not run");
	if (s->wild)
		return;
	if ((req = find(s, io, is_it)) == NULL)
		sim_fail(s, "backend",
		    "an operation %d of %llu bytes at %llu, which no request asks for", io->op,
		    (unsigned long long)io->len, (unsigned long long)io->offset);
	if ((io->op == BLOCK_WRITE || io->op == BLOCK_WRITE_ZEROES) && io->fua != through(a))
		sim_fail(s, "backend", "a write %s", io->fua ? "is forced" : "is not forced");
	req->started = true;
	req->io = io;
	/* Read once: what the driver does to the question now changes nothing. */
	if (io->len % 3 == 0 && req->seg[0].len >= sizeof(uint32_t))
		sim_poke32(s, req->seg[0].gpa, (uint32_t)io->len * 0x9e3779b9u);
}

static bool
carries_it(struct sim *s, const struct vreq *req, const struct block_req *io)
{
	return (req->live && req->io == io);
}

static void
ends(struct sim *s, struct block_req *io, int result)
{
	struct vreq *req = s->wild ? NULL : find(s, io, carries_it);

	if (req == NULL)
		return;
	req->result = result == 0 ? S_OK : result == -EOPNOTSUPP ? S_UNSUPP : S_IOERR;
	req->io = NULL;
}

/* Data that was read is what the disk holds, unless somebody wrote there meanwhile. */
static void
check_read(struct sim *s, const struct vreq *req)
{
	struct actor *a = actor_of(s);
	uint8_t got[DATA_MAX];

	if (req->failed)
		return;
	vdrv_get(s, req, true, 0, got, req->wlen - 1);
	if (memcmp(got, a->disk.bytes + req->at * SECTOR, req->wlen - 1) != 0)
		sim_fail(
		    s, "data", "sector %llu: not what the disk holds", (unsigned long long)req->at);
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	uint8_t status, id[sizeof(serial) - 1];
	uint32_t want = 1;

	vdrv_get(s, req, true, req->wlen - 1, &status, 1);
	if (req->io != NULL)
		sim_fail(s, "early", "a request is given back while the backend works on it");
	if (req->started && status != req->result)
		sim_fail(s, "status", "status %u instead of %u", status, req->result);
	if (!req->started && status == S_OK && req->kind != T_GET_ID)
		sim_fail(s, "status", "done, but the backend was never asked");
	if (status == S_OK && req->kind == T_IN) {
		want = req->wlen;
		check_read(s, req);
	}
	if (status == S_OK && req->kind == T_GET_ID) {
		uint32_t n = MIN(req->wlen - 1, (uint32_t)sizeof(id));

		want = n + 1;
		vdrv_get(s, req, true, 0, id, n);
		if (memcmp(id, serial, n) != 0)
			sim_fail(s, "data", "not the serial");
	}
	if (status == S_OK ? len != want : len > 1)
		sim_fail(s, "used", "status %u, %u bytes instead of %u", status, len, want);
	if (status > S_UNSUPP)
		sim_fail(s, "status", "status %u", status);
}

/* A write takes what overlapping reads will find out of our hands. */
static void
mark_overlaps(struct vdrv *v, struct vreq *req)
{
	uint64_t len = DATA_MAX / SECTOR;

	for (unsigned i = 0; i < v->nq; i++)
		for (unsigned k = 0; v->q[i].up && k < v->q[i].size; k++) {
			struct vreq *o = &v->q[i].req[k];

			if (!o->live || o == req || (o->kind == T_IN && req->kind == T_IN))
				continue;
			if (o->kind > T_OUT || req->kind > T_OUT ||
			    (o->at < req->at + len && req->at < o->at + len))
				o->failed = req->failed = true; /* nobody knows */
		}
}

/* A block request: mostly one that makes sense. */
static void
op_request(struct sim *s, struct prng *r)
{
	static const uint8_t kinds[] = { T_IN, T_IN, T_IN, T_OUT, T_OUT, T_OUT, T_FLUSH, T_GET_ID,
		T_DISCARD, T_WRITE_ZEROES, T_SCSI, 99 };
	struct actor *a = actor_of(s);
	uint32_t unit = a->disk.be.info.logical, kind = kinds[prng_below(r, NITEMS(kinds))];
	uint32_t data = unit * prng_range(r, 1, DATA_MAX / unit), in = 1, out = HEADER, fit;
	uint64_t sector = prng_below(r, DISK_BYTES / unit) * (unit / SECTOR);
	unsigned queue = prng_below(r, a->v.nq), n, m;
	uint8_t body[HEADER + DATA_MAX];
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (!vdrv_want(s, r))
		return;
	if (prng_one_in(r, 12))
		data = prng_below(r, DATA_MAX);
	fit = (uint32_t)MIN(data, DISK_BYTES - sector * SECTOR);
	if (!prng_one_in(r, 10))
		data = fit;
	if (prng_one_in(r, 16))
		sector = prng_next(r) >> prng_below(r, 64);
	prng_fill(r, body, sizeof(body));
	le32_put(body, kind);
	le64_put(body + 8, sector);
	if (kind == T_IN || kind == T_GET_ID || kind == T_SCSI)
		in += kind == T_GET_ID && prng_one_in(r, 2) ? prng_below(r, 40) : data;
	else if (kind == T_OUT)
		out += data;
	else if (kind == T_DISCARD || kind == T_WRITE_ZEROES) {
		le64_put(body + HEADER, sector);
		le32_put(body + HEADER + 8, data / SECTOR);
		le32_put(body + HEADER + 12, prng_one_in(r, 4) ? prng_below(r, 4) : 0);
		out += prng_one_in(r, 8) ? prng_below(r, 40) : 16;
	}
	n = vdrv_buffer(s, r, seg, out, false, 4);
	m = vdrv_buffer(s, r, seg + n, in, true, 4);
	if (n == 0 || m == 0)
		return;
	vdrv_put(s, seg, n, false, body, out);
	memset(body, 0xee, sizeof(body));
	vdrv_put(s, seg + n, m, true, body, in);
	if ((req = vdrv_submit(s, r, queue, seg, n + m)) == NULL)
		return;
	sim_say(s, "type %u sector %llu", kind, (unsigned long long)sector);
	req->kind = kind;
	req->at = sector;
	mark_overlaps(&a->v, req);
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, queue, false);
}

/* A request without room for a status, or without a whole header: it cannot be answered. */
static void
op_headless(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned queue = prng_below(r, a->v.nq), n = 0;
	struct vseg seg[VSEG_MAX];
	struct vreq *req;

	if (prng_one_in(r, 2))
		n = vdrv_buffer(s, r, seg, prng_range(r, 1, 600), false, 3);
	else {
		if (prng_one_in(r, 2))
			n = vdrv_buffer(s, r, seg, prng_range(r, 1, HEADER - 1), false, 2);
		n += vdrv_buffer(s, r, seg + n, prng_range(r, 1, 600), true, 3);
	}
	if (n == 0 || (req = vdrv_submit(s, r, queue, seg, n)) == NULL)
		return;
	vdrv_condemn(s, r, req, "a block request without header or status");
}

static void
op_resize(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	uint32_t unit = MAX(a->disk.be.info.logical, 512u);

	/* The file is as long as ever; requests under way stay inside of it. */
	a->disk.be.info.size = (uint64_t)prng_range(r, 1, DISK_BYTES / unit) * unit;
	sim_say(s, "%llu bytes", (unsigned long long)a->disk.be.info.size);
	sim_enter(s);
	virtio_blk_resized(&a->blk);
	sim_leave(s);
}

static void
op_writeback(struct sim *s, struct prng *r)
{
	uint8_t on = (uint8_t)prng_below(r, 3);

	sim_say(s, "write cache %u", on);
	sim_bar_write(s, 0, V_CONFIG + C_WRITEBACK, 1, on);
	if (prng_one_in(r, 4))
		sim_bar_write(s, 0, V_CONFIG + prng_below(r, 64), 1u << prng_below(r, 4), on);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	return (disk_end_one(&actor_of(s)->disk, r));
}

static bool
drains(struct sim *s, unsigned queue)
{
	return (true);
}

static void
was_reset(struct sim *s)
{
	struct actor *a = actor_of(s);

	if (a->disk.nwaiting != 0 || a->blk.inflight != 0)
		sim_fail(s, "reset",
		    "the reset is done, but the backend has %u requests, the device %u",
		    a->disk.nwaiting, a->blk.inflight);
	if (a->blk.config[C_WRITEBACK] != 1)
		sim_fail(s, "reset", "the write cache is still off");
}

static void
make(struct actor *a, struct sim *s)
{
	int rc = virtio_blk_init(&a->blk, &s->gm, &a->disk.be, serial, a->nqueues);

	assert(rc == 0);
	(void)rc;
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	virtio_blk_destroy(&a->blk);
	memset(&a->blk, SIM_JUNK, sizeof(a->blk));
	make(a, s);
}

static const struct vdrv_ops ops = {
	.used = used,
	.end_one = end_one,
	.drains = drains,
	.was_reset = was_reset,
	.remake = remake,
};

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	disk_init(&a->disk, s, r);
	a->disk.came = came;
	a->disk.ends = ends;
	a->nqueues = prng_range(r, 1, 3);
	make(a, s);
	vdrv_start(s, &a->blk.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_blk_destroy(&actor_of(s)->blk);
}

static const struct sim_op op_table[] = {
	{ "request", 60, op_request },
	{ "headless", 1, op_headless },
	{ "resize", 2, op_resize },
	{ "writeback", 3, op_writeback },
	VDRV_OPS(3),
};

const struct sim_actor actor_blk = {
	.name = "virtio-blk",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
