/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller: registers, queues, admin commands, events, back-pressure, reset,
 * interrupts; and each of its refusals. Numbers are those of NVM Express 1.4.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "nvme_host.h"

#define DNR 0x4000

/* --- registers --- */

static int
setup(void **state)
{
	make(&options, false, 512);
	return (0);
}

static void
test_registers(void **state)
{
	assert_int_equal(pci_cfg_read(bus, nvme.pci.bdf, 0, 4), 0x0a0afb5d);
	assert_int_equal(pci_cfg_read(bus, nvme.pci.bdf, 8, 4) >> 8, 0x010802);
	assert_int_equal(rd(0, 8) & 0xffff, 63);
	assert_int_equal(rd(0, 8) >> 16 & 1, 1);
	assert_int_equal(rd(4, 4), 0x20); /* NVM command set, 4 KiB pages, doorbells side by side */
	assert_int_equal(rd(8, 4), 0x10400);
	assert_int_equal(rd(0x1c, 4), 0);
	wr(0x28, 4, 0x5000);
	wr(0x2c, 4, 0x1);
	assert_int_equal(rd(0x28, 8), 0x100005000);
	assert_int_equal(rd(0x2a, 2), 0);
	wr(0x24, 4, 0xffffffff);
	assert_int_equal(rd(0x24, 4), 0x0fff0fff);
	wr(0x24, 2, 0); /* too narrow: no effect */
	assert_int_equal(rd(0x24, 4), 0x0fff0fff);
	wr(0x0c, 4, 5);
	wr(0x10, 4, 1);
	assert_int_equal(rd(0x0c, 4), 4);
	assert_int_equal(rd(DOORBELL(0), 4), 0);
	wr(DOORBELL(0), 4, 1); /* not enabled: ignored */
	wr(0x1ffc, 4, 1);
}

static void
test_enable_refused(void **state)
{
	wr(0x24, 4, 0x00070007);
	wr(0x28, 8, ASQ);
	wr(0x30, 8, RAM_LEN); /* outside memory */
	wr(0x14, 4, 0x460001);
	assert_int_equal(rd(0x1c, 4), 2); /* fatal, not ready */
	wr(0x14, 4, 0);
	assert_int_equal(rd(0x1c, 4), 0);
	wr(0x30, 8, ACQ + 64); /* misaligned */
	wr(0x14, 4, 0x460001);
	assert_int_equal(rd(0x1c, 4), 2);
	wr(0x14, 4, 0);
	wr(0x30, 8, ACQ);
	wr(0x14, 4, 0x460081); /* pages of 8 KiB */
	assert_int_equal(rd(0x1c, 4), 2);
	wr(0x14, 4, 0);
	wr(0x24, 4, 0x00070000); /* a queue of one */
	wr(0x14, 4, 0x460001);
	assert_int_equal(rd(0x1c, 4), 2);
	wr(0x14, 4, 0);
	enable_controller();
	wr(0x28, 8, 0); /* fixed while enabled */
	assert_int_equal(rd(0x28, 8), ASQ);
	wr(0x24, 4, 0);
	assert_int_equal(rd(0x24, 4), 0x00070007);
}

static void
test_bad_options(void **state)
{
	struct nvme_options o = options;
	struct nvme other;

	o.queues = 0;
	assert_int_equal(nvme_init(&other, &gm, &disk.be, &o), -EINVAL);
	o.queues = NVME_IO_QUEUES_MAX + 1;
	assert_int_equal(nvme_init(&other, &gm, &disk.be, &o), -EINVAL);
	o = options;
	o.entries = 1;
	assert_int_equal(nvme_init(&other, &gm, &disk.be, &o), -EINVAL);
}

/* --- admin --- */

