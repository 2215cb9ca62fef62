/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The frame of everyday, for protect.c: IP without tags, options, fragments or anything else that
 * has to be walked over, of an address that is the link's. Nearly all frames are such, and their
 * first bytes are enough to see it. What stands here says only "it may pass" or "look closer". When
 * it says the former, so would the function that looks closer, and would learn nothing from the
 * frame: unit tests, tests/link and the fuzzer hold the two against each other. Part of protect.c,
 * see protect_frame.h.
 *
 * The frame is read through env_head, which calls nothing: calls are most of what a filter costs.
 */
#ifndef ZHYVE_ZONE_PROTECT_EVERYDAY_H
#define ZHYVE_ZONE_PROTECT_EVERYDAY_H

#include <stddef.h>

#include "zone/protect_ip.h"

/* Where the members of the headers are, in a frame without tags. */
#define AT_ETHER(member) offsetof(struct ether, member)
#define AT_IP4(member)   (ETH_LEN + offsetof(struct ip4, member))
#define AT_IP6(member)   (ETH_LEN + offsetof(struct ip6, member))
#define AT_PORTS4        (ETH_LEN + (uint32_t)sizeof(struct ip4))
#define AT_PORTS6        (ETH_LEN + (uint32_t)sizeof(struct ip6))
#define HEAD4            (AT_PORTS4 + (uint32_t)sizeof(struct ports))
#define HEAD6            (AT_PORTS6 + (uint32_t)sizeof(struct ports))
#define UDP_LEN          8u

#define NET16(v)         __builtin_bswap16(v)

static EVERYDAY_INLINE bool
is_link_mac(const uint8_t *mac, const struct protect_link *l)
{
	return (env_u16(mac) == env_u16(l->mac) && env_u32(mac + 2) == env_u32(l->mac + 2));
}

/* No blocked port, no DHCP, no header or message that has to be looked into. */
static EVERYDAY_INLINE bool
everyday_carried(const struct protect_link *l, const uint8_t *at, uint8_t proto, bool v6)
{
	const struct ports *ports = (const struct ports *)at;

	if (proto == IP_UDP)
		return (!is_dhcp(ports, v6));
	return (proto == IP_TCP ? l->nport == 0 : !v6);
}

static EVERYDAY_INLINE bool
everyday_ip4(const struct frame *f, const struct protect_link *l, const uint8_t *head)
{
	return (head[AT_IP4(vihl)] == 0x45 && (env_u16(head + AT_IP4(frag)) & NET16(0x3fff)) == 0 &&
	    be16(head + AT_IP4(len)) >= sizeof(struct ip4) + UDP_LEN &&
	    f->len >= AT_PORTS4 + UDP_LEN &&
	    everyday_carried(l, head + AT_PORTS4, head[AT_IP4(proto)], false) &&
	    v4_allowed(f, l, env_u32(head + AT_IP4(src))));
}

static EVERYDAY_INLINE bool
everyday_ip6(const struct frame *f, const struct protect_link *l, const uint8_t *head)
{
	return (head[AT_IP6(vtf)] >> 4 == 6 && be16(head + AT_IP6(len)) >= UDP_LEN &&
	    f->len >= AT_PORTS6 + UDP_LEN &&
	    everyday_carried(l, head + AT_PORTS6, head[AT_IP6(next)], true) &&
	    v6_allowed(
		f, l, env_u64(head + AT_IP6(src)), env_u64(head + AT_IP6(src) + sizeof(uint64_t))));
}

PROTECT_FUNCTION uint32_t
protect_everyday_from_guest(const struct frame *f, const struct protect_link *l)
{
	const uint8_t *head = env_head(f, HEAD4);
	uint16_t type;

	if (head == NULL || f->tag_proto != 0 || !is_link_mac(head + AT_ETHER(from), l))
		return (0);
	type = env_u16(head + AT_ETHER(type));
	if (type == NET16(TYPE_IPV4))
		return (everyday_ip4(f, l, head) ? HEAD4 : 0);
	if (type == NET16(TYPE_IPV6) && (head = env_head(f, HEAD6)) != NULL)
		return (everyday_ip6(f, l, head) ? HEAD6 : 0);
	return (0);
}

/* Can nothing be learned from it? */
static EVERYDAY_INLINE bool
everyday_answer(const uint8_t *head, uint16_t type, const uint8_t *head6)
{
	if (type == NET16(TYPE_IPV4))
		return (head[AT_IP4(proto)] != IP_UDP ||
		    (head[AT_IP4(vihl)] == 0x45 && env_u16(head + AT_PORTS4) != NET16(67)));
	if (type == NET16(TYPE_IPV6) && head6 != NULL)
		return (head6[AT_IP6(next)] == IP_TCP ||
		    (head6[AT_IP6(next)] == IP_UDP && env_u16(head6 + AT_PORTS6) != NET16(547)));
	return (false);
}

PROTECT_FUNCTION bool
protect_everyday_to_guest(const struct frame *f, const struct protect_link *l)
{
	const uint8_t *head = env_head(f, HEAD4);
	uint16_t type;

	if (head == NULL || f->tag_proto != 0 ||
	    ((head[AT_ETHER(to)] & 1) == 0 && !is_link_mac(head + AT_ETHER(to), l)))
		return (false);
	type = env_u16(head + AT_ETHER(type));
	if ((l->flags & PROTECT_LEARN) != 0)
		return (everyday_answer(head, type, env_head(f, HEAD6)));
	return (type != NET16(TYPE_VLAN) && type != NET16(TYPE_QINQ));
}

#endif
