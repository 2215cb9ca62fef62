/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the NVMe controller share; nobody else includes it. */
#ifndef ZHYVE_DEVICES_NVME_INTERNAL_H
#define ZHYVE_DEVICES_NVME_INTERNAL_H

#include "devices/nvme.h"

#define NVME_CMD_LEN     64u
#define NVME_CQE_LEN     16u
#define NVME_NSID        1u
#define NVME_NSID_ALL    0xffffffffu
#define NVME_MDTS        7u /* 2^7 pages: with an offset 129 pieces, within BLOCK_IOV_MAX */
#define NVME_XFER_MAX    (NVME_PAGE << NVME_MDTS)
#define NVME_TEMPERATURE 296u /* kelvins; there is nothing to measure */
#define NVME_RANGES_MAX  256u /* of one dataset management command: a page of them */

/* Registers CC and CSTS (1.4, 3.1.5 and 3.1.6). */
#define CC_EN       0x1u
#define CC_WRITABLE 0x00fffff1u
#define CSTS_RDY    0x1u
#define CSTS_CFS    0x2u
#define CSTS_SHST   0xcu
#define SHST_BUSY   0x4u
#define SHST_DONE   0x8u
#define AQA_SIZES   0x0fff0fffu

/*
 * Completion status (1.4, 4.6.1): type << 8 | code, with Do Not Retry where trying again gives the
 * same.
 */
#define DNR                      0x4000u
#define NVME_OK                  0x0000u
#define NVME_INVALID_OPCODE      (DNR | 0x001u)
#define NVME_INVALID_FIELD       (DNR | 0x002u)
#define NVME_DATA_TRANSFER       (DNR | 0x004u)
#define NVME_INTERNAL            0x006u
#define NVME_INVALID_NAMESPACE   (DNR | 0x00bu)
#define NVME_COMMAND_SEQUENCE    (DNR | 0x00cu)
#define NVME_PRP_OFFSET          (DNR | 0x013u)
#define NVME_WRITE_PROTECTED     (DNR | 0x020u)
#define NVME_LBA_RANGE           (DNR | 0x080u)
#define NVME_CAPACITY            (DNR | 0x081u)
#define NVME_CQ_INVALID          (DNR | 0x100u)
#define NVME_QID_INVALID         (DNR | 0x101u)
#define NVME_QUEUE_SIZE          (DNR | 0x102u)
#define NVME_AER_LIMIT           (DNR | 0x105u)
#define NVME_VECTOR_INVALID      (DNR | 0x108u)
#define NVME_LOG_INVALID         (DNR | 0x109u)
#define NVME_QUEUE_DELETION      (DNR | 0x10cu)
#define NVME_NOT_SAVEABLE        (DNR | 0x10du)
#define NVME_FEATURE_UNALTERABLE (DNR | 0x10eu)
#define NVME_WRITE_FAULT         0x280u
#define NVME_READ_ERROR          0x281u
/* Not a status: the command is in work, nvme_complete comes later. */
#define NVME_PENDING 0xffffu
/* Nor this: the command is done with, and nothing is said of it now. */
#define NVME_PARKED 0xfffeu

enum nvme_event {
	NVME_EVENT_BAD_DOORBELL, /* of no queue */
	NVME_EVENT_BAD_VALUE,    /* that makes no sense to the queue */
	NVME_EVENT_TEMPERATURE,
	NVME_EVENT_NAMESPACE,
	NVME_EVENTS
};
/* Types of events, as the host masks them; also 1 << type in events_masked. */
enum nvme_event_type {
	NVME_TYPE_ERROR = 0,
	NVME_TYPE_HEALTH = 1,
	NVME_TYPE_NOTICE = 2
};

/* The dwords of a command that mean something here; a private copy. */
struct nvme_cmd {
	uint8_t opcode, flags; /* flags: fused and PSDT */
	uint16_t cid;
	uint32_t nsid;
	uint64_t prp1, prp2;
	uint32_t dw10, dw11, dw12;
	uint32_t dw13;
};

struct nvme_req {
	struct block_req io;
	struct nvme *n;
	struct nvme_req *next_free;
	uint8_t *ranges; /* its page of nvme.ranges */
	uint16_t range, nranges;
	bool read_next; /* a read with FUA: what it reads is being flushed first */
	uint16_t sqid, cid;
};

/* --- nvme.c --- */

/* Does it take commands? */
bool nvme_running(const struct nvme *n);
/*
 * The host did what a controller cannot go on after; a reset helps. `why` is a constant text, for
 * the log.
 */
void nvme_fatal(struct nvme *n, const char *why);
/* Queue memory is there: aligned to a page, all of it in RAM. NVME_OK or a status. */
uint16_t nvme_ring_check(const struct nvme *n, uint64_t base, uint32_t entries, unsigned len);
/* The last command in work has ended, and a reset was waiting for it. */
void nvme_finish_reset(struct nvme *n);

/* --- nvme_queue.c --- */

/* A write to the doorbell at `off` of the doorbells. */
void nvme_doorbell(struct nvme *n, uint64_t off, uint32_t val);
/* Take what is in a submission queue, as far as there are requests and places for answers. */
void nvme_run_queue(struct nvme *n, unsigned sqid);
/* End a command that is in work: tell the host, free the request. */
void nvme_complete(struct nvme *n, struct nvme_req *r, uint16_t status, uint32_t result);
/* Put an entry into a completion queue that has a place for it. */
void nvme_post(
    struct nvme *n, unsigned cqid, unsigned sqid, uint16_t cid, uint16_t status, uint32_t result);
/* Places in a completion queue that nobody has been promised. */
unsigned nvme_cq_room(const struct nvme_cq *cq);
/* The end of every call that may have changed something: tell the backend and the host, once. */
void nvme_settle(struct nvme *n);
void nvme_update_intx(struct nvme *n);
/* For block_backend.batch_done. */
void nvme_batch_done(void *dev);

/* --- nvme_admin.c --- */

/* The status, or NVME_PENDING; *result is dword 0 of the completion. */
uint16_t nvme_admin(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c, uint32_t *result);
void nvme_features_reset(struct nvme *n);
/* A deleted queue's last command is done: end the deletion. */
void nvme_sq_drained(struct nvme *n, unsigned sqid);

/* --- nvme_event.c --- */

void nvme_event(struct nvme *n, enum nvme_event ev);
/* Answer waiting requests with what there is to tell. */
void nvme_events_flush(struct nvme *n);
uint16_t nvme_aer(struct nvme *n, uint16_t cid);
uint16_t nvme_get_log(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c);

/* --- nvme_identify.c --- */

uint16_t nvme_identify(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c);
/* Does this controller offer dataset management? */
bool nvme_offers_dsm(const struct nvme *n);

/* --- nvme_io.c --- */

uint16_t nvme_io(struct nvme *n, struct nvme_req *r, const struct nvme_cmd *c);

/* --- nvme_prp.c --- */

/*
 * Turn the PRPs of a command into host memory: `len` bytes, 1 to NVME_XFER_MAX, in at most
 * BLOCK_IOV_MAX pieces. NVME_OK or a status.
 */
uint16_t nvme_prp_map(
    struct nvme *n, const struct nvme_cmd *c, uint64_t len, struct iovec *iov, unsigned *niov);

#endif
