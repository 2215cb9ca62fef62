/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * DHCP, for protect.c: what clients may say, and what is learned from servers' answers. Version 4
 * (RFC 2131, 2132) and 6 (RFC 8415). Part of protect.c, see protect_frame.h.
 */
#ifndef ZHYVE_ZONE_PROTECT_DHCP_H
#define ZHYVE_ZONE_PROTECT_DHCP_H

#include "zone/protect_frame.h"

/* ---- DHCP ---- */

#define BOOTP_LEN 236u /* with sname and file, which are not looked at */

static inline int
dhcp4_option(struct frame *f, const struct protect_link *l, uint32_t at, uint8_t code, uint8_t len)
{
	struct dhcp4 *d = &f->work->d4;
	struct {
		uint8_t type, mac[6];
	} id;
	uint8_t b[4];

	switch (code) {
	case 50:
		return (len != 4 ? -1 : frame_read(f, at, &d->requested));
	case 51:
		if (len != 4 || frame_read(f, at, &b) != 0)
			return (-1);
		d->lease = be32(b);
		return (0);
	case 52:
		d->overload = true;
		return (0);
	case 53:
		return (len != 1 ? -1 : frame_read(f, at, &d->type));
	case 61:
		d->nids++;
		if (len != sizeof(id) || frame_read(f, at, &id) != 0 || id.type != 1 ||
		    !same_mac(id.mac, l->mac))
			d->id_other = true;
		return (0);
	default:
		return (0);
	}
}

static long
dhcp4_step(uint32_t i, void *arg)
{
	const struct walker *by = arg;
	struct frame *f = by->f;
	struct protect_work *w = f->work;
	uint32_t at = w->at;
	uint8_t code, len;

	if (at >= w->end)
		return (WALK_ENDS(w, 0));
	if (frame_read(f, at, &code) != 0)
		return (WALK_ENDS(w, -1));
	if (code == 255)
		return (WALK_ENDS(w, 0));
	w->at = ++at;
	if (code == 0)
		return (WALK_GOES_ON);
	if (at >= w->end || frame_read(f, at, &len) != 0)
		return (WALK_ENDS(w, -1));
	at++;
	if (at + len > w->end || dhcp4_option(f, by->l, at, code, len) != 0)
		return (WALK_ENDS(w, -1));
	w->at = at + len;
	return (WALK_GOES_ON);
}

static int
dhcp4_options(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end)
{
	uint8_t cookie[4];

	f->work->d4 = (struct dhcp4){ 0 };
	if (at + sizeof(cookie) > end || frame_read(f, at, &cookie) != 0 ||
	    be32(cookie) != 0x63825363)
		return (0); /* BOOTP has none */
	return (walk(f, l, at + (uint32_t)sizeof(cookie), end, DHCP4_MAX, dhcp4_step));
}

/* A message of a client's. */
static enum protect_reason
dhcp4_out(struct frame *f, const struct protect_link *l, const struct payload *p, uint32_t at)
{
	const struct dhcp4 *d = &f->work->d4;
	struct bootp *b = &f->work->bootp;

	if (p->fragment || f->gso || at + BOOTP_LEN > p->end || frame_read(f, at, b) != 0)
		return (PROTECT_DHCP_FORM);
	if (b->op != 1)
		return (PROTECT_DHCP_SERVER);
	if (b->hlen != 6 || !same_mac(b->chaddr, l->mac))
		return (PROTECT_DHCP_MAC);
	if (dhcp4_options(f, l, at + BOOTP_LEN, p->end) != 0 || d->overload)
		return (PROTECT_DHCP_FORM);
	if ((d->nids > 1 || d->id_other) && (l->flags & PROTECT_ALL_CIDS) == 0)
		return (PROTECT_DHCP_ID);
	if ((l->flags & PROTECT_LEARN_DHCP4) == 0)
		return (PROTECT_PASS);
	if (d->type == 3) /* REQUEST */
		learn(f, PROTECT_K_ASKED4, b->xid, 0, ASK_TIME);
	else if (d->type == 4 && d->requested != 0) /* DECLINE */
		learn(f, PROTECT_K_V4, d->requested, 0, 0);
	else if (d->type == 7) /* RELEASE */
		learn(f, PROTECT_K_V4, b->ciaddr, 0, 0);
	return (PROTECT_PASS);
}

/* A message of a server's: learn from it. */
static void
dhcp4_in(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end)
{
	const struct dhcp4 *d = &f->work->d4;
	struct bootp *b = &f->work->bootp;

	if (at + BOOTP_LEN > end || frame_read(f, at, b) != 0 || b->op != 2 || b->hlen != 6 ||
	    !same_mac(b->chaddr, l->mac) || !learned(f, PROTECT_K_ASKED4, b->xid, 0) ||
	    dhcp4_options(f, l, at + BOOTP_LEN, end) != 0)
		return;
	if (d->type == 5 && b->yiaddr != 0 && d->lease != 0) /* ACK */
		learn(f, PROTECT_K_V4, b->yiaddr, 0, d->lease);
	if (d->type == 5 || d->type == 6) /* NAK */
		learn(f, PROTECT_K_ASKED4, b->xid, 0, 0);
}

