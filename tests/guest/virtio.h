/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A minimal virtio driver for the test guests: one device over PCI, split rings, polling
 * (virtio 1.2). Devices of one queue: virtio_start, virtio_do. Devices of many: virtio_begin,
 * virtio_queue for each, virtio_go, then vq_offer and vq_wait. Freestanding.
 */
#ifndef ZHYVE_TESTS_GUEST_VIRTIO_H
#define ZHYVE_TESTS_GUEST_VIRTIO_H

#include "guest.h"

#ifndef RING_SIZE
#define RING_SIZE 8
#endif

struct vring_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct vring {
	struct vring_desc desc[RING_SIZE];
	struct {
		uint16_t flags, idx, ring[RING_SIZE], used_event;
	} avail;
	struct {
		uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[RING_SIZE];
		uint16_t avail_event;
	} used __attribute__((aligned(4)));
} __attribute__((aligned(4096)));

struct virtio {
	unsigned bdf;
	uint64_t common, notify, device, msix;
	uint32_t notify_multiplier;
	struct vring *ring;
	uint16_t avail, used;
};

/* Where virtio_start puts the BAR of the device; for a second one, change it before. */
static uint64_t virtio_bar __attribute__((unused)) = 0xd0000000;

/* Put the BAR which holds the device's windows at `bar`, and let it decode memory and master the bus. */
static inline void
virtio_place(unsigned bdf, uint64_t bar)
{
	unsigned index = 0;

	for (unsigned cap = pci_read(bdf, 0x34) & 0xff; cap != 0;
	     cap = pci_read(bdf, cap) >> 8 & 0xff) {
		uint32_t head = pci_read(bdf, cap);

		if ((head & 0xff) == 9 && head >> 24 == 1)
			index = pci_read(bdf, cap + 4) & 0xff;
	}
	pci_write(bdf, 4, 0);
	pci_write(bdf, 0x10 + 4 * index, (uint32_t)bar);
	pci_write(bdf, 0x14 + 4 * index, 0);
	pci_write(bdf, 4, 6);
}

static inline uint64_t
virtio_window(unsigned bdf, uint64_t bar, unsigned type, uint32_t *multiplier)
{
	for (unsigned cap = pci_read(bdf, 0x34) & 0xff; cap != 0;
	     cap = pci_read(bdf, cap) >> 8 & 0xff) {
		uint32_t head = pci_read(bdf, cap);

		if ((head & 0xff) != 9 || head >> 24 != type)
			continue;
		if (multiplier != NULL)
			*multiplier = pci_read(bdf, cap + 16);
		return (bar + pci_read(bdf, cap + 8));
	}
	CHECK(type == 4, type); /* a device without configuration has no such window */
	return (0);
}

/* Message 0 of the device: `vector` to the processor that runs this. */
static inline void
virtio_msix(unsigned bdf, uint64_t bar, uint8_t vector)
{
	for (unsigned cap = pci_read(bdf, 0x34) & 0xff; cap != 0;
	     cap = pci_read(bdf, cap) >> 8 & 0xff) {
		uint64_t table;

		if ((pci_read(bdf, cap) & 0xff) != 0x11)
			continue;
		table = bar + (pci_read(bdf, cap + 4) & ~7u);
		mmio32_put(table, 0xfee00000 | (mmio32(0xfee00020) >> 24) << 12);
		mmio32_put(table + 4, 0);
		mmio32_put(table + 8, vector);
		mmio32_put(table + 12, 0);
		pci_write(bdf, cap, pci_read(bdf, cap) | 1u << 31);
		return;
	}
	fail("no MSI-X capability", bdf);
}

/*
 * Bring the device in a slot to DRIVER_OK with VERSION_1 and `low` as its features, queue 0 on
 * `ring`. Its BAR is put below 4 GiB. With `vector`, the queue interrupts by it (MSI-X).
 */
static inline void
virtio_start_msix(struct virtio *v, unsigned bdf, struct vring *ring, uint32_t low, uint8_t vector)
{
	const uint64_t bar = virtio_bar;

	*v = (struct virtio){ .bdf = bdf, .ring = ring };
	CHECK((pci_read(bdf, 0) & 0xffff) == 0x1af4, pci_read(bdf, 0));
	virtio_place(bdf, bar);
	v->common = virtio_window(bdf, bar, 1, NULL);
	v->notify = virtio_window(bdf, bar, 2, &v->notify_multiplier);
	v->device = virtio_window(bdf, bar, 4, NULL);
	mmio8_put(v->common + 20, 0);
	while (mmio8(v->common + 20) != 0)
		;
	mmio8_put(v->common + 20, 1 | 2);
	mmio32_put(v->common + 8, 0);
	mmio32_put(v->common + 12, low);
	mmio32_put(v->common + 8, 1);
	mmio32_put(v->common + 12, 1); /* VERSION_1 */
	mmio8_put(v->common + 20, 1 | 2 | 8);
	CHECK((mmio8(v->common + 20) & 8) != 0, mmio8(v->common + 20));
	mmio16_put(v->common + 22, 0);
	CHECK(mmio16(v->common + 24) >= RING_SIZE, mmio16(v->common + 24));
	mmio16_put(v->common + 24, RING_SIZE);
	mmio32_put(v->common + 32, (uint32_t)(uint64_t)ring->desc);
	mmio32_put(v->common + 36, 0);
	mmio32_put(v->common + 40, (uint32_t)(uint64_t)&ring->avail);
	mmio32_put(v->common + 44, 0);
	mmio32_put(v->common + 48, (uint32_t)(uint64_t)&ring->used);
	mmio32_put(v->common + 52, 0);
	if (vector != 0) {
		virtio_msix(bdf, bar, vector);
		mmio16_put(v->common + 26, 0);
		CHECK(mmio16(v->common + 26) == 0, mmio16(v->common + 26));
	}
	mmio16_put(v->common + 28, 1);
	mmio8_put(v->common + 20, 1 | 2 | 4 | 8);
	CHECK(mmio8(v->common + 20) == 15, mmio8(v->common + 20));
}

