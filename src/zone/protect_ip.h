/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPv4, ARP, IPv6 and what they carry, for protect.c: whose source address it is, and where DHCP,
 * neighbour discovery and blocked ports are found. Part of protect.c, see protect_frame.h.
 */
#ifndef ZHYVE_ZONE_PROTECT_IP_H
#define ZHYVE_ZONE_PROTECT_IP_H

#include "zone/protect_dhcp.h"
#include "zone/protect_nd.h"

/* ---- TCP and UDP ---- */

struct ports {
	uint8_t from[2], to[2];
};

static inline bool
is_dhcp(const struct ports *p, bool v6)
{
	uint16_t a = be16(p->from), b = be16(p->to), low = v6 ? 546 : 67;

	return (a == low || a == low + 1 || b == low || b == low + 1);
}

PROTECT_PART(udp_out)
{
	const struct payload *p = &f->work->p;
	uint32_t learn_flag = p->v6 ? PROTECT_LEARN_DHCP6 : PROTECT_LEARN_DHCP4;
	enum protect_reason r;
	struct ports ports;

	if ((l->flags & (PROTECT_DHCP | learn_flag)) == 0)
		return (PROTECT_PASS);
	if (p->at + 8 > p->end || frame_read(f, p->at, &ports) != 0)
		r = PROTECT_DHCP_FORM;
	else if (!is_dhcp(&ports, p->v6))
		return (PROTECT_PASS);
	else if (p->v6)
		r = dhcp6_out(f, l, p, p->at + 8);
	else
		r = dhcp4_out(f, l, p, p->at + 8);
	f->work->csum_at = p->at + 6;
	return ((l->flags & PROTECT_DHCP) != 0 ? r : PROTECT_PASS);
}

static long
port_step(uint32_t i, void *arg)
{
	const struct search *s = arg;

	return (i < PROTECT_PORTS_MAX && i < s->l->nport && s->a == s->l->port[i]);
}

PROTECT_PART(tcp_out)
{
	const struct payload *p = &f->work->p;
	struct ports ports;

	if (l->nport == 0)
		return (PROTECT_PASS);
	if (p->at + sizeof(ports) > p->end || frame_read(f, p->at, &ports) != 0)
		return (PROTECT_PORT);
	return (listed(l, l->nport, be16(ports.to), 0, port_step) ? PROTECT_PORT : PROTECT_PASS);
}

static inline enum protect_reason
payload_out(struct frame *f, const struct protect_link *l)
{
	const struct payload *p = &f->work->p;

	if (p->proto == IP_UDP)
		return (udp_out(f, l));
	if (p->proto == IP_TCP)
		return (tcp_out(f, l));
	if (p->proto == IP_ICMP6 && p->v6 && (l->flags & PROTECT_IP) != 0)
		return (icmp6_out(f, l));
	return (PROTECT_PASS);
}

/* ---- IPv4, ARP ---- */

/* Read the header: what it carries; 1: nothing to look at, a later fragment; -1: malformed. */
static inline int
ip4_read(struct frame *f, uint32_t at)
{
	struct payload *p = &f->work->p;
	struct ip4 *ip = &f->work->ip4;
	uint32_t hlen, total;

	if (frame_read(f, at, ip) != 0)
		return (-1);
	hlen = (ip->vihl & 15u) * 4;
	total = be16(ip->len);
	if (total == 0 && f->gso)
		total = f->len - at;
	if (ip->vihl >> 4 != 4 || hlen < sizeof(*ip) || at + hlen > f->len || total < hlen)
		return (-1);
	p->at = at + hlen;
	p->end = at + total < f->len ? at + total : f->len;
	p->proto = ip->proto;
	p->fragment = (be16(ip->frag) & 0x2000) != 0;
	p->v6 = false;
	return ((be16(ip->frag) & 0x1fff) != 0 ? 1 : 0);
}

static enum protect_reason
ip4_out(struct frame *f, const struct protect_link *l, uint32_t at)
{
	bool check = (l->flags & PROTECT_IP) != 0;
	const struct ip4 *ip = &f->work->ip4;
	int rc = ip4_read(f, at);

	if (rc < 0)
		return (check ? PROTECT_IPV4_FORM : PROTECT_PASS);
	if (check && !v4_allowed(f, l, ip->src))
		return (PROTECT_IPV4_SOURCE);
	return (rc > 0 ? PROTECT_PASS : payload_out(f, l));
}

