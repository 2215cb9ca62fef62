/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who a link is and what is checked on it, by its net resource: the properties of vmadm's nics
 * (netprot.md 3) and zonecfg's allowed-address. All protections are on unless a property says
 * otherwise. Pure; zoneadmd, and the tools that verify a configuration.
 */
#include "zone/protect_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/vmip.h"

void
protect_set_mac(struct protect_link *l, const uint8_t mac[6])
{
	const uint8_t id[8] = { mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] };

	memcpy(l->mac, mac, sizeof(l->mac));
	memcpy(&l->eui64, id, sizeof(id));
}

static int
add_v4(struct protect_link *l, const uint8_t addr[16], unsigned bits, struct err *e)
{
	struct protect_v4 *v = &l->v4[l->nv4];

	if (l->nv4 == PROTECT_ADDRS_MAX)
		return (err_say(e, E2BIG, "more than %d IPv4 addresses", PROTECT_ADDRS_MAX));
	memcpy(&v->addr, addr, sizeof(v->addr));
	v->mask = bits == 0 ? 0 : htonl(UINT32_MAX << (32 - bits));
	v->addr &= v->mask;
	l->nv4++;
	return (0);
}

static int
add_v6(struct protect_link *l, const uint8_t addr[16], unsigned bits, struct err *e)
{
	struct protect_v6 *v = &l->v6[l->nv6];
	uint8_t mask[16];

	if (l->nv6 == PROTECT_ADDRS_MAX)
		return (err_say(e, E2BIG, "more than %d IPv6 addresses", PROTECT_ADDRS_MAX));
	for (unsigned i = 0; i < 16; i++) {
		unsigned left = bits > 8 * i ? bits - 8 * i : 0;

		mask[i] = left >= 8 ? 0xff : (uint8_t)(0xff00u >> left);
	}
	memcpy(v->addr, addr, sizeof(v->addr));
	memcpy(v->mask, mask, sizeof(v->mask));
	v->addr[0] &= v->mask[0];
	v->addr[1] &= v->mask[1];
	l->nv6++;
	return (0);
}

/* One entry of `what`; `whole`: the address alone counts, its prefix length tells of the network. */
static int
add_one(struct protect_link *l, const char *what, const char *text, bool whole, struct err *e)
{
	unsigned bits;
	uint8_t addr[16];
	int family;

	if (whole && strcmp(text, "dhcp") == 0) {
		l->flags |= PROTECT_LEARN_DHCP4 | PROTECT_ALL_CIDS;
		return (0);
	}
	if (whole && strcmp(text, "addrconf") == 0) {
		l->flags |= PROTECT_LEARN_DHCP6 | PROTECT_LEARN_SLAAC | PROTECT_ALL_CIDS;
		return (0);
	}
	family = vmip_parse(text, addr, &bits);
	if (family == 0 || bits == 0)
		return (err_say(e, EINVAL, "%s: '%s' is not an address", what, text));
	if (family == AF_INET)
		return (add_v4(l, addr, whole ? 32 : bits, e));
	return (add_v6(l, addr, whole ? 128 : bits, e));
}

/* A list with commas or blanks between its entries. */
static int
add_list(struct protect_link *l, const char *what, const char *list, bool whole, struct err *e)
{
	char word[VMIP_TEXT_MAX];
	int rc;

	while (list != NULL && *(list += strspn(list, ", ")) != '\0') {
		size_t len = strcspn(list, ", ");

		if (len >= sizeof(word))
			return (
			    err_say(e, EINVAL, "%s: '%s' is not a list of addresses", what, list));
		memcpy(word, list, len);
		word[len] = '\0';
		if ((rc = add_one(l, what, word, whole, e)) != 0)
			return (rc);
		list += len;
	}
	return (0);
}

static int
add_ports(struct protect_link *l, const char *list, struct err *e)
{
	char word[8];
	uint32_t port;

	while (list != NULL && *(list += strspn(list, ", ")) != '\0') {
		size_t len = strcspn(list, ", ");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, list);
		if (len >= sizeof(word) || parse_u32(word, 1, UINT16_MAX, &port) != 0)
			return (err_say(e, EINVAL,
			    "blocked_outgoing_ports: '%s' does not begin with a port number",
			    list));
		if (l->nport == PROTECT_PORTS_MAX)
			return (err_say(
			    e, E2BIG, "blocked_outgoing_ports: more than %d", PROTECT_PORTS_MAX));
		l->port[l->nport++] = (uint16_t)port;
		list += len;
	}
	return (0);
}

/* What each property takes away. */
static const struct {
	const char *name;
	uint32_t off;
} switches[] = {
	/* Who may send for any address has to hear what comes back. */
	{ "allow_mac_spoofing", PROTECT_MAC | PROTECT_PROMISC },
	{ "allow_ip_spoofing", PROTECT_IP },
	{ "allow_dhcp_spoofing", PROTECT_DHCP | PROTECT_IP },
	{ "dhcp_server", PROTECT_DHCP | PROTECT_IP },
	{ "allow_restricted_traffic", PROTECT_RESTRICTED },
	{ "allow_unfiltered_promisc", PROTECT_PROMISC },
};

static int
set_switches(struct protect_link *l, const struct znet *net, struct err *e)
{
	bool on;

	for (size_t i = 0; i < NITEMS(switches); i++) {
		const char *v = zprop_get(net->prop, net->nprop, switches[i].name);

		if (v == NULL || *v == '\0')
			continue;
		if (parse_bool(v, &on) != 0)
			return (err_say(
			    e, EINVAL, "%s: '%s' is neither true nor false", switches[i].name, v));
		if (on)
			l->flags &= ~switches[i].off;
	}
	return (0);
}

int
protect_conf(const struct znet *net, struct protect_link *out, struct err *e)
{
	const char *ips = zprop_get(net->prop, net->nprop, "ips");
	const char *allowed = zprop_get(net->prop, net->nprop, "allowed_ips");
	const char *vrrp = zprop_get(net->prop, net->nprop, "vrrp_primary_ip");
	const char *ports = zprop_get(net->prop, net->nprop, "blocked_outgoing_ports");
	int rc;

	*out = (struct protect_link){ .flags = PROTECT_MAC | PROTECT_IP | PROTECT_DHCP |
		    PROTECT_RESTRICTED | PROTECT_PROMISC };
	if (ips == NULL || *ips == '\0')
		ips = zprop_get(net->prop, net->nprop, "ip");
	if ((rc = set_switches(out, net, e)) != 0 || (rc = add_ports(out, ports, e)) != 0 ||
	    (rc = add_list(out, "ips", ips, true, e)) != 0 ||
	    (rc = add_list(out, "allowed_ips", allowed, false, e)) != 0 ||
	    (rc = add_list(out, "vrrp_primary_ip", vrrp, true, e)) != 0 ||
	    (rc = add_list(out, "allowed-address", net->allowed_address, true, e)) != 0)
		return (rc);
	/* A nic that was given no address at all may have those that DHCP gives it (illumos). */
	if (out->nv4 == 0 && out->nv6 == 0 && (out->flags & PROTECT_LEARN) == 0)
		out->flags |= PROTECT_LEARN_DHCP4 | PROTECT_LEARN_DHCP6 | PROTECT_ALL_CIDS;
	if ((out->flags & PROTECT_IP) == 0)
		out->flags &= ~PROTECT_LEARN;
	return (0);
}
