/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe in the simulator: commands, and what they come to. What reaches the backend is what one
 * command asked for, byte for byte; a wrong command ends with an error and reaches nothing.
 */
#include <errno.h>
#include <string.h>

#include "actor_nvme.h"
#include "base/checked.h"
#include "devices/nvme_internal.h"

enum {
	IO_FLUSH,
	IO_WRITE,
	IO_READ,
	IO_WRITE_ZEROES = 8,
	IO_DSM = 9
};
enum {
	A_DELETE_SQ = 0,
	A_CREATE_SQ = 1,
	A_GET_LOG = 2,
	A_DELETE_CQ = 4,
	A_CREATE_CQ = 5,
	A_IDENTIFY = 6,
	A_ABORT = 8,
	A_SET_FEATURES = 9,
	A_GET_FEATURES = 10,
	A_ASYNC_EVENT = 12
};
#define PAGE     4096u
#define FUA      0x40000000u
#define DATA_MAX (2 * PAGE)

struct raw {
	uint8_t b[64];
};

/* --- submission --- */

static struct nvme_job *
job_new(struct sim *s, unsigned queue, uint8_t opcode)
{
	struct nvme_actor *a = nvme_of(s);

	for (unsigned i = 0; i < NVME_JOBS; i++) {
		bool kept = a->job[i].live;

		for (unsigned k = 0; k < a->ndone; k++)
			kept |= a->done[k] == &a->job[i];
		if (kept)
			continue;
		a->job[i] = (struct nvme_job){
			.cid = a->next_cid++, .queue = queue, .opcode = opcode, .tag = a->next_tag
		};
		return (&a->job[i]);
	}
	return (NULL);
}

/* Put a command into its queue; false: there is no room. */
static bool
job_put(struct sim *s, struct nvme_job *job, struct raw *raw)
{
	struct nvme_actor *a = nvme_of(s);
	struct nvme_ring *sq = &a->sq[job->queue];
	const struct nvme_sq *dev = &a->n.sq[job->queue];

	/* The head is where the controller has got to; a driver knows it from answers. */
	if (!sq->live || (sq->tail + 1) % sq->size == dev->head) {
		sim_range_drop(s, job->tag);
		return (false);
	}
	a->next_tag++;
	raw->b[0] = job->opcode;
	le16_put(raw->b + 2, job->cid);
	sim_poke(s, sq->base + sq->tail * 64, raw->b, 64);
	job->place = sq->tail;
	sq->tail = (sq->tail + 1) % sq->size;
	job->live = true;
	sim_say(s, "queue %u command %u: opcode %#x", job->queue, job->cid, job->opcode);
	return (true);
}

static void
ring(struct sim *s, unsigned queue)
{
	struct nvme_actor *a = nvme_of(s);

	if (!s->mapped[0] || !a->sq[queue].live || a->resetting)
		return;
	for (unsigned i = 0; i < NVME_JOBS; i++)
		a->job[i].rung |= a->job[i].live && a->job[i].queue == queue;
	nvme_ring_tail(s, queue, a->sq[queue].tail);
}

/*
 * Pages for `len` bytes, the first with an offset; PRPs into the command, a list where there are
 * more than two. False: no room.
 */
static bool
data_put(
    struct sim *s, struct prng *r, struct nvme_job *job, struct raw *raw, uint32_t len, bool in)
{
	uint32_t off = prng_one_in(r, 2) ? 0 : prng_below(r, PAGE / 4) * 4, at, part, n = 0;
	uint64_t prp[NVME_PIECES] = { 0 };

	while (len > 0) {
		part = MIN(len, PAGE - off);
		if (n == NVME_PIECES || (at = sim_room(s, r, NVME_DATA, PAGE, PAGE)) == 0) {
			sim_range_drop(s, job->tag);
			return (false);
		}
		sim_range_add(s, at + off, part, in, job->tag);
		job->piece[job->npieces++] = (struct disk_want){ at + off, part };
		prp[n++] = at + off;
		len -= part;
		off = 0;
	}
	le64_put(raw->b + 24, prp[0]);
	if (n == 2)
		le64_put(raw->b + 32, prp[1]);
	if (n > 2) {
		if ((at = sim_room(s, r, NVME_DATA, (n - 1) * 8, 8)) == 0 ||
		    at % PAGE + (n - 1) * 8 > PAGE) {
			sim_range_drop(s, job->tag);
			return (false);
		}
		sim_range_add(s, at, (n - 1) * 8, false, job->tag);
		sim_poke(s, at, &prp[1], (n - 1) * 8);
		le64_put(raw->b + 32, at);
	}
	return (true);
}