static enum protect_reason
arp_out(struct frame *f, const struct protect_link *l, uint32_t at)
{
	struct {
		uint8_t hw[2], proto[2], hlen, plen, op[2];
	} a;
	uint8_t mac[6];
	uint32_t ip;

	if (frame_read(f, at, &a) != 0 || (a.hlen != 0 && a.hlen != 6) || a.plen != 4 ||
	    at + sizeof(a) + 2u * a.hlen + 2u * a.plen > f->len)
		return (PROTECT_ARP_FORM);
	at += sizeof(a);
	if (a.hlen == 6 && (frame_read(f, at, &mac) != 0 || !same_mac(mac, l->mac)))
		return (PROTECT_ARP_MAC);
	if (frame_read(f, at + a.hlen, &ip) != 0)
		return (PROTECT_ARP_FORM);
	return (v4_allowed(f, l, ip) ? PROTECT_PASS : PROTECT_ARP_IP);
}

/* ---- IPv6 ---- */

static inline int
ip6_read(struct frame *f, uint32_t at)
{
	struct payload *p = &f->work->p;
	struct ip6 *ip = &f->work->ip6;
	uint32_t len;

	if (frame_read(f, at, ip) != 0 || ip->vtf[0] >> 4 != 6)
		return (-1);
	at += sizeof(*ip);
	len = be16(ip->len);
	if (len == 0 && f->gso)
		len = f->len - at;
	p->at = at;
	p->end = at + len < f->len ? at + len : f->len;
	p->proto = ip->next;
	p->fragment = p->later = false;
	p->v6 = true;
	return (0);
}

static inline bool
is_ext(uint8_t next)
{
	return (next == EXT_HOPOPTS || next == EXT_ROUTING || next == EXT_FRAGMENT ||
	    next == EXT_AUTH || next == EXT_DSTOPTS);
}

static long
ip6_step(uint32_t i, void *arg)
{
	const struct walker *by = arg;
	struct frame *f = by->f;
	struct protect_work *w = f->work;
	struct payload *p = &w->p;
	uint32_t at = p->at;
	struct {
		uint8_t next, len, offset[2];
	} h;

	if (!is_ext(p->proto))
		return (WALK_ENDS(w, p->later ? 1 : 0));
	if (p->fragment || at + 8 > p->end || frame_read(f, at, &h) != 0)
		return (WALK_ENDS(w, -1));
	if (p->proto == EXT_FRAGMENT) {
		p->fragment = true;
		p->later = (be16(h.offset) & 0xfff8) != 0;
		at += 8;
	} else if (p->proto == EXT_AUTH) {
		at += (h.len + 2u) * 4;
	} else {
		at += (h.len + 1u) * 8;
	}
	p->proto = h.next;
	p->at = at;
	return (at > p->end ? WALK_ENDS(w, -1) : WALK_GOES_ON);
}

/*
 * Go over the headers between IPv6's own and what it carries (RFC 8200, 4). Behind the header of a
 * fragment only what is carried may follow: so its begin, ports and types, lies in the first eight
 * bytes, which no other fragment can overlap. 1: a later fragment; -1: malformed, or too many.
 */
static int
ip6_walk(struct frame *f, const struct protect_link *l)
{
	return (walk(f, l, 0, 0, EXT_MAX + 1, ip6_step));
}

static enum protect_reason
ip6_out(struct frame *f, const struct protect_link *l, uint32_t at)
{
	bool check = (l->flags & PROTECT_IP) != 0;
	const struct ip6 *ip = &f->work->ip6;
	int rc;

	if (ip6_read(f, at) != 0)
		return (check ? PROTECT_IPV6_FORM : PROTECT_PASS);
	if (check && !v6_allowed(f, l, ip->src[0], ip->src[1]))
		return (PROTECT_IPV6_SOURCE);
	rc = ip6_walk(f, l);
	if (rc < 0) /* without ip-nospoof it could still be DHCP, or a blocked port */
		return (check                       ? PROTECT_IPV6_FORM
			: (l->flags & PROTECT_DHCP) ? PROTECT_DHCP_FORM
			: l->nport != 0             ? PROTECT_PORT
						    : PROTECT_PASS);
	return (rc > 0 ? PROTECT_PASS : payload_out(f, l));
}

#endif
