/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small rtnetlink client (libmnl): links, bridges and their ports, addresses. One request at a
 * time, each answered before the call returns. A failure names the link, what was tried and the
 * kernel's reason, in the kernel's own words where it gives some (extended ack). It works in the
 * network namespace the handle was opened in, and knows no nic tag and no zone. Tools and
 * zoneadmd; changes need CAP_NET_ADMIN.
 */
#ifndef ZHYVE_ZONE_NETLINK_H
#define ZHYVE_ZONE_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct nl;

/* A handle; nl_close takes NULL too. */
int nl_open(struct nl **out, struct err *e);
void nl_close(struct nl *nl);
#define CLEANUP_NL __attribute__((cleanup(nl_cleanup)))
void nl_cleanup(struct nl **nl);

struct nl_link {
	int index;
	int master; /* index of the bridge it is a port of, 0: none */
	char name[IFNAMSIZ];
	char kind[16]; /* "bridge", "tun", "bond", …; "" is a physical interface (or loopback) */
	uint8_t mac[6];
	uint8_t perm_mac[6]; /* what the hardware came with; zero when it has none */
	uint32_t mtu;
	bool ether;
	bool up;
};

/* -ENODEV with "interface 'N' does not exist". */
int nl_link_get(struct nl *nl, const char *name, struct nl_link *out, struct err *e);
/* The physical Ethernet interface with this address, permanent or present. -ENODEV. */
int nl_link_get_by_mac(struct nl *nl, const uint8_t mac[6], struct nl_link *out, struct err *e);

/*
 * A bridge: no spanning tree, no forwarding delay, no multicast snooping (so no queries of its
 * own), and a fixed MAC address, because a bridge without one changes its address, and the host
 * its identity, as ports come and go. Down. -EEXIST.
 */
int nl_bridge_create(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e);
/* Any link that can be deleted; 0 also when there is none of that name. */
int nl_link_delete(struct nl *nl, const char *name, struct err *e);

int nl_link_set_up(struct nl *nl, const char *name, bool up, struct err *e);
int nl_link_set_mtu(struct nl *nl, const char *name, uint32_t mtu, struct err *e);
int nl_link_set_mac(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e);
/* Make it a port of the bridge with that index; 0: of none. */
int nl_link_set_master(struct nl *nl, const char *name, int master, struct err *e);
/*
 * No IPv6 link-local address: the host does not speak on this link. 0 also on a host without IPv6.
 */
int nl_link_set_silent(struct nl *nl, const char *name, struct err *e);

/* A bridge port: does the bridge learn addresses from its frames? */
int nl_port_set_learning(struct nl *nl, const char *name, bool learning, struct err *e);
/* Is it kept from the other ports that are isolated? */
int nl_port_set_isolated(struct nl *nl, const char *name, bool isolated, struct err *e);
/*
 * A static forwarding entry: frames for `mac` leave by port `name`. What the bridge had learned
 * about the address is replaced; -EEXIST when another port has a static entry for it (then two
 * nics have one address).
 */
int nl_port_add_mac(struct nl *nl, const char *name, const uint8_t mac[6], struct err *e);

/*
 * VLANs (netlink_vlan.c). Let a bridge tell them apart: what its ports had so far, untagged frames,
 * goes on as VLAN 1. A port in one VLAN, whose frames have no tag outside the bridge; and one
 * VLAN more for a port, tagged there.
 */
int nl_bridge_set_vlans(struct nl *nl, const char *name, struct err *e);
int nl_port_set_vlan(struct nl *nl, const char *name, uint16_t vid, struct err *e);
int nl_port_add_vlan(struct nl *nl, const char *name, uint16_t vid, struct err *e);

/*
 * Filters (netlink_tc.c). First the place for them, once in a link's life; then a BPF program
 * (SCHED_CLS, direct action) for each direction: ingress is what comes in by the link. Setting one
 * where there is one replaces it, without a moment in between. The link holds the program.
 */
int nl_filter_prepare(struct nl *nl, const char *name, struct err *e);
int nl_filter_set(
    struct nl *nl, const char *name, bool ingress, int prog_fd, const char *text, struct err *e);
/* Take away the place, and with it what is there. */
int nl_filter_remove(struct nl *nl, const char *name, struct err *e);

/*
 * Give it an address, "10.0.0.1/24" or "fd00::1/64"; 0 also when it has it already. -EINVAL for
 * what is no address.
 */
int nl_addr_add(struct nl *nl, const char *name, const char *address, struct err *e);
/*
 * Does the host itself use this link: a global address on it, or a default route through it? *why:
 * a word for a message.
 */
int nl_link_in_use(struct nl *nl, const struct nl_link *link, const char **why, struct err *e);

/* "10.0.0.1/24", "fd00::1/64": family, bytes (4 or 16) and prefix length. 0 or -EINVAL. Pure. */
int nl_parse_address(const char *text, int *family, uint8_t bytes[16], uint8_t *prefix);

#endif
