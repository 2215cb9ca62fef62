/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of AHCI: a controller with a disk on port 0, a CD drive on port 1 and an empty
 * drive on port 2, media in memory whose completions the test decides about, and the driver that
 * a guest would have.
 */
#ifndef ZHYVE_TESTS_AHCI_GUEST_H
#define ZHYVE_TESTS_AHCI_GUEST_H

#include "devices/ahci.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/ahci_regs.h"
#include "devices/pci_regs.h"
#include "medium.h"
#include "pci_host.h"

#define RAM   (8u << 20)
#define DISK  (1u << 20)
#define DISC  (64u * 2048)
#define LIST  0x10000u /* + port * 0x1000: command list, frames, tables */
#define FRAME 0x20000u
#define TABLE 0x40000u /* + slot * 0x1000 */
#define DATA  0x100000u

static uint8_t *ram;
static struct gmem gm;
static struct ahci ahci;
static struct pci_bus *bus;
static struct medium disk, disc;

/* --- the guest's driver --- */

static inline uint32_t
rd(unsigned off)
{
	return ((uint32_t)ahci.pci.ops->bar_read(&ahci.pci, 5, off, 4));
}

static inline void
wr(unsigned off, uint32_t val)
{
	ahci.pci.ops->bar_write(&ahci.pci, 5, off, 4, val);
}

static inline unsigned
px(unsigned port, unsigned reg)
{
	return (AHCI_PORT_BASE + port * AHCI_PORT_SIZE + reg);
}

static inline void
start_port(unsigned port)
{
	wr(px(port, PX_CLB), LIST + port * 0x1000);
	wr(px(port, PX_FB), FRAME + port * 0x1000);
	wr(px(port, PX_CMD), CMD_FRE);
	wr(px(port, PX_CMD), CMD_FRE | CMD_ST);
	wr(px(port, PX_IE), IS_ALL);
}

static inline int
setup(void **state)
{
	struct ahci_drive drive[3] = { { .kind = AHCI_HD, .backend = &disk.be, .serial = "SER-1" },
		{ .kind = AHCI_CD, .backend = &disc.be }, { .kind = AHCI_CD } };

	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	gmem_wrap(&gm, ram, RAM);
	medium_init(&disk, DISK);
	medium_init(&disc, DISC);
	bus = host_bus();
	assert_int_equal(ahci_init(&ahci, &gm, drive, 3), 0);
	ahci.pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &ahci.pci, NULL), 0);
	pci_cfg_write(bus, ahci.pci.bdf, PCIR_COMMAND, 2, PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	wr(AHCI_GHC, GHC_AE | GHC_IE);
	for (unsigned i = 0; i < 3; i++)
		start_port(i);
	return (0);
}

static inline int
teardown(void **state)
{
	run(&disk);
	run(&disc);
	ahci_destroy(&ahci);
	pci_bus_destroy(bus);
	free(disk.bytes);
	free(disc.bytes);
	free(ram);
	return (0);
}

/* A command in a slot, its table without data. */
static inline uint8_t *
command(unsigned port, unsigned slot, uint8_t op)
{
	uint8_t *hdr = ram + LIST + port * 0x1000 + slot * 32, *fis = ram + TABLE + slot * 0x1000;

	le32_put(hdr, 5);
	le32_put(hdr + 4, 0);
	le64_put(hdr + 8, TABLE + slot * 0x1000);
	memset(fis, 0, 0x90);
	fis[0] = FIS_H2D;
	fis[1] = FIS_COMMAND;
	fis[2] = op;
	fis[7] = DEVICE_LBA;
	return (fis);
}

/* Append a descriptor. */
static inline void
prd(unsigned port, unsigned slot, uint64_t addr, uint32_t len)
{
	uint8_t *hdr = ram + LIST + port * 0x1000 + slot * 32;
	unsigned n = le16_get(hdr + 2);
	uint8_t *e = ram + TABLE + slot * 0x1000 + TBL_PRDT + n * PRD_SIZE;

	le64_put(e, addr);
	le32_put(e + 8, 0);
	le32_put(e + 12, len - 1);
	le16_put(hdr + 2, (uint16_t)(n + 1));
}

static inline void
address(uint8_t *fis, uint64_t lba, unsigned count)
{
	for (unsigned i = 0; i < 3; i++) {
		fis[4 + i] = (uint8_t)(lba >> (8 * i));
		fis[8 + i] = (uint8_t)(lba >> (24 + 8 * i));
	}
	fis[12] = (uint8_t)count;
	fis[13] = (uint8_t)(count >> 8);
}

static inline void
issue(unsigned port, unsigned slot)
{
	wr(px(port, PX_CI), 1u << slot);
}

static inline uint32_t
status(unsigned port)
{
	return (rd(px(port, PX_TFD)));
}

static inline uint8_t *
frame(unsigned port, unsigned where)
{
	return (ram + FRAME + port * 0x1000 + where);
}

/* After an error: what a driver does to go on. */
static inline void
recover(unsigned port)
{
	wr(px(port, PX_CMD), CMD_FRE);
	assert_int_equal(rd(px(port, PX_CMD)) & CMD_CR, 0);
	wr(px(port, PX_IS), ~0u);
	wr(px(port, PX_CMD), CMD_FRE | CMD_ST);
}

#endif
