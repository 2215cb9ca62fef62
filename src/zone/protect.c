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
 */
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

static bool
v4_allowed(const struct frame *f, const struct protect_link *l, uint32_t addr)
{
	if (addr == 0)
		return (true);
	for (uint32_t i = 0; i < PROTECT_ADDRS_MAX && i < l->nv4; i++) {
		if ((addr & l->v4[i].mask) == l->v4[i].addr)
			return (true);
	}
	return ((l->flags & PROTECT_LEARN_DHCP4) != 0 && learned(f, PROTECT_K_V4, addr, 0));
}

static bool
v6_allowed(const struct frame *f, const struct protect_link *l, uint64_t a, uint64_t b)
{
	if ((a == 0 && b == 0) || (a == LINK_LOCAL && b == l->eui64))
		return (true);
	for (uint32_t i = 0; i < PROTECT_ADDRS_MAX && i < l->nv6; i++) {
		if ((a & l->v6[i].mask[0]) == l->v6[i].addr[0] &&
		    (b & l->v6[i].mask[1]) == l->v6[i].addr[1])
			return (true);
	}
	if ((l->flags & PROTECT_LEARN_DHCP6) != 0 && learned(f, PROTECT_K_V6, a, b))
		return (true);
	return ((l->flags & PROTECT_LEARN_SLAAC) != 0 && b == l->eui64 &&
	    learned(f, PROTECT_K_PREFIX, a, 0));
}

/* ---- DHCP ---- */

struct bootp {
	uint8_t op, htype, hlen, hops;
	uint32_t xid;
	uint8_t secs[2], flags[2];
	uint32_t ciaddr, yiaddr, siaddr, giaddr;
	uint8_t chaddr[16];
};
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
	struct bootp b;

	if (p->fragment || f->gso || at + BOOTP_LEN > p->end || frame_read(f, at, &b) != 0)
		return (PROTECT_DHCP_FORM);
	if (b.op != 1)
		return (PROTECT_DHCP_SERVER);
	if (b.hlen != 6 || !same_mac(b.chaddr, l->mac))
		return (PROTECT_DHCP_MAC);
	if (dhcp4_options(f, l, at + BOOTP_LEN, p->end) != 0 || d->overload)
		return (PROTECT_DHCP_FORM);
	if ((d->nids > 1 || d->id_other) && (l->flags & PROTECT_ALL_CIDS) == 0)
		return (PROTECT_DHCP_ID);
	if ((l->flags & PROTECT_LEARN_DHCP4) == 0)
		return (PROTECT_PASS);
	if (d->type == 3) /* REQUEST */
		learn(f, PROTECT_K_ASKED4, b.xid, 0, ASK_TIME);
	else if (d->type == 4 && d->requested != 0) /* DECLINE */
		learn(f, PROTECT_K_V4, d->requested, 0, 0);
	else if (d->type == 7) /* RELEASE */
		learn(f, PROTECT_K_V4, b.ciaddr, 0, 0);
	return (PROTECT_PASS);
}

