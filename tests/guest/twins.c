/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes numbers, each to the disk in slot 4:0 and, when that has answered, to the one in slot 4:1, as
 * fast as they are taken, until it is told on COM1 that it is enough: what is of one instant has the same
 * number on both, or the first is ahead by one.
 */
#include "virtio.h"

static struct vring ring[2];
static struct virtio disk[2];
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header = { .type = 1 };
static uint32_t data[128];
static volatile uint8_t status;

static void
write_to(unsigned i)
{
	ring[i].desc[0] = (struct vring_desc){ (uint64_t)&header, 16, 1, 1 };
	ring[i].desc[1] = (struct vring_desc){ (uint64_t)data, 512, 1, 2 };
	ring[i].desc[2] = (struct vring_desc){ (uint64_t)&status, 1, 2, 0 };
	status = 0xaa;
	(void)virtio_do(&disk[i], 0);
	CHECK(status == 0, status);
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	for (unsigned i = 0; i < 2; i++) {
		virtio_bar = 0xd0000000 + i * 0x100000;
		virtio_start(&disk[i], 4u << 3 | i, &ring[i], 1u << 9);
	}
	put_text("ready\n");
	for (uint32_t n = 1; n % 256 != 0 || !told(); n++) {
		data[0] = n;
		write_to(0);
		write_to(1);
	}
}