static void
io_fields(struct nvme_job *job, struct raw *raw)
{
	le32_put(raw->b + 4, 1);
	le64_put(raw->b + 40, job->lba);
	le32_put(raw->b + 48, (uint32_t)(job->blocks - 1) | (job->fua ? FUA : 0));
}

/* What will be read while it is written, and the other way round, is anybody's guess. */
static void
mark_overlaps(struct nvme_actor *a, struct nvme_job *job)
{
	for (unsigned i = 0; i < NVME_JOBS; i++) {
		struct nvme_job *o = &a->job[i];

		if (o->live && o != job && o->queue != 0 && o->opcode != IO_FLUSH &&
		    !(o->opcode == IO_READ && job->opcode == IO_READ) &&
		    o->lba < job->lba + job->blocks && job->lba < o->lba + o->blocks)
			o->unsure = job->unsure = true;
	}
}

static bool
want(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);

	if (!a->up && !a->resetting && prng_one_in(r, 2))
		nvme_up(s, r);
	return (a->up && !a->resetting);
}

void
nvme_op_io(struct sim *s, struct prng *r)
{
	static const uint8_t kinds[] = { IO_READ, IO_READ, IO_READ, IO_WRITE, IO_WRITE, IO_FLUSH,
		IO_WRITE_ZEROES };
	struct nvme_actor *a = nvme_of(s);
	uint32_t unit = a->disk.be.info.logical;
	unsigned queue = prng_range(r, 1, NVME_QUEUES - 1);
	struct raw raw = { { 0 } };
	uint64_t there = a->disk.be.info.size / unit;
	struct nvme_job *job;

	if (!want(s, r) || (job = job_new(s, queue, kinds[prng_below(r, NITEMS(kinds))])) == NULL)
		return;
	job->blocks = prng_range(r, 1, DATA_MAX / unit);
	job->lba = prng_below(r, (uint32_t)there);
	job->blocks = MIN(job->blocks, there - job->lba);
	job->fua = job->opcode != IO_FLUSH && prng_one_in(r, 5);
	io_fields(job, &raw);
	if ((job->opcode == IO_READ || job->opcode == IO_WRITE) &&
	    !data_put(s, r, job, &raw, (uint32_t)(job->blocks * unit), job->opcode == IO_READ))
		return;
	if (!job_put(s, job, &raw))
		return;
	if (job->opcode == IO_FLUSH)
		job->blocks = 0;
	else
		mark_overlaps(a, job);
	if (!prng_one_in(r, 3))
		ring(s, queue);
}

static uint64_t
bad_page(struct sim *s, struct prng *r)
{
	uint64_t at = sim_bad_gpa(s, r, PAGE) & ~(uint64_t)(PAGE - 1);

	return (at < SIM_RAM ? SIM_RAM : at);
}

