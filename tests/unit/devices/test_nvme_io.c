/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O commands of the NVMe controller: reads and writes by every kind of PRPs, flush, write zeroes,
 * dataset management, errors. Numbers are those of NVM Express 1.4.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "nvme_host.h"
#include "saved.h"

#define DNR 0x4000

static int
setup_4k(void **state)
{
	make(&options, false, 4096);
	enable_controller();
	queue_at(1, SQ(1), CQ(1), ENTRIES);
	assert_int_equal(admin(0x05, CQ(1), (ENTRIES - 1) << 16 | 1, 3), 0);
	assert_int_equal(admin(0x01, SQ(1), (ENTRIES - 1) << 16 | 1, 1 << 16 | 1), 0);
	return (0);
}

static int
setup_ro(void **state)
{
	make(&options, true, 512);
	msix_on(4);
	enable_controller();
	make_queue(1, ENTRIES);
	return (0);
}

static void
test_read_write(void **state)
{
	assert_int_equal(io(2, DATA, 0, 3, 0), 0);
	assert_memory_equal(ram + DATA, disk.bytes + 3 * 512, 512);
	memset(ram + DATA, 0x5a, 4096);
	assert_int_equal(io(1, DATA, 0, 8, 7), 0);
	assert_int_equal(disk.bytes[8 * 512], 0x5a);
	assert_int_equal(disk.bytes[16 * 512 - 1], 0x5a);
	assert_int_not_equal(disk.bytes[16 * 512], 0x5a);
	assert_false(disk.fua);
	assert_int_equal(io(1, DATA, 0, 8, 1u << 30), 0);
	assert_true(disk.fua);
	assert_int_equal(admin(0x09, 0, 6, 0), 0); /* no write cache */
	assert_int_equal(io(1, DATA, 0, 8, 0), 0);
	assert_true(disk.fua);
	assert_int_equal(io(2, DATA, 0, 3, 1u << 30), 0); /* first to stable storage, then read */
	assert_int_equal(disk.flushes, 1);
	assert_memory_equal(ram + DATA, disk.bytes + 3 * 512, 512);
	disk.flushes = 0;
	assert_int_equal(io(0, 0, 0, 0, 0), 0);
	assert_int_equal(disk.flushes, 1);
	assert_int_equal(do_cmd(1, 0, ~0u, 0, 0, 0, 0, 0, NULL), 0);
	assert_int_equal(disk.flushes, 2);
	/* The last block, and beyond. */
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 512 - 1, 0), 0);
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 512 - 1, 1), DNR | 0x80);
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 512, 0), DNR | 0x80);
	assert_int_equal(io(2, DATA, 0, ~0ull, 0), DNR | 0x80);
	assert_int_equal(do_cmd(1, 2, 2, DATA, 0, 0, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(do_cmd(1, 2, ~0u, DATA, 0, 0, 0, 0, NULL), DNR | 0x0b);
	assert_int_equal(do_cmd(1, 0, 0, DATA, 0, 0, 0, 0, NULL), DNR | 0x0b);
}

/* Lists: in one page, from the page's end on into a second, pages in any order. */
static void
test_prp_lists(void **state)
{
	uint8_t *list = ram + LIST;

	/* 64 KiB from an offset: a piece, then 16 pages backwards. */
	for (unsigned i = 0; i < 16; i++)
		le64_put(list + 8 * i, DATA + 0x20000 - 0x1000 * i);
	assert_int_equal(io(2, DATA + 0x800, LIST, 0, 127), 0);
	assert_memory_equal(ram + DATA + 0x800, disk.bytes, 0x800);
	assert_memory_equal(ram + DATA + 0x20000, disk.bytes + 0x800, 0x1000);
	assert_memory_equal(ram + DATA + 0x11000, disk.bytes + 0xf800, 0x800);
	/* The largest: 512 KiB, the list begins with two entries before the page's end. */
	le64_put(list + 0xff0, DATA + 0x40000);
	le64_put(list + 0xff8, LIST + 0x3000);
	for (unsigned i = 0; i < 127; i++)
		le64_put(list + 0x3000 + 8 * i, DATA + 0x41000 + 0x1000 * i);
	assert_int_equal(io(2, DATA + 0x3ffc0, LIST + 0xff0, 0, 1023), 0);
	assert_memory_equal(ram + DATA + 0x3ffc0, disk.bytes, 512 << 10);
	/* A first list page of nothing but the way on. */
	le64_put(list + 0xff8, LIST + 0x3000);
	assert_int_equal(io(2, DATA, LIST + 0xff8, 0, 127), 0);
	assert_memory_equal(ram + DATA + 0x41000, disk.bytes + 0x1000, 0xf000);
	/* Too large; crooked entries, lists, ways on; entries outside memory. */
	assert_int_equal(io(2, DATA, LIST, 0, 1024), DNR | 0x02);
	assert_int_equal(io(2, DATA, LIST, 0, 0xffff), DNR | 0x02);
	assert_int_equal(io(2, DATA, LIST + 4, 0, 127), DNR | 0x13);
	le64_put(list + 0xff8, LIST + 0x3008);
	assert_int_equal(io(2, DATA, LIST + 0xff8, 0, 127), DNR | 0x13);
	le64_put(list + 8, DATA + 4);
	assert_int_equal(io(2, DATA, LIST, 0, 127), DNR | 0x13);
	le64_put(list + 8, RAM_LEN);
	assert_int_equal(io(2, DATA, LIST, 0, 127), DNR | 0x04);
	assert_int_equal(io(2, DATA, RAM_LEN, 0, 127), DNR | 0x04);
	le64_put(ram + RAM_LEN - 8, RAM_LEN);
	assert_int_equal(io(2, DATA, RAM_LEN - 8, 0, 127), DNR | 0x04); /* way on: into nothing */
	assert_int_equal(disk.nheld, 0);
}

/* A list that leads back to itself ends with the transfer. */
static void
test_prp_cycle(void **state)
{
	uint8_t *list = ram + LIST;

	for (unsigned i = 0; i < 511; i++)
		le64_put(list + 8 * i, DATA);
	le64_put(list + 0xff8, LIST);
	assert_int_equal(io(2, DATA, LIST + 0xff8, 0, 1023), 0);
}

static void
test_zeroes_and_dsm(void **state)
{
	uint8_t *r = ram + DATA;

	assert_int_equal(io(8, 0, 0, 16, 3), 0);
	assert_int_equal(disk.bytes[16 * 512] | disk.bytes[20 * 512 - 1], 0);
	assert_false(disk.unmap);
	assert_int_equal(io(8, 0, 0, 16, 3 | 1u << 25), 0);
	assert_true(disk.unmap);
	assert_int_equal(io(8, 0, 0, DISK_LEN / 512 - 1, 1), DNR | 0x80);
	/* Three ranges, one of them empty. */
	memset(disk.bytes, 1, DISK_LEN);
	memset(r, 0, 64);
	le32_put(r + 4, 8);
	le64_put(r + 8, 64);
	le64_put(r + 24, 5);
	le32_put(r + 36, 1);
	le64_put(r + 40, DISK_LEN / 512 - 1);
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 2, 4, 0, NULL), 0);
	assert_int_equal(disk.discards, 2);
	assert_int_equal(
	    disk.bytes[64 * 512] | disk.bytes[72 * 512 - 1] | disk.bytes[DISK_LEN - 512], 0);
	assert_int_equal(disk.bytes[72 * 512], 1);
	/* One bad range: nothing is done. */
	le64_put(r + 40, DISK_LEN / 512);
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 2, 4, 0, NULL), DNR | 0x80);
	assert_int_equal(disk.discards, 2);
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 2, 0, 0, NULL), 0); /* hints */
	assert_int_equal(do_cmd(1, 9, 1, RAM_LEN, 0, 2, 4, 0, NULL), DNR | 0x04);
	/* A page of ranges, from an offset. */
	for (unsigned i = 0; i < 256; i++) {
		le32_put(r + 0x800 + 16 * i + 4, 1);
		le64_put(r + 0x800 + 16 * i + 8, i * 2);
	}
	assert_int_equal(do_cmd(1, 9, 1, DATA + 0x800, DATA + 0x1000, 255, 4, 0, NULL), 0);
	assert_int_equal(disk.discards, 258);
}

