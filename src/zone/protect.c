/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The function that protects a link: see protect.h, and zone-protection(7) for what it drops. The
 * order of the checks is that of the MAC layer of illumos: mac-nospoof, restricted, ip-nospoof,
 * dhcp-nospoof, then blocked ports; the first that fails is the reason.
 *
 * It goes further where the original can be got around: headers of IPv6 between the IP header and
 * what it carries are walked, neighbour discovery and DHCP may not come in fragments, and options
 * that hide or split a client id do not pass.
 *
 * Compiled into a BPF program, and as ordinary C for tests. Whatever it looks at is copied out of
 * the frame by frame_read, whose bounds are checked when it happens. It refuses to follow more than
 * two VLAN tags, EXT_MAX headers, ND_MAX and DHCP*_MAX options: what has more is dropped.
 *
 * Here stand Ethernet and the two functions; the parts, compiled with it as one piece, are
 *
 *	protect_frame.h     reading a frame, walks, whose addresses are whose
 *	protect_ip.h        IPv4, ARP, IPv6, TCP and UDP
 *	protect_nd.h        neighbour discovery
 *	protect_dhcp.h      DHCP of both versions
 *	protect_everyday.h  the short way of frames that need none of it
 */
#include "zone/protect.h"

#include "zone/protect_everyday.h"

/* ---- Ethernet ---- */

/* What the frame carries, behind its VLAN tags. */
struct carried {
	uint32_t at;
	uint32_t ntags;
	uint16_t outer; /* the type of the first tag */
	uint16_t vid;   /* of the first tag */
	uint16_t type;
};

static inline bool
is_tag(uint16_t type)
{
	return (type == TYPE_VLAN || type == TYPE_QINQ);
}

static inline void
skip_tags(struct frame *f, const struct ether *eth, struct carried *c)
{
	struct {
		uint8_t tci[2], type[2];
	} tag;

	*c = (struct carried){ .at = ETH_LEN, .type = be16(eth->type) };
	if (f->tag_proto != 0) {
		c->outer = f->tag_proto;
		c->vid = f->tag & 0xfff;
		c->ntags = 1;
	}
	for (int i = 0; i < TAGS_MAX && c->ntags < TAGS_MAX && is_tag(c->type); i++) {
		if (frame_read(f, c->at, &tag) != 0)
			return; /* nothing can be in it */
		if (c->ntags++ == 0) {
			c->outer = c->type;
			c->vid = be16(tag.tci) & 0xfff;
		}
		c->type = be16(tag.type);
		c->at += sizeof(tag);
	}
}

static inline enum protect_reason
restricted_out(const struct protect_link *l, const struct carried *c)
{
	if (c->ntags != 0 && c->outer == TYPE_VLAN && c->vid != 0 && c->vid != l->vlan)
		return (PROTECT_VLAN);
	if ((c->ntags != 0 && c->outer != TYPE_VLAN) || c->ntags > 1 ||
	    (c->type != TYPE_IPV4 && c->type != TYPE_IPV6 && c->type != TYPE_ARP))
		return (PROTECT_ETHERTYPE);
	return (PROTECT_PASS);
}

PROTECT_FUNCTION enum protect_reason
protect_from_guest(struct frame *f, const struct protect_link *l)
{
	enum protect_reason r;
	struct carried c;
	struct ether eth;

	ENV_WORK(f);
	f->work->judged = f->work->csum_at = 0;
	if (frame_read(f, 0, &eth) != 0)
		return (PROTECT_SHORT);
	if ((l->flags & PROTECT_MAC) != 0 && !same_mac(eth.from, l->mac))
		return (PROTECT_MAC_SOURCE);
	skip_tags(f, &eth, &c);
	if ((l->flags & PROTECT_RESTRICTED) != 0 && (r = restricted_out(l, &c)) != PROTECT_PASS)
		return (r);
	if ((l->flags & (PROTECT_IP | PROTECT_DHCP | PROTECT_LEARN)) == 0 && l->nport == 0)
		return (PROTECT_PASS);
	switch (c.type) {
	case TYPE_IPV4:
		return (ip4_out(f, l, c.at));
	case TYPE_IPV6:
		return (ip6_out(f, l, c.at));
	case TYPE_ARP:
		return ((l->flags & PROTECT_IP) != 0 ? arp_out(f, l, c.at) : PROTECT_PASS);
	case TYPE_VLAN:
	case TYPE_QINQ:
		return (c.ntags == TAGS_MAX ? PROTECT_TAGS : PROTECT_PASS);
	default:
		return (PROTECT_PASS);
	}
}

/* ---- towards the guest ---- */

static inline void
learn_in(struct frame *f, const struct protect_link *l, const struct carried *c)
{
	const struct payload *p = &f->work->p;
	const struct ip6 *ip6 = &f->work->ip6;
	struct ports ports;
	uint8_t type;

	if (c->type == TYPE_IPV4 && (l->flags & PROTECT_LEARN_DHCP4) != 0) {
		if (ip4_read(f, c->at) == 0 && !p->fragment && p->proto == IP_UDP &&
		    frame_read(f, p->at, &ports) == 0 && be16(ports.from) == 67 &&
		    be16(ports.to) == 68)
			dhcp4_in(f, l, p->at + 8, p->end);
		return;
	}
	if (c->type != TYPE_IPV6 || (l->flags & (PROTECT_LEARN_DHCP6 | PROTECT_LEARN_SLAAC)) == 0 ||
	    ip6_read(f, c->at) != 0)
		return;
	if (p->proto == IP_UDP && (l->flags & PROTECT_LEARN_DHCP6) != 0 &&
	    frame_read(f, p->at, &ports) == 0 && be16(ports.from) == 547 && be16(ports.to) == 546)
		dhcp6_in(f, l, p->at + 8, p->end);
	/* A router on this link: RFC 4861, 6.1.2. */
	if (p->proto == IP_ICMP6 && (l->flags & PROTECT_LEARN_SLAAC) != 0 && ip6->hops == 255 &&
	    ip6->src[0] == LINK_LOCAL && frame_read(f, p->at, &type) == 0 && type == 134)
		(void)walk(f, l, p->at + 16, p->end, ND_MAX, advert_step);
}

PROTECT_FUNCTION enum protect_reason
protect_to_guest(struct frame *f, const struct protect_link *l)
{
	struct carried c;
	struct ether eth;

	ENV_WORK(f);
	f->work->judged = f->work->csum_at = 0;
	if (frame_read(f, 0, &eth) != 0)
		return (PROTECT_SHORT);
	skip_tags(f, &eth, &c);
	if ((l->flags & PROTECT_PROMISC) != 0) {
		if ((eth.to[0] & 1) == 0 && !same_mac(eth.to, l->mac))
			return (PROTECT_NOT_OURS);
		if (c.ntags != 0 && c.vid != 0 && c.vid != l->vlan)
			return (PROTECT_OTHER_VLAN);
	}
	if ((l->flags & PROTECT_LEARN) != 0)
		learn_in(f, l, &c);
	return (PROTECT_PASS);
}
