/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Admin commands of the NVMe controller but for Identify, log pages and events: I/O queues,
 * features, Abort (NVM Express 1.4, chapter 5). Refuses what identify does not offer: formatting,
 * firmware, security, namespace management, self-tests. Runs in zhyve.
 */
#include <assert.h>

#include "base/checked.h"
#include "devices/nvme_internal.h"

enum {
	A_DELETE_SQ = 0x00,
	A_CREATE_SQ = 0x01,
	A_GET_LOG = 0x02,
	A_DELETE_CQ = 0x04,
	A_CREATE_CQ = 0x05,
	A_IDENTIFY = 0x06,
	A_ABORT = 0x08,
	A_SET_FEATURES = 0x09,
	A_GET_FEATURES = 0x0a,
	A_ASYNC_EVENT = 0x0c,
};
enum {
	F_ARBITRATION = 0x01,
	F_POWER = 0x02,
	F_TEMPERATURE = 0x04,
	F_ERROR_RECOVERY = 0x05,
	F_WRITE_CACHE = 0x06,
	F_QUEUES = 0x07,
	F_COALESCING = 0x08,
	F_VECTOR = 0x09,
	F_ATOMICITY = 0x0a,
	F_EVENTS = 0x0b,
};

#define Q_CONTIGUOUS     0x1u
#define Q_INTERRUPTS     0x2u
#define CC_IOSQES(cc)    ((cc) >> 16 & 15)
#define CC_IOCQES(cc)    ((cc) >> 20 & 15)
#define FEATURE_SAVE     0x80000000u
#define EVENTS_SUPPORTED 0x102u /* temperature, namespace attributes */
#define HEALTH_TEMP      0x2u   /* of the events */

void
nvme_features_reset(struct nvme *n)
{
	n->feat = (struct nvme_features){
		.over = 0xffff, /* no threshold until the host sets one */
		.queues_sq = (uint16_t)n->opt.queues,
		.queues_cq = (uint16_t)n->opt.queues,
	};
}

/* --- queues --- */

/* QID and QSIZE stand in dword 10, for both kinds. */
static uint16_t
check_queue(const struct nvme *n, const struct nvme_cmd *c, bool cq, uint32_t *size)
{
	unsigned qid = c->dw10 & 0xffff;
	unsigned granted = cq ? n->feat.queues_cq : n->feat.queues_sq;
	unsigned shift = cq ? 4 : 6;

	*size = (c->dw10 >> 16) + 1;
	if (qid == 0 || qid > granted || (cq ? n->cq[qid].live : n->sq[qid].live))
		return (NVME_QID_INVALID);
	if (*size < 2 || *size > n->opt.entries ||
	    (cq ? CC_IOCQES(n->cc) : CC_IOSQES(n->cc)) != shift)
		return (NVME_QUEUE_SIZE);
	if ((c->dw11 & Q_CONTIGUOUS) == 0)
		return (NVME_INVALID_FIELD);
	return (nvme_ring_check(n, c->prp1, *size, 1u << shift));
}

static uint16_t
create_cq(struct nvme *n, const struct nvme_cmd *c)
{
	unsigned qid = c->dw10 & 0xffff, vector = c->dw11 >> 16;
	uint32_t size;
	uint16_t status = check_queue(n, c, true, &size);

	if (status != NVME_OK)
		return (status);
	/* Without MSI-X there is but one. */
	if (vector >= n->pci.msix.nvec || (vector != 0 && !pci_msix_enabled(&n->pci)))
		return (NVME_VECTOR_INVALID);
	n->cq[qid] = (struct nvme_cq){
		.live = true,
		.interrupts = (c->dw11 & Q_INTERRUPTS) != 0,
		.phase = true,
		.vector = (uint16_t)vector,
		.size = size,
		.base = c->prp1,
	};
	return (NVME_OK);
}