/* A command that must end with an error. */
void
nvme_op_bad_io(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	uint32_t unit = a->disk.be.info.logical;
	unsigned queue = prng_range(r, 1, NVME_QUEUES - 1);
	struct raw raw = { { 0 } };
	struct nvme_job *job;

	if (!want(s, r) || (job = job_new(s, queue, IO_READ)) == NULL)
		return;
	job->bad = true;
	job->blocks = DATA_MAX / unit;
	io_fields(job, &raw);
	le64_put(raw.b + 24, NVME_DATA);
	le64_put(raw.b + 32, NVME_DATA + PAGE);
	switch (prng_below(r, 8)) {
	case 0:
		job->opcode = 0x7f;
		break;
	case 1: /* beyond the end, or around it */
		le64_put(raw.b + 40,
		    prng_one_in(r, 2) ? UINT64_MAX - prng_below(r, 4) : DISK_BYTES / unit);
		break;
	case 2:
		le32_put(raw.b + 48, 0xffff); /* longer than MDTS lets it be */
		break;
	case 3:
		le64_put(raw.b + 24, bad_page(s, r));
		break;
	case 4:
		le64_put(raw.b + 32, bad_page(s, r));
		break;
	case 5:
		le64_put(raw.b + 32, NVME_DATA + 8 * prng_range(r, 1, 100));
		break;
	case 6:
		le32_put(raw.b + 4, prng_one_in(r, 2) ? 0 : 2);
		break;
	default:
		raw.b[1] = 0x40; /* a scatter-gather list */
	}
	if (job_put(s, job, &raw) && !prng_one_in(r, 3))
		ring(s, queue);
}

/* --- admin --- */

/* Create or delete; the model follows when the answer is there. */
static struct nvme_job *
queue_command(struct sim *s, uint8_t opcode, unsigned i, uint32_t size, uint64_t base)
{
	struct nvme_job *job = job_new(s, 0, opcode);
	struct raw raw = { { 0 } };

	if (job == NULL)
		return (NULL);
	job->arg = i;
	job->to = size;
	le64_put(raw.b + 24, base);
	le32_put(raw.b + 40, i | (size - 1) << 16);
	if (opcode == A_CREATE_CQ)
		le32_put(raw.b + 44, 3 | (nvme_of(s)->msix ? i : 0) << 16);
	else if (opcode == A_CREATE_SQ)
		le32_put(raw.b + 44, 1 | i << 16);
	return (job_put(s, job, &raw) ? job : NULL);
}

void
nvme_make_queue(struct sim *s, struct prng *r, unsigned i)
{
	struct nvme_actor *a = nvme_of(s);
	uint32_t base = NVME_RINGS + i * 0x2000;

	if (!a->cq[i].live) {
		(void)queue_command(s, A_CREATE_CQ, i, prng_range(r, 2, 32), base + 0x1000);
		ring(s, 0);
		nvme_take(s, 0, 1);
	}
	if (a->cq[i].live && !a->sq[i].live) {
		(void)queue_command(s, A_CREATE_SQ, i, prng_range(r, 2, 32), base);
		ring(s, 0);
		nvme_take(s, 0, 1);
	}
}

/* Commands whose answers are data. */
static void
ask(struct sim *s, struct prng *r, uint8_t opcode)
{
	struct nvme_job *job = job_new(s, 0, opcode);
	struct raw raw = { { 0 } };
	uint32_t len = opcode == A_IDENTIFY ? PAGE : prng_range(r, 1, 1024) * 4;

	if (job == NULL || !data_put(s, r, job, &raw, len, true))
		return;
	le32_put(raw.b + 4, prng_below(r, 3));
	if (opcode == A_IDENTIFY)
		le32_put(raw.b + 40, prng_below(r, 5));
	else
		le32_put(raw.b + 40, prng_below(r, 5) | (len / 4 - 1) << 16);
	(void)job_put(s, job, &raw);
	ring(s, 0);
}

static void
set_or_get(struct sim *s, struct prng *r, uint8_t opcode)
{
	/* Not the number of queues: our model of them is fixed. */
	static const uint8_t features[] = { 1, 2, 4, 5, 6, 8, 9, 10, 11, 0x80 };
	struct nvme_job *job = job_new(s, 0, opcode);
	struct raw raw = { { 0 } };

	if (job == NULL)
		return;
	le32_put(raw.b + 40, features[prng_below(r, NITEMS(features))]);
	le32_put(raw.b + 44, prng_one_in(r, 2) ? prng_below(r, 16) : (uint32_t)prng_next(r));
	(void)job_put(s, job, &raw);
	ring(s, 0);
}

/* Are both queues of the pair there, and is nobody about to delete one? */
static bool
there_for_good(const struct nvme_actor *a, unsigned i)
{
	for (unsigned k = 0; k < NVME_JOBS; k++)
		if (a->job[k].live && a->job[k].queue == 0 &&
		    (a->job[k].opcode == A_DELETE_SQ || a->job[k].opcode == A_DELETE_CQ))
			return (false);
	return (a->cq[i].live && a->sq[i].live);
}

