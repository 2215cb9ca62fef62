/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends the frames of its initrd through the network device in slot 6: two bytes with a length, low
 * first, then as many bytes, a virtio header of 12 and the frame. Says how many it sent, and stays, so
 * that its zone can be asked what became of them; or, with "reset" as its command line, resets the machine
 * and so begins anew, or does so by itself with "again". Says "heard" and frame_name for each frame that reaches it, once.
 * tests/link/guest makes the initrd; tests/link/linux_guest.c does the same in Linux.
 */
#include "../link/heard.h"
#include "virtio.h"

#define F_CSUM 1u /* VIRTIO_NET_F_CSUM: the device fills checksums in */

#define HEADER 12u

static struct vring rx_ring, tx_ring;
static uint8_t buffer[RING_SIZE][2048];
static struct heard heard;

/* One frame of those that have come. */
static void
hear(struct vq *rx)
{
	uint32_t len, name;
	unsigned id;

	if (!vq_take(rx, &id, &len))
		return;
	CHECK(id < RING_SIZE && len > HEADER && len <= sizeof(buffer[0]), len);
	name = frame_name(buffer[id] + HEADER, len - HEADER);
	if (heard_first(&heard, name)) {
		put_text("heard 0x");
		put_hex(name);
		put_text("\n");
	}
	vq_offer(rx, id, buffer[id], sizeof(buffer[0]), true);
}

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;
	const uint64_t *module = (const uint64_t *)info->modlist;
	const uint8_t *at, *end;
	struct vq rx, tx;
	struct virtio v;
	unsigned sent;

	CHECK(info->nr_modules == 1, info->nr_modules);
	end = (const uint8_t *)module[0] + module[1];
	virtio_begin(&v, 6u << 3, F_CSUM);
	virtio_queue(&v, &rx, 0, &rx_ring);
	virtio_queue(&v, &tx, 1, &tx_ring);
	virtio_go(&v);
	for (unsigned i = 0; i < RING_SIZE; i++)
		vq_offer(&rx, i, buffer[i], sizeof(buffer[0]), true);
	do {
		at = (const uint8_t *)module[0];
		sent = 0;
		while (end - at > 2) {
			uint32_t len = at[0] | (uint32_t)at[1] << 8;

			at += 2;
			CHECK(len > HEADER && len <= (uint64_t)(end - at), len);
			vq_offer(&tx, 0, (void *)(uint64_t)at, len, false);
			(void)vq_wait(&tx, NULL);
			hear(&rx);
			at += len;
			sent++;
		}
		put_text("sent 0x");
		put_hex(sent);
		put_text("\n");
	} while (cmdline[0] == 'a');
	if (cmdline[0] == 'r' && cmdline[1] == 'e')
		out8(0xcf9, 6);
	for (;;) {
		(void)in8(COM1 + 5);
		hear(&rx);
	}
}