static void
test_identify(void **state)
{
	const uint8_t *p = ram + DATA;

	assert_int_equal(admin(0x06, DATA, 1, 0), 0);
	assert_int_equal(le16_get(p), 0xfb5d);
	assert_memory_equal(p + 4, "SERIAL-1            ", 20);
	assert_memory_equal(p + 24, "bhyve-NVMe ", 11);
	assert_int_equal(p[77], 7);
	assert_int_equal(le32_get(p + 80), 0x10400);
	assert_int_equal(p[512], 0x66);
	assert_int_equal(p[513], 0x44);
	assert_int_equal(le32_get(p + 516), 1);
	assert_int_equal(le16_get(p + 520), 0x0c);
	assert_int_equal(p[525] & 1, 1);
	assert_int_equal(le32_get(p + 536), 0); /* no scatter-gather lists */
	assert_string_equal((const char *)p + 768, "nqn.2026-11.org.zhyve:nvme:SERIAL-1");

	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 0, 0, 0, NULL), 0);
	assert_int_equal(le64_get(p), DISK_LEN / 512);
	assert_int_equal(p[25], 0); /* one format */
	assert_int_equal(p[26], 0);
	assert_int_equal(p[130], 9);
	assert_int_equal(le16_get(p + 64), 7); /* blocks of 4096 preferred */
	assert_int_equal(p[99], 0);
	assert_int_not_equal(le64_get(p + 120), 0);

	assert_int_equal(do_cmd(0, 0x06, 0, DATA, 0, 2, 0, 0, NULL), 0);
	assert_int_equal(le32_get(p), 1);
	assert_int_equal(le32_get(p + 4), 0);
	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 2, 0, 0, NULL), 0);
	assert_int_equal(le32_get(p), 0);
	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 3, 0, 0, NULL), 0);
	assert_int_equal(p[0], 1);
	assert_int_equal(p[1], 8);

	assert_int_equal(do_cmd(0, 0x06, 2, DATA, 0, 0, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(do_cmd(0, 0x06, ~0u, DATA, 0, 0, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(do_cmd(0, 0x06, ~0u, DATA, 0, 2, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(do_cmd(0, 0x06, 7, DATA, 0, 3, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(admin(0x06, DATA, 0x13, 0), DNR | 0x02);
}

/* Where data goes: crooked, across two pages, outside memory. */
static void
test_identify_prps(void **state)
{
	uint8_t *p = ram + DATA;

	assert_int_equal(do_cmd(0, 0x06, 0, DATA + 0xf00, DATA + 0x8000, 1, 0, 0, NULL), 0);
	assert_int_equal(le16_get(p + 0xf00), 0xfb5d);
	assert_int_equal(p[0x8000 + 512 - 256], 0x66);
	assert_int_equal(
	    do_cmd(0, 0x06, 0, DATA + 0xf00, DATA + 0x8004, 1, 0, 0, NULL), DNR | 0x13);
	assert_int_equal(admin(0x06, DATA + 2, 1, 0), DNR | 0x13);
	assert_int_equal(admin(0x06, RAM_LEN, 1, 0), DNR | 0x04);
	assert_int_equal(do_cmd(0, 0x06, 0, RAM_LEN - 0x100, RAM_LEN, 1, 0, 0, NULL), DNR | 0x04);
	/* Its own registers, or another device's, are no place for data. */
	assert_int_equal(admin(0x06, nvme.pci.bar[0].addr, 1, 0), DNR | 0x04);
	assert_int_equal(admin(0x06, 0xfffffffffffff000ull, 1, 0), DNR | 0x04);
}

static void
test_refused(void **state)
{
	static const uint8_t none[] = { 0x03, 0x0d, 0x10, 0x11, 0x14, 0x15, 0x18, 0x19, 0x1c, 0x7c,
		0x80, 0x81, 0x82, 0x84, 0xc0, 0xff };
	uint8_t *c;
	struct cqe e;

	for (unsigned i = 0; i < NITEMS(none); i++)
		assert_int_equal(admin(none[i], DATA, 0, 0), DNR | 0x01);
	for (unsigned i = 0; i < 256; i++)
		if (i > 2 && i != 8 && i != 9)
			assert_int_equal(io((uint8_t)i, DATA, 0, 0, 0), DNR | 0x01);
	for (unsigned flags = 0x40; flags < 0x100; flags += 0x40) { /* lists; reserved */
		c = put_cmd(1, 2, 7, 1, DATA, 0);
		c[1] = (uint8_t)flags;
		ring(1);
		assert_true(take(1, &e));
		assert_int_equal(e.status >> 1, DNR | 0x02);
		ack(1);
	}
	c = put_cmd(1, 2, 7, 1, DATA, 0);
	c[1] = 1; /* fused */
	ring(1);
	assert_true(take(1, &e));
	assert_int_equal(e.status >> 1, DNR | 0x02);
	ack(1);
	assert_int_equal(disk.nheld, 0);
}

static void
test_queues_refused(void **state)
{
	const uint32_t size = (ENTRIES - 1) << 16;

	/* Completion queues: identifier, in use, sizes, contiguous, place, vector. */
	assert_int_equal(admin(0x05, CQ(2), size | 0, 3), DNR | 0x101);
	assert_int_equal(admin(0x05, CQ(2), size | 4, 3), DNR | 0x101);
	assert_int_equal(admin(0x05, CQ(2), size | 0xffff, 3), DNR | 0x101);
	assert_int_equal(admin(0x05, CQ(2), size | 1, 3), DNR | 0x101);
	assert_int_equal(admin(0x05, CQ(2), 2, 3), DNR | 0x102);
	assert_int_equal(admin(0x05, CQ(2), 64u << 16 | 2, 3), DNR | 0x102);
	assert_int_equal(admin(0x05, CQ(2), 0xffffu << 16 | 2, 3), DNR | 0x102);
	assert_int_equal(admin(0x05, CQ(2), size | 2, 2), DNR | 0x02);
	assert_int_equal(admin(0x05, CQ(2) + 16, size | 2, 3), DNR | 0x13);
	assert_int_equal(admin(0x05, RAM_LEN, size | 2, 3), DNR | 0x04);
	assert_int_equal(admin(0x05, RAM_LEN - 4096, 63u << 16 | 2, 3), 0); /* fits exactly */
	assert_int_equal(admin(0x04, 0, 2, 0), 0);
	assert_int_equal(admin(0x05, CQ(2), size | 2, 4 << 16 | 3), DNR | 0x108);
	/* Submission queues. */
	assert_int_equal(admin(0x01, SQ(2), size | 2, 0 << 16 | 1), DNR | 0x100);
	assert_int_equal(admin(0x01, SQ(2), size | 2, 2 << 16 | 1), DNR | 0x100);
	assert_int_equal(admin(0x01, SQ(2), size | 2, 0xffffu << 16 | 1), DNR | 0x100);
	assert_int_equal(admin(0x01, SQ(2), size | 1, 1 << 16 | 1), DNR | 0x101);
	assert_int_equal(admin(0x01, SQ(2), size | 4, 1 << 16 | 1), DNR | 0x101);
	assert_int_equal(admin(0x01, RAM_LEN - 4096, 64u << 16 | 2, 1 << 16 | 1), DNR | 0x102);
	assert_int_equal(admin(0x01, 0xfffffffffffff000ull, size | 2, 1 << 16 | 1), DNR | 0x04);
	/* Deletion: what is not there, what is in use. */
	assert_int_equal(admin(0x00, 0, 0, 0), DNR | 0x101);
	assert_int_equal(admin(0x00, 0, 2, 0), DNR | 0x101);
	assert_int_equal(admin(0x04, 0, 0, 0), DNR | 0x101);
	assert_int_equal(admin(0x04, 0, 1, 0), DNR | 0x10c);
	assert_int_equal(admin(0x00, 0, 1, 0), 0);
	assert_int_equal(admin(0x04, 0, 1, 0), 0);
	assert_int_equal(admin(0x04, 0, 1, 0), DNR | 0x101);
	make_queue(1, ENTRIES);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
}

static void
test_entry_sizes(void **state)
{
	enable_controller();
	wr(0x14, 4, 0);
	queue_at(0, ASQ, ACQ, ENTRIES);
	wr(0x14, 4, 1); /* enabled without sizes of I/O entries */
	assert_int_equal(admin(0x05, CQ(1), 7 << 16 | 1, 3), DNR | 0x102);
	wr(0x14, 4, 0x460001);
	assert_int_equal(admin(0x05, CQ(1), 7 << 16 | 1, 3), 0);
}

static void
test_features(void **state)
{
	uint32_t got;

	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 7, 0, 0, &got), 0);
	assert_int_equal(got, 0x00020002);
	assert_int_equal(admin(0x09, 0, 7, 0x00010001), DNR | 0x0c); /* queues are there */
	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 6, 0, 0, &got), 0);
	assert_int_equal(got, 1);
	assert_int_equal(admin(0x09, 0, 6, 0), 0);
	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 6, 0, 0, &got), 0);
	assert_int_equal(got, 0);
	assert_int_equal(admin(0x09, 0, 8, 0x1234), 0);
	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 8, 0, 0, &got), 0);
	assert_int_equal(got, 0x1234);
	assert_int_equal(admin(0x09, 0, 9, 0x10003), 0);
	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 9, 3, 0, &got), 0);
	assert_int_equal(got, 0x10003);
	assert_int_equal(admin(0x09, 0, 9, 4), DNR | 0x02);
	assert_int_equal(admin(0x0a, 0, 9, 4), DNR | 0x02);
	assert_int_equal(admin(0x09, 0, 2, 0), 0);
	assert_int_equal(admin(0x09, 0, 2, 1), DNR | 0x02);
	assert_int_equal(admin(0x09, 0, 4, 330), 0);
	assert_int_equal(do_cmd(0, 0x0a, 0, 0, 0, 4, 0, 0, &got), 0);
	assert_int_equal(got, 330);
	assert_int_equal(admin(0x09, 0, 4, 1u << 16 | 330), DNR | 0x02);
	assert_int_equal(admin(0x09, 0, 4, 2u << 20 | 330), DNR | 0x02);
	assert_int_equal(admin(0x09, 0, 6 | 1u << 31, 1), DNR | 0x10d);
	assert_int_equal(admin(0x0a, 0, 6 | 1u << 8, 0), DNR | 0x02);
	assert_int_equal(admin(0x09, 0, 0x7f, 0), DNR | 0x02);
	assert_int_equal(admin(0x0a, 0, 0x03, 0), DNR | 0x02);
}

