/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of protect.c share: reading a frame, walks over what has many parts, and whose
 * addresses are whose. Like all of protect.c it is compiled for BPF and as ordinary C, as one piece;
 * included by protect.c and its parts only.
 */
#ifndef ZHYVE_ZONE_PROTECT_FRAME_H
#define ZHYVE_ZONE_PROTECT_FRAME_H

#include "zone/protect.h"

#include "zone/protect_env.h"

#define TYPE_IPV4    0x0800
#define TYPE_ARP     0x0806
#define TYPE_VLAN    0x8100
#define TYPE_IPV6    0x86dd
#define TYPE_QINQ    0x88a8
#define ETH_LEN      14u
#define TAGS_MAX     2
#define EXT_MAX      8
#define ND_MAX       32
#define DHCP4_MAX    96
#define DHCP6_MAX    48
#define ASK_TIME     60u /* seconds a request waits for its answer */
#define TIME_NEVER   0xffffffffu

#define IP_ICMP6     58
#define IP_TCP       6
#define IP_UDP       17

#define EXT_HOPOPTS  0
#define EXT_ROUTING  43
#define EXT_FRAGMENT 44
#define EXT_AUTH     51
#define EXT_DSTOPTS  60

#define LINK_LOCAL   __builtin_bswap64(0xfe80000000000000ull)

/* ---- headers ---- */

struct ether {
	uint8_t to[6], from[6], type[2];
};

struct ip4 {
	uint8_t vihl, tos, len[2], id[2], frag[2], ttl, proto, sum[2];
	uint32_t src, dst;
};

struct ip6 {
	uint8_t vtf[4], len[2], next, hops;
	uint64_t src[2], dst[2];
};

struct bootp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint8_t secs[2], flags[2];
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16];
};

/* What an IP packet carries: where it begins and ends, and how it travels. */
struct payload {
	uint32_t at, end;
	uint8_t proto;
	bool fragment; /* part of a packet, or says that it could be */
	bool later;    /* and not its begin (IPv6) */
	bool v6;
};

/* What the options say (RFC 2132). */
struct dhcp4 {
	uint8_t type;
	uint8_t nids;  /* client ids */
	bool id_other; /* one of them is not type 1 with the link's MAC address */
	bool overload; /* sname and file have options too: they could hide a client id */
	uint32_t requested;
	uint32_t lease;
};

/* What those of DHCPv6 say, and what is to be done with their addresses. */
struct dhcp6 {
	uint8_t nids;
	bool id_other;
	bool keep; /* learn the addresses; otherwise forget them */
	bool take; /* do either */
};

/*
 * What is found out about the frame at hand. It does not lie on the stack, because the kernel's
 * verifier follows every value there: the ways through the function would be too many for it.
 */
struct protect_work {
	union { /* nor does its stack, of 512 bytes for all that call each other, hold much */
		struct ip4 ip4;
		struct ip6 ip6;
		struct bootp bootp;
	};
	struct payload p;
	struct dhcp4 d4;
	struct dhcp6 d6;
	/*
	 * The verdict does not depend on bytes at `judged` and behind it. csum_at: where a DHCP
	 * message has its checksum; 0 for other frames.
	 */
	uint32_t judged, csum_at;
	/* A walk over options or headers: where it is, where it ends, how it ended. */
	uint32_t at, end;
	int32_t rc;
	uint8_t lladdr;
};

/* What a step of a walk is given. */
struct walker {
	struct frame *f;
	const struct protect_link *l;
};
#define WALK_GOES_ON         0
#define WALK_ENDS(w, status) ((w)->rc = (status), 1)

/* At most `max` steps; a walk that has not ended by then ends with -1. */
static inline int
walk(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end, uint32_t max,
    long (*step)(uint32_t i, void *arg))
{
	struct walker w = { f, l };

	f->work->at = at;
	f->work->end = end;
	f->work->rc = -1;
	(void)env_loop(max, step, &w);
	return (f->work->rc);
}

/*
 * Copy bytes out of the frame: 0, or not 0 when they are not all there. A frame is read forwards
 * only, so the verdict depends on nothing behind the last that was read.
 */
