/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the entropy device (slot 5) through its ring: two buffers of 256 bytes are filled, and
 * differ. Its interrupt, a message, has arrived in the local APIC, where it waits.
 */
#include "virtio.h"

#define LAPIC  0xfee00000ull
#define VECTOR 0x51

static struct vring ring;
static uint8_t buf[2][256];

void
guest_main(const struct start_info *info)
{
	struct virtio v;
	unsigned same = 0;

	(void)info;
	mmio32_put(LAPIC + 0xf0, 0x1ff); /* software enable */
	CHECK((mmio32(LAPIC + 0x200 + VECTOR / 32 * 16) >> VECTOR % 32 & 1) == 0, 0);
	virtio_start_msix(&v, 5u << 3, &ring, 0, VECTOR);
	for (unsigned i = 0; i < 2; i++) {
		ring.desc[i] = (struct vring_desc){ (uint64_t)buf[i], sizeof(buf[i]), 2, 0 };
		CHECK(virtio_do(&v, (uint16_t)i) == sizeof(buf[i]), i);
	}
	for (unsigned i = 0; i < sizeof(buf[0]); i++)
		same += buf[0][i] == buf[1][i];
	CHECK(same < 32, same);
	CHECK((mmio32(LAPIC + 0x200 + VECTOR / 32 * 16) >> VECTOR % 32 & 1) == 1, 1); /* IRR */
	put_text("ok\n");
}
