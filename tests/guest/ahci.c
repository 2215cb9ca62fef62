/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the AHCI controller in slot 5 by its registers: a disk on port 0, a CD drive on port 1.
 * The runner has put "zhyve" at the start of sector 3 of the disk and "disc" at the start of
 * sector 2 of the disc; the guest writes a pattern to sector 5 by DMA and to sectors 6 and 7 by
 * two queued commands at once, flushes, reads all back; the runner looks at the file afterwards. A
 * read beyond the end fails, and the port can be started again.
 */
#include "guest.h"

#define SLOT    (5u << 3)
#define BAR     0xd0000000u
#define PX(n)   (BAR + 0x100 + 0x80 * (n))
#define PX_IS   0x10
#define PX_CMD  0x18
#define PX_TFD  0x20
#define PX_SACT 0x34
#define PX_CI   0x38

static struct {
	uint32_t opts, moved;
	uint64_t table, reserved[2];
} list[2][32] __attribute__((aligned(1024)));
static uint8_t frames[2][256] __attribute__((aligned(256)));
static struct {
	uint8_t fis[64], packet[64];
	struct {
		uint64_t addr;
		uint32_t reserved, len;
	} prd[8];
} table[32] __attribute__((aligned(128)));
static uint8_t data[8][2048];

static uint32_t
rd(unsigned port, unsigned reg)
{
	return (mmio32(PX(port) + reg));
}

static void
wr(unsigned port, unsigned reg, uint32_t val)
{
	mmio32_put(PX(port) + reg, val);
}

static void
start(unsigned port)
{
	wr(port, 0x00, (uint32_t)(uint64_t)list[port]);
	wr(port, 0x04, 0);
	wr(port, 0x08, (uint32_t)(uint64_t)frames[port]);
	wr(port, 0x0c, 0);
	wr(port, PX_CMD, 1 << 4);
	wr(port, PX_CMD, 1 << 4 | 1);
}

/* Prepare a command in a slot, with `len` bytes at buf. */
static uint8_t *
command(
    unsigned port, unsigned slot, uint8_t op, uint64_t lba, unsigned count, void *buf, uint32_t len)
{
	uint8_t *f = table[slot].fis;

	for (unsigned i = 0; i < 64; i++)
		f[i] = 0;
	f[0] = 0x27;
	f[1] = 0x80;
	f[2] = op;
	f[7] = 0x40;
	for (unsigned i = 0; i < 3; i++) {
		f[4 + i] = (uint8_t)(lba >> (8 * i));
		f[8 + i] = (uint8_t)(lba >> (24 + 8 * i));
	}
	f[12] = (uint8_t)count;
	f[13] = (uint8_t)(count >> 8);
	table[slot].prd[0].addr = (uint64_t)buf;
	table[slot].prd[0].len = len - 1;
	list[port][slot].opts = 5 | (len != 0 ? 1u << 16 : 0);
	list[port][slot].table = (uint64_t)&table[slot];
	return (f);
}

static void
wait(unsigned port, unsigned reg, uint32_t slots)
{
	for (uint64_t spins = 0; (rd(port, reg) & slots) != 0 && (rd(port, PX_TFD) & 1) == 0;
	     spins++)
		CHECK(spins < 3000000, rd(port, reg));
}

static uint8_t
issue(unsigned port, unsigned slot)
{
	__asm__ volatile("" : : : "memory");
	wr(port, PX_CI, 1u << slot);
	wait(port, PX_CI, 1u << slot);
	__asm__ volatile("" : : : "memory");
	return ((uint8_t)(rd(port, PX_TFD) >> 8));
}

static void
pattern(uint8_t *buf, unsigned factor)
{
	for (unsigned i = 0; i < 512; i++)
		buf[i] = (uint8_t)(i * factor);
}

static void
queued_writes(void)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *f = command(0, 4 + i, 0x61, 6 + i, (4 + i) << 3, data[4 + i], 512);

		f[3] = 1;
		pattern(data[4 + i], 11 + 2 * i);
	}
	__asm__ volatile("" : : : "memory");
	wr(0, PX_SACT, 3 << 4);
	wr(0, PX_CI, 3 << 4);
	wait(0, PX_SACT, 3 << 4);
	CHECK((rd(0, PX_TFD) & 1) == 0, rd(0, PX_TFD));
	CHECK(rd(0, PX_CI) == 0, rd(0, PX_CI));
}