#define frame_read(f, off, to)                                \
	((f)->work->judged = (off) + (uint32_t)sizeof(*(to)), \
	    env_read((f), (off), (to), (uint32_t)sizeof(*(to))))

static inline uint16_t
be16(const uint8_t b[2])
{
	return ((uint16_t)(b[0] << 8 | b[1]));
}

static inline uint32_t
be32(const uint8_t b[4])
{
	return ((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

static inline bool
same_mac(const uint8_t a[6], const uint8_t b[6])
{
	return (((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]) | (a[4] ^ b[4]) |
		    (a[5] ^ b[5])) == 0);
}

/* ---- whose addresses ---- */

static inline bool
learned(const struct frame *f, uint64_t kind, uint64_t a, uint64_t b)
{
	struct protect_key key = { .kind = kind, .addr = { a, b } };

	return (env_until(f, &key) > env_now(f));
}

static inline void
learn(const struct frame *f, uint64_t kind, uint64_t a, uint64_t b, uint32_t seconds)
{
	struct protect_key key = { .kind = kind, .addr = { a, b } };

	if (seconds == 0)
		env_forget(f, &key);
	else
		env_learn(f, &key, seconds == TIME_NEVER ? ~0ull : env_now(f) + seconds);
}

/*
 * Is it on one of the link's lists? A step says 1 to one that is; one step more than the list is long
 * is never needed then. (The verifier goes over a step once, but over a loop as often as it may run.)
 */
struct search {
	const struct protect_link *l;
	uint64_t a, b;
};

static inline bool
listed(const struct protect_link *l, uint32_t n, uint64_t a, uint64_t b,
    long (*step)(uint32_t i, void *arg))
{
	struct search s = { l, a, b };

	return (env_loop(n + 1, step, &s) <= (long)n);
}

static long
v4_step(uint32_t i, void *arg)
{
	const struct search *s = arg;
	const struct protect_link *l = s->l;

	return (i < PROTECT_ADDRS_MAX && i < l->nv4 && (s->a & l->v4[i].mask) == l->v4[i].addr);
}

static inline bool
v4_listed(const struct protect_link *l, uint32_t addr)
{
	return (listed(l, l->nv4, addr, 0, v4_step));
}

static long
v6_step(uint32_t i, void *arg)
{
	const struct search *s = arg;
	const struct protect_link *l = s->l;

	return (i < PROTECT_ADDRS_MAX && i < l->nv6 &&
	    (s->a & l->v6[i].mask[0]) == l->v6[i].addr[0] &&
	    (s->b & l->v6[i].mask[1]) == l->v6[i].addr[1]);
}

static inline bool
v6_listed(const struct protect_link *l, uint64_t a, uint64_t b)
{
	return (listed(l, l->nv6, a, b, v6_step));
}

/* The first on the list is asked about before there is a call: nearly always it is the one. */
static inline bool
v4_allowed(const struct frame *f, const struct protect_link *l, uint32_t addr)
{
	if (addr == 0 || (l->nv4 != 0 && (addr & l->v4[0].mask) == l->v4[0].addr) ||
	    env_v4_listed(l, addr))
		return (true);
	return ((l->flags & PROTECT_LEARN_DHCP4) != 0 && learned(f, PROTECT_K_V4, addr, 0));
}

static inline bool
v6_allowed(const struct frame *f, const struct protect_link *l, uint64_t a, uint64_t b)
{
	if ((a == 0 && b == 0) || (a == LINK_LOCAL && b == l->eui64) ||
	    (l->nv6 != 0 && (a & l->v6[0].mask[0]) == l->v6[0].addr[0] &&
		(b & l->v6[0].mask[1]) == l->v6[0].addr[1]) ||
	    env_v6_listed(l, a, b))
		return (true);
	if ((l->flags & PROTECT_LEARN_DHCP6) != 0 && learned(f, PROTECT_K_V6, a, b))
		return (true);
	return ((l->flags & PROTECT_LEARN_SLAAC) != 0 && b == l->eui64 &&
	    learned(f, PROTECT_K_PREFIX, a, 0));
}

#endif
