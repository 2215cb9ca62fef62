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

/* ---- rates ---- */

#define BITS_MIN    UINT64_C(64000) /* in a second */
#define BITS_MAX    UINT64_C(1000000000000)
#define PACKETS_MAX 1000000000u

int
protect_rate_parse(const char *text, uint64_t *bits)
{
	char digits[16];
	size_t n = strspn(text, "0123456789");
	uint64_t unit = UINT64_C(1000000);
	uint32_t v;

	if (n == 0 || n >= sizeof(digits) || (text[n] != '\0' && text[n + 1] != '\0'))
		return (-EINVAL);
	memcpy(digits, text, n);
	digits[n] = '\0';
	if (text[n] == 'K' || text[n] == 'k')
		unit = 1000;
	else if (text[n] == 'G' || text[n] == 'g')
		unit = UINT64_C(1000000000);
	else if (text[n] != 'M' && text[n] != 'm' && text[n] != '\0')
		return (-EINVAL);
	if (parse_u32(digits, 1, UINT32_MAX, &v) != 0 || v * unit < BITS_MIN || v * unit > BITS_MAX)
		return (-EINVAL);
	*bits = v * unit;
	return (0);
}

/* maxbw and maxpps are of each direction; one with _tx (from the guest) or _rx goes before. */
static int
add_limit(struct protect_link *l, const struct znet *net, enum protect_direction d, struct err *e)
{
	const char *const bw = d == PROTECT_FROM_GUEST ? "maxbw_tx" : "maxbw_rx";
	const char *const pps = d == PROTECT_FROM_GUEST ? "maxpps_tx" : "maxpps_rx";
	const char *bits = zprop_get(net->prop, net->nprop, bw);
	const char *packets = zprop_get(net->prop, net->nprop, pps);
	uint64_t rate;
	uint32_t n;

	if (bits == NULL || *bits == '\0')
		bits = zprop_get(net->prop, net->nprop, "maxbw");
	if (packets == NULL || *packets == '\0')
		packets = zprop_get(net->prop, net->nprop, "maxpps");
	if (bits != NULL && *bits != '\0') {
		if (protect_rate_parse(bits, &rate) != 0)
			return (err_say(e, EINVAL,
			    "%s: '%s' is not a rate from 64K to 1000G (bits in a second)", bw,
			    bits));
		l->limit[d].byte = (UINT64_C(8000000000) << 16) / rate;
	}
	if (packets != NULL && *packets != '\0') {
		if (parse_u32(packets, 1, PACKETS_MAX, &n) != 0)
			return (err_say(
			    e, EINVAL, "%s: '%s' is not a number of packets", pps, packets));
		l->limit[d].packet = (UINT64_C(1000000000) << 16) / n;
	}
	return (0);
}

bool
protect_limited(const struct protect_link *l)
{
	for (unsigned d = 0; d < PROTECT_NDIRECTIONS; d++) {
		if (l->limit[d].byte != 0 || l->limit[d].packet != 0)
			return (true);
	}
	return (false);
}

bool
protect_same(const struct protect_link *a, const struct protect_link *b)
{
	return (a->flags == b->flags && a->nv4 == b->nv4 && a->nv6 == b->nv6 &&
	    a->nport == b->nport && memcmp(a->v4, b->v4, a->nv4 * sizeof(a->v4[0])) == 0 &&
	    memcmp(a->v6, b->v6, a->nv6 * sizeof(a->v6[0])) == 0 &&
	    memcmp(a->port, b->port, a->nport * sizeof(a->port[0])) == 0 &&
	    memcmp(a->limit, b->limit, sizeof(a->limit)) == 0);
}

int
protect_conf_isolated(const struct znet *net, bool *isolated, struct err *e)
{
	const char *v = zprop_get(net->prop, net->nprop, "isolated");

	*isolated = false;
	if (v != NULL && *v != '\0' && parse_bool(v, isolated) != 0)
		return (err_say(e, EINVAL, "isolated: '%s' is neither true nor false", v));
	return (0);
}

bool
protect_link_state_ok(const char *text)
{
	return (strcmp(text, "up") == 0 || strcmp(text, "down") == 0);
}

int
protect_conf_down(const struct znet *net, bool *down, struct err *e)
{
	const char *v = zprop_get(net->prop, net->nprop, "link_state");

	if (v != NULL && *v != '\0' && !protect_link_state_ok(v))
		return (err_say(e, EINVAL, "link_state: '%s' is neither up nor down", v));
	*down = v != NULL && strcmp(v, "down") == 0;
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
	if ((rc = add_limit(out, net, PROTECT_FROM_GUEST, e)) != 0 ||
	    (rc = add_limit(out, net, PROTECT_TO_GUEST, e)) != 0)
		return (rc);
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
