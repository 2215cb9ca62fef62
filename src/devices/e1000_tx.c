/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: sending (chapter 3.3-3.6). Descriptors are copied, then looked at; a packet is copied
 * whole into tx.frame, finished there, and given to the link. One that the link has no room for
 * waits there, and the ring with it. A packet that is longer than can be, that lies outside RAM or
 * whose segmentation makes no sense is lost. Runs in zhyve.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"

#define BATCH 256u /* packets at a time: other devices have their turn */
#define ROOM  (sizeof(((struct e1000_tx *)0)->frame))

/* Command bits: byte 11 of a descriptor. */
#define CMD_EOP   0x01u
#define CMD_IC    0x04u /* legacy: put a checksum in */
#define CMD_TSE   0x04u /* extended: segment */
#define CMD_RS    0x08u
#define CMD_DEXT  0x20u
#define CMD_VLE   0x40u
#define DTYP_DATA 1u
#define POPTS_IP  0x01u
#define POPTS_L4  0x02u
#define STA_DD    0x01

static void
forget(struct e1000_tx *t)
{
	t->len = t->next = 0;
	t->begun = t->too_long = t->held = false;
}

void
e1000_tx_reset(struct e1000 *n)
{
	if (n->tx.held)
		n->backend->ops->want_write(n->backend, false);
	forget(&n->tx);
	memset(n->tx.ctx, 0, sizeof(n->tx.ctx));
}

/* --- to the link --- */

/* Send a frame in two parts, its tag in its place. False: the link has no room. */
static bool
send_frame(struct e1000 *n, uint8_t *head, size_t head_len, uint8_t *rest, size_t rest_len)
{
	static const uint8_t no_offload[NET_HDR_LEN];
	uint16_t vet = (uint16_t)*e1000_reg(n, E1000_VET), tag = n->tx.tag;
	uint8_t tagged[TAG_LEN] = { (uint8_t)(vet >> 8), (uint8_t)vet, (uint8_t)(tag >> 8),
		(uint8_t)tag };
	struct iovec iov[5] = { { (uint8_t *)(uintptr_t)no_offload, NET_HDR_LEN },
		{ head, head_len } };
	unsigned niov = 2;

	if (n->tx.tagged) {
		iov[1].iov_len = 2 * MAC_LEN;
		iov[niov++] = (struct iovec){ tagged, sizeof(tagged) };
		iov[niov++] = (struct iovec){ head + 2 * MAC_LEN, head_len - 2 * MAC_LEN };
	}
	if (rest_len != 0)
		iov[niov++] = (struct iovec){ rest, rest_len };
	if (n->backend->ops->send(n->backend, iov, niov) == -EAGAIN)
		return (false);
	e1000_count(n, E1000_GPTC, E1000_GOTC, head_len + rest_len + (n->tx.tagged ? TAG_LEN : 0));
	return (true);
}

static bool
send_segments(struct e1000 *n)
{
	struct e1000_tx *t = &n->tx;
	const struct e1000_context *c = &t->ctx[1];
	size_t payload = t->len - c->hdrlen, size;

	while (t->next < payload) {
		size = MIN(payload - t->next, c->mss);
		memcpy(t->header, t->frame, c->hdrlen);
		e1000_segment_header(c, t->header, t->frame + c->hdrlen + t->next, t->next, size,
		    t->next + size == payload);
		if (!send_frame(n, t->header, c->hdrlen, t->frame + c->hdrlen + t->next, size))
			return (false);
		t->next += size;
	}
	return (true);
}

/* Send the packet in frame; false when it, or what is left of it, has to wait. */
static bool
flush(struct e1000 *n)
{
	struct e1000_tx *t = &n->tx;
	bool was_held = t->held;

	t->held = !(t->segment ? send_segments(n) : send_frame(n, t->frame, t->len, NULL, 0));
	if (t->held != was_held)
		n->backend->ops->want_write(n->backend, t->held);
	if (!t->held)
		forget(t);
	return (!t->held);
}

/* --- gathering --- */

static void
append(struct e1000 *n, uint64_t addr, uint32_t len)
{
	struct e1000_tx *t = &n->tx;

	if (len == 0 || t->too_long)
		return;
	/* Room is left for padding. */
	if (len > ROOM - FRAME_MIN - t->len ||
	    gmem_read(n->gm, addr, t->frame + t->len, len) != 0) {
		t->too_long = true;
		return;
	}
	t->len += len;
}

