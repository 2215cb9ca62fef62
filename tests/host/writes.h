/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the guest of the power cuts writes (tests/guest/writer.c), so that what a disk has afterwards can be judged
 * (tests/host/written.c): batches, numbered from 1, of WRITES requests each, then a flush. Every sector that is
 * written says in which batch, and where. Each eighth batch zeroes instead, by turns with and without giving the
 * blocks back.
 */
#ifndef ZHYVE_TESTS_HOST_WRITES_H
#define ZHYVE_TESTS_HOST_WRITES_H

#include <stdbool.h>
#include <stdint.h>

#define WRITES         12u
#define WRITES_SECTOR  512u
#define WRITES_BLOCK   8u     /* sectors; requests are of whole blocks */
#define WRITES_LEN_MAX 8u     /* blocks */
#define WRITES_BLOCKS  16384u /* of the disk: 64 MiB */
#define WRITES_NARROW \
	128u /* half of the requests go to the first so many, which are written again and again */

struct writes_stamp {
	uint64_t batch, sector;
};

static inline uint32_t
writes_mix(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352du;
	x ^= x >> 15;
	x *= 0x846ca68bu;
	return (x ^ x >> 16);
}

/* Request `i` of a batch: its first block, and how many. */
static inline void
writes_place(uint32_t batch, uint32_t i, uint32_t *block, uint32_t *n)
{
	uint32_t r = writes_mix(batch * WRITES + i),
		 among = i % 2 == 0 ? WRITES_NARROW : WRITES_BLOCKS;

	*n = 1 + (r >> 28) % WRITES_LEN_MAX;
	*block = r % (among - *n + 1);
}

static inline bool
writes_zeroes(uint32_t batch)
{
	return (batch % 8 == 7);
}

/* What a batch writes to these sectors: their first and last bytes say so. */
static inline void
writes_fill(uint8_t *buf, uint32_t batch, uint64_t sector, uint32_t sectors)
{
	for (uint32_t s = 0; s < sectors; s++, buf += WRITES_SECTOR) {
		const struct writes_stamp stamp = { batch, sector + s };

		__builtin_memcpy(buf, &stamp, sizeof(stamp));
		__builtin_memcpy(buf + WRITES_SECTOR - sizeof(stamp), &stamp, sizeof(stamp));
	}
}

#endif
