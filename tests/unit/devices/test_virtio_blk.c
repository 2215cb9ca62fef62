/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio block device on a disk in memory whose completions the test decides about. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "devices/virtio/blk.h"
#include "medium.h"
#include "saved.h"
#include "vd_guest.h"

#define RAM    (4u << 20)
#define HDR    0x100000u
#define DATA   0x200000u
#define STATUS 0x180000u
#define DISK   (1u << 20)
#define DEPTH  4

static uint8_t *ram;
static struct gmem gm;
static struct medium disk;
static struct virtio_blk blk;
static struct vq_guest g;

static void
bring_up(uint64_t features)
{
	vd_up(&blk.vd, features, &g, 1, ram, 64);
}

static int
setup_with(bool readonly, uint32_t logical)
{
	ram = vd_ram(&gm, RAM);
	medium_init(&disk, DISK);
	disk.be.info.logical = logical;
	disk.be.info.readonly = readonly;
	disk.be.info.can_write_zeroes = true;
	disk.be.info.queue_depth = DEPTH;
	assert_int_equal(virtio_blk_init(&blk, &gm, &disk.be, "SERIAL-1", 2), 0);
	vd_listen(&blk.vd);
	told.no_again = true;
	return (0);
}

static int
setup(void **state)
{
	setup_with(false, 512);
	bring_up(blk.vd.offered);
	return (0);
}

static int
teardown(void **state)
{
	virtio_blk_destroy(&blk);
	free(disk.bytes);
	free(ram);
	return (0);
}

/* Build a request from descriptor 4 * slot on: header, data (if any), status. */
static void
request(unsigned slot, uint32_t type, uint64_t sector, uint32_t len, bool to_guest)
{
	uint64_t h = HDR + slot * 16, s = STATUS + slot;
	uint16_t d = (uint16_t)(slot * 4);

	le32_put(ram + h, type);
	le32_put(ram + h + 4, 0);
	le64_put(ram + h + 8, sector);
	ram[s] = 0xee;
	g_desc(&g, d, h, 16, G_NEXT, d + 1);
	if (len != 0) {
		g_desc(&g, d + 1u, DATA + slot * 0x10000, len, G_NEXT | (to_guest ? G_WRITE : 0),
		    d + 2);
		g_desc(&g, d + 2u, s, 1, G_WRITE, 0);
	} else
		g_desc(&g, d + 1u, s, 1, G_WRITE, 0);
	g_offer(&g, d);
}

/* Let it run to the end; the status byte, the used length in *len. */
static int
outcome(unsigned slot, uint32_t *len)
{
	virtio_notify(&blk.vd, 0);
	while (disk.nheld > 0)
		turn(&disk);
	assert_int_equal(g_take(&g, len), (int)slot * 4);
	return (ram[STATUS + slot]);
}

static void
test_config(void **state)
{
	const uint8_t *c = blk.vd.config;

	assert_int_equal(le64_get(c), DISK / 512);
	assert_int_equal(le32_get(c + 12), 126);
	assert_int_equal(le32_get(c + 20), 512);
	assert_int_equal(c[24], 3);
	assert_int_equal(le16_get(c + 34), 2);
	assert_int_equal(le32_get(c + 40), 1);
	assert_int_equal(le32_get(c + 44), 8);
	assert_int_equal(blk.vd.offered & 0xffff,
	    1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 14);
}

static void
test_read_write(void **state)
{
	uint32_t len;

	request(0, 0, 3, 1024, true);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(len, 1025);
	assert_memory_equal(ram + DATA, disk.bytes + 3 * 512, 1024);
	memset(ram + DATA + 0x10000, 0x5a, 4096);
	g_set_used_event(&g, 1);
	request(1, 1, 100, 4096, false);
	assert_int_equal(outcome(1, &len), 0);
	assert_int_equal(len, 1);
	assert_int_equal(disk.bytes[100 * 512], 0x5a);
	assert_int_equal(disk.bytes[100 * 512 + 4095], 0x5a);
	assert_int_not_equal(disk.bytes[100 * 512 + 4096], 0x5a);
	assert_false(disk.fua);
	assert_int_equal(told.interrupts[0], 2);
}