static void
set_context(struct e1000 *n, const uint8_t *d)
{
	struct e1000_context *c = &n->tx.ctx[(d[11] & CMD_TSE) != 0];

	/* One in the middle of a packet would change what the packet has been told. */
	if (n->tx.begun)
		return;
	*c = (struct e1000_context){
		.ipcss = d[0],
		.ipcso = d[1],
		.ipcse = le16_get(d + 2),
		.tucss = d[4],
		.tucso = d[5],
		.tucse = le16_get(d + 6),
		.cmd = d[11],
		.hdrlen = d[13],
		.mss = le16_get(d + 14),
	};
}

/* A whole packet is in frame, described last by `d`: finish and send it. False: it waits. */
static bool
finish(struct e1000 *n, const uint8_t *d)
{
	struct e1000_tx *t = &n->tx;
	const struct e1000_context *c = &t->ctx[t->segment];

	t->next = 0;
	t->tagged = (d[11] & CMD_VLE) != 0 && (*e1000_reg(n, E1000_CTRL) & CTRL_VME) != 0;
	t->tag = le16_get(d + 14);
	if (t->too_long || t->len < 2 * MAC_LEN + 2 ||
	    (t->segment && !e1000_segment_ok(c, t->len))) {
		forget(t);
		return (true);
	}
	if (t->segment)
		return (flush(n));
	if (!t->extended && (d[11] & CMD_IC) != 0)
		e1000_checksum(t->frame, t->len, d[13], d[10], 0);
	if (t->extended && (t->popts & POPTS_IP) != 0)
		e1000_checksum(t->frame, t->len, c->ipcss, c->ipcso, c->ipcse);
	if (t->extended && (t->popts & POPTS_L4) != 0)
		e1000_checksum(t->frame, t->len, c->tucss, c->tucso, c->tucse);
	if (t->len < FRAME_MIN && (*e1000_reg(n, E1000_TCTL) & TCTL_PSP) != 0) {
		memset(t->frame + t->len, 0, FRAME_MIN - t->len);
		t->len = FRAME_MIN;
	}
	return (flush(n));
}

/* Take one descriptor. False: its packet waits for the link. */
static bool
descriptor(struct e1000 *n, const uint8_t *d)
{
	struct e1000_tx *t = &n->tx;
	uint32_t word = le32_get(d + 8);
	bool extended = (d[11] & CMD_DEXT) != 0;

	if (extended && (word >> 20 & 15) != DTYP_DATA) {
		set_context(n, d);
		return (true);
	}
	if (!t->begun) {
		t->begun = true;
		t->extended = extended;
		t->segment = extended && (d[11] & CMD_TSE) != 0;
		t->popts = extended ? d[13] : 0;
	}
	append(n, le64_get(d), word & (extended ? 0xfffff : 0xffff));
	return ((d[11] & CMD_EOP) == 0 || finish(n, d));
}

static bool
sending(const struct e1000 *n)
{
	return ((n->reg[E1000_TCTL / 4] & TCTL_EN) != 0 && pci_bus_master(&n->pci) && !n->tx.held);
}

void
e1000_tx_run(struct e1000 *n)
{
	struct e1000_ring r = e1000_ring_at(n, E1000_TDBAL);
	uint32_t causes = 0;
	unsigned packets = 0;
	uint8_t d[DESC_LEN], dd = STA_DD;

	/* The tail stands still meanwhile: registers are written under our lock. */
	while (sending(n) && r.head != r.tail) {
		uint64_t at = r.base + (uint64_t)r.head * DESC_LEN;

		if (packets == BATCH && n->kick != NULL) {
			n->kick(n->kick_ctx);
			break;
		}
		if (gmem_read(n->gm, at, d, sizeof(d)) != 0)
			break;
		e1000_ring_step(n, E1000_TDBAL, &r);
		(void)descriptor(n, d);
		packets += (d[11] & CMD_EOP) != 0;
		if ((d[11] & CMD_RS) != 0) {
			(void)gmem_write(n->gm, at + 12, &dd, sizeof(dd));
			causes |= INT_TXDW;
		}
		causes |= r.head == r.tail ? INT_TXQE : 0;
	}
	if (causes != 0)
		e1000_interrupt(n, causes);
}

void
e1000_tx_writable(void *dev)
{
	struct e1000 *n = dev;

	if (!n->tx.held)
		n->backend->ops->want_write(n->backend, false);
	else if (flush(n))
		e1000_tx_run(n);
}
