/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller's queues: doorbells, fetching, completion, interrupts (NVM Express 1.4,
 * chapter 4 and 7.2). Refuses, without effect but for an error event, doorbells of queues that are
 * not there and values that do not fit them. Runs in zhyve.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/nvme_internal.h"

/* --- interrupts --- */

/*
 * The pin is held while any queue with interrupts has entries that the host has not taken; a
 * controller that waits for its reset is silent, also after a reset of the machine.
 */
void
nvme_update_intx(struct nvme *n)
{
	bool level = false;

	for (unsigned i = 0; i <= n->opt.queues && !level && !n->resetting; i++) {
		const struct nvme_cq *cq = &n->cq[i];

		level = cq->live && cq->interrupts && cq->head != cq->tail &&
		    (n->intx_mask & 1u << (cq->vector % 32)) == 0;
	}
	pci_intx_set(&n->pci, level);
}

/* Tell the host once of all that a call has completed. */
static void
publish(struct nvme *n)
{
	for (; n->dirty != 0; n->dirty &= n->dirty - 1) {
		const struct nvme_cq *cq = &n->cq[__builtin_ctzll(n->dirty)];

		if (cq->live && cq->interrupts)
			(void)pci_msix_notify(&n->pci, cq->vector);
	}
	nvme_update_intx(n);
}

/* --- queues --- */

unsigned
nvme_cq_room(const struct nvme_cq *cq)
{
	unsigned used = (cq->tail + cq->size - cq->head) % cq->size + cq->reserved;

	/* One place stays empty: full and empty would look the same (4.1.2). */
	return (used < cq->size - 1 ? cq->size - 1 - used : 0);
}

void
nvme_post(
    struct nvme *n, unsigned cqid, unsigned sqid, uint16_t cid, uint16_t status, uint32_t result)
{
	struct nvme_cq *cq = &n->cq[cqid];
	uint64_t at = cq->base + (uint64_t)cq->tail * NVME_CQE_LEN;
	uint8_t entry[NVME_CQE_LEN] = { 0 };

	le32_put(entry, result);
	le16_put(entry + 8, (uint16_t)n->sq[sqid].head);
	le16_put(entry + 10, (uint16_t)sqid);
	le16_put(entry + 12, cid);
	/* The phase says that the entry is there: it comes last (4.6). */
	if (gmem_write(n->gm, at, entry, 14) != 0 ||
	    gmem_store16(n->gm, at + 14, (uint16_t)(status << 1 | cq->phase)) != 0) {
		nvme_fatal(n, "a completion queue is not in memory");
		return;
	}
	if (++cq->tail == cq->size) {
		cq->tail = 0;
		cq->phase = !cq->phase;
	}
	n->dirty |= 1ull << cqid;
}

static struct nvme_req *
req_get(struct nvme *n)
{
	struct nvme_req *r = n->free;

	if (r != NULL)
		n->free = r->next_free;
	else if (n->fresh < n->nreqs) {
		/* Touched for the first time only now: a quiet disk takes little memory. */
		r = &n->reqs[n->fresh];
		r->n = n;
		r->ranges = n->ranges + (size_t)n->fresh++ * NVME_PAGE;
	}
	return (r);
}

static void
req_put(struct nvme *n, struct nvme_req *r)
{
	r->next_free = n->free;
	n->free = r;
}

static void
note_error(struct nvme *n, unsigned sqid, uint16_t cid, uint16_t status)
{
	n->error = (struct nvme_error){ n->error.count + 1, (uint16_t)sqid, cid, status };
}

void
nvme_complete(struct nvme *n, struct nvme_req *r, uint16_t status, uint32_t result)
{
	unsigned sqid = r->sqid;
	struct nvme_sq *sq = &n->sq[sqid];

	assert(sq->inwork > 0 && n->inwork > 0 && n->cq[sq->cqid].reserved > 0);
	sq->inwork--;
	n->inwork--;
	n->cq[sq->cqid].reserved--;
	if (nvme_running(n) && status != NVME_PARKED) {
		if (status != NVME_OK)
			note_error(n, sqid, r->cid, status);
		nvme_post(n, sq->cqid, sqid, r->cid, status, result);
	}
	req_put(n, r);
	if (sq->delete != NULL && sq->inwork == 0)
		nvme_sq_drained(n, sqid);
	if (n->resetting && n->inwork == 0)
		nvme_finish_reset(n);
}

static void
read_command(const uint8_t raw[NVME_CMD_LEN], struct nvme_cmd *c)
{
	*c = (struct nvme_cmd){
		.opcode = raw[0],
		.flags = raw[1],
		.cid = le16_get(raw + 2),
		.nsid = le32_get(raw + 4),
		.prp1 = le64_get(raw + 24),
		.prp2 = le64_get(raw + 32),
		.dw10 = le32_get(raw + 40),
		.dw11 = le32_get(raw + 44),
		.dw12 = le32_get(raw + 48),
		.dw13 = le32_get(raw + 52),
	};
}

