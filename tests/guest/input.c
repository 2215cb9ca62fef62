/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets up the virtio tablet in slot 5, asks for its name, and prints the first group of events: x,
 * y, and the button that went down.
 */
#include "virtio.h"

#define GROUP 4 /* x, y, a button, the end */
#define SPINS 3000000u

struct event {
	uint16_t type, code;
	uint32_t value;
};

static struct vring ring;
static volatile struct event events[GROUP];

void
guest_main(const struct start_info *info)
{
	volatile uint16_t *used = &ring.used.idx;
	struct virtio v;

	(void)info;
	virtio_start(&v, 5u << 3, &ring, 0);
	mmio16_put(v.device, 1); /* the name */
	CHECK(mmio8(v.device + 2) == 19, mmio8(v.device + 2));
	CHECK(mmio8(v.device + 8) == 'z', mmio8(v.device + 8));
	for (uint16_t i = 0; i < GROUP; i++) {
		ring.desc[i] = (struct vring_desc){ (uint64_t)&events[i], sizeof(events[i]), 2, 0 };
		ring.avail.ring[i] = i;
	}
	__asm__ volatile("" : : : "memory");
	*(volatile uint16_t *)&ring.avail.idx = GROUP;
	__asm__ volatile("mfence" : : : "memory");
	mmio16_put(v.notify + (uint64_t)mmio16(v.common + 30) * v.notify_multiplier, 0);
	put_text("ready\n");
	for (unsigned i = 0; *used != GROUP; i++) {
		CHECK(i < SPINS, *used);
		(void)in8(COM1 + 5); /* leaves the guest: waiting is not to be emulated */
	}
	CHECK(events[0].type == 3 && events[1].type == 3 && events[3].type == 0, 0);
	CHECK(events[2].type == 1 && events[2].value == 1, events[2].type);
	put_text("point ");
	put_hex(events[0].value);
	put_char(' ');
	put_hex(events[1].value);
	put_char(' ');
	put_hex(events[2].code);
	put_text("\nok\n");
}
