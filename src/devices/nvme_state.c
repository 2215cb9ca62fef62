/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The state of the NVMe controller (state.h): registers, queues, features, events that wait and
 * requests for them, what its log pages count. Refuses queues that no host could have created. Pure;
 * runs in zhyve.
 */
#include <errno.h>

#include "base/checked.h"
#include "devices/nvme_internal.h"
#include "devices/state.h"

#define OPTIONS_STATE(F, T)            \
	F(T, serial, OWN, 0)           \
	F(T, eui64, SAME, STATE_ANY)   \
	F(T, queues, SAME, STATE_ANY)  \
	F(T, entries, SAME, STATE_ANY) \
	F(T, slots, OWN, 0)            \
	F(T, dsm, SAME, STATE_ANY)
STATE_TYPE(options_type, struct nvme_options, OPTIONS_STATE, "nvme-options", 1);

#define SQ_STATE(F, T)                        \
	F(T, live, SAVED, 1)                  \
	F(T, cqid, SAVED, NVME_IO_QUEUES_MAX) \
	F(T, delete, OWN, 0)                  \
	F(T, size, SAVED, NVME_ENTRIES_MAX)   \
	F(T, head, SAVED, NVME_ENTRIES_MAX)   \
	F(T, tail, SAVED, NVME_ENTRIES_MAX)   \
	F(T, base, SAVED, STATE_ANY)          \
	F(T, inwork, OWN, 0)
STATE_TYPE(sq_type, struct nvme_sq, SQ_STATE, "nvme-sq", 1);

/* How many use it follows from the submission queues. */
#define CQ_STATE(F, T)                      \
	F(T, live, SAVED, 1)                \
	F(T, interrupts, SAVED, 1)          \
	F(T, phase, SAVED, 1)               \
	F(T, vector, SAVED, STATE_ANY)      \
	F(T, size, SAVED, NVME_ENTRIES_MAX) \
	F(T, head, SAVED, NVME_ENTRIES_MAX) \
	F(T, tail, SAVED, NVME_ENTRIES_MAX) \
	F(T, reserved, OWN, 0)              \
	F(T, users, OWN, 0)                 \
	F(T, base, SAVED, STATE_ANY)
STATE_TYPE(cq_type, struct nvme_cq, CQ_STATE, "nvme-cq", 1);

#define FEATURES_STATE(F, T)                       \
	F(T, arbitration, SAVED, STATE_ANY)        \
	F(T, error_recovery, SAVED, STATE_ANY)     \
	F(T, coalescing, SAVED, STATE_ANY)         \
	F(T, atomicity, SAVED, STATE_ANY)          \
	F(T, events, SAVED, STATE_ANY)             \
	F(T, over, SAVED, STATE_ANY)               \
	F(T, under, SAVED, STATE_ANY)              \
	F(T, no_write_cache, SAVED, 1)             \
	F(T, queues_sq, SAVED, NVME_IO_QUEUES_MAX) \
	F(T, queues_cq, SAVED, NVME_IO_QUEUES_MAX) \
	F(T, no_coalescing, SAVED, STATE_ANY)
STATE_TYPE(features_type, struct nvme_features, FEATURES_STATE, "nvme-features", 1);

#define ERROR_STATE(F, T)             \
	F(T, count, SAVED, STATE_ANY) \
	F(T, sqid, SAVED, STATE_ANY)  \
	F(T, cid, SAVED, STATE_ANY)   \
	F(T, status, SAVED, STATE_ANY)
STATE_TYPE(error_type, struct nvme_error, ERROR_STATE, "nvme-error", 1);

#define STATS_STATE(F, T)                       \
	F(T, reads, SAVED, STATE_ANY)           \
	F(T, writes, SAVED, STATE_ANY)          \
	F(T, read_sectors, SAVED, STATE_ANY)    \
	F(T, written_sectors, SAVED, STATE_ANY) \
	F(T, media_errors, SAVED, STATE_ANY)
STATE_TYPE(stats_type, struct nvme_stats, STATS_STATE, "nvme-stats", 1);

