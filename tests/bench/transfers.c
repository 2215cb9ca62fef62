/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest of the benchmark: what a disk's requests cost, the way there and back, without an operating
 * system in the guest. Keeps DEPTH requests in flight on the first virtio-blk, sequentially, and
 * prints "read4k N", "write4k N", "read128k N", "write128k N" on COM1: processor cycles (TSC) per
 * request, the best of ROUNDS.
 */
#include "bench_guest.h"

#ifndef DEPTH
#define DEPTH 4u
#endif
#ifndef NO_INTERRUPT
#define NO_INTERRUPT 0 /* 1: the driver asks for none; it looks for itself in any case */
#endif
#define ROUNDS  3
#define BLK     0x10421af4u /* modern virtio-blk: device, vendor */
#define F_FLUSH (1u << 9)   /* without it every write would be written through */
#define RING    128u        /* three entries a request */
#define LARGEST 131072u
#define DISK    (32u << 20)
#define TOTAL   (16u << 20) /* moved in a round of large requests; of small ones an eighth */
#define T_IN    0
#define T_OUT   1

static struct {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[RING];
	struct {
		uint16_t flags, idx, ring[RING];
	} avail __attribute__((aligned(2048)));
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING];
	} used __attribute__((aligned(4096)));
} vring __attribute__((aligned(4096)));
_Static_assert(sizeof(vring) == 8192, "as start() lays it out");

static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header[DEPTH];
static volatile uint8_t status[DEPTH];
static uint8_t data[DEPTH][LARGEST] __attribute__((aligned(4096)));

static void
offer(unsigned i, uint32_t type, uint32_t len, unsigned nth)
{
	unsigned d = i * 3;

	header[i].type = type;
	header[i].sector = (uint64_t)nth * len % DISK / 512;
	status[i] = 0xaa;
	vring.desc[d].addr = (uint64_t)&header[i];
	vring.desc[d].len = sizeof(header[i]);
	vring.desc[d].flags = 1;
	vring.desc[d].next = (uint16_t)(d + 1);
	vring.desc[d + 1].addr = (uint64_t)data[i];
	vring.desc[d + 1].len = len;
	vring.desc[d + 1].flags = type == T_IN ? 3 : 1;
	vring.desc[d + 1].next = (uint16_t)(d + 2);
	vring.desc[d + 2].addr = (uint64_t)&status[i];
	vring.desc[d + 2].len = 1;
	vring.desc[d + 2].flags = 2;
	vring.avail.ring[vring.avail.idx % RING] = (uint16_t)d;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&vring.avail.idx = (uint16_t)(vring.avail.idx + 1);
}

/* `count` requests; cycles for each. */
static uint64_t
stream(uint64_t bell, uint32_t type, uint32_t len, unsigned count)
{
	static uint16_t seen;
	unsigned offered = 0, ended = 0;
	uint64_t from = cycles();

	for (; offered < DEPTH; offered++)
		offer(offered, type, len, offered);
	mmio16_put(bell, 0);
	while (ended < count) {
		uint32_t since = 0;
		bool more = false;

		for (uint64_t spins = 1; *(volatile uint16_t *)&vring.used.idx == seen; spins++)
			CHECK(!in_vain(spins, &since), ended);
		for (; *(volatile uint16_t *)&vring.used.idx != seen; seen++, ended++) {
			unsigned i = vring.used.ring[seen % RING].id / 3;

			CHECK(i < DEPTH && status[i] == 0, status[i]);
			if (offered < count) {
				offer(i, type, len, offered++);
				more = true;
			}
		}
		if (more)
			mmio16_put(bell, 0);
	}
	return ((cycles() - from) / count);
}

static uint64_t
best(uint64_t bell, uint32_t type, uint32_t len, unsigned count)
{
	uint64_t least = ~0ull;

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t t = stream(bell, type, len, count);

		least = t < least ? t : least;
	}
	return (least);
}

void
guest_main(const struct start_info *info)
{
	struct virtio_at blk = start(BLK, F_FLUSH, (uint8_t *)&vring, RING);

	(void)info;
	vring.avail.flags = NO_INTERRUPT;
	put_number("read4k ", best(blk.bell, T_IN, 4096, TOTAL / 8 / 4096));
	put_number("write4k ", best(blk.bell, T_OUT, 4096, TOTAL / 8 / 4096));
	put_number("read128k ", best(blk.bell, T_IN, LARGEST, TOTAL / LARGEST));
	put_number("write128k ", best(blk.bell, T_OUT, LARGEST, TOTAL / LARGEST));
	put_text("end\n");
}
