/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Neighbour discovery (RFC 4861), for protect.c: what a guest may tell about addresses, and the
 * prefixes that a router tells of. Part of protect.c, see protect_frame.h.
 */
#ifndef ZHYVE_ZONE_PROTECT_ND_H
#define ZHYVE_ZONE_PROTECT_ND_H

#include "zone/protect_frame.h"

static long
nd_step(uint32_t i, void *arg)
{
	const struct walker *by = arg;
	struct frame *f = by->f;
	struct protect_work *w = f->work;
	uint32_t at = w->at;
	struct {
		uint8_t type, len;
	} o;
	uint8_t mac[6];

	if (at >= w->end)
		return (WALK_ENDS(w, PROTECT_PASS));
	if (at + sizeof(o) > w->end || frame_read(f, at, &o) != 0 || o.len == 0 ||
	    at + 8u * o.len > w->end)
		return (WALK_ENDS(w, PROTECT_ND_FORM));
	if (o.type == w->lladdr &&
	    (o.len != 1 || frame_read(f, at + 2, &mac) != 0 || !same_mac(mac, by->l->mac)))
		return (WALK_ENDS(w, PROTECT_ND_MAC));
	w->at = at + 8u * o.len;
	return (WALK_GOES_ON);
}

/* The link-layer option of that type, when present, must tell the link's MAC address. */
static enum protect_reason
nd_options(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end, uint8_t lladdr)
{
	int rc;

	if (at > end)
		return (PROTECT_ND_FORM);
	f->work->lladdr = lladdr;
	rc = walk(f, l, at, end, ND_MAX, nd_step);
	return (rc < 0 ? PROTECT_ND_FORM : (enum protect_reason)rc);
}

PROTECT_PART(icmp6_out)
{
	const struct payload *p = &f->work->p;
	uint64_t target[2];
	uint8_t type;

	if (p->at >= p->end || frame_read(f, p->at, &type) != 0)
		return (PROTECT_ND_FORM);
	if (type < 133 || type > 137)
		return (PROTECT_PASS);
	if (p->fragment || f->gso)
		return (PROTECT_ND_FORM);
	switch (type) {
	case 133: /* Router Solicitation */
		return (nd_options(f, l, p->at + 8, p->end, 1));
	case 134: /* Router Advertisement */
		return (nd_options(f, l, p->at + 16, p->end, 1));
	case 135: /* Neighbour Solicitation */
		return (nd_options(f, l, p->at + 24, p->end, 1));
	case 136: /* Neighbour Advertisement */
		if (p->at + 24 > p->end || frame_read(f, p->at + 8, &target) != 0)
			return (PROTECT_ND_FORM);
		if (!v6_allowed(f, l, target[0], target[1]))
			return (PROTECT_ND_TARGET);
		return (nd_options(f, l, p->at + 24, p->end, 2));
	default: /* Redirect */
		return (p->at + 40 > p->end ? PROTECT_ND_FORM : PROTECT_PASS);
	}
}

/* Prefixes that a router lets hosts make addresses of (RFC 4862, 5.5.3). */
static long
advert_step(uint32_t i, void *arg)
{
	const struct walker *by = arg;
	struct frame *f = by->f;
	struct protect_work *w = f->work;
	uint32_t at = w->at;
	struct {
		uint8_t type, len, bits, flags;
		uint8_t valid[4], preferred[4], reserved[4];
		uint64_t prefix[2];
	} o;
	struct {
		uint8_t type, len;
	} head;

	if (at + sizeof(head) > w->end || frame_read(f, at, &head) != 0 || head.len == 0 ||
	    at + 8u * head.len > w->end)
		return (WALK_ENDS(w, 0));
	if (head.type == 3 && head.len == 4 && frame_read(f, at, &o) == 0 && o.bits == 64 &&
	    (o.flags & 0x40) != 0 && o.prefix[0] != LINK_LOCAL)
		learn(f, PROTECT_K_PREFIX, o.prefix[0], 0, be32(o.valid));
	w->at = at + 8u * head.len;
	return (WALK_GOES_ON);
}

#endif