void
nvme_op_admin(struct sim *s, struct prng *r)
{
	unsigned i = prng_range(r, 1, NVME_QUEUES - 1);
	struct nvme_actor *a = nvme_of(s);
	struct raw raw = { { 0 } };
	struct nvme_job *job;

	if (!want(s, r))
		return;
	switch (prng_below(r, 8)) {
	case 0:
		if (a->sq[i].live && queue_command(s, A_DELETE_SQ, i, 1, 0) != NULL)
			ring(s, 0);
		break;
	case 1:
		if (queue_command(s, A_DELETE_CQ, i, 1, 0) != NULL)
			ring(s, 0);
		break;
	case 2: /* one that is there already, or none that could be */
		i = there_for_good(a, i) ? i
		    : prng_one_in(r, 2)  ? 0
					 : NVME_QUEUES + prng_below(r, 60000);
		job = queue_command(s, prng_one_in(r, 2) ? A_CREATE_SQ : A_CREATE_CQ, i, 8,
		    NVME_DATA & ~(PAGE - 1));
		if (job != NULL)
			job->bad = true;
		ring(s, 0);
		break;
	case 3:
		ask(s, r, prng_one_in(r, 2) ? A_IDENTIFY : A_GET_LOG);
		break;
	case 4:
		set_or_get(s, r, prng_one_in(r, 2) ? A_SET_FEATURES : A_GET_FEATURES);
		break;
	case 5:
		if ((job = job_new(s, 0, A_ASYNC_EVENT)) == NULL || !job_put(s, job, &raw))
			break;
		job->waits = true;
		ring(s, 0);
		break;
	default:
		nvme_make_queue(s, r, i);
	}
}

/* Doorbells that are not there, values that do not fit. */
void
nvme_op_doorbell(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	unsigned queue = prng_below(r, NVME_QUEUES);

	if (!want(s, r) || !s->mapped[0])
		return;
	if (prng_one_in(r, 2))
		sim_bar_write(s, 0, 0x1000 + (NVME_QUEUES + prng_below(r, 500)) * 8ull, 4,
		    (uint32_t)prng_next(r));
	else if (a->sq[queue].live)
		sim_bar_write(s, 0, 0x1000 + queue * 8ull, 4,
		    a->sq[queue].size + (uint32_t)(prng_next(r) >> 33));
	if (a->cq[queue].live && !a->resetting && a->cq[queue].unseen + 1 < a->cq[queue].size)
		sim_bar_write(s, 0, 0x1000 + queue * 8ull + 4, 4, /* more than there is */
		    (a->cq[queue].head + a->cq[queue].unseen + 1) % a->cq[queue].size);
}

void
nvme_op_resize(struct sim *s, struct prng *r)
{
	struct nvme_actor *a = nvme_of(s);
	uint32_t unit = a->disk.be.info.logical;

	a->disk.be.info.size = (uint64_t)prng_range(r, 1, DISK_BYTES / unit) * unit;
	sim_enter(s);
	nvme_resized(&a->n);
	sim_leave(s);
}

/* --- what they come to --- */

static bool
is_it(struct sim *s, const struct nvme_job *job, const struct block_req *io)
{
	const struct nvme_req *req =
	    (const struct nvme_req *)(const void *)io; /* its first member */
	struct nvme_actor *a = nvme_of(s);
	uint64_t unit = a->disk.be.info.logical;

	/* Whose it is the controller says; what it is has to be right. */
	if (!job->live || job->queue == 0 || job->bad || req->cid != job->cid ||
	    req->sqid != job->queue)
		return (false);
	if (job->flushed)
		return (io->op == BLOCK_READ && job->io == NULL && io->offset == job->lba * unit &&
		    disk_carries(s, io, job->piece, job->npieces));
	if (job->started)
		return (false);
	switch (io->op) {
	case BLOCK_FLUSH:
		return (job->opcode == IO_FLUSH || (job->opcode == IO_READ && job->fua));
	case BLOCK_READ:
		return (job->opcode == IO_READ && !job->fua && io->offset == job->lba * unit &&
		    disk_carries(s, io, job->piece, job->npieces));
	case BLOCK_WRITE:
		return (job->opcode == IO_WRITE && io->offset == job->lba * unit &&
		    (io->fua || !job->fua) && disk_carries(s, io, job->piece, job->npieces));
	case BLOCK_WRITE_ZEROES:
		return (job->opcode == IO_WRITE_ZEROES && io->offset == job->lba * unit &&
		    io->len == job->blocks * unit);
	default:
		return (false);
	}
}