static void
disk(void)
{
	CHECK(rd(0, 0x24) == 0x101, rd(0, 0x24));
	(void)command(0, 0, 0xec, 0, 0, data[0], 512);
	CHECK(issue(0, 0) == 0, rd(0, PX_TFD));
	CHECK(*(uint16_t *)&data[0][200] == 2048, *(uint16_t *)&data[0][200]);
	(void)command(0, 0, 0x25, 3, 1, data[0], 512);
	CHECK(issue(0, 0) == 0, rd(0, PX_TFD));
	CHECK(data[0][0] == 'z' && data[0][4] == 'e', data[0][0]);
	pattern(data[0], 7);
	(void)command(0, 1, 0x35, 5, 1, data[0], 512);
	CHECK(issue(0, 1) == 0, rd(0, PX_TFD));
	queued_writes();
	(void)command(0, 2, 0xea, 0, 0, NULL, 0);
	CHECK(issue(0, 2) == 0, rd(0, PX_TFD));
	(void)command(0, 3, 0x25, 5, 3, data[1], 1536);
	CHECK(issue(0, 3) == 0, rd(0, PX_TFD));
	CHECK(data[1][1] == 7 && data[1][513] == 11 && data[1][1025] == 13, data[1][513]);
	CHECK(list[0][3].moved == 1536, list[0][3].moved);
	(void)command(0, 3, 0x25, 2048, 1, data[1], 512);
	CHECK(issue(0, 3) == 0x10, rd(0, PX_TFD)); /* address not found */
	CHECK((rd(0, PX_IS) & 1u << 30) != 0, rd(0, PX_IS));
	wr(0, PX_CMD, 1 << 4);
	CHECK((rd(0, PX_CMD) & 1u << 15) == 0, rd(0, PX_CMD));
	wr(0, PX_IS, 0xffffffff);
	wr(0, PX_CMD, 1 << 4 | 1);
	(void)command(0, 0, 0x25, 2047, 1, data[1], 512);
	CHECK(issue(0, 0) == 0, rd(0, PX_TFD));
}

static uint8_t
packet(uint8_t op, unsigned lba, unsigned count, uint32_t len)
{
	uint8_t *p = table[0].packet;

	command(1, 0, 0xa0, 0, 0, data[0], len)[3] = 1;
	list[1][0].opts |= 1 << 5;
	for (unsigned i = 0; i < 16; i++)
		p[i] = 0;
	p[0] = op;
	p[4] = op == 3 ? 18 : 0;
	p[5] = (uint8_t)lba;
	p[8] = (uint8_t)count;
	return (issue(1, 0));
}

static void
disc(void)
{
	CHECK(rd(1, 0x24) == 0xeb140101, rd(1, 0x24));
	CHECK(packet(0, 0, 0, 0) == 6 << 4, rd(1, PX_TFD)); /* unit attention */
	wr(1, PX_CMD, 1 << 4);
	wr(1, PX_CMD, 1 << 4 | 1);
	CHECK(packet(3, 0, 0, 18) == 0, rd(1, PX_TFD));
	CHECK(data[0][2] == 6 && data[0][12] == 0x29, data[0][12]);
	CHECK(packet(0x25, 0, 0, 8) == 0, rd(1, PX_TFD));
	CHECK(data[0][3] == 31 && data[0][6] == 8, data[0][3]);
	CHECK(packet(0x28, 2, 1, 2048) == 0, rd(1, PX_TFD));
	CHECK(data[0][0] == 'd' && data[0][3] == 'c', data[0][0]);
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	CHECK(pci_read(SLOT, 0) == 0x28218086, pci_read(SLOT, 0));
	CHECK(pci_read(SLOT, 8) >> 8 == 0x010601, pci_read(SLOT, 8));
	pci_write(SLOT, 4, 0);
	pci_write(SLOT, 0x24, BAR);
	pci_write(SLOT, 4, 6); /* memory, bus master */
	mmio32_put(BAR + 4, 1u << 31 | 1);
	for (uint64_t spins = 0; (mmio32(BAR + 4) & 1) != 0; spins++)
		CHECK(spins < 1000000, mmio32(BAR + 4));
	CHECK(mmio32(BAR + 0xc) == 3, mmio32(BAR + 0xc));
	for (unsigned i = 0; i < 2; i++)
		start(i);
	disk();
	disc();
	put_text("ok\n");
}