static void
test_dsm_errors(void **state)
{
	uint8_t *r = ram + DATA;

	le32_put(r + 4, 8);
	le32_put(r + 20, 8);
	disk.answer = -EOPNOTSUPP; /* advice that could not be taken */
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 1, 4, 0, NULL), 0);
	assert_int_equal(disk.discards, 2);
	disk.answer = -EIO;
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 1, 4, 0, NULL), 0x06);
	assert_int_equal(disk.discards, 3); /* the second range is not tried */
}

static void
test_io_errors(void **state)
{
	disk.answer = -EIO;
	assert_int_equal(io(2, DATA, 0, 0, 0), 0x281);
	assert_int_equal(io(1, DATA, 0, 0, 0), 0x280);
	assert_int_equal(io(8, DATA, 0, 0, 0), 0x280);
	assert_int_equal(io(0, DATA, 0, 0, 0), 0x06);
	disk.answer = -ENOSPC;
	assert_int_equal(io(1, DATA, 0, 0, 0), DNR | 0x81);
	disk.answer = 0;
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
	assert_int_equal(admin(0x02, DATA, 127u << 16 | 2, 0), 0);
	assert_int_equal(le64_get(ram + DATA + 160), 2);
}

/* A read that waits for a flush, on a disk that shrinks meanwhile. */
static void
test_shrunk(void **state)
{
	struct cqe e;

	put_dw(put_cmd(1, 2, 7, 1, DATA, 0), DISK_LEN / 512 - 1, 0, 1u << 30);
	ring(1);
	disk.be.info.size = DISK_LEN / 2;
	turn(&disk);
	assert_int_equal(disk.nheld, 0); /* it is not read */
	assert_true(take(1, &e));
	assert_int_equal(e.status >> 1, DNR | 0x80);
}

