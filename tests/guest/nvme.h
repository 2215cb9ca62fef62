/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A minimal NVMe driver for the test guests: one controller, an admin queue and a pair of I/O
 * queues, one command at a time (NVM Express 1.4). NVME_WAIT() is what to do until a completion is
 * there; without one it is polled for. Freestanding.
 */
#ifndef ZHYVE_TESTS_GUEST_NVME_H
#define ZHYVE_TESTS_GUEST_NVME_H

#include "guest.h"

#define NVME_BAR     0xd0100000u
#define NVME_TABLE   0xd0110000u /* MSI-X */
#define NVME_ENTRIES 8
#ifndef NVME_WAIT
#define NVME_WAIT()
#endif

struct nvme_command {
	uint8_t opcode, flags;
	uint16_t cid;
	uint32_t nsid;
	uint64_t reserved[2], prp1, prp2;
	uint32_t dw10, dw11, dw12, dw[3];
};
struct nvme_completion {
	uint32_t result, reserved;
	uint16_t head, sqid, cid, status;
};
struct nvme_queue {
	struct nvme_command sq[64] __attribute__((aligned(4096)));
	struct nvme_completion cq[256] __attribute__((aligned(4096)));
	unsigned id, tail, head, phase;
};

static struct nvme_queue nvme_queue[2];

/* Put the BARs below 4 GiB; there must be a controller. */
static inline void
nvme_find(unsigned bdf)
{
	CHECK(pci_read(bdf, 0) == 0x0a0afb5d, pci_read(bdf, 0));
	pci_write(bdf, 4, 0);
	pci_write(bdf, 0x10, NVME_BAR);
	pci_write(bdf, 0x14, 0);
	pci_write(bdf, 0x20, NVME_TABLE);
	pci_write(bdf, 0x24, 0);
	pci_write(bdf, 4, 6); /* memory, bus master */
	CHECK(mmio32(NVME_BAR + 8) == 0x10400, mmio32(NVME_BAR + 8));
}

/* Hand a command over, without waiting. */
static inline uint16_t
nvme_put(struct nvme_queue *q, struct nvme_command c)
{
	static uint16_t cid;

	c.cid = ++cid;
	q->sq[q->tail] = c;
	q->tail = (q->tail + 1) % NVME_ENTRIES;
	__asm__ volatile("mfence" : : : "memory");
	mmio32_put(NVME_BAR + 0x1000 + 8 * q->id, q->tail);
	return (cid);
}

static inline bool
nvme_done(const struct nvme_queue *q)
{
	return (
	    (((const volatile struct nvme_completion *)&q->cq[q->head])->status & 1) == q->phase);
}

/* The next completion, which must be there. */
static inline struct nvme_completion
nvme_take(struct nvme_queue *q)
{
	struct nvme_completion c = q->cq[q->head];

	CHECK(nvme_done(q), c.status);
	CHECK(c.sqid == q->id, c.sqid);
	CHECK(c.head == q->tail, c.head);
	if (++q->head == NVME_ENTRIES) {
		q->head = 0;
		q->phase ^= 1;
	}
	mmio32_put(NVME_BAR + 0x1004 + 8 * q->id, q->head);
	return (c);
}

/* Hand it over, wait for it; its status. */
static inline uint16_t
nvme_do(struct nvme_queue *q, struct nvme_command c)
{
	uint16_t cid = nvme_put(q, c);
	struct nvme_completion done;

	NVME_WAIT();
	while (!nvme_done(q))
		;
	done = nvme_take(q);
	CHECK(done.cid == cid, done.cid);
	return (done.status >> 1 & 0x7ff);
}

static inline uint16_t
nvme_admin(uint8_t opcode, uint32_t nsid, void *where, uint32_t dw10, uint32_t dw11)
{
	return (nvme_do(&nvme_queue[0],
	    (struct nvme_command){
		.opcode = opcode,
		.nsid = nsid,
		.prp1 = (uint64_t)where,
		.dw10 = dw10,
		.dw11 = dw11,
	    }));
}

static inline uint16_t
nvme_io(uint8_t opcode, uint64_t prp1, uint64_t prp2, uint32_t lba, uint32_t blocks)
{
	return (nvme_do(&nvme_queue[1],
	    (struct nvme_command){
		.opcode = opcode,
		.nsid = 1,
		.prp1 = prp1,
		.prp2 = prp2,
		.dw10 = lba,
		.dw12 = blocks - 1,
	    }));
}

static inline void
nvme_empty(struct nvme_queue *q, unsigned id)
{
	for (unsigned i = 0; i < NVME_ENTRIES; i++)
		q->cq[i] = (struct nvme_completion){ 0 };
	q->id = id;
	q->tail = q->head = 0;
	q->phase = 1;
}

static inline void
nvme_enable(bool on)
{
	mmio32_put(NVME_BAR + 0x14, 0x460000 | on);
	while ((mmio32(NVME_BAR + 0x1c) & 1) != on)
		;
	CHECK((mmio32(NVME_BAR + 0x1c) & 2) == 0, mmio32(NVME_BAR + 0x1c));
}

/* Off, on, and a pair of I/O queues; their interrupts are message 1. */
static inline void
nvme_start(uint32_t interrupts)
{
	const uint32_t size = (NVME_ENTRIES - 1) << 16;

	nvme_enable(false);
	nvme_empty(&nvme_queue[0], 0);
	mmio32_put(NVME_BAR + 0x24, size | (NVME_ENTRIES - 1));
	mmio32_put(NVME_BAR + 0x28, (uint32_t)(uint64_t)nvme_queue[0].sq);
	mmio32_put(NVME_BAR + 0x2c, 0);
	mmio32_put(NVME_BAR + 0x30, (uint32_t)(uint64_t)nvme_queue[0].cq);
	mmio32_put(NVME_BAR + 0x34, 0);
	nvme_enable(true);
	nvme_empty(&nvme_queue[1], 1);
	CHECK(nvme_admin(
		  0x05, 0, nvme_queue[1].cq, size | 1, interrupts << 16 | interrupts << 1 | 1) == 0,
	    0);
	CHECK(nvme_admin(0x01, 0, nvme_queue[1].sq, size | 1, 1 << 16 | 1) == 0, 0);
}

#endif
