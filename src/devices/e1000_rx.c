/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: receiving (chapter 3.2). A frame is read into memory of our own, filtered, and copied
 * into as many of the guest's buffers as it needs; when there are too few it waits there, and so
 * does the link. Checksums are the guest's to look at. Where the guest wants the frame's check
 * sequence there are four zero bytes: the link does not have it. Runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"

#define BATCH    256u /* frames at a time: other devices have their turn */
#define FCS_LEN  4u

#define STA_DD   0x01u
#define STA_EOP  0x02u
#define STA_IXSM 0x04u /* checksums were not looked at */
#define STA_VP   0x08u
#define ERR_RXE  0x80u

static void
reading(struct e1000 *n, bool on)
{
	if (n->reading == on)
		return;
	n->reading = on;
	n->backend->ops->want_read(n->backend, on);
}

void
e1000_rx_reset(struct e1000 *n)
{
	reading(n, false);
	n->rx_len = 0;
	/* Frames are to come complete. */
	(void)n->backend->ops->set_offload(n->backend, 0);
}

/* --- filters (13.5) --- */

static bool
multicast_wanted(struct e1000 *n, const uint8_t *mac)
{
	/* Twelve bits of the address, from one of four places, are the place in a bit map. */
	unsigned which = *e1000_reg(n, E1000_RCTL) >> 12 & 3;
	static const uint8_t shift[4] = { 4, 3, 2, 0 };
	unsigned hash = ((unsigned)mac[5] << 8 | mac[4]) >> shift[which] & 0xfff;

	return ((*e1000_reg(n, E1000_MTA + (hash >> 5) * 4) >> (hash & 31) & 1) != 0);
}

static bool
unicast_wanted(struct e1000 *n, const uint8_t *mac)
{
	for (unsigned i = 0; i < 16; i++) {
		const uint32_t *r = e1000_reg(n, E1000_RAL + 8 * i);

		if ((r[1] & RAH_AV) != 0 && r[0] == le32_get(mac) &&
		    (r[1] & 0xffff) == le16_get(mac + 4))
			return (true);
	}
	return (false);
}

static bool
wanted(struct e1000 *n, const uint8_t *mac)
{
	static const uint8_t broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint32_t rctl = *e1000_reg(n, E1000_RCTL);

	if (memcmp(mac, broadcast, MAC_LEN) == 0)
		return ((rctl & (RCTL_BAM | RCTL_MPE)) != 0);
	if ((mac[0] & 1) != 0)
		return ((rctl & RCTL_MPE) != 0 || multicast_wanted(n, mac));
	return ((rctl & RCTL_UPE) != 0 || unicast_wanted(n, mac));
}

/* The frame has a VLAN tag: filter it, and take it off when the guest wants that. */
static bool
vlan(struct e1000 *n, uint8_t *frame)
{
	uint16_t tag = (uint16_t)(frame[14] << 8 | frame[15]), id = tag & 0xfff;

	if ((*e1000_reg(n, E1000_RCTL) & RCTL_VFE) != 0 &&
	    (*e1000_reg(n, E1000_VFTA + (id >> 5) * 4u) >> (id & 31) & 1) == 0)
		return (false);
	if ((*e1000_reg(n, E1000_CTRL) & CTRL_VME) == 0)
		return (true);
	memmove(frame + TAG_LEN, frame, 2 * MAC_LEN);
	n->rx_off += TAG_LEN;
	n->rx_len -= TAG_LEN;
	n->rx_tagged = true;
	n->rx_tag = tag;
	return (true);
}

static bool
is_tagged(struct e1000 *n, const uint8_t *frame, size_t len)
{
	return (len >= 2 * MAC_LEN + TAG_LEN + 2 &&
	    ((unsigned)frame[12] << 8 | frame[13]) == *e1000_reg(n, E1000_VET));
}

/* --- one frame --- */

/* Make what came from the link a frame for the guest; false when it is not for it. */
static bool
prepare(struct e1000 *n, size_t got)
{
	uint8_t *frame = n->rx_frame + NET_HDR_LEN;
	size_t max = FRAME_STANDARD, len = got - NET_HDR_LEN;
	bool tagged;

	if (got < NET_HDR_LEN + 2 * MAC_LEN + 2 || !wanted(n, frame))
		return (false);
	tagged = is_tagged(n, frame, len);
	max += tagged ? TAG_LEN : 0;
	if (len > max && (*e1000_reg(n, E1000_RCTL) & RCTL_LPE) == 0) {
		(*e1000_reg(n, E1000_ROC))++;
		return (false);
	}
	n->rx_off = NET_HDR_LEN;
	n->rx_len = len;
	n->rx_tagged = false;
	n->rx_tag = 0;
	if (tagged && !vlan(n, frame)) {
		n->rx_len = 0;
		return (false);
	}
	if (n->rx_len < FRAME_MIN) {
		memset(n->rx_frame + n->rx_off + n->rx_len, 0, FRAME_MIN - n->rx_len);
		n->rx_len = FRAME_MIN;
	}
	if ((*e1000_reg(n, E1000_RCTL) & RCTL_SECRC) == 0) {
		memset(n->rx_frame + n->rx_off + n->rx_len, 0, FCS_LEN);
		n->rx_len += FCS_LEN;
	}
	return (true);
}

