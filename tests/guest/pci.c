/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Enumerates PCI by the ports and by ECAM: both must say the same. A virtio-rnd device in slot
 * 5 must be there; its BAR is sized, moved and moved back, and answers at each place only.
 */
#include "guest.h"

#define ECAM 0xe0000000ull
#define SLOT (5u << 3)

static unsigned
compare(void)
{
	unsigned found = 0;

	for (unsigned bdf = 0; bdf < 256; bdf++) {
		uint32_t id = pci_read(bdf, 0);

		CHECK(mmio32(ECAM + (bdf << 12)) == id, bdf);
		if (id == 0xffffffff)
			continue;
		found++;
		for (unsigned off = 4; off < 256; off += 4)
			CHECK(
			    mmio32(ECAM + (bdf << 12) + off) == pci_read(bdf, off), bdf << 8 | off);
	}
	return (found);
}

/* Offset of the capability of virtio's common configuration within BAR 0. */
static uint32_t
common_config(void)
{
	for (unsigned cap = pci_read(SLOT, 0x34) & 0xff; cap != 0;
	     cap = pci_read(SLOT, cap) >> 8 & 0xff) {
		uint32_t head = pci_read(SLOT, cap);

		if ((head & 0xff) == 9 && head >> 24 == 1)
			return (pci_read(SLOT, cap + 8));
	}
	fail("no common configuration", 0);
}

void
guest_main(const struct start_info *info)
{
	uint32_t bar, common, size;

	(void)info;
	CHECK(compare() == 3, compare());
	CHECK(pci_read(SLOT, 0) == 0x10441af4, pci_read(SLOT, 0));
	pci_write(
	    SLOT, 4, 0); /* decoding off while the BAR is sized and moved into the 32-bit window */
	pci_write(SLOT, 0x10, 0xffffffff);
	size = ~(pci_read(SLOT, 0x10) & ~15u) + 1;
	CHECK(size == 0x8000, size);
	common = common_config();
	bar = 0xd0000000;
	pci_write(SLOT, 0x10, bar);
	pci_write(SLOT, 0x14, 0);
	CHECK(mmio32(bar + common) == 0xffffffff, mmio32(bar + common));
	pci_write(SLOT, 4, 2);
	mmio32_put(bar + common, 1); /* device_feature_select */
	CHECK(mmio32(bar + common) == 1, mmio32(bar + common));
	CHECK((mmio32(bar + common + 4) & 1) == 1, 0); /* VIRTIO_F_VERSION_1 */
	mmio32_put(ECAM + (SLOT << 12) + 0x10, 0xd8000000);
	CHECK(mmio32(bar + common) == 0xffffffff, 1);
	CHECK(mmio32(0xd8000000 + common) == 1, 2);
	put_text("ok\n");
}
