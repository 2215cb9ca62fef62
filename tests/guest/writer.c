/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes to the disk in slot 4 the batches of tests/host/writes.h, many requests at a time, and says on COM1 how far
 * it is as soon as a flush is done: "flushed N" (hexadecimal). Requests that fail are told, once for each batch
 * ("failed N"), and it goes on with the next; so is the disk's size, whenever it is another ("sectors N"). Never ends by itself.
 */
#define RING_SIZE 64
#include "../host/writes.h"
#include "virtio.h"

#define REQ_OUT    1u
#define REQ_FLUSH  4u
#define REQ_ZEROES 13u

static struct vring ring;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header[WRITES];
static struct {
	uint64_t sector;
	uint32_t sectors, flags;
} range[WRITES];
static uint8_t data[WRITES][WRITES_LEN_MAX * WRITES_BLOCK * WRITES_SECTOR]
    __attribute__((aligned(4096)));
static volatile uint8_t status[WRITES];

/* A chain of three descriptors at 3 * i; `len` bytes of data at `buf`. */
static void
offer(struct vq *q, unsigned i, uint32_t type, uint64_t sector, void *buf, uint32_t len)
{
	unsigned head = 3 * i;

	header[i].type = type;
	header[i].sector = sector;
	status[i] = 0xaa;
	q->ring->desc[head] = (struct vring_desc){ (uint64_t)&header[i], 16, 1,
		(uint16_t)(head + (len != 0 ? 1 : 2)) };
	q->ring->desc[head + 1] =
	    (struct vring_desc){ (uint64_t)buf, len, 1, (uint16_t)(head + 2) };
	q->ring->desc[head + 2] = (struct vring_desc){ (uint64_t)&status[i], 1, 2, 0 };
	q->ring->avail.ring[q->avail % RING_SIZE] = (uint16_t)head;
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&q->ring->avail.idx = ++q->avail;
}

/* Tell the device of `n` chains and wait until all are done. Did all succeed? */
static bool
finish(struct vq *q, unsigned n)
{
	bool ok = true;

	__asm__ volatile("mfence" : : : "memory");
	mmio16_put(q->bell, 0);
	for (unsigned i = 0; i < n; i++)
		(void)vq_wait(q, NULL);
	for (unsigned i = 0; i < n; i++)
		ok = ok && status[i] == 0;
	return (ok);
}

static bool
write_batch(struct vq *q, uint32_t batch)
{
	for (uint32_t i = 0; i < WRITES; i++) {
		uint32_t block, n;

		writes_place(batch, i, &block, &n);
		if (writes_zeroes(batch)) {
			range[i].sector = (uint64_t)block * WRITES_BLOCK;
			range[i].sectors = n * WRITES_BLOCK;
			range[i].flags = batch % 16 == 7; /* unmap */
			offer(q, i, REQ_ZEROES, 0, &range[i], sizeof(range[i]));
			continue;
		}
		writes_fill(data[i], batch, (uint64_t)block * WRITES_BLOCK, n * WRITES_BLOCK);
		offer(q, i, REQ_OUT, (uint64_t)block * WRITES_BLOCK, data[i],
		    n * WRITES_BLOCK * WRITES_SECTOR);
	}
	if (!finish(q, WRITES))
		return (false);
	offer(q, 0, REQ_FLUSH, 0, NULL, 0);
	return (finish(q, 1));
}

void
guest_main(const struct start_info *info)
{
	uint32_t sectors = 0;
	struct virtio v;
	struct vq q;

	(void)info;
	virtio_begin(&v, 4u << 3, 1u << 9 | 1u << 14); /* FLUSH, WRITE_ZEROES */
	virtio_queue(&v, &q, 0, &ring);
	virtio_go(&v);
	for (uint32_t batch = 1;; batch++) {
		if (mmio32(v.device) != sectors) {
			sectors = mmio32(v.device);
			put_text("sectors ");
			put_hex(sectors);
			put_char('\n');
		}
		put_text(write_batch(&q, batch) ? "flushed " : "failed ");
		put_hex(batch);
		put_char('\n');
	}
}
