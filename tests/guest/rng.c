/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the entropy device (slot 5) through its ring: two buffers of 256 bytes are filled, and differ. */
#include "virtio.h"

static struct vring ring;
static uint8_t buf[2][256];

void
guest_main(const struct start_info *info)
{
	struct virtio v;
	unsigned same = 0;

	(void)info;
	virtio_start(&v, 5u << 3, &ring, 0);
	for (unsigned i = 0; i < 2; i++) {
		ring.desc[i] = (struct vring_desc){ (uint64_t)buf[i], sizeof(buf[i]), 2, 0 };
		CHECK(virtio_do(&v, (uint16_t)i) == sizeof(buf[i]), i);
	}
	for (unsigned i = 0; i < sizeof(buf[0]); i++)
		same += buf[0][i] == buf[1][i];
	CHECK(same < 32, same);
	put_text("ok\n");
}
