/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to the disk in slot 5 without a pause, several requests at a time, while the runner kills
 * the process that serves it over and over and starts another, until the runner says on COM1 that
 * it is enough. No request may be lost, fail or be answered twice; what was written is read back at
 * the end.
 */
#include "virtio.h"

#define SECTORS 512u
#define AT_ONCE 2u /* three descriptors each */

static struct vring ring;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header[AT_ONCE];
static uint32_t data[AT_ONCE][128];
static volatile uint8_t status[AT_ONCE];
static uint32_t wrote[SECTORS]; /* the number that stands in each */
static bool busy[AT_ONCE];

static void
offer(struct virtio *v, unsigned slot, uint32_t type, uint32_t sector, uint32_t number)
{
	uint16_t head = (uint16_t)(slot * 3);

	header[slot].type = type;
	header[slot].sector = sector;
	data[slot][0] = data[slot][127] = number;
	status[slot] = 0xaa;
	ring.desc[head] =
	    (struct vring_desc){ (uint64_t)&header[slot], 16, 1, (uint16_t)(head + 1) };
	ring.desc[head + 1] = (struct vring_desc){ (uint64_t)data[slot], 512,
		(uint16_t)(type == 0 ? 1 | 2 : 1), (uint16_t)(head + 2) };
	ring.desc[head + 2] = (struct vring_desc){ (uint64_t)&status[slot], 1, 2, 0 };
	ring.avail.ring[v->avail % RING_SIZE] = head;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&ring.avail.idx = ++v->avail;
	__asm__ volatile("mfence" : : : "memory");
	busy[slot] = true;
	mmio16_put(v->notify + (uint64_t)mmio16(v->common + 30) * v->notify_multiplier, 0);
}

/* Wait for one to come back; which. */
static unsigned
take(struct virtio *v)
{
	volatile uint16_t *used = &ring.used.idx;
	uint32_t since = 0;
	unsigned slot;

	for (uint64_t spins = 1; *used == v->used; spins++)
		CHECK(!in_vain(spins, &since), *used);
	__asm__ volatile("" : : : "memory");
	slot = ring.used.ring[v->used % RING_SIZE].id / 3;
	v->used++;
	CHECK(slot < AT_ONCE && busy[slot], slot);
	CHECK(status[slot] == 0, status[slot]);
	busy[slot] = false;
	return (slot);
}

void
guest_main(const struct start_info *info)
{
	struct virtio v;
	uint32_t n;

	(void)info;
	virtio_start(&v, 5u << 3, &ring, 1u << 9);
	put_text("ready\n");
	for (n = 0; n < SECTORS || n % 64 != 0 || !told(); n++) {
		/* No two of those in flight write the same sector. */
		wrote[n % SECTORS] = n;
		offer(&v, n < AT_ONCE ? n : take(&v), 1, n % SECTORS, n);
	}
	for (unsigned i = 0; i < AT_ONCE; i++)
		(void)take(&v);
	for (uint32_t s = 0; s < SECTORS; s++) {
		offer(&v, 0, 0, s, 0);
		(void)take(&v);
		CHECK(data[0][0] == wrote[s] && data[0][127] == wrote[s], s);
	}
	CHECK(ring.used.idx == v.avail, ring.used.idx);
	put_text("ok\n");
}
