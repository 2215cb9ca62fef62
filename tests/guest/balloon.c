/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio balloon (virtio 1.2, 5.5): touches memory, gives part of it back, uses that again,
 * reports some of it free. After each step it says so and waits until the host has looked. With
 * "alone" on its command line nobody looks.
 */
#include "virtio.h"

#define MIB   0x100000u
#define FIRST (8u * MIB) /* 24 MiB from here are touched */
#define PAGES 4096u      /* 16 MiB */

static struct vring rings[5];
static struct vq inflate, deflate, report;
static uint32_t list[PAGES];
static bool alone;

static void
touch(uint32_t from, uint32_t len)
{
	for (uint32_t p = from; p < from + len; p += 4096)
		*(volatile uint32_t *)(uint64_t)p = p;
}

static void
step(const char *what)
{
	put_text(what);
	put_char('\n');
	while (!alone && (in8(COM1 + 5) & 1) == 0)
		;
	if (!alone)
		(void)in8(COM1);
}

static void
give(struct vq *q, unsigned pages)
{
	vq_offer(q, 0, list, pages * 4, false);
	(void)vq_wait(q, NULL);
}

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;
	struct virtio v;

	alone = cmdline != NULL && cmdline[0] == 'a';
	virtio_begin(&v, 5 << 3, 1u << 5); /* REPORTING, without statistics */
	CHECK(mmio32(v.device) == (alone ? 0 : PAGES), mmio32(v.device));
	virtio_queue(&v, &inflate, 0, &rings[0]);
	virtio_queue(&v, &deflate, 1, &rings[1]);
	virtio_queue(&v, &report, 2, &rings[2]); /* where Linux has it without statistics */
	virtio_go(&v);
	touch(FIRST, 24 * MIB);
	step("touched");
	/* From the last to the first, as free lists go; and some that are no memory. */
	for (unsigned i = 0; i < PAGES; i++)
		list[i] = FIRST / 4096 + (PAGES - 1 - i);
	give(&inflate, PAGES);
	list[0] = 0xfee00; /* the local APIC */
	list[1] = 0xd0000; /* the device itself */
	list[2] = 0xffffffff;
	list[3] = 64 * MIB / 4096;
	give(&inflate, 4);
	mmio32_put(v.device + 4, PAGES);
	CHECK(mmio32(v.device + 4) == PAGES, mmio32(v.device + 4));
	step("inflated");
	give(&deflate, PAGES / 2);
	for (uint32_t p = FIRST; p < FIRST + 8 * MIB; p += 4096)
		CHECK(*(volatile uint32_t *)(uint64_t)p == 0, p);
	touch(FIRST, 8 * MIB);
	for (uint32_t p = FIRST + 16 * MIB; p < FIRST + 24 * MIB; p += 4096)
		CHECK(*(volatile uint32_t *)(uint64_t)p == p, p); /* was never given */
	step("again");
	/* A page and a half at the ends, of which the halves stay. */
	vq_offer(&report, 0, (void *)(uint64_t)(FIRST + 2048), 4 * MIB, true);
	(void)vq_wait(&report, NULL);
	CHECK(*(volatile uint32_t *)(uint64_t)FIRST == FIRST, 0);
	step("reported");
	put_text("ok\n");
}
