/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads and writes the disk in slot 5 through its ring. The runner has put "zhyve" at the start
 * of sector 3; the guest writes a pattern to sector 5, flushes, reads it back; the runner looks
 * at the file afterwards. A request beyond the end fails, and one of an unknown type is
 * refused.
 */
#include "virtio.h"

static struct vring ring;
static struct {
	uint32_t type, reserved;
	uint64_t sector;
} header;
static uint8_t data[512];
static volatile uint8_t status;

static uint8_t
request(struct virtio *v, uint32_t type, uint64_t sector, bool with_data, bool to_guest)
{
	header.type = type;
	header.sector = sector;
	status = 0xaa;
	ring.desc[0] =
	    (struct vring_desc){ (uint64_t)&header, sizeof(header), 1, with_data ? 1 : 2 };
	ring.desc[1] =
	    (struct vring_desc){ (uint64_t)data, sizeof(data), 1 | (to_guest ? 2 : 0), 2 };
	ring.desc[2] = (struct vring_desc){ (uint64_t)&status, 1, 2, 0 };
	(void)virtio_do(v, 0);
	return (status);
}

void
guest_main(const struct start_info *info)
{
	struct virtio v;
	uint32_t sectors;

	(void)info;
	virtio_start(&v, 5u << 3, &ring, 1u << 9); /* FLUSH */
	sectors = mmio32(v.device);
	CHECK(sectors == 2048, sectors);
	CHECK(request(&v, 0, 3, true, true) == 0, status);
	CHECK(data[0] == 'z' && data[4] == 'e', data[0]);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	CHECK(request(&v, 1, 5, true, false) == 0, status);
	CHECK(request(&v, 4, 0, false, false) == 0, status);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = 0;
	CHECK(request(&v, 0, 5, true, true) == 0, status);
	CHECK(data[1] == 7 && data[511] == (uint8_t)(511 * 7), data[1]);
	CHECK(request(&v, 0, 2048, true, true) == 1, status);
	CHECK(request(&v, 0x77, 0, true, true) == 2, status);
	put_text("ok\n");
}
