/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks that grow while the guest runs: virtio-blk in slot 5, an NVMe namespace in slot 6, both on
 * one file of 1 MiB. Says "ready" and waits until the first shows another capacity and the second
 * has sent an event; then both have 2 MiB, of which the last block can be read.
 */
#include "nvme.h"
#include "virtio.h"

#define NVME_BDF (6u << 3)

static struct vring ring;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header;
static uint8_t data[512];
static volatile uint8_t status;
static uint8_t page[4096] __attribute__((aligned(4096)));

static uint8_t
read_sector(struct virtio *v, uint64_t sector)
{
	header.sector = sector;
	status = 0xaa;
	ring.desc[0] = (struct vring_desc){ (uint64_t)&header, sizeof(header), 1, 1 };
	ring.desc[1] = (struct vring_desc){ (uint64_t)data, sizeof(data), 3, 2 };
	ring.desc[2] = (struct vring_desc){ (uint64_t)&status, 1, 2, 0 };
	(void)virtio_do(v, 0);
	return (status);
}

static uint64_t
namespace_size(void)
{
	CHECK(nvme_admin(0x06, 1, page, 0, 0) == 0, 0);
	return (*(uint64_t *)page);
}

void
guest_main(const struct start_info *info)
{
	struct nvme_completion event;
	uint8_t generation;
	struct virtio v;
	uint16_t cid;

	(void)info;
	virtio_start(&v, 5u << 3, &ring, 0);
	nvme_find(NVME_BDF);
	nvme_start(0);
	CHECK(mmio32(v.device) == 2048, mmio32(v.device));
	CHECK(namespace_size() == 2048, namespace_size());
	CHECK(read_sector(&v, 4095) == 1, status);
	CHECK(nvme_admin(0x09, 0, NULL, 0x0b, 0x100) == 0, 0); /* namespace events, please */
	cid = nvme_put(&nvme_queue[0], (struct nvme_command){ .opcode = 0x0c });
	generation = mmio8(v.common + 21);
	put_text("ready\n");
	while (mmio32(v.device) == 2048 || !nvme_done(&nvme_queue[0]))
		;
	CHECK(mmio32(v.device) == 4096, mmio32(v.device));
	CHECK(mmio8(v.common + 21) != generation, generation);
	CHECK(read_sector(&v, 4095) == 0, status);
	event = nvme_take(&nvme_queue[0]);
	CHECK(event.cid == cid && event.result == 0x00040002, event.result);
	CHECK(namespace_size() == 4096, namespace_size());
	CHECK(nvme_io(2, (uint64_t)page, 0, 4095, 1) == 0, 0);
	put_text("ok\n");
}
