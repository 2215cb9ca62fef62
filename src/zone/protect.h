/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Protection of a link: one function that looks at a frame, at who the link is, and at what was
 * learned about it, and says pass or drop, and why. It is compiled twice from protect.c: as the BPF
 * program on the vnic's tap (protect_bpf.c), which is what protects, and as ordinary C for tests and
 * fuzzing. What it drops is the specification of zone-protection(7). No libc, no pointer into the
 * frame, no loop without a bound; usable from both.
 */
#ifndef ZHYVE_ZONE_PROTECT_H
#define ZHYVE_ZONE_PROTECT_H

#include <stdbool.h>
#include <stdint.h>

/* What is checked: the link's flags. */
#define PROTECT_MAC         0x0001u /* mac-nospoof */
#define PROTECT_IP          0x0002u /* ip-nospoof */
#define PROTECT_DHCP        0x0004u /* dhcp-nospoof */
#define PROTECT_RESTRICTED  0x0008u /* restricted */
#define PROTECT_PROMISC     0x0010u /* promisc-filtered: what is not for the link stays outside */
#define PROTECT_ALL_CIDS    0x0020u /* dhcp-nospoof lets every client id pass */
#define PROTECT_LEARN_DHCP4 0x0040u /* addresses given by DHCP count as allowed */
#define PROTECT_LEARN_DHCP6 0x0080u
#define PROTECT_LEARN_SLAAC 0x0100u
#define PROTECT_LEARN       (PROTECT_LEARN_DHCP4 | PROTECT_LEARN_DHCP6 | PROTECT_LEARN_SLAAC)

#define PROTECT_ADDRS_MAX   40 /* of each family: addresses of the nic and those allowed besides */
#define PROTECT_PORTS_MAX   32
#define PROTECT_LEARNED_MAX 512

/* Addresses and masks in network order; an address is masked already. */
struct protect_v4 {
	uint32_t addr, mask;
};
struct protect_v6 {
	uint64_t addr[2], mask[2];
};

enum protect_direction {
	PROTECT_FROM_GUEST,
	PROTECT_TO_GUEST,
	PROTECT_NDIRECTIONS
};

/* How long one takes at the highest rate, in 2^-16 ns; 0: no limit. */
struct protect_limit {
	uint64_t byte, packet;
};
#define PROTECT_BURST_NS 100000000ull /* what may come at once: the rate's worth of this time */

/* When the next byte, and the next packet, are due at that rate: ns of a monotonic clock. */
struct protect_meter {
	uint64_t byte_at, packet_at;
};

/* Who a link is. */
struct protect_link {
	uint32_t flags;
	uint16_t vlan; /* its own; 0: none */
	uint8_t mac[6];
	uint64_t eui64; /* the interface identifier made of it, in network order */
	uint32_t nv4, nv6, nport;
	struct protect_v4 v4[PROTECT_ADDRS_MAX];
	struct protect_v6 v6[PROTECT_ADDRS_MAX];
	uint16_t port[PROTECT_PORTS_MAX]; /* TCP ports that it may not reach */
	struct protect_limit limit[PROTECT_NDIRECTIONS];
};

/* Why a frame is dropped: name, the counter of SmartOS (or ours) it belongs to, in words. */
/* clang-format off */
#define PROTECT_REASONS_X(X)                                                                       \
	X(PASS, "pass", "passed", "it may pass")                                                   \
	X(SHORT, "short", "macspoofed", "too short for an Ethernet header")                        \
	X(MAC_SOURCE, "mac-source", "macspoofed", "the source is not the link's MAC address")      \
	X(VLAN, "vlan", "restricted", "a VLAN tag that is not the link's own")                     \
	X(ETHERTYPE, "ethertype", "restricted", "neither IPv4, IPv6 nor ARP")                      \
	X(TAGS, "tags", "ipspoofed", "more than two VLAN tags")                                    \
	X(ARP_FORM, "arp-form", "ipspoofed", "ARP that is truncated or of odd lengths")            \
	X(ARP_MAC, "arp-mac", "ipspoofed", "ARP from another MAC address")                         \
	X(ARP_IP, "arp-ip", "ipspoofed", "ARP for an IPv4 address that is not the link's")         \
	X(IPV4_FORM, "ipv4-form", "ipspoofed", "an IPv4 header that is truncated or malformed")    \
	X(IPV4_SOURCE, "ipv4-source", "ipspoofed", "an IPv4 source that is not the link's")        \
	X(IPV6_FORM, "ipv6-form", "ipspoofed", "IPv6 headers that are truncated or malformed")     \
	X(IPV6_SOURCE, "ipv6-source", "ipspoofed", "an IPv6 source that is not the link's")        \
	X(ND_FORM, "nd-form", "ipspoofed", "neighbour discovery, truncated, in fragments or malformed") \
	X(ND_MAC, "nd-mac", "ipspoofed", "neighbour discovery that tells another MAC address")     \
	X(ND_TARGET, "nd-target", "ipspoofed", "advertises an IPv6 address that is not the link's") \
	X(DHCP_FORM, "dhcp-form", "dhcpdropped", "DHCP that is truncated, in fragments or malformed") \
	X(DHCP_SERVER, "dhcp-server", "dhcpspoofed", "what only a DHCP server or relay sends")     \
	X(DHCP_MAC, "dhcp-mac", "dhcpspoofed", "DHCP for another MAC address")                     \
	X(DHCP_ID, "dhcp-id", "dhcpspoofed", "a DHCP client id that is not the link's")            \
	X(PORT, "port", "blocked", "a blocked TCP port")                                           \
	X(CHECKSUM, "checksum", "offload", "a checksum offload that would rewrite what was judged") \
	X(RATE, "rate", "limited", "over the rate that the nic may have")                          \
	X(NOT_OURS, "not-ours", "filtered", "to another MAC address than the link's")              \
	X(OTHER_VLAN, "other-vlan", "filtered", "of another VLAN than the link's")