static void
test_number_of_queues(void **state)
{
	uint32_t got;

	enable_controller();
	assert_int_equal(do_cmd(0, 0x09, 0, 0, 0, 7, 0x00010000, 0, &got), 0);
	assert_int_equal(got, 0x00010000);
	assert_int_equal(admin(0x05, CQ(2), 7 << 16 | 3, 3), DNR | 0x101);
	assert_int_equal(admin(0x05, CQ(2), 7 << 16 | 2, 3), 0);
	assert_int_equal(admin(0x01, SQ(2), 7 << 16 | 2, 2 << 16 | 1), DNR | 0x101);
	assert_int_equal(admin(0x04, 0, 2, 0), 0);
	assert_int_equal(admin(0x09, 0, 7, 0xffff), DNR | 0x02);
	assert_int_equal(do_cmd(0, 0x09, 0, 0, 0, 7, 0xfffefffe, 0, &got), 0);
	assert_int_equal(got, 0x00020002);
}

static void
test_logs(void **state)
{
	const uint8_t *p = ram + DATA;

	assert_int_equal(io(2, DATA, 0, 0, 7), 0);
	assert_int_equal(io(1, DATA, 0, 0, 0), 0);
	assert_int_equal(io(1, DATA, 0, DISK_LEN, 0), DNR | 0x80);
	assert_int_equal(admin(0x02, DATA, 127u << 16 | 2, 0), 0);
	assert_int_equal(p[0], 0);
	assert_int_equal(le16_get(p + 1), 296);
	assert_int_equal(le64_get(p + 64), 1);
	assert_int_equal(le64_get(p + 80), 1);
	assert_int_equal(le64_get(p + 176), 1);
	assert_int_equal(admin(0x02, DATA, 15u << 16 | 1, 0), 0);
	assert_int_equal(le64_get(p), 1);
	assert_int_equal(le16_get(p + 8), 1);
	assert_int_equal(le16_get(p + 12), (DNR | 0x80) << 1 & 0xffff);
	assert_int_equal(admin(0x02, DATA, 127u << 16 | 3, 0), 0);
	assert_int_equal(p[0], 1);
	assert_memory_equal(p + 8, "1.0     ", 8);
	/* In parts; the rest of what is asked for stays as it was. */
	memset(ram + DATA, 0xee, 64);
	assert_int_equal(do_cmd(0, 0x02, 0, DATA, 0, 1u << 16 | 3, 0, 8, NULL), 0);
	assert_memory_equal(p, "1.0     ", 8);
	assert_int_equal(p[8], 0xee);
	assert_int_equal(do_cmd(0, 0x02, 0, DATA, 0, 3u << 16 | 3, 0, 508, NULL), 0);
	assert_int_equal(le32_get(p), 0);
	assert_int_equal(p[4], ' '); /* left from before */
	assert_int_equal(do_cmd(0, 0x02, 0, DATA, 0, 3u << 16 | 3, 0, 516, NULL), DNR | 0x02);
	assert_int_equal(do_cmd(0, 0x02, 0, DATA, 0, 3u << 16 | 3, 0, 2, NULL), DNR | 0x02);
	assert_int_equal(do_cmd(0, 0x02, 9, DATA, 0, 3u << 16 | 2, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(admin(0x02, DATA, 127u << 16 | 0x70, 0), DNR | 0x109);
	assert_int_equal(admin(0x02, DATA, 0xffffu << 16 | 2, 0xffff), DNR | 0x02);
}

static void
test_events(void **state)
{
	struct cqe e;

	for (uint16_t i = 0; i < 5; i++)
		(void)put_cmd(0, 0x0c, (uint16_t)(100 + i), 0, 0, 0);
	ring(0);
	assert_true(take(0, &e)); /* the fifth is one too many */
	assert_int_equal(e.cid, 104);
	assert_int_equal(e.status >> 1, DNR | 0x105);
	assert_false(take(0, &e));
	ack(0);
	/* A namespace event is for those who want it. */
	nvme_resized(&nvme);
	assert_false(take(0, &e));
	assert_int_equal(admin(0x09, 0, 0x0b, 0xffffffff), 0);
	nvme_resized(&nvme);
	assert_true(take(0, &e));
	assert_int_equal(e.result, 0x00040002);
	ack(0);
	nvme_resized(&nvme); /* quiet until the log is read */
	assert_false(take(0, &e));
	assert_int_equal(admin(0x02, DATA, 1023u << 16 | 1u << 15 | 4, 0), 0); /* kept */
	assert_int_equal(le32_get(ram + DATA), 1);
	assert_false(take(0, &e));
	assert_int_equal(admin(0x02, DATA, 1023u << 16 | 4, 0), 0);
	assert_false(take(0, &e));
	/* What happened before the page was read is in it. */
	nvme_resized(&nvme);
	assert_true(take(0, &e));
	assert_int_equal(e.result, 0x00040002);
	ack(0);
	/* Bad doorbells: of no queue; a value too large; a head beyond the tail. */
	wr(DOORBELL(3), 4, 1);
	assert_true(take(0, &e));
	assert_int_equal(e.result, 0x00010000);
	ack(0);
	wr(DOORBELL(1), 4, ENTRIES);
	assert_int_equal(admin(0x02, DATA, 15u << 16 | 1, 0), 0);
	wr(DOORBELL(1) + 4, 4, 1);
	assert_true(take(0, &e));
	assert_int_equal(e.result, 0x00010100);
	ack(0);
	wr(0x1ff8, 4, 1); /* far beyond */
	wr(0x1004 + 8 * 3, 4, 0);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
}

static void
test_temperature_event(void **state)
{
	struct cqe e;

	assert_int_equal(admin(0x09, 0, 0x0b, 2), 0);
	assert_int_equal(admin(0x09, 0, 4, 290), 0);
	(void)put_cmd(0, 0x0c, 9, 0, 0, 0);
	ring(0);
	assert_true(take(0, &e));
	assert_int_equal(e.cid, 9);
	assert_int_equal(e.result, 0x00020101);
	ack(0);
	assert_int_equal(admin(0x02, DATA, 127u << 16 | 2, 0), 0);
	assert_int_equal(ram[DATA], 2);
}

/* --- queues at work --- */

/* More commands than the backend takes: the rest waits in the ring. */
static void
test_backpressure(void **state)
{
	struct cqe e;
	unsigned got = 0;

	for (uint16_t i = 0; i < ENTRIES - 1; i++)
		(void)put_cmd(1, 2, i, 1, DATA, 0);
	ring(1);
	assert_int_equal(disk.nheld, DEPTH - 1);
	run(&disk);
	while (take(1, &e))
		assert_int_equal(e.cid, got++);
	assert_int_equal(got, ENTRIES - 1);
	ack(1);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
}

/* A completion queue that the host does not empty holds back its commands, and nobody else's. */
static void
test_full_cq(void **state)
{
	struct cqe e;

	queue_at(2, SQ(2), CQ(2), 2);
	assert_int_equal(admin(0x05, CQ(2), 1 << 16 | 2, 2 << 16 | 3), 0);
	assert_int_equal(admin(0x01, SQ(2), 7 << 16 | 2, 2 << 16 | 1), 0);
	hq[2].entries = 8; /* the submission queue's */
	for (uint16_t i = 0; i < 3; i++)
		(void)put_cmd(2, 2, i, 1, DATA, 0);
	ring(2);
	assert_int_equal(disk.nheld, 1);
	run(&disk);
	assert_int_equal(disk.nheld, 0);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
	hq[2].entries = 2;
	for (uint16_t i = 0; i < 3; i++) {
		assert_true(take(2, &e));
		assert_int_equal(e.cid, i);
		assert_false(take(2, &e));
		ack(2);
		run(&disk);
	}
	/* The queue can go although its completions are not taken. */
	hq[2].tail = 4;
	ring(2);
	assert_int_equal(admin(0x00, 0, 2, 0), 0);
	assert_int_equal(admin(0x04, 0, 2, 0), 0);
}

static void
test_duplicate_ids(void **state)
{
	struct cqe e;

	(void)put_cmd(1, 2, 5, 1, DATA, 0);
	(void)put_cmd(1, 2, 5, 1, DATA + 0x1000, 0);
	(void)put_cmd(1, 2, 5, 1, DATA, 0);
	ring(1);
	ring(1); /* ringing twice says nothing new */
	assert_int_equal(disk.nheld, 3);
	run(&disk);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(take(1, &e));
		assert_int_equal(e.cid, 5);
	}
	assert_false(take(1, &e));
}

/* The command is what it was when it was fetched. */
static void
test_ring_changed(void **state)
{
	uint8_t *c = put_cmd(1, 2, 1, 1, DATA, 0);
	struct cqe e;

	ring(1);
	memset(c, 0xff, 64);
	memset(ram + CQ(1), 0xff, 64);
	run(&disk);
	hq[1].phase = true;
	assert_true(take(1, &e));
	assert_int_equal(e.cid, 1);
	assert_int_equal(e.status >> 1, 0);
	assert_memory_equal(ram + DATA, disk.bytes, 512);
}

static void
test_delete_waits(void **state)
{
	struct cqe e;

	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	(void)put_cmd(1, 2, 2, 1, DATA, 0);
	ring(1);
	put_dw(put_cmd(0, 0x00, 50, 0, 0, 0), 1, 0, 0);
	put_dw(put_cmd(0, 0x00, 51, 0, 0, 0), 1, 0, 0); /* twice */
	put_dw(put_cmd(0, 0x04, 52, 0, 0, 0), 1, 0, 0); /* still in use */
	put_dw(put_cmd(0, 0x01, 53, 0, SQ(1), 0), 7 << 16 | 1, 1 << 16 | 1, 0);
	ring(0);
	assert_true(take(0, &e));
	assert_int_equal(e.cid, 51);
	assert_int_equal(e.status >> 1, DNR | 0x101);
	assert_true(take(0, &e));
	assert_int_equal(e.status >> 1, DNR | 0x10c);
	assert_true(take(0, &e));
	assert_int_equal(e.status >> 1, DNR | 0x101);
	assert_false(take(0, &e));
	(void)put_cmd(1, 2, 3, 1, DATA, 0);
	ring(1); /* too late */
	run(&disk);
	assert_true(take(1, &e));
	assert_true(take(1, &e));
	assert_false(take(1, &e));
	assert_true(take(0, &e));
	assert_int_equal(e.cid, 50);
	assert_int_equal(e.status >> 1, 0);
	ack(0);
	assert_int_equal(admin(0x04, 0, 1, 0), 0);
}

static void
test_reset_in_flight(void **state)
{
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	(void)put_cmd(1, 1, 2, 1, DATA, 0);
	ring(1);
	put_dw(put_cmd(0, 0x00, 50, 0, 0, 0), 1, 0, 0);
	ring(0);
	memset(ram + CQ(1), 0, 256);
	wr(0x14, 4, 0x460000);
	assert_int_equal(rd(0x1c, 4) & 1, 1); /* not yet */
	ring(1);
	wr(DOORBELL(1) + 4, 4, 1);
	run(&disk);
	assert_int_equal(rd(0x1c, 4), 0);
	assert_int_equal(le64_get(ram + CQ(1) + 8), 0); /* nothing is told any more */
	enable_controller();
	wr(DOORBELL(1), 4, 1); /* the queues are gone */
	assert_int_equal(disk.nheld, 0);
	make_queue(1, ENTRIES);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
}

/* Off and on again without waiting; then the machine's reset. */
static void
test_reset_impatient(void **state)
{
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	wr(0x14, 4, 0x460000);
	wr(0x14, 4, 0x460001);
	queue_at(0, ASQ, ACQ, ENTRIES);
	run(&disk);
	assert_int_equal(rd(0x1c, 4), 1);
	make_queue(1, ENTRIES);
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	pci_reset(bus);
	run(&disk);
	assert_int_equal(rd(0x1c, 4), 0);
	assert_int_equal(rd(0x14, 4), 0);
	assert_int_equal(rd(0x28, 8), 0);
	assert_false(line);
}

/* Nothing is told of what happens while the controller waits for its reset. */
static void
test_reset_event(void **state)
{
	struct cqe e;

	assert_int_equal(admin(0x09, 0, 0x0b, 0xffffffff), 0);
	(void)put_cmd(0, 0x0c, 100, 0, 0, 0);
	ring(0);
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	wr(0x14, 4, 0x460000);
	nvme_resized(&nvme);
	assert_false(take(0, &e));
	run(&disk);
	assert_false(take(0, &e));
}

/* Entries that nobody took hold the line, but not through a reset of the machine. */
static void
test_reset_line(void **state)
{
	pci_cfg_write(bus, nvme.pci.bdf, nvme.pci.msix.cap_off + 2, 2, 0);
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	(void)put_cmd(0, 0x06, 1, 0, DATA, 0);
	ring(0);
	assert_true(line);
	pci_reset(bus);
	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 7);
	assert_false(line);
	run(&disk);
	assert_false(line);
}

