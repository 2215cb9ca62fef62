/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * AHCI and its disk: registers, commands, queueing, errors, resets, and what a hostile guest may
 * try.
 */
#include "ahci_guest.h"
#include "saved.h"

static void
rw(unsigned slot, uint8_t op, uint64_t lba, unsigned count)
{
	address(command(0, slot, op), lba, count);
	prd(0, slot, DATA + slot * 0x10000, count * 512);
	issue(0, slot);
}

static void
queued(unsigned slot, uint8_t op, uint64_t lba, unsigned count)
{
	uint8_t *f = command(0, slot, op);

	address(f, lba, slot << 3);
	f[3] = (uint8_t)count;
	f[11] = (uint8_t)(count >> 8);
	prd(0, slot, DATA + slot * 0x10000, count * 512);
	wr(px(0, PX_SACT), 1u << slot);
	issue(0, slot);
}

/* --- registers --- */

static void
test_registers(void **state)
{
	assert_int_equal(rd(AHCI_CAP) & 31, 2);
	assert_int_equal(rd(AHCI_CAP) >> 8 & 31, 31);
	assert_true((rd(AHCI_CAP) & CAP_SNCQ) != 0 && (rd(AHCI_CAP) & CAP_S64A) != 0);
	assert_int_equal(rd(AHCI_PI), 7);
	assert_int_equal(rd(AHCI_VS), 0x10300);
	assert_int_equal(rd(px(0, PX_SIG)), 0x101);
	assert_int_equal(rd(px(1, PX_SIG)), 0xEB140101);
	assert_int_equal(rd(px(0, PX_SSTS)), 0x133);
	assert_int_equal(status(0), 0x150);
	assert_int_equal(rd(px(0, PX_CMD)) & (CMD_CR | CMD_FR), CMD_CR | CMD_FR);
	/* Alignment is the register's, not the guest's; absent ports read as zero. */
	wr(px(0, PX_CLB), 0xffffffff);
	assert_int_equal(rd(px(0, PX_CLB)), 0xfffffc00);
	wr(px(0, PX_FB), 0xffffffff);
	assert_int_equal(rd(px(0, PX_FB)), 0xffffff00);
	wr(px(7, PX_CI), 1);
	assert_int_equal(rd(px(7, PX_SSTS)), 0);
	/* Parts of a register, two at once, crooked ones. */
	assert_int_equal(ahci.pci.ops->bar_read(&ahci.pci, 5, AHCI_VS + 2, 1) & 0xff, 1);
	assert_true(ahci.pci.ops->bar_read(&ahci.pci, 5, 8, 8) == (uint64_t)7 << 32);
	ahci.pci.ops->bar_write(&ahci.pci, 5, px(0, PX_CLB), 2, 0);
	assert_int_equal(rd(px(0, PX_CLB)), 0xfffffc00);
}

static void
test_first_frame(void **state)
{
	assert_int_equal(frame(0, RFIS_D2H)[0], FIS_D2H);
	assert_int_equal(frame(1, RFIS_D2H)[5], 0x14);
	assert_int_equal(frame(1, RFIS_D2H)[6], 0xEB);
}

static void
test_init(void **state)
{
	struct ahci_drive d = { .kind = AHCI_HD };
	struct ahci other;

	assert_int_equal(ahci_init(&other, &gm, &d, 1), -EINVAL);
	assert_int_equal(ahci_init(&other, &gm, &d, 0), -EINVAL);
	d = (struct ahci_drive){ .kind = AHCI_CD, .backend = &disc.be };
	disc.be.info.logical = 4096;
	assert_int_equal(ahci_init(&other, &gm, &d, 1), -EINVAL);
	disc.be.info.logical = 512;
}

/* --- the disk --- */