/* ---- DHCPv6 (RFC 8415) ---- */

/* Is it a DUID made of the link's MAC address: DUID-LLT (11.2) or DUID-LL (11.4)? */
static inline bool
duid_is_ours(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t len)
{
	uint8_t type[2], mac[6];

	if (len < sizeof(type) || frame_read(f, at, &type) != 0 ||
	    !((be16(type) == 1 && len == 14) || (be16(type) == 3 && len == 10)))
		return (false);
	return (frame_read(f, at + len - 6, &mac) == 0 && same_mac(mac, l->mac));
}

static inline int
dhcp6_address(struct frame *f, uint32_t at, uint32_t len)
{
	const struct dhcp6 *d = &f->work->d6;
	struct {
		uint64_t addr[2];
		uint8_t preferred[4], valid[4];
	} ia;

	if (len < sizeof(ia) || frame_read(f, at, &ia) != 0)
		return (-1);
	if (d->take)
		learn(f, PROTECT_K_V6, ia.addr[0], ia.addr[1], d->keep ? be32(ia.valid) : 0);
	return (0);
}

/*
 * Options lie in options (IA_NA and IA_TA hold addresses), and one after the other all the same: to
 * go in, only the fixed part is left behind.
 */
static long
dhcp6_step(uint32_t i, void *arg)
{
	const struct walker *by = arg;
	struct frame *f = by->f;
	struct protect_work *w = f->work;
	struct {
		uint8_t code[2], len[2];
	} o;
	uint32_t at = w->at, code, len;

	if (at >= w->end)
		return (WALK_ENDS(w, 0));
	if (at + sizeof(o) > w->end || frame_read(f, at, &o) != 0)
		return (WALK_ENDS(w, -1));
	at += sizeof(o);
	code = be16(o.code);
	len = be16(o.len);
	if (at + len > w->end)
		return (WALK_ENDS(w, -1));
	if (code == 1) {
		w->d6.nids++;
		if (!duid_is_ours(f, by->l, at, len))
			w->d6.id_other = true;
	} else if ((code == 3 && len < 12) || (code == 4 && len < 4) ||
	    (code == 5 && dhcp6_address(f, at, len) != 0)) {
		return (WALK_ENDS(w, -1));
	}
	w->at = at + (code == 3 ? 12 : code == 4 ? 4 : len);
	return (WALK_GOES_ON);
}

static int
dhcp6_options(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end)
{
	return (walk(f, l, at, end, DHCP6_MAX, dhcp6_step));
}

struct dhcp6_head {
	uint8_t type, xid[3];
};

static inline uint64_t
dhcp6_xid(const struct dhcp6_head *h)
{
	return ((uint64_t)h->xid[0] << 16 | (uint64_t)h->xid[1] << 8 | h->xid[2]);
}

static enum protect_reason
dhcp6_out(struct frame *f, const struct protect_link *l, const struct payload *p, uint32_t at)
{
	struct dhcp6 *d = &f->work->d6;
	struct dhcp6_head h;

	*d = (struct dhcp6){ .take = false };
	if (p->fragment || f->gso || at + sizeof(h) > p->end || frame_read(f, at, &h) != 0)
		return (PROTECT_DHCP_FORM);
	if (h.type == 2 || h.type == 7 || h.type == 10 || h.type == 12 || h.type == 13)
		return (PROTECT_DHCP_SERVER);
	/* RELEASE and DECLINE name addresses that are no longer held. */
	d->take = (h.type == 8 || h.type == 9) && (l->flags & PROTECT_LEARN_DHCP6) != 0;
	if (dhcp6_options(f, l, at + (uint32_t)sizeof(h), p->end) != 0)
		return (PROTECT_DHCP_FORM);
	if ((d->nids > 1 || d->id_other) && (l->flags & PROTECT_ALL_CIDS) == 0)
		return (PROTECT_DHCP_ID);
	if ((l->flags & PROTECT_LEARN_DHCP6) != 0 && !d->take)
		learn(f, PROTECT_K_ASKED6, dhcp6_xid(&h), 0, ASK_TIME);
	return (PROTECT_PASS);
}

static void
dhcp6_in(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end)
{
	struct dhcp6_head h;

	f->work->d6 = (struct dhcp6){ .take = true, .keep = true };
	if (at + sizeof(h) > end || frame_read(f, at, &h) != 0 || h.type != 7 ||
	    !learned(f, PROTECT_K_ASKED6, dhcp6_xid(&h), 0))
		return;
	(void)dhcp6_options(f, l, at + (uint32_t)sizeof(h), end);
	learn(f, PROTECT_K_ASKED6, dhcp6_xid(&h), 0, 0);
}

#endif
