/* SPDX-License-Identifier: BSD-2-Clause */
/* The CD drive on AHCI: packets, sense data, the disc, the tray. */
#include "ahci_guest.h"

#define OUT (ram + DATA)

/* Send a packet to the drive on `port` with `room` bytes for its answer. True: it ended well. */
static bool
send(unsigned port, const uint8_t *cdb, unsigned room)
{
	uint8_t *fis = command(port, 0, 0xA0);

	ram[LIST + port * 0x1000] |= HDR_ATAPI;
	fis[3] = 1; /* DMA */
	memcpy(ram + TABLE + TBL_ACMD, cdb, 12);
	if (room != 0) {
		memset(OUT, 0xEE, room + 1);
		prd(port, 0, DATA, room);
	}
	issue(port, 0);
	if (port == 1)
		run(&disc);
	if ((status(port) & ATA_S_ERR) == 0) {
		assert_int_equal(status(port), ATA_S_OK);
		assert_int_equal(frame(port, RFIS_D2H)[12], 3);
		assert_int_equal(rd(px(port, PX_CI)), 0);
		return (true);
	}
	assert_true((rd(px(port, PX_IS)) & IS_TFES) != 0);
	recover(port);
	return (false);
}

#define PACKET(port, room, ...) send(port, (const uint8_t[12]){ __VA_ARGS__ }, room)

/* Key, code and qualifier of the last failure. */
static uint32_t
sense(unsigned port)
{
	assert_true(PACKET(port, 18, 0x03, 0, 0, 0, 18));
	return ((uint32_t)OUT[2] << 16 | (uint32_t)OUT[12] << 8 | OUT[13]);
}

static void
attended(void)
{
	for (unsigned port = 1; port < 3; port++) {
		assert_false(PACKET(port, 0, 0x00));
		assert_int_equal(sense(port), 0x062900);
	}
}

static void
test_attention(void **state)
{
	/* INQUIRY is answered even now. */
	assert_true(PACKET(1, 36, 0x12, 0, 0, 0, 36));
	assert_int_equal(OUT[0], 5);
	assert_int_equal(OUT[1], 0x80);
	assert_memory_equal(OUT + 8, "BHYVE   BHYVE DVD-ROM   001 ", 28);
	attended();
	assert_true(PACKET(1, 0, 0x00));
	assert_int_equal(sense(1), 0);
	assert_false(PACKET(2, 0, 0x00));
	assert_int_equal(sense(2), 0x023A01);
}