static void
test_reset_dsm(void **state)
{
	memset(ram + DATA, 0, 4096);
	for (unsigned i = 0; i < 16; i++)
		le32_put(ram + DATA + 16 * i + 4, 1);
	put_dw(put_cmd(1, 9, 1, 1, DATA, 0), 15, 4, 0);
	ring(1);
	wr(0x14, 4, 0x460000);
	run(&disk);
	assert_int_equal(disk.discards, 1); /* the rest is let go */
	assert_int_equal(rd(0x1c, 4), 0);
}

static void
test_shutdown(void **state)
{
	wr(0x14, 4, 0x464001);
	assert_int_equal(rd(0x1c, 4) >> 2 & 3, 1);
	run(&disk);
	assert_int_equal(disk.flushes, 1);
	assert_int_equal(rd(0x1c, 4) >> 2 & 3, 2);
	wr(0x14, 4, 0x460000);
	assert_int_equal(rd(0x1c, 4), 0);
	enable_controller();
	wr(0x14, 4, 0x464001); /* and reset while it flushes */
	wr(0x14, 4, 0x460000);
	assert_int_equal(rd(0x1c, 4) & 1, 1);
	run(&disk);
	assert_int_equal(rd(0x1c, 4), 0);
}

static void
test_bus_master(void **state)
{
	struct cqe e;

	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 2);
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	assert_int_equal(disk.nheld, 0);
	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 6);
	run(&disk);
	assert_true(take(1, &e));
}

