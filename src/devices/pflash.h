/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flash chip for UEFI's variables: Intel's command set (CFI primary command set 0001) in 8-bit
 * mode with blocks of 4 KiB, as OVMF's driver expects it of QEMU's pflash. What the guest writes
 * are commands; only what it programs and erases by them changes the array. While the chip is in
 * array mode its owner may show the array as plain read-only memory; in every other mode reads
 * must come here.
 *
 * As in QEMU, and unlike a real chip: the status register is zero after it was cleared (OVMF tells
 * flash from RAM and ROM by that), and programming stores the byte as it is instead of only
 * clearing bits. The array is stored when the guest goes back to array mode, goes on to another
 * block, and at each erase. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PFLASH_H
#define ZHYVE_DEVICES_PFLASH_H

#include "devices/bus.h"

#define PFLASH_BLOCK  4096u
#define PFLASH_BUFFER 256u /* bytes of one "write to buffer" */

struct pflash_ops {
	/* Array mode begins or ends. */
	void (*array_mode)(void *ctx, bool on);
	/* Make bytes [off, off + len) of the array durable. 0 or -errno. */
	int (*store)(void *ctx, uint32_t off, uint32_t len);
	void *ctx;
};

struct pflash {
	uint8_t *mem; /* the array, the owner's */
	uint32_t len; /* a multiple of PFLASH_BLOCK */
	struct pflash_ops ops;
	uint8_t cmd;    /* the command that reads and the next write belong to */
	unsigned cycle; /* writes of that command seen beyond the first */
	uint8_t status;
	uint32_t dirty_from, dirty_to; /* programmed, not stored yet; empty: equal */
	/* Write to buffer: where, how much is still to come, what came. */
	uint32_t buf_start, buf_left, buf_len, buf_at;
	uint8_t buf[PFLASH_BUFFER];
};

/* A chip in array mode. `mem` and what `ops` refer to stay the caller's. */
void pflash_init(struct pflash *f, uint8_t *mem, uint32_t len, const struct pflash_ops *ops);
bool pflash_in_array_mode(const struct pflash *f);

/* The chip's addresses. `dev` is the struct pflash. */
extern const struct bus_ops pflash_bus_ops;

struct state;
/*
 * Save or load it (state.h), but for the array, which is where it is stored. -EBUSY while bytes wait
 * to be stored: until the guest has gone back to array mode.
 */
int pflash_state(struct pflash *f, struct state *st);

#endif