/* The same without interrupts. */
static inline void
virtio_start(struct virtio *v, unsigned bdf, struct vring *ring, uint32_t low)
{
	virtio_start_msix(v, bdf, ring, low, 0);
}

/*
 * Offer the chain at `head`, ring the bell, wait for it to come back. Returns the length
 * written.
 */
static inline uint32_t
virtio_do(struct virtio *v, uint16_t head)
{
	volatile uint16_t *used = &v->ring->used.idx;
	uint32_t since = 0, len;

	v->ring->avail.ring[v->avail % RING_SIZE] = head;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&v->ring->avail.idx = ++v->avail;
	__asm__ volatile("mfence" : : : "memory");
	mmio16_put(v->notify + (uint64_t)mmio16(v->common + 30) * v->notify_multiplier, 0);
	for (uint64_t spins = 1; *used == v->used; spins++)
		CHECK(!in_vain(spins, &since), *used);
	CHECK(v->ring->used.ring[v->used % RING_SIZE].id == head, head);
	len = v->ring->used.ring[v->used % RING_SIZE].len;
	v->used++;
	return (len);
}

/* Up to FEATURES_OK, as virtio_start does it. */
static inline void
virtio_begin(struct virtio *v, unsigned bdf, uint32_t low)
{
	const uint64_t bar = 0xd0000000;

	*v = (struct virtio){ .bdf = bdf };
	CHECK((pci_read(bdf, 0) & 0xffff) == 0x1af4, pci_read(bdf, 0));
	virtio_place(bdf, bar);
	v->common = virtio_window(bdf, bar, 1, NULL);
	v->notify = virtio_window(bdf, bar, 2, &v->notify_multiplier);
	v->device = virtio_window(bdf, bar, 4, NULL);
	mmio8_put(v->common + 20, 0);
	while (mmio8(v->common + 20) != 0)
		;
	mmio8_put(v->common + 20, 1 | 2);
	mmio32_put(v->common + 8, 0);
	mmio32_put(v->common + 12, low);
	mmio32_put(v->common + 8, 1);
	mmio32_put(v->common + 12, 1); /* VERSION_1 */
	mmio8_put(v->common + 20, 1 | 2 | 8);
	CHECK((mmio8(v->common + 20) & 8) != 0, mmio8(v->common + 20));
}

struct vq {
	struct virtio *v;
	struct vring *ring;
	uint64_t bell;
	uint16_t avail, used;
};

static inline void
virtio_queue(struct virtio *v, struct vq *q, unsigned index, struct vring *ring)
{
	*q = (struct vq){ .v = v, .ring = ring };
	mmio16_put(v->common + 22, (uint16_t)index);
	CHECK(mmio16(v->common + 24) >= RING_SIZE, index);
	mmio16_put(v->common + 24, RING_SIZE);
	mmio32_put(v->common + 32, (uint32_t)(uint64_t)ring->desc);
	mmio32_put(v->common + 36, 0);
	mmio32_put(v->common + 40, (uint32_t)(uint64_t)&ring->avail);
	mmio32_put(v->common + 44, 0);
	mmio32_put(v->common + 48, (uint32_t)(uint64_t)&ring->used);
	mmio32_put(v->common + 52, 0);
	mmio16_put(v->common + 28, 1);
	q->bell = v->notify + (uint64_t)mmio16(v->common + 30) * v->notify_multiplier;
}

static inline void
virtio_go(struct virtio *v)
{
	mmio8_put(v->common + 20, 1 | 2 | 4 | 8);
	CHECK(mmio8(v->common + 20) == 15, mmio8(v->common + 20));
}

/* Offer a chain of one buffer in descriptor `i` (write: for the device to fill) and ring. */
static inline void
vq_offer(struct vq *q, unsigned i, void *buf, uint32_t len, bool write)
{
	q->ring->desc[i] = (struct vring_desc){ (uint64_t)buf, len, write ? 2 : 0, 0 };
	q->ring->avail.ring[q->avail % RING_SIZE] = (uint16_t)i;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&q->ring->avail.idx = ++q->avail;
	__asm__ volatile("mfence" : : : "memory");
	mmio16_put(q->bell, 0);
}

/* Has another chain come back? Its descriptor, and its length in *len (may be NULL). */
static inline bool
vq_take(struct vq *q, unsigned *id, uint32_t *len)
{
	if (*(volatile uint16_t *)&q->ring->used.idx == q->used)
		return (false);
	__asm__ volatile("" : : : "memory");
	*id = q->ring->used.ring[q->used % RING_SIZE].id;
	if (len != NULL)
		*len = q->ring->used.ring[q->used % RING_SIZE].len;
	q->used++;
	return (true);
}

/* Wait for the next chain to come back; its length in *len. Returns its descriptor. */
static inline unsigned
vq_wait(struct vq *q, uint32_t *len)
{
	uint32_t since = 0;
	unsigned id = 0;

	for (uint64_t spins = 1; !vq_take(q, &id, len); spins++)
		CHECK(!in_vain(spins, &since), q->used);
	return (id);
}

#endif