/* The driver may cut a request as it likes: header in two, data and status in one. */
static void
test_framing(void **state)
{
	uint32_t len;

	le32_put(ram + HDR, 0);
	le64_put(ram + HDR + 8, 5);
	g_desc(&g, 0, HDR, 7, G_NEXT, 1);
	g_desc(&g, 1, HDR + 7, 9, G_NEXT, 2);
	g_desc(&g, 2, DATA, 100, G_NEXT | G_WRITE, 3);
	g_desc(&g, 3, DATA + 100, 413, G_WRITE, 0);
	ram[DATA + 512] = 0xee;
	g_offer(&g, 0);
	virtio_notify(&blk.vd, 0);
	turn(&disk);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(len, 513);
	assert_int_equal(ram[DATA + 512], 0);
	assert_memory_equal(ram + DATA, disk.bytes + 5 * 512, 512);
}

static void
test_bounds(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} bad[] = {
		{ DISK / 512, 512 },
		{ DISK / 512 - 1, 1024 },
		{ UINT64_MAX, 512 },
		{ UINT64_MAX / 512, 512 },
		{ 1ull << 55, 512 },
		{ 0, 511 },
		{ 0, 513 },
	};
	uint32_t len;

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		request(i, 0, bad[i].sector, bad[i].len, true);
		assert_int_equal(outcome(i, &len), 1);
		assert_int_equal(len, 1);
		request(i, 1, bad[i].sector, bad[i].len, false);
		assert_int_equal(outcome(i, &len), 1);
	}
	request(0, 0, 0, 0, true); /* no data at all */
	assert_int_equal(outcome(0, &len), 1);
	assert_true(virtio_running(&blk.vd));
}

static void
test_large_sectors(void **state)
{
	uint32_t len;

	setup_with(false, 4096);
	bring_up(blk.vd.offered);
	request(0, 0, 1, 4096, true);
	assert_int_equal(outcome(0, &len), 1);
	request(0, 0, 8, 512, true);
	assert_int_equal(outcome(0, &len), 1);
	request(0, 0, 8, 4096, true);
	assert_int_equal(outcome(0, &len), 0);
	teardown(state);
}

static void
test_errors(void **state)
{
	uint32_t len;

	disk.answer = -EIO;
	request(0, 0, 0, 512, true);
	assert_int_equal(outcome(0, &len), 1);
	assert_int_equal(len, 0);
	disk.answer = -ENOSPC;
	request(0, 1, 0, 512, false);
	assert_int_equal(outcome(0, &len), 1);
	disk.answer = -EOPNOTSUPP;
	request(0, 4, 0, 0, false);
	assert_int_equal(outcome(0, &len), 2);
	disk.answer = 0;
	request(0, 99, 0, 512, true);
	assert_int_equal(outcome(0, &len), 2);
	request(0, 2, 0, 512, true); /* SCSI pass-through of old: no */
	assert_int_equal(outcome(0, &len), 2);
	assert_true(virtio_running(&blk.vd));
}

static void
test_flush_and_id(void **state)
{
	uint32_t len;

	request(0, 4, 0, 0, false);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(disk.flushes, 1);
	memset(ram + DATA, 0xff, 20);
	request(0, 8, 0, 20, true);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(len, 21);
	assert_memory_equal(ram + DATA, "SERIAL-1\0\0\0\0\0\0\0\0\0\0\0", 20);
	ram[DATA + 8] = 0x77;
	request(0, 8, 0, 8, true);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(ram[DATA + 8], 0x77);
}

static void
put_range(unsigned slot, uint64_t sector, uint32_t n, uint32_t flags)
{
	uint8_t *p = ram + DATA + slot * 0x10000;

	le64_put(p, sector);
	le32_put(p + 8, n);
	le32_put(p + 12, flags);
}

