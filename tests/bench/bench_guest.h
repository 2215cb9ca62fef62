/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmark's guests share: the processor's clock, a virtio device wherever it is on the first
 * bus and wherever its BARs are, its way to DRIVER_OK with one queue, numbers on COM1.
 */
#ifndef ZHYVE_BENCH_GUEST_H
#define ZHYVE_BENCH_GUEST_H

#include "../guest/guest.h"

#define NEW_BASE 0xd0000000u /* for a BAR above 4 GiB, where this guest's page tables end */

struct virtio_at {
	uint64_t common;
	uint64_t bell; /* of queue 0 */
};

static inline uint64_t
cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((uint64_t)hi << 32 | lo);
}

/* A memory BAR's address; below 4 GiB from here on. */
static inline uint64_t
bar_base(unsigned bdf, unsigned bar)
{
	unsigned off = 0x10 + 4 * bar;
	uint32_t low = pci_read(bdf, off);

	CHECK((low & 1) == 0, low);
	if ((low & 6) == 4 && pci_read(bdf, off + 4) != 0) {
		pci_write(bdf, 4, 0);
		pci_write(bdf, off, NEW_BASE);
		pci_write(bdf, off + 4, 0);
		low = NEW_BASE;
	}
	pci_write(bdf, 4, 6); /* memory, bus master */
	return (low & ~15u);
}

/* The window of a virtio capability (virtio 1.2, 4.1.4). */
static inline uint64_t
window(unsigned bdf, unsigned type, uint32_t *multiplier)
{
	for (unsigned cap = pci_read(bdf, 0x34) & 0xff; cap != 0;
	     cap = pci_read(bdf, cap) >> 8 & 0xff) {
		uint32_t head = pci_read(bdf, cap);

		if ((head & 0xff) != 9 || head >> 24 != type)
			continue;
		*multiplier = pci_read(bdf, cap + 16);
		return (bar_base(bdf, pci_read(bdf, cap + 4) & 0xff) + pci_read(bdf, cap + 8));
	}
	fail("no such window", type);
}

/* `id` is device and vendor as configuration space has them. */
static inline unsigned
find(uint32_t id)
{
	for (unsigned slot = 0; slot < 32; slot++) {
		if (pci_read(slot << 3, 0) == id)
			return (slot << 3);
	}
	fail("not on bus 0", id);
}

/*
 * To DRIVER_OK with VERSION_1 and `low` as its features, queue 0 of `size` entries: descriptors, from
 * 1 KiB on what is offered, from 4 KiB on what comes back.
 */
static inline struct virtio_at
start(uint32_t id, uint32_t low, uint8_t ring[8192], uint16_t size)
{
	uint32_t multiplier = 0, unused, at = (uint32_t)(uint64_t)ring;
	unsigned bdf = find(id);
	uint64_t notify = window(bdf, 2, &multiplier), common = window(bdf, 1, &unused);

	mmio8_put(common + 20, 0);
	while (mmio8(common + 20) != 0)
		;
	mmio8_put(common + 20, 1 | 2);
	mmio32_put(common + 8, 0);
	mmio32_put(common + 12, low);
	mmio32_put(common + 8, 1);
	mmio32_put(common + 12, 1); /* VERSION_1 */
	mmio8_put(common + 20, 1 | 2 | 8);
	mmio16_put(common + 22, 0);
	mmio16_put(common + 24, size);
	mmio32_put(common + 32, at);
	mmio32_put(common + 36, 0);
	mmio32_put(common + 40, at + 2048);
	mmio32_put(common + 44, 0);
	mmio32_put(common + 48, at + 4096);
	mmio32_put(common + 52, 0);
	mmio16_put(common + 28, 1);
	mmio8_put(common + 20, 1 | 2 | 4 | 8);
	CHECK(mmio8(common + 20) == 15, mmio8(common + 20));
	return ((struct virtio_at){ common, notify + (uint64_t)mmio16(common + 30) * multiplier });
}

static inline void
put_number(const char *what, uint64_t n)
{
	char text[24], *p = text + sizeof(text);

	*--p = '\0';
	*--p = '\n';
	do
		*--p = (char)('0' + n % 10);
	while ((n /= 10) != 0);
	put_text(what);
	put_text(p);
}

#endif
