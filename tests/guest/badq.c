/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A driver that breaks virtio's rules, on the disk in slot 5: each time the device stands still
 * with DEVICE_NEEDS_RESET and works again after a reset; what is frozen cannot be changed. The
 * machine goes on in any case.
 */
#include "virtio.h"

#define NEEDS_RESET 0x40

static struct vring ring;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header;
static uint8_t data[512];
static volatile uint8_t status;

static void
fill(void)
{
	header.type = 0;
	header.sector = 0;
	status = 0xaa;
	ring.desc[0] = (struct vring_desc){ (uint64_t)&header, sizeof(header), 1, 1 };
	ring.desc[1] = (struct vring_desc){ (uint64_t)data, sizeof(data), 1 | 2, 2 };
	ring.desc[2] = (struct vring_desc){ (uint64_t)&status, 1, 2, 0 };
}

static void
start(struct virtio *v)
{
	ring.avail.idx = ring.used.idx = 0;
	fill();
	virtio_start(v, 5u << 3, &ring, 1u << 28); /* INDIRECT_DESC */
}

static void
good(struct virtio *v)
{
	fill();
	(void)virtio_do(v, 0);
	CHECK(status == 0, status);
}

/* Make `head` available and ring, then wait for the device to give up. */
static void
expect_reset(struct virtio *v, uint16_t head, uint16_t ahead)
{
	ring.avail.ring[v->avail % RING_SIZE] = head;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&ring.avail.idx = (uint16_t)(v->avail + ahead);
	__asm__ volatile("mfence" : : : "memory");
	mmio16_put(v->notify, 0);
	for (uint64_t spins = 0; (mmio8(v->common + 20) & NEEDS_RESET) == 0; spins++)
		CHECK(spins < 500000, ahead);
	start(v);
	good(v);
}

static void
try_to_change(struct virtio *v)
{
	mmio16_put(v->common + 22, 0);
	mmio16_put(v->common + 24, 4);
	mmio32_put(v->common + 32, 0xfee00000);
	mmio32_put(v->common + 40, 0xfee00000);
	mmio32_put(v->common + 48, 0xfee00000);
	mmio16_put(v->common + 28, 0);
	CHECK(mmio16(v->common + 24) == RING_SIZE, mmio16(v->common + 24));
	CHECK(mmio16(v->common + 28) == 1, mmio16(v->common + 28));
	CHECK(mmio32(v->common + 32) == (uint32_t)(uint64_t)ring.desc, mmio32(v->common + 32));
	good(v);
}

void
guest_main(const struct start_info *info)
{
	struct virtio v;

	(void)info;
	start(&v);
	good(&v);
	try_to_change(&v);
	expect_reset(&v, RING_SIZE, 1);     /* no such head */
	expect_reset(&v, 0, RING_SIZE + 1); /* more than the ring holds */
	ring.desc[0].next = 0;              /* a loop */
	expect_reset(&v, 0, 1);
	ring.desc[1].next = 77;
	expect_reset(&v, 0, 1);
	ring.desc[1].addr = 0xfee00000; /* the local APIC is not memory */
	expect_reset(&v, 0, 1);
	ring.desc[1].addr = 0xd0000000; /* nor is the device itself */
	expect_reset(&v, 0, 1);
	ring.desc[1].addr = ~0ull - 100;
	expect_reset(&v, 0, 1);
	ring.desc[1].len = 0;
	expect_reset(&v, 0, 1);
	ring.desc[0].flags = 1 | 2; /* writable, and the status then readable */
	ring.desc[2].flags = 0;
	expect_reset(&v, 0, 1);
	ring.desc[0].len = 8; /* half a header */
	expect_reset(&v, 0, 1);
	ring.desc[0] = (struct vring_desc){ (uint64_t)&ring.desc[3], 16, 4, 0 };
	ring.desc[3] = (struct vring_desc){ (uint64_t)&ring.desc[3], 16, 4, 0 }; /* nested */
	expect_reset(&v, 0, 1);
	put_text("ok\n");
}