static void
test_identify(void **state)
{
	uint8_t sum = 0, *id = ram + DATA;

	command(0, 0, 0xEC);
	prd(0, 0, DATA, 512);
	issue(0, 0);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	assert_int_equal(rd(px(0, PX_IS)), IS_PSS);
	assert_int_equal(frame(0, RFIS_PIO)[0], FIS_PIO);
	assert_int_equal(frame(0, RFIS_PIO)[15], 0x50);
	assert_int_equal(le16_get(frame(0, RFIS_PIO) + 16), 512);
	assert_memory_equal(id + 20, "ES-R 1  ", 8);
	assert_memory_equal(id + 54, "HBVY EASATD SI K", 16);
	assert_int_equal(le32_get(id + 120), DISK / 512);
	assert_true(le64_get(id + 200) == DISK / 512);
	assert_int_equal(le16_get(id + 212), 0x6003); /* eight logical sectors to a physical one */
	assert_int_equal(le16_get(id + 150), 31);
	assert_int_equal(le16_get(id + 338), 1);
	for (unsigned i = 0; i < 512; i++)
		sum += id[i];
	assert_int_equal(sum, 0);
	assert_int_equal(le32_get(ram + LIST + 4), 512);
}

static void
test_transfers(void **state)
{
	static const struct {
		uint8_t op;
		bool write, pio_in, fua;
	} t[] = {
		{ 0x20, false, true, false },
		{ 0x24, false, true, false },
		{ 0x25, false, false, false },
		{ 0x29, false, true, false },
		{ 0x30, true, false, false },
		{ 0x34, true, false, false },
		{ 0x35, true, false, false },
		{ 0x39, true, false, false },
		{ 0x3D, true, false, true },
		{ 0xC4, false, true, false },
		{ 0xC5, true, false, false },
		{ 0xC8, false, false, false },
		{ 0xCA, true, false, false },
		{ 0xCE, true, false, true },
	};

	for (unsigned i = 0; i < NITEMS(t); i++) {
		unsigned lba = 3 + 5 * i;

		memset(ram + DATA, 0xA0 + (int)i, 1024);
		wr(px(0, PX_IS), ~0u);
		rw(0, t[i].op, lba, 2);
		assert_int_equal(rd(px(0, PX_CI)), 1);
		assert_true((status(0) & ATA_S_BUSY) != 0);
		assert_int_equal(disk.nheld, 1);
		run(&disk);
		assert_int_equal(rd(px(0, PX_CI)), 0);
		assert_int_equal(status(0), ATA_S_OK);
		assert_int_equal(rd(px(0, PX_IS)), t[i].pio_in ? IS_PSS : IS_DHRS);
		assert_memory_equal(ram + DATA, disk.bytes + lba * 512, 1024);
		assert_int_equal(ram[DATA] == 0xA0 + i, t[i].write);
		assert_int_equal(disk.fua, t[i].fua);
		assert_int_equal(le32_get(ram + LIST + 4), 1024);
	}
}

