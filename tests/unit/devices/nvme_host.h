/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of an NVMe controller for unit tests: RAM, a PCI bus (pci_host.h), a disk
 * (medium.h), queues. Include after cmocka.h.
 */
#ifndef ZHYVE_TESTS_NVME_HOST_H
#define ZHYVE_TESTS_NVME_HOST_H

#include <stdlib.h>

#include "base/checked.h"
#include "devices/nvme.h"
#include "medium.h"
#include "pci_host.h"

#define RAM_LEN     (4u << 20)
#define DISK_LEN    (2u << 20)
#define DEPTH       5 /* so four commands at a time */
#define ENTRIES     8
#define ASQ         0x10000u
#define ACQ         0x11000u
#define SQ(q)       (0x20000u + (q)*0x2000u)
#define CQ(q)       (0x21000u + (q)*0x2000u)
#define DATA        0x200000u
#define LIST        0x100000u
#define DOORBELL(q) (0x1000u + 8 * (q))
#define MSIX_BASE   4

struct cqe {
	uint32_t result, reserved;
	uint16_t head, sqid, cid, status; /* status with the phase in bit 0 */
};

static uint8_t *ram;
static struct gmem gm;
static struct pci_bus *bus;
static struct medium disk;
static struct nvme nvme;
static struct {
	uint64_t sq, cq;
	uint32_t entries, tail, head;
	bool phase;
} hq[4];

static uint64_t
rd(uint64_t off, unsigned size)
{
	return (pci_bar_ops[0].read(&nvme.pci, off, size));
}

static void
wr(uint64_t off, unsigned size, uint64_t val)
{
	pci_bar_ops[0].write(&nvme.pci, off, size, val);
}

static void
msix_on(unsigned vectors)
{
	for (unsigned v = 0; v < vectors; v++) {
		pci_bar_ops[NVME_BAR_MSIX].write(&nvme.pci, v * 16, 8, 0xfee00000);
		pci_bar_ops[NVME_BAR_MSIX].write(&nvme.pci, v * 16 + 8, 8, 0x40 + v);
	}
	pci_cfg_write(bus, nvme.pci.bdf, nvme.pci.msix.cap_off + 2, 2, 0x8000);
}

static void
queue_at(unsigned q, uint64_t sq, uint64_t cq, uint32_t entries)
{
	hq[q].sq = sq;
	hq[q].cq = cq;
	hq[q].entries = entries;
	hq[q].tail = hq[q].head = 0;
	hq[q].phase = true;
	memset(ram + cq, 0, (size_t)entries * 16);
}

/* Registers up to ready. */
static void
enable_controller(void)
{
	queue_at(0, ASQ, ACQ, ENTRIES);
	wr(0x24, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
	wr(0x28, 8, ASQ);
	wr(0x30, 8, ACQ);
	wr(0x14, 4, 0x460001);
	assert_int_equal(rd(0x1c, 4), 1);
}

static void
make(const struct nvme_options *opt, bool readonly, uint32_t logical)
{
	struct err e = { 0 };

	ram = aligned_alloc(4096, RAM_LEN);
	memset(ram, 0, RAM_LEN);
	gmem_wrap(&gm, ram, RAM_LEN);
	medium_init(&disk, DISK_LEN);
	disk.be.info.logical = logical;
	disk.be.info.readonly = readonly;
	disk.be.info.can_write_zeroes = !readonly;
	disk.be.info.queue_depth = DEPTH;
	bus = host_bus();
	assert_int_equal(nvme_init(&nvme, &gm, &disk.be, opt), 0);
	nvme.pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &nvme.pci, &e), 0);
	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 6);
}

static void
unmake(void)
{
	nvme_destroy(&nvme);
	pci_bus_destroy(bus);
	free(disk.bytes);
	free(ram);
}

/* A command in the ring, not rung yet. */
static uint8_t *
put_cmd(unsigned q, uint8_t opcode, uint16_t cid, uint32_t nsid, uint64_t prp1, uint64_t prp2)
{
	uint8_t *c = ram + hq[q].sq + hq[q].tail * 64;

	memset(c, 0, 64);
	c[0] = opcode;
	le16_put(c + 2, cid);
	le32_put(c + 4, nsid);
	le64_put(c + 24, prp1);
	le64_put(c + 32, prp2);
	hq[q].tail = (hq[q].tail + 1) % hq[q].entries;
	return (c);
}

static void
put_dw(uint8_t *c, uint32_t dw10, uint32_t dw11, uint32_t dw12)
{
	le32_put(c + 40, dw10);
	le32_put(c + 44, dw11);
	le32_put(c + 48, dw12);
}

static void
ring(unsigned q)
{
	wr(DOORBELL(q), 4, hq[q].tail);
}

/* Is there an answer? Takes it, without telling the controller. */
static bool
take(unsigned q, struct cqe *e)
{
	memcpy(e, ram + hq[q].cq + hq[q].head * 16, sizeof(*e));
	if ((e->status & 1) != hq[q].phase)
		return (false);
	if (++hq[q].head == hq[q].entries) {
		hq[q].head = 0;
		hq[q].phase = !hq[q].phase;
	}
	return (true);
}

static void
ack(unsigned q)
{
	wr(DOORBELL(q) + 4, 4, hq[q].head);
}

/* Submit, complete, take; the status without the phase. */
static uint16_t
do_cmd(unsigned q, uint8_t opcode, uint32_t nsid, uint64_t prp1, uint64_t prp2, uint32_t dw10,
    uint32_t dw11, uint32_t dw12, uint32_t *result)
{
	static uint16_t cid;
	struct cqe e;

	put_dw(put_cmd(q, opcode, ++cid, nsid, prp1, prp2), dw10, dw11, dw12);
	ring(q);
	run(&disk);
	assert_true(take(q, &e));
	assert_int_equal(e.cid, cid);
	assert_int_equal(e.sqid, q);
	assert_int_equal(e.head, hq[q].tail);
	ack(q);
	if (result != NULL)
		*result = e.result;
	return (e.status >> 1);
}

static uint16_t
admin(uint8_t opcode, uint64_t prp1, uint32_t dw10, uint32_t dw11)
{
	return (do_cmd(0, opcode, 0, prp1, 0, dw10, dw11, 0, NULL));
}

static void
make_queue(unsigned q, uint32_t entries)
{
	queue_at(q, SQ(q), CQ(q), entries);
	assert_int_equal(admin(0x05, CQ(q), (entries - 1) << 16 | q, q << 16 | 3), 0);
	assert_int_equal(admin(0x01, SQ(q), (entries - 1) << 16 | q, q << 16 | 1), 0);
}

static const struct nvme_options options = {
	.serial = "SERIAL-1",
	.queues = 3,
	.entries = 64,
};

static int
setup_up(void **state)
{
	make(&options, false, 512);
	msix_on(4);
	enable_controller();
	make_queue(1, ENTRIES);
	return (0);
}

static int
teardown(void **state)
{
	disk.answer = 0;
	run(&disk);
	unmake();
	return (0);
}

static uint16_t
io(uint8_t opcode, uint64_t prp1, uint64_t prp2, uint64_t lba, uint32_t dw12)
{
	return (do_cmd(1, opcode, 1, prp1, prp2, (uint32_t)lba, (uint32_t)(lba >> 32), dw12, NULL));
}

#endif
