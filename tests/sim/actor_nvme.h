/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two files of the simulator's NVMe driver share. */
#ifndef ZHYVE_TESTS_SIM_ACTOR_NVME_H
#define ZHYVE_TESTS_SIM_ACTOR_NVME_H

#include "devices/nvme.h"
#include "disk.h"
#include "sim.h"

#define NVME_QUEUES 3       /* the admin queue's pair and two */
#define NVME_RINGS  0x1000u /* two pages for each pair */
#define NVME_DATA   0x7000u
#define NVME_JOBS   64
#define NVME_PIECES 8

struct nvme_ring {
	bool live;
	uint32_t base, size, head, tail;
	unsigned cq;     /* a submission queue's */
	uint16_t phase;  /* a completion queue's: of the next entry */
	uint32_t unseen; /* entries that the driver has not taken */
};

/* A command that the controller has, or will find. */
struct nvme_job {
	bool live, rung, waits; /* rung: behind a doorbell; waits: for an event */
	uint16_t cid, status;
	unsigned queue;
	uint32_t place; /* in the submission queue */
	uint8_t opcode;
	bool bad; /* it must end with an error, and without the backend */
	bool fua, flushed, unsure, started;
	int result; /* of the backend */
	uint64_t lba, blocks;
	struct disk_want piece[NVME_PIECES];
	unsigned npieces;
	const struct block_req *io;
	uint32_t tag, word;
	uint32_t arg, to; /* of queue commands */
	uint32_t sum;     /* of what was read */
};

struct nvme_actor {
	struct nvme n;
	struct disk disk;
	bool made, up, resetting, held;
	bool msix, intx_mask, mask[NVME_QUEUES], pending[NVME_QUEUES], due[NVME_QUEUES];
	struct nvme_ring sq[NVME_QUEUES], cq[NVME_QUEUES];
	struct nvme_job job[NVME_JOBS];
	struct nvme_job *done[NVME_JOBS];
	unsigned ndone;
	/* When the device was saved: what features and log pages tell. */
	struct nvme_features feat;
	struct nvme_error error;
	struct nvme_stats stats;
	unsigned events[4];
	uint16_t next_cid;
	uint32_t next_tag;
};

static inline struct nvme_actor *
nvme_of(struct sim *s)
{
	return (s->priv);
}

void nvme_before(struct sim *s);
void nvme_after(struct sim *s);
void nvme_up(struct sim *s, struct prng *r);
void nvme_actor_settle(struct sim *s, struct prng *r);
void nvme_ring_tail(struct sim *s, unsigned queue, uint32_t val);
void nvme_take(struct sim *s, unsigned i, uint32_t n);
void nvme_queue_made(struct sim *s, unsigned i, bool cq, uint32_t size, unsigned to);

/* --- actor_nvme_cmd.c --- */
/* Create a pair of I/O queues, and wait for it. */
void nvme_make_queue(struct sim *s, struct prng *r, unsigned i);
void nvme_job_done(struct sim *s, struct nvme_job *job);
void nvme_came(struct sim *s, struct block_req *io);
void nvme_ends(struct sim *s, struct block_req *io, int result);
void nvme_op_io(struct sim *s, struct prng *r);
void nvme_op_bad_io(struct sim *s, struct prng *r);
void nvme_op_admin(struct sim *s, struct prng *r);
void nvme_op_doorbell(struct sim *s, struct prng *r);
void nvme_op_resize(struct sim *s, struct prng *r);

#endif