static uint16_t
create_sq(struct nvme *n, const struct nvme_cmd *c)
{
	unsigned qid = c->dw10 & 0xffff, cqid = c->dw11 >> 16;
	uint32_t size;
	uint16_t status;

	if (cqid == 0 || cqid > n->opt.queues || !n->cq[cqid].live)
		return (NVME_CQ_INVALID);
	if ((status = check_queue(n, c, false, &size)) != NVME_OK)
		return (status);
	n->sq[qid] = (struct nvme_sq){
		.live = true,
		.cqid = (uint16_t)cqid,
		.size = size,
		.base = c->prp1,
	};
	n->cq[cqid].users++;
	return (NVME_OK);
}

/* What is in work cannot be taken back: the deletion waits for it (5.6). */
static uint16_t
delete_sq(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c)
{
	unsigned qid = c->dw10 & 0xffff;

	if (qid == 0 || qid > n->opt.queues || !n->sq[qid].live || n->sq[qid].delete != NULL)
		return (NVME_QID_INVALID);
	n->sq[qid].delete = r;
	if (n->sq[qid].inwork == 0)
		nvme_sq_drained(n, qid);
	return (NVME_PENDING);
}

void
nvme_sq_drained(struct nvme *n, unsigned sqid)
{
	struct nvme_sq *sq = &n->sq[sqid];
	struct nvme_req *r = sq->delete;

	assert(n->cq[sq->cqid].users > 0);
	n->cq[sq->cqid].users--;
	*sq = (struct nvme_sq){ .live = false };
	nvme_complete(n, r, NVME_OK, 0);
}

static uint16_t
delete_cq(struct nvme *n, const struct nvme_cmd *c)
{
	unsigned qid = c->dw10 & 0xffff;

	if (qid == 0 || qid > n->opt.queues || !n->cq[qid].live)
		return (NVME_QID_INVALID);
	if (n->cq[qid].users != 0)
		return (NVME_QUEUE_DELETION);
	n->cq[qid] = (struct nvme_cq){ .live = false };
	return (NVME_OK);
}

static bool
any_io_queue(const struct nvme *n)
{
	for (unsigned i = 1; i <= n->opt.queues; i++)
		if (n->sq[i].live || n->cq[i].live)
			return (true);
	return (false);
}

/* --- features --- */

static uint32_t
granted_queues(const struct nvme *n)
{
	return ((n->feat.queues_cq - 1u) << 16 | (n->feat.queues_sq - 1u));
}

static uint16_t
set_queues(struct nvme *n, uint32_t val, uint32_t *result)
{
	uint32_t sq = val & 0xffff, cq = val >> 16;

	if (any_io_queue(n))
		return (NVME_COMMAND_SEQUENCE);
	if (sq == 0xffff || cq == 0xffff)
		return (NVME_INVALID_FIELD);
	n->feat.queues_sq = (uint16_t)MIN(sq + 1, n->opt.queues);
	n->feat.queues_cq = (uint16_t)MIN(cq + 1, n->opt.queues);
	*result = granted_queues(n);
	return (NVME_OK);
}

/* The sensor that dword 11 names, 5.21.1.4: the composite one, or all; under or over. */
static uint16_t *
threshold(struct nvme *n, uint32_t val)
{
	uint32_t sensor = val >> 16 & 15, kind = val >> 20 & 3;

	if ((sensor != 0 && sensor != 15) || kind > 1)
		return (NULL);
	return (kind == 0 ? &n->feat.over : &n->feat.under);
}

static uint16_t
set_temperature(struct nvme *n, uint32_t val)
{
	uint16_t *t = threshold(n, val);

	if (t == NULL)
		return (NVME_INVALID_FIELD);
	*t = (uint16_t)val;
	if (n->feat.over <= NVME_TEMPERATURE || n->feat.under >= NVME_TEMPERATURE)
		nvme_event(n, NVME_EVENT_TEMPERATURE);
	return (NVME_OK);
}

static uint16_t
set_vector(struct nvme *n, uint32_t val)
{
	uint32_t vector = val & 0xffff;

	if (vector >= n->pci.msix.nvec)
		return (NVME_INVALID_FIELD);
	if ((val & 0x10000) != 0)
		n->feat.no_coalescing |= 1ull << vector;
	else
		n->feat.no_coalescing &= ~(1ull << vector);
	return (NVME_OK);
}