static void
test_ranges(void **state)
{
	uint32_t len;

	put_range(0, 8, 8, 0);
	request(0, 11, 0, 16, false);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(disk.bytes[8 * 512], 0);
	assert_int_not_equal(disk.bytes[16 * 512 + 1], 0);
	put_range(0, 16, 8, 1);
	request(0, 13, 0, 16, false);
	assert_int_equal(outcome(0, &len), 0);
	assert_int_equal(disk.bytes[16 * 512 + 1], 0);
	put_range(0, 8, 8, 1); /* discard knows no flag */
	request(0, 11, 0, 16, false);
	assert_int_equal(outcome(0, &len), 2);
	put_range(0, 8, 8, 2);
	request(0, 13, 0, 16, false);
	assert_int_equal(outcome(0, &len), 2);
	put_range(0, DISK / 512 - 1, 2, 0);
	request(0, 13, 0, 16, false);
	assert_int_equal(outcome(0, &len), 1);
	put_range(0, UINT64_MAX, UINT32_MAX, 0);
	request(0, 11, 0, 16, false);
	assert_int_equal(outcome(0, &len), 1);
	request(0, 11, 0, 32, false); /* two ranges: one was promised */
	assert_int_equal(outcome(0, &len), 1);
	request(0, 11, 0, 15, false);
	assert_int_equal(outcome(0, &len), 1);
}

static void
test_readonly(void **state)
{
	uint32_t len;

	setup_with(true, 512);
	assert_true((blk.vd.offered & 1 << 5) != 0);
	assert_true((blk.vd.offered & (1 << 13 | 1 << 14)) == 0);
	bring_up(blk.vd.offered);
	memset(ram + DATA, 0xff, 512);
	request(0, 1, 0, 512, false);
	assert_int_equal(outcome(0, &len), 1);
	assert_int_not_equal(disk.bytes[0], 0xff);
	put_range(0, 0, 8, 0);
	request(0, 11, 0, 16, false);
	assert_int_equal(outcome(0, &len), 2);
	request(0, 0, 0, 512, true);
	assert_int_equal(outcome(0, &len), 0);
	teardown(state);
}

/* A driver that will not flush gets writes that need no flush. */
static void
test_write_through(void **state)
{
	uint32_t len;

	virtio_set_status(&blk.vd, 0);
	bring_up(blk.vd.offered & ~(1ull << 9));
	request(0, 1, 0, 512, false);
	assert_int_equal(outcome(0, &len), 0);
	assert_true(disk.fua);
}

/* One request with 512 bytes to or from the first slot; its status. */
static int
one(uint32_t type, uint64_t sector)
{
	uint32_t len;

	request(0, type, sector, 512, type == 0);
	return (outcome(0, &len));
}

/* The write cache as a setting of the driver. */
static void
test_write_cache(void **state)
{
	uint8_t off = 0, on = 1;

	assert_int_equal(blk.config[32], 1);
	assert_int_equal(one(1, 8), 0);
	assert_false(disk.fua);
	blk.vd.ops->config_write(&blk.vd, 32, &off, 1);
	assert_int_equal(blk.config[32], 0);
	assert_int_equal(one(1, 8), 0);
	assert_true(disk.fua);
	assert_int_equal(one(0, 8), 0);
	assert_false(disk.fua);
	blk.vd.ops->config_write(&blk.vd, 32, &on, 1);
	assert_int_equal(one(1, 8), 0);
	assert_false(disk.fua);
	/* Nothing else can be set, and not by more than a byte. */
	blk.vd.ops->config_write(&blk.vd, 0, &off, 1);
	assert_int_equal(le64_get(blk.config), DISK / 512);
	blk.vd.ops->config_write(&blk.vd, 32, "\0\0\0\0", 4);
	assert_int_equal(blk.config[32], 1);
	/* A reset switches it on again; who did not accept the setting cannot change it. */
	blk.vd.ops->config_write(&blk.vd, 32, &off, 1);
	virtio_set_status(&blk.vd, 0);
	assert_int_equal(blk.config[32], 1);
	bring_up(blk.vd.offered & ~(1ull << 11));
	blk.vd.ops->config_write(&blk.vd, 32, &off, 1);
	assert_int_equal(blk.config[32], 1);
	/* So does one that comes before DRIVER_OK. */
	virtio_set_status(&blk.vd, 0);
	virtio_set_status(&blk.vd, 3);
	virtio_propose(&blk.vd, 0, (uint32_t)blk.vd.offered);
	virtio_propose(&blk.vd, 1, 1);
	virtio_set_status(&blk.vd, 0xb);
	blk.vd.ops->config_write(&blk.vd, 32, &off, 1);
	assert_int_equal(blk.config[32], 0);
	virtio_set_status(&blk.vd, 0);
	assert_int_equal(blk.config[32], 1);
}