/* --- interrupts --- */

static void
test_msix(void **state)
{
	struct cqe e;

	messages = 0;
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	(void)put_cmd(1, 2, 2, 1, DATA, 0);
	ring(1);
	assert_int_equal(messages, 0);
	run(&disk);
	assert_int_equal(messages, 1); /* one for both */
	assert_int_equal(last_data, 0x41);
	assert_true(take(1, &e) && take(1, &e));
	ack(1);
	assert_false(line);
	assert_int_equal(admin(0x06, DATA, 1, 0), 0);
	assert_int_equal(last_data, 0x40);
}

static void
test_intx(void **state)
{
	struct cqe e;

	enable_controller();
	(void)put_cmd(0, 0x06, 1, 0, DATA, 0);
	ring(0);
	assert_true(line);
	wr(0x0c, 4, 1); /* masked */
	assert_false(line);
	wr(0x10, 4, 1);
	assert_true(line);
	assert_true(take(0, &e));
	ack(0);
	assert_false(line);
	queue_at(1, SQ(1), CQ(1), ENTRIES);
	assert_int_equal(admin(0x05, CQ(1), 7 << 16 | 1, 1 << 16 | 3), DNR | 0x108); /* no MSI-X */
	assert_int_equal(admin(0x05, CQ(1), 7 << 16 | 1, 1), 0);                     /* polled */
	assert_int_equal(admin(0x01, SQ(1), 7 << 16 | 1, 1 << 16 | 1), 0);
	(void)put_cmd(1, 2, 1, 1, DATA, 0);
	ring(1);
	run(&disk);
	assert_false(line);
	assert_true(take(1, &e));
	(void)put_cmd(0, 0x06, 1, 0, DATA, 0);
	ring(0);
	assert_true(line);
	wr(0x14, 4, 0);
	assert_false(line);
}