static void
test_limits(void **state)
{
	/* The last sector can be read, the next cannot; a count of zero is the largest. */
	rw(0, 0x25, DISK / 512 - 1, 1);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	rw(0, 0x25, DISK / 512, 1);
	assert_int_equal(status(0), (ATA_E_ID << 8) | ATA_S_READY | ATA_S_ERR);
	assert_true((rd(px(0, PX_IS)) & IS_TFES) != 0);
	recover(0);
	rw(0, 0x25, 0, 0); /* 65,536 sectors are more than there are */
	assert_int_equal(status(0) >> 8, ATA_E_ID);
	recover(0);
	address(command(0, 0, 0xC8), 0, 0); /* 256 sectors are not */
	prd(0, 0, DATA, 256 * 512);
	issue(0, 0);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	assert_memory_equal(ram + DATA, disk.bytes, 256 * 512);
	/* No cylinders and heads. */
	command(0, 0, 0xC8)[7] = 0;
	issue(0, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
	recover(0);
	disk.be.info.readonly = true;
	rw(0, 0x35, 0, 1);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
	assert_int_equal(disk.nheld, 0);
}

/* Descriptors of odd lengths, and more of them than one request holds. */
static void
test_scatter(void **state)
{
	unsigned at = 0, n = 0;

	address(command(0, 0, 0x25), 10, 160);
	while (at < 160 * 512) {
		unsigned len = MIN(160 * 512 - at, 2 + n * 38 % 700);

		len += len & 1;
		prd(0, 0, DATA + at, len);
		at += len;
		n++;
	}
	assert_true(n > 200);
	issue(0, 0);
	assert_int_equal(disk.nheld, 1);
	turn(&disk);
	assert_int_equal(disk.nheld, 1);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	assert_memory_equal(ram + DATA, disk.bytes + 10 * 512, 160 * 512);
	assert_int_equal(le32_get(ram + LIST + 4), 160 * 512);
}

/* A table too short, of crumbs, outside RAM, or across its end. */
static void
test_bad_tables(void **state)
{
	address(command(0, 0, 0x25), 0, 4);
	prd(0, 0, DATA, 1024);
	issue(0, 0);
	run(&disk); /* what there is moves, in whole sectors */
	assert_true((rd(px(0, PX_IS)) & (IS_OFS | IS_TFES)) == (IS_OFS | IS_TFES));
	recover(0);
	address(command(0, 0, 0x25), 0, 4);
	for (unsigned i = 0; i < 140; i++)
		prd(0, 0, DATA, 2);
	issue(0, 0);
	assert_true((rd(px(0, PX_IS)) & IS_OFS) != 0);
	recover(0);
	for (unsigned i = 0; i < 2; i++) {
		address(command(0, 0, 0x25), 0, 1);
		prd(0, 0, i == 0 ? 0xC0000000 : RAM - 256, 512);
		issue(0, 0);
		assert_true((rd(px(0, PX_IS)) & IS_HBFS) != 0);
		assert_int_equal(disk.nheld, 0);
		recover(0);
	}
	/* The descriptors themselves. */
	address(command(0, 0, 0x25), 0, 1);
	memcpy(ram + RAM - 0x80, ram + TABLE, 0x80);
	le64_put(ram + LIST + 8, RAM - 0x80);
	le16_put(ram + LIST + 2, 1);
	issue(0, 0);
	assert_true((rd(px(0, PX_IS)) & IS_HBFS) != 0);
}

static void
test_no_ram(void **state)
{
	/* No list, no table: the port stops until it is started again. */
	wr(px(0, PX_CMD), CMD_FRE);
	wr(px(0, PX_CLB), 0xfffffc00);
	wr(px(0, PX_CMD), CMD_FRE | CMD_ST);
	issue(0, 0);
	assert_true((rd(px(0, PX_IS)) & IS_HBFS) != 0);
	wr(px(0, PX_CLB), LIST);
	recover(0);
	command(0, 0, 0xE7);
	le64_put(ram + LIST + 8, 0xffffffffffffff80ull);
	issue(0, 0);
	assert_true((rd(px(0, PX_IS)) & IS_HBFS) != 0);
	recover(0);
	/* No place for frames. */
	wr(px(0, PX_FB), 0xffffff00);
	wr(px(0, PX_FBU), 0xffffffff);
	command(0, 0, 0xE1);
	issue(0, 0);
	assert_true((rd(px(0, PX_IS)) & IS_HBFS) != 0);
}

static void
test_flush_trim(void **state)
{
	command(0, 0, 0xEA);
	issue(0, 0);
	run(&disk);
	assert_int_equal(disk.flushes, 1);
	address(command(0, 0, 0x06), 0, 1);
	ram[TABLE + 3] = 1;
	prd(0, 0, DATA, 512);
	memset(ram + DATA, 0, 512);
	le64_put(ram + DATA, 5ull | 2ull << 48);
	le64_put(ram + DATA + 24, 100ull | 8ull << 48);
	issue(0, 0);
	/* The list was copied: what the guest does to it now comes too late. */
	le64_put(ram + DATA + 24, 200ull | 8ull << 48);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	assert_int_equal(disk.discards, 2);
	assert_int_equal(disk.bytes[5 * 512], 0);
	assert_int_equal(disk.bytes[107 * 512], 0);
	assert_int_equal(disk.bytes[200 * 512 + 1], (uint8_t)(200 * 7 + 1));
	/* A range beyond the end. */
	le64_put(ram + DATA, (DISK / 512 - 1) | 2ull << 48);
	issue(0, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ID);
	assert_int_equal(disk.nheld, 0);
}

static void
test_settings(void **state)
{
	command(0, 0, 0xEF)[3] = 0x82; /* no write cache: what is in it is flushed */
	issue(0, 0);
	run(&disk);
	assert_int_equal(disk.flushes, 1);
	rw(0, 0x35, 0, 1);
	run(&disk);
	assert_true(disk.fua);
	command(0, 0, 0xEF)[3] = 0x02;
	issue(0, 0);
	rw(0, 0x35, 0, 1);
	run(&disk);
	assert_false(disk.fua);
	command(0, 0, 0xC6)[12] = 0; /* SET MULTIPLE MODE off */
	issue(0, 0);
	rw(0, 0xC4, 0, 1);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
	recover(0);
	command(0, 0, 0xC6)[12] = 3;
	issue(0, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
	recover(0);
	command(0, 0, 0xE5);
	issue(0, 0);
	assert_int_equal(frame(0, RFIS_D2H)[12], 0xff);
	command(0, 0, 0x27);
	issue(0, 0);
	assert_int_equal(le16_get(frame(0, RFIS_D2H) + 4), DISK / 512 - 1);
	address(command(0, 0, 0xB0), 0xC24F00, 0);
	ram[TABLE + 3] = 0xDA;
	issue(0, 0);
	assert_int_equal(status(0), ATA_S_OK);
	command(0, 0, 0x77);
	issue(0, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
}

static void
test_io_error(void **state)
{
	disk.answer = -EIO;
	rw(0, 0x25, 0, 1);
	run(&disk);
	assert_int_equal(status(0), (ATA_E_UNREADABLE << 8) | ATA_S_READY | ATA_S_ERR);
	/* Which command it was can be seen, and nothing else runs until the port is restarted. */
	assert_int_equal(rd(px(0, PX_CI)), 1);
	assert_int_equal(rd(px(0, PX_CMD)) >> 8 & 31, 0);
	disk.answer = 0;
	rw(1, 0x25, 0, 1);
	assert_int_equal(disk.nheld, 0);
	recover(0);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	rw(1, 0x25, 0, 1);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
}

/* --- native command queueing --- */

static void
test_queue(void **state)
{
	for (unsigned i = 0; i < 32; i++) {
		memset(ram + DATA + i * 0x10000, (int)i + 1, 512);
		queued(i, i % 2 == 0 ? 0x60 : 0x61, i * 3, 1);
	}
	assert_int_equal(rd(px(0, PX_CI)), 0);
	assert_int_equal(rd(px(0, PX_SACT)), 0xffffffff);
	assert_int_equal(disk.nheld, 32);
	assert_int_equal(status(0), ATA_S_OK);
	run(&disk);
	assert_int_equal(rd(px(0, PX_SACT)), 0);
	assert_true((rd(px(0, PX_IS)) & IS_SDBS) != 0);
	assert_int_equal(frame(0, RFIS_SDB)[0], FIS_SDB);
	for (unsigned i = 0; i < 32; i++) {
		assert_memory_equal(ram + DATA + i * 0x10000, disk.bytes + i * 1536, 512);
		assert_int_equal(disk.bytes[i * 1536] == i + 1, i % 2);
	}
	queued(0, 0x61, 0, 1);
	assert_false(disk.held[0]->fua);
	ram[TABLE + 7] |= DEVICE_FUA;
	run(&disk);
	wr(px(0, PX_SACT), 1);
	issue(0, 0);
	run(&disk);
	assert_true(disk.fua);
}

static void
test_queue_error(void **state)
{
	uint8_t *log = ram + DATA + 0x80000;

	queued(3, 0x60, 0, 1);
	queued(5, 0x60, 8, 1);
	disk.answer = -EIO;
	finish(&disk, disk.held[1]); /* tag 5 fails; tag 3 is still with the backend */
	disk.nheld = 1;
	disk.answer = 0;
	disk.be.batch_done(disk.be.dev);
	assert_int_equal(status(0), (ATA_E_UNREADABLE << 8) | ATA_S_READY | ATA_S_ERR);
	assert_true((rd(px(0, PX_IS)) & IS_TFES) != 0);
	assert_int_equal(rd(px(0, PX_SACT)), 1u << 3 | 1u << 5);
	/* The port does not say that it has stopped before the last transfer has ended. */
	wr(px(0, PX_CMD), CMD_FRE);
	assert_int_equal(rd(px(0, PX_SACT)), 0);
	assert_true((rd(px(0, PX_CMD)) & CMD_CR) != 0);
	run(&disk);
	assert_int_equal(rd(px(0, PX_CMD)) & CMD_CR, 0);
	wr(px(0, PX_IS), ~0u);
	wr(px(0, PX_CMD), CMD_FRE | CMD_ST);
	/* The log tells the tag. */
	address(command(0, 0, 0x2F), 0x10, 1);
	prd(0, 0, DATA + 0x80000, 512);
	issue(0, 0);
	assert_int_equal(status(0), ATA_S_OK);
	assert_int_equal(log[0], 5);
	assert_int_equal(log[3], ATA_E_UNREADABLE);
	assert_int_equal(log[4], 8);
}

static void
test_queue_rules(void **state)
{
	/* The same tag twice. */
	queued(4, 0x60, 0, 1);
	queued(4, 0x60, 8, 1);
	assert_true((rd(px(0, PX_IS)) & IS_TFES) != 0);
	run(&disk);
	recover(0);
	/* A tag that is not the slot's. */
	queued(4, 0x60, 0, 1);
	run(&disk);
	address(command(0, 2, 0x60), 0, 7 << 3);
	ram[TABLE + 0x2000 + 3] = 1;
	prd(0, 2, DATA, 512);
	issue(0, 2);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
	recover(0);
	/* A command that is not queued among queued ones ends them all. */
	queued(1, 0x60, 0, 1);
	rw(2, 0x25, 0, 1);
	assert_int_equal(disk.nheld, 1);
	assert_true((rd(px(0, PX_IS)) & IS_TFES) != 0);
	run(&disk);
	assert_int_equal(rd(px(0, PX_SACT)), 2);
	recover(0);
	/* Beyond the end of the disk. */
	queued(1, 0x60, DISK / 512, 1);
	assert_int_equal(status(0) >> 8, ATA_E_ID);
}

/* Registers rewritten while commands are at work. */
static void
test_changes(void **state)
{
	queued(0, 0x60, 0, 4);
	rw(1, 0x25, 0, 0);
	wr(px(0, PX_CLB), 0x700000);
	wr(px(0, PX_SACT), 0xffffffff);
	le16_put(ram + LIST + 2, 0);
	memset(ram + TABLE, 0xff, 0x100);
	run(&disk);
	assert_memory_equal(ram + DATA, disk.bytes, 2048);
	wr(px(0, PX_CLB), LIST);
	recover(0);
	/* Stopped and started again while a command is out: the new one waits for the old. */
	rw(0, 0x25, 0, 1);
	wr(px(0, PX_CMD), CMD_FRE);
	assert_true((rd(px(0, PX_CMD)) & CMD_CR) != 0);
	wr(px(0, PX_CI), 2);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	wr(px(0, PX_CMD), CMD_FRE | CMD_ST);
	rw(0, 0x35, 1, 1);
	assert_int_equal(disk.nheld, 1);
	turn(&disk);
	assert_int_equal(disk.nheld, 1);
	assert_int_equal(disk.held[0]->op, BLOCK_WRITE);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	/* Without bus mastering nothing is taken. */
	pci_cfg_write(bus, ahci.pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	rw(0, 0x25, 0, 1);
	assert_int_equal(disk.nheld, 0);
	pci_cfg_write(bus, ahci.pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	assert_int_equal(disk.nheld, 1);
}

/* --- resets --- */

static void
test_soft_reset(void **state)
{
	uint8_t *f;

	memset(frame(0, 0), 0, 256);
	f = command(0, 0, 0);
	f[1] = 0;
	f[15] = CONTROL_SRST;
	f = command(0, 1, 0);
	f[1] = 0;
	wr(px(0, PX_CI), 3);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	assert_int_equal(status(0), 0x150);
	assert_int_equal(frame(0, RFIS_D2H)[0], FIS_D2H);
	assert_int_equal(frame(0, RFIS_D2H)[12], 1);
	/* Between the two halves the drive takes nothing. */
	f = command(0, 0, 0);
	f[1] = 0;
	f[15] = CONTROL_SRST;
	issue(0, 0);
	rw(1, 0x25, 0, 1);
	assert_int_equal(disk.nheld, 0);
	assert_int_equal(status(0) >> 8, ATA_E_ABORT);
}

static void
test_comreset(void **state)
{
	rw(0, 0x25, 0, 1);
	wr(px(0, PX_SCTL), 0x301);
	assert_int_equal(rd(px(0, PX_SSTS)), 0);
	wr(px(0, PX_SCTL), 0x300);
	assert_true((status(0) & ATA_S_BUSY) != 0);
	memset(frame(0, 0), 0, 256);
	run(&disk);
	assert_int_equal(rd(px(0, PX_SSTS)), 0x133);
	assert_int_equal(status(0), 0x150);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	assert_int_equal(frame(0, RFIS_D2H)[0], FIS_D2H);
	wr(px(0, PX_SCTL), 4);
	assert_int_equal(rd(px(0, PX_SSTS)), 4);
	rw(0, 0x25, 0, 1);
	assert_int_equal(disk.nheld, 0);
}

static void
test_hba_reset(void **state)
{
	rw(0, 0x25, 0, 1);
	wr(AHCI_GHC, GHC_AE | GHC_HR);
	assert_true((rd(AHCI_GHC) & GHC_HR) != 0);
	wr(px(0, PX_CMD), CMD_FRE | CMD_ST); /* not heard */
	run(&disk);
	assert_int_equal(rd(AHCI_GHC), GHC_AE);
	assert_int_equal(rd(px(0, PX_CMD)) & (CMD_ST | CMD_CR | CMD_FRE | CMD_FR), 0);
	assert_int_equal(rd(px(0, PX_IE)), 0);
	assert_int_equal(rd(px(0, PX_CLB)), LIST);
	assert_int_equal(status(0), 0x150);
	start_port(0);
	rw(0, 0x25, 0, 1);
	run(&disk);
	assert_int_equal(status(0), ATA_S_OK);
	/* The line of what nobody has looked at does not come up again behind a reset. */
	wr(AHCI_GHC, GHC_AE | GHC_IE);
	wr(px(0, PX_IE), ~0u);
	assert_int_equal(pci_cfg_read(bus, ahci.pci.bdf, 6, 2) & 8, 8);
	rw(0, 0x25, 0, 1);
	pci_reset(bus);
	wr(AHCI_GHC, GHC_AE | GHC_IE);
	wr(AHCI_IS, 0);
	assert_int_equal(pci_cfg_read(bus, ahci.pci.bdf, 6, 2) & 8, 0);
	run(&disk);
	assert_int_equal(rd(px(0, PX_CLB)), 0);
}

/* CLO frees a busy port that is stopped. */
static void
test_clo(void **state)
{
	rw(0, 0x25, 0, 1);
	wr(px(0, PX_CMD), CMD_FRE);
	assert_true((status(0) & ATA_S_BUSY) != 0);
	wr(px(0, PX_CMD), CMD_FRE | CMD_CLO);
	assert_int_equal(status(0) & ATA_S_BUSY, 0);
	assert_int_equal(rd(px(0, PX_CMD)) & CMD_CLO, 0);
}

/* --- interrupts --- */

static void
test_interrupts(void **state)
{
	unsigned cap = ahci.pci.msi_off;

	command(0, 0, 0xE1);
	issue(0, 0);
	assert_true(line);
	assert_int_equal(rd(AHCI_IS), 1);
	wr(AHCI_IS, 1); /* it comes back while the port has something to say */
	assert_int_equal(rd(AHCI_IS), 1);
	wr(px(0, PX_IS), IS_DHRS);
	wr(AHCI_IS, 1);
	assert_false(line);
	/* By message: one for each new reason, and none lost by switching on late. */
	pci_cfg_write(bus, ahci.pci.bdf, cap + PCIR_MSI_CTRL, 2, PCI_MSI_ENABLE);
	issue(0, 0);
	assert_int_equal(messages, 1);
	assert_false(line);
	issue(0, 0); /* the same reason, not answered yet */
	assert_int_equal(messages, 1);
	wr(px(0, PX_IS), IS_DHRS);
	wr(AHCI_IS, 1);
	messages = 0;
	wr(AHCI_GHC, GHC_AE);
	issue(0, 0);
	assert_int_equal(messages, 0);
	wr(AHCI_GHC, GHC_AE | GHC_IE);
	assert_int_equal(messages, 1);
	wr(px(0, PX_IE), 0);
	wr(px(0, PX_IS), ~0u);
	wr(AHCI_IS, ~0u);
	messages = 0;
	issue(0, 0);
	assert_int_equal(messages, 0);
	wr(px(0, PX_IE), IS_DHRS);
	assert_int_equal(messages, 1);
}

static int
controller_state(void *a, struct state *st)
{
	return (ahci_state(a, st));
}

static void
test_saved(void **state)
{
	struct ahci_drive drive[3] = { { .kind = AHCI_HD, .backend = &disk.be, .serial = "SER-1" },
		{ .kind = AHCI_CD, .backend = &disc.be }, { .kind = AHCI_CD } };

	rw(0, 0x25, 5, 2);
	assert_int_equal(saved_from(controller_state, &ahci), -EBUSY);
	run(&disk);
	/* Issued while the function may not look for it. */
	pci_cfg_write(bus, ahci.pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM);
	rw(1, 0x25, 9, 2);
	assert_int_equal(saved_from(controller_state, &ahci), 0);
	ahci_destroy(&ahci);
	pci_bus_destroy(bus);
	memset(&ahci, 0xa5, sizeof(ahci));
	bus = host_bus();
	assert_int_equal(ahci_init(&ahci, &gm, drive, 3), 0);
	ahci.pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &ahci.pci, NULL), 0);
	assert_false(line);
	saved_goes_into(controller_state, &ahci);
	assert_true(line); /* of the first command's end */
	ahci_resume(&ahci);
	assert_int_equal(disk.nheld, 0);
	pci_cfg_write(bus, ahci.pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	run(&disk);
	assert_int_equal(rd(px(0, PX_CI)), 0);
	assert_memory_equal(ram + DATA + 0x10000, disk.bytes + 9 * 512, 1024);
	assert_int_equal(saved_from(controller_state, &ahci), 0);
	ahci.ghc |= GHC_HR;
	assert_int_equal(saved_from(controller_state, &ahci), 0);
	ahci.ghc &= ~GHC_HR;
	assert_int_equal(saved_into(controller_state, &ahci), -EINVAL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_registers),
		T(test_first_frame),
		T(test_init),
		T(test_identify),
		T(test_transfers),
		T(test_limits),
		T(test_scatter),
		T(test_bad_tables),
		T(test_no_ram),
		T(test_flush_trim),
		T(test_settings),
		T(test_io_error),
		T(test_queue),
		T(test_queue_error),
		T(test_queue_rules),
		T(test_changes),
		T(test_soft_reset),
		T(test_comreset),
		T(test_hba_reset),
		T(test_clo),
		T(test_interrupts),
		T(test_saved),
	};
	return (cmocka_run_group_tests(tests, NULL, NULL));
}