/* Nothing is in work; queues that wait are found by looking at all. */
#define NVME_STATE(F, T)                                   \
	F(T, pci, OWNS, 0)                                 \
	F(T, gm, OWN, 0)                                   \
	F(T, backend, OWN, 0)                              \
	F(T, opt, PART, options_type)                      \
	F(T, serial, OWNS, 0)                              \
	F(T, cc, SAVED, CC_WRITABLE)                       \
	F(T, csts, SAVED, CSTS_RDY | CSTS_CFS | SHST_DONE) \
	F(T, aqa, SAVED, AQA_SIZES)                        \
	F(T, intx_mask, SAVED, STATE_ANY)                  \
	F(T, asq, SAVED, STATE_ANY)                        \
	F(T, acq, SAVED, STATE_ANY)                        \
	F(T, sq, PARTS, sq_type)                           \
	F(T, cq, PARTS, cq_type)                           \
	F(T, feat, PART, features_type)                    \
	F(T, reqs, OWN, 0)                                 \
	F(T, ranges, OWN, 0)                               \
	F(T, nreqs, OWN, 0)                                \
	F(T, fresh, OWN, 0)                                \
	F(T, free, OWN, 0)                                 \
	F(T, inwork, OWN, 0)                               \
	F(T, stalled, OWN, 0)                              \
	F(T, dirty, OWN, 0)                                \
	F(T, turn, OWN, 0)                                 \
	F(T, resetting, OWN, 0)                            \
	F(T, shutdown, OWNS, 0)                            \
	F(T, shutting_down, OWN, 0)                        \
	F(T, aer, ARRAY, STATE_ANY)                        \
	F(T, naers, SAVED, NVME_AERS)                      \
	F(T, events, SAVED, (1u << NVME_EVENTS) - 1)       \
	F(T, events_masked, SAVED, 7)                      \
	F(T, ns_changed, SAVED, 1)                         \
	F(T, error, PART, error_type)                      \
	F(T, stats, PART, stats_type)                      \
	F(T, page, OWNS, 0)
STATE_TYPE(nvme_type, struct nvme, NVME_STATE, "nvme", 1);

/* A ring that is as Create would have made it, and used as doorbells can. */
static bool
ring_ok(const struct nvme *n, unsigned qid, uint32_t size, uint32_t head, uint32_t tail,
    uint64_t base, unsigned entry)
{
	uint32_t most = qid == 0 ? NVME_ENTRIES_MAX : n->opt.entries;

	return (qid <= n->opt.queues && size >= 2 && size <= most && head < size && tail < size &&
	    nvme_ring_check(n, base, size, entry) == NVME_OK);
}

static int
check_queues(struct nvme *n, struct state *st)
{
	for (unsigned i = 0; i < NITEMS(n->cq); i++) {
		struct nvme_cq *cq = &n->cq[i];

		cq->users = 0;
		if (cq->live &&
		    (!ring_ok(n, i, cq->size, cq->head, cq->tail, cq->base, NVME_CQE_LEN) ||
			cq->vector >= n->pci.msix.nvec))
			return (state_refuse(st, EINVAL, "completion queue %u cannot be", i));
		if (!cq->live)
			*cq = (struct nvme_cq){ .live = false };
	}
	for (unsigned i = 0; i < NITEMS(n->sq); i++) {
		struct nvme_sq *sq = &n->sq[i];

		if (sq->live &&
		    (!ring_ok(n, i, sq->size, sq->head, sq->tail, sq->base, NVME_CMD_LEN) ||
			(i == 0) != (sq->cqid == 0) || !n->cq[sq->cqid].live))
			return (state_refuse(st, EINVAL, "submission queue %u cannot be", i));
		if (sq->live)
			n->cq[sq->cqid].users++;
		else
			*sq = (struct nvme_sq){ .live = false };
	}
	return (0);
}

static int
check(struct nvme *n, struct state *st)
{
	bool ready = (n->csts & CSTS_RDY) != 0;

	if ((n->cc & ~CC_WRITABLE) != 0 || (n->aqa & ~AQA_SIZES) != 0 ||
	    (n->csts & ~(CSTS_RDY | CSTS_CFS | SHST_DONE)) != 0)
		return (state_refuse(st, EINVAL, "its registers have bits that are not there"));
	if (check_queues(n, st) < 0)
		return (st->rc);
	if ((ready && (n->cc & CC_EN) == 0) || n->sq[0].live != ready || n->cq[0].live != ready)
		return (state_refuse(st, EINVAL, "it is not both ready and enabled"));
	if (n->feat.queues_sq < 1 || n->feat.queues_sq > n->opt.queues || n->feat.queues_cq < 1 ||
	    n->feat.queues_cq > n->opt.queues)
		return (state_refuse(st, EINVAL, "more queues are granted than there are"));
	return (0);
}

int
nvme_state(struct nvme *n, struct state *st)
{
	if (n->inwork != 0 || n->dirty != 0 || n->resetting)
		return (state_refuse(st, EBUSY, "%u commands are in work", n->inwork));
	pci_dev_state(&n->pci, st);
	state_struct(st, &nvme_type, n);
	return (st->rc == 0 && st->loading ? check(n, st) : st->rc);
}
