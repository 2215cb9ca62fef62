/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * QEMU's firmware configuration device (QEMU's docs/specs/fw_cfg): how a boot ROM learns what
 * machine it is in. Numbered items, and files with names behind a directory; read byte by byte
 * through a port or whole by DMA. SeaBIOS and OVMF know it; bhyve has it as `-l fwcfg,qemu`.
 * Nothing is writable: the guest reads what it is offered and changes nothing. Pure (device.h).
 * Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_FWCFG_H
#define ZHYVE_DEVICES_FWCFG_H

#include "devices/bus.h"
#include "gmem/gmem.h"

#define FWCFG_PORT_BASE  0x510 /* selector (2 bytes) and data (second byte) */
#define FWCFG_PORT_LEN   12    /* the DMA register is at 0x514, 8 bytes */
#define FWCFG_NAME_MAX   56    /* bytes of a file's name, end byte included */
#define FWCFG_ITEMS_MAX  24
#define FWCFG_FILES_MAX  64
#define FWCFG_FILE_FIRST 0x20
#define FWCFG_DIR_ENTRY  64

/* Numbered items: little-endian numbers, or bytes. */
enum fwcfg_key {
	FWCFG_SIGNATURE = 0x00,
	FWCFG_ID = 0x01,
	FWCFG_UUID = 0x02,
	FWCFG_RAM_SIZE = 0x03,
	FWCFG_NOGRAPHIC = 0x04,
	FWCFG_NB_CPUS = 0x05,
	FWCFG_KERNEL_SIZE = 0x08,
	FWCFG_INITRD_ADDR = 0x0a,
	FWCFG_INITRD_SIZE = 0x0b,
	FWCFG_BOOT_MENU = 0x0e,
	FWCFG_MAX_CPUS = 0x0f,
	FWCFG_KERNEL_DATA = 0x11,
	FWCFG_INITRD_DATA = 0x12,
	FWCFG_CMDLINE_SIZE = 0x14,
	FWCFG_CMDLINE_DATA = 0x15,
	FWCFG_SETUP_SIZE = 0x17,
	FWCFG_SETUP_DATA = 0x18,
	FWCFG_FILE_DIR = 0x19,
	FWCFG_IRQ0_OVERRIDE = 0x8002,
};

struct fwcfg {
	const struct gmem *gm;
	unsigned nitems, nfiles;
	struct fwcfg_item {
		uint16_t key;
		uint32_t len;
		const uint8_t *data;
		uint64_t number; /* where data is a number, it is this one's bytes */
	} item[FWCFG_ITEMS_MAX];
	struct fwcfg_file {
		const uint8_t *data;
		uint32_t len;
	} file[FWCFG_FILES_MAX];
	uint8_t dir[4 + FWCFG_FILES_MAX * FWCFG_DIR_ENTRY];
	/* What is selected, and how much of it has been read. */
	const uint8_t *cur;
	uint32_t cur_len, cur_off;
	uint32_t dma_high;
};

/* DMA goes to and from `gm`. Items signature, id and directory are there from the start. */
void fwcfg_init(struct fwcfg *f, const struct gmem *gm);

/*
 * Offer a numbered item. The bytes stay the caller's and must not change while the guest runs.
 * 0, -EEXIST, -ENOSPC.
 */
int fwcfg_add_item(struct fwcfg *f, uint16_t key, const void *data, uint32_t len);
/* The same with a number of `len` bytes (at most 8). */
int fwcfg_add_number(struct fwcfg *f, uint16_t key, uint64_t value, uint32_t len);
/*
 * Offer a file. The name is copied, the bytes stay the caller's. 0, -EEXIST (the name is taken),
 * -EINVAL (empty, or too long: FWCFG_NAME_MAX), -ENOSPC.
 */
int fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, uint32_t len);

/* The ports from FWCFG_PORT_BASE on. `dev` is the struct fwcfg. */
extern const struct bus_ops fwcfg_ops;

#endif