/* Take a frame from the link. 1 one is in rx_frame, 0 one was dropped, -1 there is none. */
static int
take(struct e1000 *n)
{
	/* Room is kept for padding and check sequence. */
	struct iovec iov = { n->rx_frame, sizeof(n->rx_frame) - FRAME_MIN - FCS_LEN };
	ssize_t got = n->backend->ops->recv(n->backend, &iov, 1);

	if (got == -EMSGSIZE)
		return (0);
	if (got < 0)
		return (-1);
	return (prepare(n, (size_t)got) ? 1 : 0);
}

static uint32_t
buffer_size(uint32_t rctl)
{
	uint32_t size = 2048u >> (rctl >> 16 & 3);

	return ((rctl & RCTL_BSEX) != 0 && size < 2048 ? size * 16 : size);
}

/* Fill one descriptor. False: it cannot be read. */
static bool
fill(struct e1000 *n, struct e1000_ring *r, size_t off, size_t size, bool last)
{
	uint64_t at = r->base + (uint64_t)r->head * DESC_LEN;
	uint8_t d[DESC_LEN];

	if (gmem_read(n->gm, at, d, sizeof(d)) != 0)
		return (false);
	memset(d + 8, 0, 8);
	le16_put(d + 8, (uint16_t)size);
	d[12] = STA_DD | STA_IXSM;
	if (gmem_write(n->gm, le64_get(d), n->rx_frame + n->rx_off + off, size) != 0)
		d[13] = ERR_RXE;
	if (last) {
		d[12] |= STA_EOP | (n->rx_tagged ? STA_VP : 0);
		le16_put(d + 14, n->rx_tag);
	}
	(void)gmem_write(n->gm, at + 8, d + 8, 8);
	e1000_ring_step(n, E1000_RDBAL, r);
	return (true);
}

/* Give the frame to the guest; false when its ring cannot take it now. */
static bool
deliver(struct e1000 *n, struct e1000_ring *r)
{
	uint32_t size = buffer_size(*e1000_reg(n, E1000_RCTL));
	uint32_t need = (uint32_t)((n->rx_len + size - 1) / size);
	uint32_t have = (r->tail + r->size - r->head) % r->size;
	const uint8_t *mac = n->rx_frame + n->rx_off;

	if (need > have && need < r->size)
		return (false);
	if (need >= r->size) { /* it never will */
		(*e1000_reg(n, E1000_MPC))++;
		n->rx_len = 0;
		return (true);
	}
	for (size_t off = 0; off < n->rx_len; off += size) {
		size_t part = MIN(n->rx_len - off, size);

		if (!fill(n, r, off, part, off + part == n->rx_len))
			return (false);
	}
	e1000_count(n, E1000_GPRC, E1000_GORC, n->rx_len);
	if ((mac[0] & 1) != 0)
		(*e1000_reg(n, mac[0] == 0xff ? E1000_BPRC : E1000_MPRC))++;
	n->rx_len = 0;
	return (true);
}

static bool
receiving(const struct e1000 *n)
{
	return ((n->reg[E1000_RCTL / 4] & RCTL_EN) != 0 && pci_bus_master(&n->pci));
}

/* Few descriptors are left: half, a quarter or an eighth of them. */
static bool
scarce(struct e1000 *n, const struct e1000_ring *r)
{
	unsigned shift = (*e1000_reg(n, E1000_RCTL) >> 8 & 3) + 1;

	return ((r->tail + r->size - r->head) % r->size <= r->size >> shift);
}

void
e1000_rx_run(struct e1000 *n)
{
	struct e1000_ring r = e1000_ring_at(n, E1000_RDBAL);
	bool on = receiving(n) && r.size != 0, some = false;

	if (!on)
		n->rx_len = 0;
	for (unsigned i = 0; i < BATCH && on; i++) {
		int got = n->rx_len != 0 ? 1 : r.head == r.tail ? -1 : take(n);

		if (got < 0) {
			on = r.head != r.tail;
			break;
		}
		if (got > 0) {
			on = deliver(n, &r);
			some |= on;
		}
	}
	reading(n, on);
	if (some)
		e1000_interrupt(n, INT_RXT0 | (scarce(n, &r) ? INT_RXDMT0 : 0));
}

void
e1000_rx_readable(void *dev)
{
	e1000_rx_run(dev);
}