static void
handle(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	uint32_t result = 0;
	uint16_t status;

	r->cid = c->cid;
	r->nranges = 0;
	r->read_next = false;
	r->io.unmap = r->io.fua = false;
	r->io.niov = 0;
	/* No fused commands, no scatter-gather lists (identify says so): 4.2. */
	if ((c->flags & 0xc3) != 0)
		status = NVME_INVALID_FIELD;
	else if (r->sqid == 0)
		status = nvme_admin(n, r, c, &result);
	else
		status = nvme_io(n, r, c);
	if (status != NVME_PENDING)
		nvme_complete(n, r, status, result);
	if (status == NVME_PARKED)
		nvme_events_flush(n);
}

/* Take what is in a submission queue, as far as there are requests and places for answers. */
void
nvme_run_queue(struct nvme *n, unsigned sqid)
{
	struct nvme_sq *sq = &n->sq[sqid];
	uint8_t raw[NVME_CMD_LEN];
	struct nvme_cmd c;
	struct nvme_req *r;

	/* A function that may not master the bus reads no memory; see cfg_written. */
	if (!pci_bus_master(&n->pci))
		return;
	/* The tail moves by a doorbell only, so this ends after a ring's length at most. */
	while (nvme_running(n) && sq->live && sq->delete == NULL && sq->head != sq->tail) {
		struct nvme_cq *cq = &n->cq[sq->cqid];

		if (nvme_cq_room(cq) == 0 || (r = req_get(n)) == NULL) {
			n->stalled |= 1ull << sqid;
			return;
		}
		if (gmem_read(n->gm, sq->base + (uint64_t)sq->head * NVME_CMD_LEN, raw,
			sizeof(raw)) != 0) {
			req_put(n, r);
			nvme_fatal(n, "a submission queue is not in memory");
			return;
		}
		read_command(raw, &c);
		sq->head = sq->head + 1 == sq->size ? 0 : sq->head + 1;
		sq->inwork++;
		n->inwork++;
		cq->reserved++;
		r->sqid = (uint16_t)sqid;
		handle(n, r, &c);
	}
}

/* Go on with the queues that had to wait, another one first each time. */
static void
run_stalled(struct nvme *n)
{
	unsigned nqueues = n->opt.queues + 1;
	uint64_t again = n->stalled;

	if (again == 0)
		return;
	n->stalled = 0;
	for (unsigned i = 0; i < nqueues; i++) {
		unsigned q = (n->turn + i) % nqueues;

		if ((again & 1ull << q) != 0)
			nvme_run_queue(n, q);
	}
	n->turn = (n->turn + 1) % nqueues;
}

/* The end of every call that may have changed something. */
void
nvme_settle(struct nvme *n)
{
	n->backend->ops->kick(n->backend);
	publish(n);
}

void
nvme_batch_done(void *dev)
{
	struct nvme *n = dev;

	run_stalled(n);
	nvme_settle(n);
}

/* --- doorbells --- */

static void
bad_doorbell(struct nvme *n, unsigned queue, enum nvme_event ev)
{
	note_error(n, queue, 0xffff, 0);
	nvme_event(n, ev);
}

static void
tail_doorbell(struct nvme *n, unsigned queue, uint32_t val)
{
	struct nvme_sq *sq = &n->sq[queue];

	if (val >= sq->size) {
		bad_doorbell(n, queue, NVME_EVENT_BAD_VALUE);
		return;
	}
	sq->tail = val;
	nvme_run_queue(n, queue);
}

static void
head_doorbell(struct nvme *n, unsigned queue, uint32_t val)
{
	struct nvme_cq *cq = &n->cq[queue];
	uint32_t there = (cq->tail + cq->size - cq->head) % cq->size;

	/* The host takes no more than there is. */
	if (val >= cq->size || (val + cq->size - cq->head) % cq->size > there) {
		bad_doorbell(n, queue, NVME_EVENT_BAD_VALUE);
		return;
	}
	cq->head = val;
	if (queue == 0)
		nvme_events_flush(n);
	run_stalled(n);
}

void
nvme_doorbell(struct nvme *n, uint64_t off, uint32_t val)
{
	unsigned queue = (unsigned)(off / 8);
	bool head = off % 8 != 0;

	if (!nvme_running(n))
		return;
	if (queue > n->opt.queues || !(head ? n->cq[queue].live : n->sq[queue].live))
		bad_doorbell(n, queue, NVME_EVENT_BAD_DOORBELL);
	else if (head)
		head_doorbell(n, queue, val);
	else if (n->sq[queue].delete == NULL)
		tail_doorbell(n, queue, val);
	nvme_settle(n);
}