/* clang-format on */

enum protect_reason {
#define X(id, name, counter, text) PROTECT_##id,
	PROTECT_REASONS_X(X)
#undef X
	PROTECT_NREASONS
};

/* Told when a frame of that direction is dropped for that reason for the first time. */
#define PROTECT_FIRST_BYTES 64
struct protect_first {
	uint32_t direction, reason;
	uint32_t len;                       /* of the frame */
	uint8_t frame[PROTECT_FIRST_BYTES]; /* its begin, as far as there is one */
};

/* What was learned, and until when it holds (seconds of CLOCK_BOOTTIME). */
enum protect_kind {
	PROTECT_K_ASKED4 = 1, /* the transaction of a DHCP request */
	PROTECT_K_ASKED6,
	PROTECT_K_V4,    /* addr[0..3]: an address by DHCP */
	PROTECT_K_V6,    /* addr: an address by DHCPv6 */
	PROTECT_K_PREFIX /* addr[0..7]: a prefix of a router's */
};
struct protect_key {
	uint64_t kind;
	uint64_t addr[2];
};

/* A frame. In BPF `data` is the skb and `table` is not used. */
struct protect_table;
struct protect_work;
struct frame {
	const void *data;
	struct protect_table *table;
	struct protect_work *work; /* the function's own */
	uint32_t len;
	uint16_t tag_proto; /* of a VLAN tag that was taken out of the frame, host order; 0: none */
	uint16_t tag;
	bool gso; /* will be cut into several packets later */
};

/*
 * Is a frame of `packets` packets and `len` bytes within the limit? If so it is counted. One that is
 * larger than a burst may go when what went before is paid for, and delays what follows. The caller
 * sees to it that nobody else uses the meter meanwhile.
 */
static inline __attribute__((always_inline)) bool
protect_meter_take(struct protect_meter *m, const struct protect_limit *l, uint64_t now,
    uint32_t len, uint32_t packets)
{
	uint64_t byte_at = m->byte_at > now ? m->byte_at : now;
	uint64_t packet_at = m->packet_at > now ? m->packet_at : now;

	if (byte_at - now > PROTECT_BURST_NS || packet_at - now > PROTECT_BURST_NS)
		return (false);
	m->byte_at = byte_at + (l->byte * len >> 16);
	m->packet_at = packet_at + (l->packet * packets >> 16);
	return (true);
}

#ifndef __BPF__
/* The learned table of ordinary C: fixed, for one thread; the oldest makes room. */
struct protect_table {
	uint64_t now;
	struct {
		struct protect_key key;
		uint64_t until;
	} entry[64];
	unsigned next;
};

/*
 * A short way for the frames of everyday, by their first bytes. From the guest: how many of them the
 * verdict depends on, if it is to pass; 0: look closer. To the guest: may it pass; false: look closer.
 */
uint32_t protect_everyday_from_guest(const struct frame *f, const struct protect_link *l);
bool protect_everyday_to_guest(const struct frame *f, const struct protect_link *l);
/* A frame the guest has sent. */
enum protect_reason protect_from_guest(struct frame *f, const struct protect_link *l);
/* A frame on its way to the guest. */
enum protect_reason protect_to_guest(struct frame *f, const struct protect_link *l);

/* protect_names.c: "mac-source", "macspoofed", "the source is not …". Never NULL. */
const char *protect_reason_name(unsigned reason);
const char *protect_reason_counter(unsigned reason);
const char *protect_reason_text(unsigned reason);
#endif

#endif