static void
test_resize(void **state)
{
	uint8_t gen = blk.vd.config_gen;

	disk.be.info.size = DISK / 2;
	told.configs = 0;
	virtio_blk_resized(&blk);
	assert_int_equal(told.configs, 1);
	assert_int_not_equal(blk.vd.config_gen, gen);
	assert_int_equal(le64_get(blk.config), DISK / 1024);
	assert_int_equal(one(0, DISK / 1024), 1);
	assert_int_equal(one(0, DISK / 1024 - 1), 0);
}

/*
 * More requests than the backend takes: the rest waits in the ring and comes later, without a
 * kick.
 */
static void
test_backpressure(void **state)
{
	uint32_t len;

	for (unsigned i = 0; i < 12; i++)
		request(i, 0, i, 512, true);
	disk.kicks = 0;
	virtio_notify(&blk.vd, 0);
	assert_int_equal(disk.nheld, DEPTH);
	assert_int_equal(disk.kicks, 1);
	turn(&disk);
	assert_int_equal(disk.nheld, DEPTH);
	turn(&disk);
	turn(&disk);
	assert_int_equal(disk.nheld, 0);
	for (unsigned i = 0; i < 12; i++) {
		assert_int_equal(g_take(&g, &len), (int)i * 4);
		assert_int_equal(ram[STATUS + i], 0);
	}
	assert_int_equal(g_take(&g, &len), -1);
	/* Kicks are wanted again. */
	request(0, 0, 0, 512, true);
	assert_int_equal(outcome(0, &len), 0);
}

/* CVE-2026-45782: a head submitted again while its request is still in flight. */
static void
test_same_head(void **state)
{
	request(0, 0, 0, 512, true);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(disk.nheld, 1);
	g_offer(&g, 0);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(blk.vd.status, 0x4f);
	assert_int_equal(disk.nheld, 1);
	turn(&disk);
	assert_int_equal(g_used_idx(&g), 0); /* the device stands still */
	virtio_set_status(&blk.vd, 0);
	assert_int_equal(blk.vd.status, 0);
}

static void
test_reset_in_flight(void **state)
{
	uint32_t len;

	request(0, 0, 0, 512, true);
	request(1, 0, 0, 512, true);
	virtio_notify(&blk.vd, 0);
	virtio_set_status(&blk.vd, 0);
	assert_int_equal(blk.vd.status, 0xf);
	assert_int_equal(told.resets, 0);
	turn(&disk);
	assert_int_equal(blk.vd.status, 0);
	assert_int_equal(told.resets, 1);
	assert_int_equal(g_used_idx(&g), 0);
	assert_int_equal(ram[STATUS], 0xee);
	bring_up(blk.vd.offered);
	request(0, 0, 0, 512, true);
	assert_int_equal(outcome(0, &len), 0);
}

static void
test_no_header(void **state)
{
	g_desc(&g, 0, HDR, 15, G_NEXT, 1);
	g_desc(&g, 1, STATUS, 1, G_WRITE, 0);
	g_offer(&g, 0);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(blk.vd.status, 0x4f);
	virtio_set_status(&blk.vd, 0);
	bring_up(blk.vd.offered);
	g_desc(&g, 0, HDR, 16, 0, 0);
	g_offer(&g, 0);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(blk.vd.status, 0x4f);
}

/* Longer than the device can carry in one go: an error, not an overflow. */
static void
test_too_many_segments(void **state)
{
	uint64_t table = 0x300000;
	uint32_t len;

	le32_put(ram + HDR, 1);
	le64_put(ram + HDR + 8, 0);
	g_desc_at(&g, table, 0, HDR, 16, G_NEXT, 1);
	for (uint16_t i = 1; i < 255; i++)
		g_desc_at(&g, table, i, DATA + i * 512u, 512, G_NEXT, (uint16_t)(i + 1));
	g_desc_at(&g, table, 255, STATUS, 1, G_WRITE, 0);
	g_desc(&g, 0, table, 256 * 16, G_INDIRECT, 0);
	g_offer(&g, 0);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(ram[STATUS], 1);
	assert_true(virtio_running(&blk.vd));
}

/*
 * Whatever the driver does, in whatever order: nothing falls over, no I/O leaves the disk
 * (mem_submit looks), and after a reset the device works.
 */