void
nvme_came(struct sim *s, struct block_req *io)
{
	struct nvme_actor *a = nvme_of(s);

	if (io == &a->n.shutdown)
		return;
	if (a->n.resetting)
		sim_fail(s, "reset", "the backend is asked by a controller that resets");
	for (unsigned i = 0; i < NVME_JOBS && !s->wild; i++) {
		if (!is_it(s, &a->job[i], io))
			continue;
		a->job[i].started = true;
		a->job[i].flushed = io->op == BLOCK_FLUSH && a->job[i].opcode == IO_READ;
		a->job[i].io = io;
		return;
	}
	sim_fail(s, "backend", "an operation %d of %llu bytes at %llu, which no command asks for",
	    io->op, (unsigned long long)io->len, (unsigned long long)io->offset);
}

void
nvme_ends(struct sim *s, struct block_req *io, int result)
{
	struct nvme_actor *a = nvme_of(s);

	for (unsigned i = 0; i < NVME_JOBS; i++)
		if (a->job[i].live && a->job[i].io == io) {
			a->job[i].result = result;
			a->job[i].io = NULL;
		}
}

static void
check_data(struct sim *s, const struct nvme_job *job)
{
	struct nvme_actor *a = nvme_of(s);
	const uint8_t *want = a->disk.bytes + job->lba * a->disk.be.info.logical;

	for (unsigned i = 0; i < job->npieces; i++) {
		if (memcmp(sim_at(s, job->piece[i].gpa), want, job->piece[i].len) != 0)
			sim_fail(s, "data", "block %llu: not what the disk holds",
			    (unsigned long long)job->lba);
		want += job->piece[i].len;
	}
}

static void
queue_done(struct sim *s, struct nvme_job *job)
{
	struct nvme_actor *a = nvme_of(s);

	if (job->status != 0)
		return;
	switch (job->opcode) {
	case A_CREATE_CQ:
	case A_CREATE_SQ:
		nvme_queue_made(s, job->arg, job->opcode == A_CREATE_CQ, job->to, job->arg);
		break;
	case A_DELETE_CQ:
		a->cq[job->arg].live = false;
		a->cq[job->arg].unseen = 0;
		break;
	case A_DELETE_SQ:
		/* What the controller had not fetched is forgotten. */
		for (unsigned i = 0; i < NVME_JOBS; i++)
			if (a->job[i].live && a->job[i].queue == job->arg) {
				if (a->job[i].io != NULL)
					sim_fail(s, "early", "a queue is gone, its command is not");
				sim_range_drop(s, a->job[i].tag);
				a->job[i].live = false;
			}
		a->sq[job->arg].live = false;
		break;
	}
}

void
nvme_job_done(struct sim *s, struct nvme_job *job)
{
	if (job->bad && job->status == 0)
		sim_fail(s, "status", "a command ended well that cannot be");
	if (job->queue == 0) {
		queue_done(s, job);
		return;
	}
	if (job->io != NULL)
		sim_fail(s, "early", "a command is answered while the backend works on it");
	if (job->status == 0 && (!job->started || job->result != 0))
		sim_fail(s, "status", "done, but the backend said %d", job->result);
	if (job->status == 0 && job->opcode == IO_READ && !job->unsure)
		check_data(s, job);
	if (job->started && job->result == 0 && job->status != 0 && !job->flushed)
		sim_fail(s, "status", "status %#x, but the backend did it", job->status);
}