static void
test_resize(void **state)
{
	disk.be.info.size = DISK_LEN / 2;
	nvme_resized(&nvme);
	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 0, 0, 0, NULL), 0);
	assert_int_equal(le64_get(ram + DATA), DISK_LEN / 1024);
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 1024, 0), DNR | 0x80);
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 1024 - 1, 0), 0);
}

#define T(f, s) cmocka_unit_test_setup_teardown(f, s, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_registers, setup),
		T(test_enable_refused, setup),
		T(test_bad_options, setup),
		T(test_identify, setup_up),
		T(test_identify_prps, setup_up),
		T(test_refused, setup_up),
		T(test_queues_refused, setup_up),
		T(test_entry_sizes, setup),
		T(test_features, setup_up),
		T(test_number_of_queues, setup),
		T(test_logs, setup_up),
		T(test_events, setup_up),
		T(test_temperature_event, setup_up),
		T(test_backpressure, setup_up),
		T(test_full_cq, setup_up),
		T(test_duplicate_ids, setup_up),
		T(test_ring_changed, setup_up),
		T(test_delete_waits, setup_up),
		T(test_reset_in_flight, setup_up),
		T(test_reset_impatient, setup_up),
		T(test_reset_line, setup_up),
		T(test_reset_event, setup_up),
		T(test_reset_dsm, setup_up),
		T(test_shutdown, setup_up),
		T(test_bus_master, setup_up),
		T(test_msix, setup_up),
		T(test_intx, setup),
		T(test_resize, setup_up),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