static void
test_noise(void **state)
{
	uint32_t seed = 1, resets_seen = 0, ios = 0;
	uint32_t len;

	for (unsigned round = 0; round < 100000; round++) {
		g_noise(&g, 48, -1, HDR, 0x1000, &seed);
		for (unsigned i = 0; i < 48 && round % 4 != 0; i += 3) {
			g_desc(&g, i, HDR + i * 64, 16, G_NEXT, (uint16_t)(i + 1));
			g_desc(&g, i + 2, STATUS + i, 1, G_WRITE, 0);
		}
		for (unsigned i = 0; i < 64; i++) { /* headers everywhere */
			le32_put(ram + HDR + i * 64, g_random(&seed) % 15);
			le64_put(ram + HDR + i * 64 + 8, g_random(&seed) % (DISK / 256));
		}
		virtio_notify(&blk.vd, 0);
		ios += disk.nheld;
		if (g_random(&seed) % 3 != 0 && disk.nheld > 0)
			turn(&disk);
		if (blk.vd.status == 0x4f || g_random(&seed) % 50 == 0) {
			virtio_set_status(&blk.vd, 0);
			if (disk.nheld > 0)
				turn(&disk);
			assert_int_equal(blk.vd.status, 0);
			bring_up(blk.vd.offered);
			resets_seen++;
		}
	}
	assert_true(ios > 1000);
	assert_true(resets_seen > 1000);
	while (disk.nheld > 0)
		turn(&disk);
	virtio_set_status(&blk.vd, 0);
	bring_up(blk.vd.offered);
	request(0, 0, 3, 512, true);
	assert_int_equal(outcome(0, &len), 0);
}

/* Another disk of the same kind in its place. */
static void
replace(void)
{
	virtio_blk_destroy(&blk);
	memset(&blk, 0xa5, sizeof(blk));
	assert_int_equal(virtio_blk_init(&blk, &gm, &disk.be, "SERIAL-1", 2), 0);
	vd_listen(&blk.vd);
}

static void
test_saved(void **state)
{
	uint32_t len;
	uint8_t off = 0;

	blk.vd.ops->config_write(&blk.vd, 32, &off, 1);
	request(0, 0, 3, 1024, true);
	virtio_notify(&blk.vd, 0);
	assert_int_equal(saved_from(saved_virtio, &blk.vd), -EBUSY);
	assert_non_null(strstr(saved_why.text, "1 requests are under way"));
	assert_int_equal(outcome(0, &len), 0);
	g_set_used_event(&g, 1);
	request(1, 1, 100, 4096, false); /* nobody is told */
	assert_int_equal(saved_from(saved_virtio, &blk.vd), 0);
	replace();
	saved_goes_into(saved_virtio, &blk.vd);
	assert_int_equal(disk.nheld, 0);
	virtio_resume(&blk.vd);
	assert_int_equal(outcome(1, &len), 0);
	assert_true(disk.fua); /* the write cache is off as before */
	assert_int_equal(told.interrupts[0], 1);
}

static void
test_saved_other_disk(void **state)
{
	assert_int_equal(saved_from(saved_virtio, &blk.vd), 0);
	/* One that has grown says so. */
	disk.be.info.size += 4096;
	replace();
	assert_int_equal(saved_into(saved_virtio, &blk.vd), 0);
	assert_int_equal(le64_get(blk.config), DISK / 512 + 8);
	assert_int_equal(told.configs, 1);
	disk.be.info.logical = 4096;
	replace();
	assert_int_equal(saved_into(saved_virtio, &blk.vd), -EINVAL);
	assert_non_null(strstr(saved_why.text, "a disk of another kind"));
	disk.be.info.readonly = true;
	replace();
	assert_int_equal(saved_into(saved_virtio, &blk.vd), -EINVAL);
	assert_non_null(strstr(saved_why.text, "not the same configuration"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_config),
		T(test_read_write),
		T(test_framing),
		T(test_bounds),
		cmocka_unit_test(test_large_sectors),
		T(test_errors),
		T(test_flush_and_id),
		T(test_ranges),
		cmocka_unit_test(test_readonly),
		T(test_write_through),
		T(test_write_cache),
		T(test_resize),
		T(test_backpressure),
		T(test_same_head),
		T(test_reset_in_flight),
		T(test_no_header),
		T(test_too_many_segments),
		T(test_noise),
		cmocka_unit_test_setup_teardown(test_saved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_saved_other_disk, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