static void
test_identify(void **state)
{
	command(1, 0, 0xA1);
	prd(1, 0, DATA, 512);
	issue(1, 0);
	assert_int_equal(status(1), ATA_S_OK);
	assert_int_equal(le16_get(OUT), 0x85C0);
	assert_memory_equal(OUT + 54, "HBVY EASATD DVR MO", 18);
	/* A disk's command tells it from one. */
	command(1, 0, 0xEC);
	issue(1, 0);
	assert_int_equal(status(1) >> 8, ATA_E_ABORT);
	assert_int_equal(frame(1, RFIS_D2H)[5], 0x14);
	assert_int_equal(frame(1, RFIS_D2H)[6], 0xEB);
	recover(1);
	/* And a packet's tells a disk. */
	command(0, 0, 0xA1);
	issue(0, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
}

static void
test_read(void **state)
{
	attended();
	assert_true(PACKET(1, 8, 0x25));
	assert_memory_equal(OUT, "\0\0\0\x3f\0\0\x08\0", 8);
	assert_true(PACKET(1, 2048 * 3, 0x28, 0, 0, 0, 0, 5, 0, 0, 3));
	assert_memory_equal(OUT, disc.bytes + 5 * 2048, 3 * 2048);
	assert_true(PACKET(1, 2048, 0xA8, 0, 0, 0, 0, 63, 0, 0, 0, 1));
	assert_memory_equal(OUT, disc.bytes + 63 * 2048, 2048);
	assert_true(PACKET(1, 0, 0x28, 0, 0, 0, 0, 5)); /* none is no error */
	assert_false(PACKET(1, 4096, 0x28, 0, 0, 0, 0, 63, 0, 0, 2));
	assert_int_equal(sense(1), 0x052100);
	assert_false(PACKET(1, 2048, 0xA8, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
	assert_int_equal(sense(1), 0x052100);
	/* Less room than there is to read. */
	assert_false(PACKET(1, 2048, 0x28, 0, 0, 0, 0, 5, 0, 0, 2));
	disc.answer = -EIO;
	assert_false(PACKET(1, 2048, 0x28, 0, 0, 0, 0, 5, 0, 0, 1));
	assert_int_equal(sense(1), 0x031100);
	disc.answer = 0;
	assert_false(PACKET(2, 2048, 0x28, 0, 0, 0, 0, 5, 0, 0, 1));
	assert_int_equal(sense(2), 0x023A01);
	assert_int_equal(disc.nheld, 0);
}

static void
test_refused(void **state)
{
	attended();
	assert_false(PACKET(1, 0, 0x2A)); /* WRITE */
	assert_int_equal(sense(1), 0x052000);
	assert_false(PACKET(1, 96, 0x12, 1, 0x80, 0, 96));
	assert_int_equal(sense(1), 0x052400);
	assert_false(PACKET(1, 96, 0x5A, 0, 0x1D, 0, 0, 0, 0, 0, 96));
	assert_int_equal(sense(1), 0x052400);
	/* A packet without the header's word for it, or without a packet. */
	command(1, 0, 0xA0);
	issue(1, 0);
	assert_int_equal(status(1) >> 8, ATA_E_ABORT);
	recover(1);
	le32_put(ram + LIST + 0x1000, 5 | HDR_ATAPI);
	le64_put(ram + LIST + 0x1008, RAM - 0x80);
	memcpy(ram + RAM - 0x80, ram + TABLE, 0x40);
	memset(ram + RAM - 0x40, 0, 0x40);
	issue(1, 0); /* the last there is */
	assert_int_equal(status(1), ATA_S_OK);
}

static void
test_lengths(void **state)
{
	attended();
	/* No more than asked for, no more than there is, no more than there is room. */
	assert_true(PACKET(1, 64, 0x12, 0, 0, 0, 5));
	assert_int_equal(OUT[4], 31);
	assert_int_equal(OUT[5], 0xEE);
	assert_true(PACKET(1, 64, 0x12, 0, 0, 0, 64));
	assert_int_equal(OUT[36], 0xEE);
	assert_true(PACKET(1, 8, 0x12, 0, 0, 0, 64));
	assert_int_equal(OUT[8], 0xEE);
	assert_true(PACKET(1, 64, 0x46, 0, 0, 0, 0, 0, 0, 0, 64));
	assert_int_equal(OUT[3], 36);
	assert_int_equal(OUT[7], 0x08); /* so short a disc is a CD */
	assert_true(PACKET(1, 64, 0x46, 2, 0, 3, 0, 0, 0, 0, 64));
	assert_int_equal(OUT[3], 12);
	assert_true(PACKET(1, 64, 0x5A, 0, 0x3f, 0, 0, 0, 0, 0, 64));
	assert_int_equal(OUT[1], 8 + 8 + 22 - 2);
	assert_int_equal(OUT[16], 0x2A);
	assert_true(PACKET(1, 64, 0x1A, 0, 0x2A, 0, 64));
	assert_int_equal(OUT[0], 4 + 22 - 1);
	assert_true(PACKET(1, 64, 0x51, 0, 0, 0, 0, 0, 0, 0, 64));
	assert_int_equal(OUT[2], 0x0E);
}

static void
test_toc(void **state)
{
	attended();
	assert_true(PACKET(1, 32, 0x43, 0, 0, 0, 0, 0, 0, 0, 32));
	assert_memory_equal(OUT, "\0\x12\1\1\0\x14\1\0\0\0\0\0\0\x14\xaa\0\0\0\0\x40", 20);
	assert_true(PACKET(1, 32, 0x43, 2, 0, 0, 0, 0, 0xAA, 0, 32));
	assert_memory_equal(OUT, "\0\x0a\1\1\0\x14\xaa\0\0\0\2\x40", 11);
	assert_int_equal(OUT[11], (64 + 150) % 75);
	assert_true(PACKET(1, 32, 0x43, 0, 1, 0, 0, 0, 0, 0, 32));
	assert_int_equal(OUT[1], 10);
	assert_false(PACKET(1, 32, 0x43, 0, 2, 0, 0, 0, 0, 0, 32));
	assert_false(PACKET(1, 32, 0x43, 0, 0, 0, 0, 0, 9, 0, 32));
}

static void
test_tray(void **state)
{
	attended();
	assert_true(PACKET(1, 8, 0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8));
	assert_memory_equal(OUT, "\0\6\4\x10\2\2", 6);
	assert_true(PACKET(1, 0, 0x1E, 0, 0, 0, 1)); /* locked */
	assert_false(PACKET(1, 0, 0x1B, 0, 0, 0, 2));
	assert_int_equal(sense(1), 0x055302);
	assert_true(PACKET(1, 0, 0x1E));
	assert_true(PACKET(1, 0, 0x1B, 0, 0, 0, 2));
	assert_false(PACKET(1, 0, 0x00));
	assert_int_equal(sense(1), 0x023A02);
	assert_true(PACKET(1, 8, 0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8));
	assert_memory_equal(OUT, "\0\6\4\x10\3\1", 6);
	assert_true(PACKET(1, 0, 0x1B, 0, 0, 0, 3));
	assert_false(PACKET(1, 8, 0x25));
	assert_int_equal(sense(1), 0x062800);
	assert_true(PACKET(1, 8, 0x25));
	assert_true(PACKET(1, 8, 0x4A, 1, 0, 0, 0x10, 0, 0, 0, 8));
	assert_memory_equal(OUT, "\0\6\4\x10\2\2", 6);
	assert_true(PACKET(1, 8, 0x4A, 1, 0, 0, 0x02, 0, 0, 0, 8));
	assert_int_equal(OUT[2], 0x80);
	assert_false(PACKET(1, 8, 0x4A, 0, 0, 0, 0x10, 0, 0, 0, 8));
	/* A reset unlocks it. */
	assert_true(PACKET(1, 0, 0x1E, 0, 0, 0, 1));
	command(1, 0, 0x08);
	issue(1, 0);
	assert_false(PACKET(1, 0, 0x1B, 0, 0, 0, 2));
	assert_true(PACKET(1, 0, 0x1B, 0, 0, 0, 2));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_attention),
		T(test_identify),
		T(test_read),
		T(test_refused),
		T(test_lengths),
		T(test_toc),
		T(test_tray),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
