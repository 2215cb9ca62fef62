/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio nic in slot 6 and an e1000 in slot 5, whose links come and go: says what they have at the
 * start and at each interrupt that tells of a change, the e1000's by its registers and its PHY's. Ends
 * after four changes. Frames are looked at by others (tests/host/scenarios/net-process.sh).
 */
#include "virtio.h"

#define VIRTIO   (6u << 3)
#define E1000    (5u << 3)
#define BAR      0xd1000000u
#define F_STATUS (1u << 16)
#define CHANGES  4

static struct vring rx_ring, tx_ring;
static struct virtio v;
static uint64_t isr;

static void
say(const char *who, bool up)
{
	put_text(who);
	put_text(up ? " up\n" : " down\n");
}

static bool
virtio_up(void)
{
	return ((mmio8(v.device + 6) & 1) != 0);
}

static bool
e1000_up(void)
{
	bool up = (mmio32(BAR + 8) & 2) != 0;

	mmio32_put(BAR + 0x20, 2u << 26 | 1u << 21 | 1u << 16); /* MDIC: the PHY's status */
	CHECK(((mmio32(BAR + 0x20) & 4) != 0) == up, mmio32(BAR + 0x20));
	return (up);
}

void
guest_main(const struct start_info *info)
{
	struct vq rx, tx;

	(void)info;
	virtio_begin(&v, VIRTIO, F_STATUS);
	isr = virtio_window(VIRTIO, 0xd0000000, 3, NULL);
	virtio_queue(&v, &rx, 0, &rx_ring);
	virtio_queue(&v, &tx, 1, &tx_ring);
	pci_write(E1000, 4, 0);
	pci_write(E1000, 0x10, BAR);
	pci_write(E1000, 4, 6);
	mmio32_put(BAR, 1u << 26); /* a reset does not bring a link back */
	say("virtio", virtio_up());
	say("e1000", e1000_up());
	virtio_go(&v);
	(void)mmio32(BAR + 0xc0);
	put_text("ready\n");
	for (unsigned n = 0; n < CHANGES;) {
		if ((mmio8(isr) & 2) != 0) {
			say("virtio", virtio_up());
			n++;
		}
		if ((mmio32(BAR + 0xc0) & 4) != 0) {
			say("e1000", e1000_up());
			n++;
		}
	}
	put_text("ok\n");
}