static void
test_readonly(void **state)
{
	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 0, 0, 0, NULL), 0);
	assert_int_equal(ram[DATA + 99], 1);
	assert_int_equal(io(2, DATA, 0, 0, 0), 0);
	assert_int_equal(io(1, DATA, 0, 0, 0), DNR | 0x20);
	assert_int_equal(io(8, DATA, 0, 0, 0), DNR | 0x20);
	assert_int_equal(do_cmd(1, 9, 1, DATA, 0, 0, 4, 0, NULL), DNR | 0x20);
	assert_int_equal(io(0, 0, 0, 0, 0), 0);
}

static void
test_sectors_4k(void **state)
{
	assert_int_equal(do_cmd(0, 0x06, 1, DATA, 0, 0, 0, 0, NULL), 0);
	assert_int_equal(ram[DATA + 130], 12);
	assert_int_equal(le64_get(ram + DATA), DISK_LEN / 4096);
	assert_int_equal(io(2, DATA, DATA + 0x1000, 1, 1), 0);
	assert_memory_equal(ram + DATA, disk.bytes + 4096, 8192);
	assert_int_equal(io(2, DATA, 0, DISK_LEN / 4096, 0), DNR | 0x80);
	assert_int_equal(io(2, DATA, LIST, 0, 128), DNR | 0x02);
	assert_true(line || hq[1].head == hq[1].tail);
}

static int
controller_state(void *n, struct state *st)
{
	return (nvme_state(n, st));
}

/* Another controller in its place, in a machine that has its memory. */
static void
replace(const struct nvme_options *opt)
{
	nvme_destroy(&nvme);
	pci_bus_destroy(bus);
	memset(&nvme, 0xa5, sizeof(nvme));
	bus = host_bus();
	assert_int_equal(nvme_init(&nvme, &gm, &disk.be, opt), 0);
	nvme.pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &nvme.pci, NULL), 0);
}

static void
test_saved(void **state)
{
	struct nvme_options other = options;
	struct cqe e;

	assert_int_equal(admin(0x09, 0, 6, 0), 0); /* no write cache */
	put_dw(put_cmd(1, 1, 41, 1, DATA, 0), 3, 0, 0);
	ring(1);
	assert_int_equal(saved_from(controller_state, &nvme), -EBUSY);
	assert_non_null(strstr(saved_why.text, "1 commands are in work"));
	run(&disk);
	/* One is rung while the function may not look for it. */
	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 2);
	put_dw(put_cmd(1, 1, 42, 1, DATA, 0), 3, 0, 0);
	ring(1);
	assert_int_equal(saved_from(controller_state, &nvme), 0);
	replace(&options);
	saved_goes_into(controller_state, &nvme);
	nvme_resume(&nvme);
	assert_int_equal(disk.nheld, 0);
	pci_cfg_write(bus, nvme.pci.bdf, 4, 2, 6);
	run(&disk);
	assert_true(disk.fua);
	assert_true(take(1, &e));
	assert_int_equal(e.cid, 41);
	assert_true(take(1, &e));
	assert_int_equal(e.cid, 42);
	assert_int_equal(messages, 1);
	ack(1);
	assert_int_equal(io(2, DATA, 0, 3, 0), 0);
	other.queues = 2;
	replace(&other);
	assert_int_equal(saved_into(controller_state, &nvme), -EINVAL);
}

/* The controller is saved as if no host could have made it so. */
static void
impossible(const char *words)
{
	assert_int_equal(saved_from(controller_state, &nvme), 0);
	replace(&options);
	assert_int_equal(saved_into(controller_state, &nvme), -EINVAL);
	if (strstr(saved_why.text, words) == NULL)
		fail_msg("refused as \"%s\"", saved_why.text);
	unmake();
	(void)setup_up(NULL);
}

static void
test_saved_impossible(void **state)
{
	nvme.sq[1].tail = ENTRIES;
	impossible("submission queue 1 cannot be");
	nvme.sq[1].base = RAM_LEN;
	impossible("submission queue 1 cannot be");
	nvme.sq[1].cqid = 2;
	impossible("submission queue 1 cannot be");
	nvme.cq[1].head = ENTRIES;
	impossible("completion queue 1 cannot be");
	nvme.cq[1].vector = 9;
	impossible("completion queue 1 cannot be");
	nvme.cq[60] = nvme.cq[1];
	impossible("completion queue 60 cannot be");
	nvme.cc = 0;
	impossible("not both ready and enabled");
	nvme.csts |= 4;
	nvme.csts &= ~1u;
	impossible("registers have bits that are not there");
	nvme.feat.queues_sq = 9;
	impossible("more queues are granted");
}

#define T(f, s) cmocka_unit_test_setup_teardown(f, s, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_read_write, setup_up),
		T(test_prp_lists, setup_up),
		T(test_prp_cycle, setup_up),
		T(test_zeroes_and_dsm, setup_up),
		T(test_dsm_errors, setup_up),
		T(test_io_errors, setup_up),
		T(test_shrunk, setup_up),
		T(test_readonly, setup_ro),
		T(test_sectors_4k, setup_4k),
		T(test_saved, setup_up),
		T(test_saved_impossible, setup_up),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