static uint16_t
set_features(struct nvme *n, const struct nvme_cmd *c, uint32_t *result)
{
	uint32_t val = c->dw11;

	if ((c->dw10 & FEATURE_SAVE) != 0)
		return (NVME_NOT_SAVEABLE);
	switch (c->dw10 & 0xff) {
	case F_ARBITRATION:
		n->feat.arbitration = val;
		break;
	case F_POWER:
		if ((val & 0x1f) != 0) /* one power state there is */
			return (NVME_INVALID_FIELD);
		break;
	case F_TEMPERATURE:
		return (set_temperature(n, val));
	case F_ERROR_RECOVERY:
		n->feat.error_recovery = val & 0xffff;
		break;
	case F_WRITE_CACHE:
		n->feat.no_write_cache = (val & 1) == 0;
		break;
	case F_QUEUES:
		return (set_queues(n, val, result));
	case F_COALESCING: /* a wish; completions are told in batches anyway */
		n->feat.coalescing = val & 0xffff;
		break;
	case F_VECTOR:
		return (set_vector(n, val));
	case F_ATOMICITY:
		n->feat.atomicity = val & 1;
		break;
	case F_EVENTS:
		n->feat.events = val & EVENTS_SUPPORTED;
		break;
	default:
		return (NVME_INVALID_FIELD);
	}
	return (NVME_OK);
}

static uint16_t
get_features(struct nvme *n, const struct nvme_cmd *c, uint32_t *result)
{
	const uint16_t *t;

	/* Saved and default values are not offered (identify, ONCS). */
	if ((c->dw10 >> 8 & 7) != 0)
		return (NVME_INVALID_FIELD);
	switch (c->dw10 & 0xff) {
	case F_ARBITRATION:
		*result = n->feat.arbitration;
		break;
	case F_POWER:
		break;
	case F_TEMPERATURE:
		if ((t = threshold(n, c->dw11)) == NULL)
			return (NVME_INVALID_FIELD);
		*result = *t;
		break;
	case F_ERROR_RECOVERY:
		*result = n->feat.error_recovery;
		break;
	case F_WRITE_CACHE:
		*result = !n->feat.no_write_cache;
		break;
	case F_QUEUES:
		*result = granted_queues(n);
		break;
	case F_COALESCING:
		*result = n->feat.coalescing;
		break;
	case F_VECTOR:
		if ((c->dw11 & 0xffff) >= n->pci.msix.nvec)
			return (NVME_INVALID_FIELD);
		*result = c->dw11 & 0xffff;
		*result |= (uint32_t)(n->feat.no_coalescing >> *result & 1) << 16;
		break;
	case F_ATOMICITY:
		*result = n->feat.atomicity;
		break;
	case F_EVENTS:
		*result = n->feat.events;
		break;
	default:
		return (NVME_INVALID_FIELD);
	}
	return (NVME_OK);
}

uint16_t
nvme_admin(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c, uint32_t *result)
{
	switch (c->opcode) {
	case A_DELETE_SQ:
		return (delete_sq(n, r, c));
	case A_CREATE_SQ:
		return (create_sq(n, c));
	case A_GET_LOG:
		return (nvme_get_log(n, r, c));
	case A_DELETE_CQ:
		return (delete_cq(n, c));
	case A_CREATE_CQ:
		return (create_cq(n, c));
	case A_IDENTIFY:
		return (nvme_identify(n, r, c));
	case A_ABORT:
		*result = 1; /* not aborted: what is in work runs to its end (5.1) */
		return (NVME_OK);
	case A_SET_FEATURES:
		return (set_features(n, c, result));
	case A_GET_FEATURES:
		return (get_features(n, c, result));
	case A_ASYNC_EVENT:
		return (nvme_aer(n, c->cid));
	default:
		return (NVME_INVALID_OPCODE);
	}
}