/* A message of a server's: learn from it. */
static void
dhcp4_in(struct frame *f, const struct protect_link *l, uint32_t at, uint32_t end)
{
	const struct dhcp4 *d = &f->work->d4;
	struct bootp b;

	if (at + BOOTP_LEN > end || frame_read(f, at, &b) != 0 || b.op != 2 || b.hlen != 6 ||
	    !same_mac(b.chaddr, l->mac) || !learned(f, PROTECT_K_ASKED4, b.xid, 0) ||
	    dhcp4_options(f, l, at + BOOTP_LEN, end) != 0)
		return;
	if (d->type == 5 && b.yiaddr != 0 && d->lease != 0) /* ACK */
		learn(f, PROTECT_K_V4, b.yiaddr, 0, d->lease);
	if (d->type == 5 || d->type == 6) /* NAK */
		learn(f, PROTECT_K_ASKED4, b.xid, 0, 0);
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

/* ---- neighbour discovery (RFC 4861) ---- */

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

static enum protect_reason
icmp6_out(struct frame *f, const struct protect_link *l, const struct payload *p)
{
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

static enum protect_reason
udp_out(struct frame *f, const struct protect_link *l, const struct payload *p)
{
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

static enum protect_reason
tcp_out(struct frame *f, const struct protect_link *l, const struct payload *p)
{
	struct ports ports;

	if (l->nport == 0)
		return (PROTECT_PASS);
	if (p->at + sizeof(ports) > p->end || frame_read(f, p->at, &ports) != 0)
		return (PROTECT_PORT);
	for (uint32_t i = 0; i < PROTECT_PORTS_MAX && i < l->nport; i++) {
		if (be16(ports.to) == l->port[i])
			return (PROTECT_PORT);
	}
	return (PROTECT_PASS);
}

static inline enum protect_reason
payload_out(struct frame *f, const struct protect_link *l, const struct payload *p)
{
	if (p->proto == IP_UDP)
		return (udp_out(f, l, p));
	if (p->proto == IP_TCP)
		return (tcp_out(f, l, p));
	if (p->proto == IP_ICMP6 && p->v6 && (l->flags & PROTECT_IP) != 0)
		return (icmp6_out(f, l, p));
	return (PROTECT_PASS);
}

/* ---- IPv4, ARP ---- */

struct ip4 {
	uint8_t vihl, tos, len[2], id[2], frag[2], ttl, proto, sum[2];
	uint32_t src, dst;
};

/* Read the header: what it carries; 1: nothing to look at, a later fragment; -1: malformed. */
static inline int
ip4_read(struct frame *f, uint32_t at, struct ip4 *ip, struct payload *p)
{
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
	struct payload *p = &f->work->p;
	struct ip4 ip;
	int rc = ip4_read(f, at, &ip, p);

	if (rc < 0)
		return (check ? PROTECT_IPV4_FORM : PROTECT_PASS);
	if (check && !v4_allowed(f, l, ip.src))
		return (PROTECT_IPV4_SOURCE);
	return (rc > 0 ? PROTECT_PASS : payload_out(f, l, p));
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

struct ip6 {
	uint8_t vtf[4], len[2], next, hops;
	uint64_t src[2], dst[2];
};

static inline int
ip6_read(struct frame *f, uint32_t at, struct ip6 *ip, struct payload *p)
{
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
	struct payload *p = &f->work->p;
	struct ip6 ip;
	int rc;

	if (ip6_read(f, at, &ip, p) != 0)
		return (check ? PROTECT_IPV6_FORM : PROTECT_PASS);
	if (check && !v6_allowed(f, l, ip.src[0], ip.src[1]))
		return (PROTECT_IPV6_SOURCE);
	rc = ip6_walk(f, l);
	if (rc < 0) /* without ip-nospoof it could still be DHCP, or a blocked port */
		return (check                       ? PROTECT_IPV6_FORM
			: (l->flags & PROTECT_DHCP) ? PROTECT_DHCP_FORM
			: l->nport != 0             ? PROTECT_PORT
						    : PROTECT_PASS);
	return (rc > 0 ? PROTECT_PASS : payload_out(f, l, p));
}

/* ---- Ethernet ---- */

struct ether {
	uint8_t to[6], from[6], type[2];
};

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
	struct payload *p = &f->work->p;
	struct ports ports;
	struct ip4 ip4;
	struct ip6 ip6;
	uint8_t type;

	if (c->type == TYPE_IPV4 && (l->flags & PROTECT_LEARN_DHCP4) != 0) {
		if (ip4_read(f, c->at, &ip4, p) == 0 && !p->fragment && p->proto == IP_UDP &&
		    frame_read(f, p->at, &ports) == 0 && be16(ports.from) == 67 &&
		    be16(ports.to) == 68)
			dhcp4_in(f, l, p->at + 8, p->end);
		return;
	}
	if (c->type != TYPE_IPV6 || (l->flags & (PROTECT_LEARN_DHCP6 | PROTECT_LEARN_SLAAC)) == 0 ||
	    ip6_read(f, c->at, &ip6, p) != 0)
		return;
	if (p->proto == IP_UDP && (l->flags & PROTECT_LEARN_DHCP6) != 0 &&
	    frame_read(f, p->at, &ports) == 0 && be16(ports.from) == 547 && be16(ports.to) == 546)
		dhcp6_in(f, l, p->at + 8, p->end);
	/* A router on this link: RFC 4861, 6.1.2. */
	if (p->proto == IP_ICMP6 && (l->flags & PROTECT_LEARN_SLAAC) != 0 && ip6.hops == 255 &&
	    ip6.src[0] == LINK_LOCAL && frame_read(f, p->at, &type) == 0 && type == 134)
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
