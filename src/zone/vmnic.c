/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nics of a create payload: hardware addresses, names, the two ways of writing an address, and the rules of vmadm.md 5 and 6. See
 * vmvalidate.h. Pure; tools.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fd.h"
#include "zone/vmvalidate.h"

#define IPS_MAX         20
#define ALLOWED_IPS_MAX 13
#define ALL_IPS_MAX     32
#define PREFIX_TEXT_MAX (INET6_ADDRSTRLEN + 4)

static const char *
text_of(const json_t *o, const char *name)
{
	return (json_string_value(json_object_get(o, name)));
}

static void
set_text(json_t *o, const char *name, const char *text)
{
	(void)json_object_set_new(o, name, json_string(text));
}

/* "WHAT: {the nic}" */
static int
say_nic(struct err *e, const char *what, const json_t *nic)
{
	CLEANUP_FREE char *text = json_dumps(nic, JSON_COMPACT);

	return (err_say(e, EINVAL, "%s: %s", what, text != NULL ? text : ""));
}

/* ---- addresses ---- */

/* "address/bits": the family, or 0 when it is not of that form. */
static int
parse_prefix(const char *text, uint8_t addr[16], unsigned *bits)
{
	char host[PREFIX_TEXT_MAX];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	uint32_t n = UINT32_MAX;
	int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
	unsigned most = family == AF_INET6 ? 128 : 32;

	if (len >= sizeof(host))
		return (0);
	memcpy(host, text, len);
	host[len] = '\0';
	if (inet_pton(family, host, addr) != 1)
		return (0);
	if (slash != NULL && parse_u32(slash + 1, 0, most, &n) < 0)
		return (0);
	*bits = slash != NULL ? n : most;
	return (family);
}

static bool
is_dynamic(const char *ip)
{
	return (strcmp(ip, "dhcp") == 0 || strcmp(ip, "addrconf") == 0);
}

/* An entry of ips: dhcp, addrconf, IPv4 with 8 to 32 bits or IPv6 with 0 to 128. */
static bool
valid_ip(const char *ip)
{
	uint8_t addr[16];
	unsigned bits;
	int family;

	if (ip == NULL)
		return (false);
	if (is_dynamic(ip))
		return (true);
	if (strchr(ip, '/') == NULL || (family = parse_prefix(ip, addr, &bits)) == 0)
		return (false);
	return (family == AF_INET6 || bits >= 8);
}

/* Bits of a netmask; -1 when it is none. */
static int
mask_bits(const char *mask)
{
	struct in_addr in;
	uint32_t m;

	if (inet_pton(AF_INET, mask, &in) != 1)
		return (-1);
	m = ntohl(in.s_addr);
	return ((m & (~m >> 1)) != 0 || (~m & (~m + 1)) != 0 ? -1 : __builtin_popcount(m));
}

static void
mask_text(unsigned bits, char out[INET_ADDRSTRLEN])
{
	struct in_addr in = { .s_addr = htonl(bits == 0 ? 0 : ~UINT32_C(0) << (32 - bits)) };

	(void)inet_ntop(AF_INET, &in, out, INET_ADDRSTRLEN);
}

/* ---- one nic ---- */

static void
generate_mac(char out[MAC_TEXT_LEN + 1])
{
	uint8_t mac[6];

	/* vmadm's: first octet X2 (local, unicast) with X of 1 to f, none of the others zero. */
	do {
		if (getrandom(mac, sizeof(mac), 0) != (ssize_t)sizeof(mac))
			abort(); /* six bytes are always given whole (getrandom(2)) */
		mac[0] = (uint8_t)((mac[0] & 0xf0) | 0x02);
	} while (mac[0] == 0x02 || memchr(mac, 0, sizeof(mac)) != NULL);
	format_mac(mac, out);
}

static int
set_mac(json_t *nic, struct err *e)
{
	const char *mac = text_of(nic, "mac");
	char text[MAC_TEXT_LEN + 1];
	int64_t vrid;
	uint8_t octets[6];
	bool vrrp = vmprop_integer(json_object_get(nic, "vrrp_vrid"), &vrid) == 0;

	if (vrrp && mac != NULL)
		return (err_say(e, EINVAL, "Cannot set both mac and vrrp_vrid"));
	if (vrrp && text_of(nic, "vrrp_primary_ip") == NULL)
		return (err_say(e, EINVAL, "vrrp_vrid set but not vrrp_primary_ip"));
	if (vrrp)
		(void)snprintf(text, sizeof(text), "00:00:5e:00:01:%02x", (unsigned)vrid & 0xff);
	else if (mac != NULL && parse_mac(mac, octets) == 0)
		format_mac(octets, text);
	else
		generate_mac(text);
	set_text(nic, "mac", text);
	return (0);
}

static int
set_primary(json_t *nic, size_t *primaries, struct err *e)
{
	json_t *v = json_object_get(nic, "primary");
	CLEANUP_FREE char *text = NULL;
	const char *s = json_string_value(v);

	if (v == NULL)
		return (0);
	if (json_is_false(v) || (s != NULL && strcmp(s, "false") == 0))
		return (json_object_del(nic, "primary"));
	if (!vmprop_truth(v)) {
		text = json_dumps(v, JSON_ENCODE_ANY);
		return (
		    err_say(e, EINVAL, "invalid value for NIC's primary flag: %s (must be true)",
			text != NULL ? text : ""));
	}
	(void)json_object_set_new(nic, "primary", json_true());
	if (++*primaries > 1)
		return (err_say(e, EINVAL, "payload specifies more than 1 primary NIC"));
	return (0);
}

/* ip and netmask become an entry of ips, gateway one of gateways. */
static int
widen(json_t *nic, struct err *e)
{
	const char *ip = text_of(nic, "ip"), *mask = text_of(nic, "netmask");
	const char *gateway = text_of(nic, "gateway");
	char text[PREFIX_TEXT_MAX];
	int bits;

	if (gateway != NULL && json_object_get(nic, "gateways") == NULL)
		(void)json_object_set_new(nic, "gateways", json_pack("[s]", gateway));
	if (json_object_get(nic, "ips") != NULL)
		return (0);
	if (ip == NULL)
		return (json_object_set_new(nic, "ips", json_array()));
	if (is_dynamic(ip))
		return (json_object_set_new(nic, "ips", json_pack("[s]", ip)));
	if (mask == NULL)
		return (say_nic(e, "Missing .netmask option for NIC", nic));
	if ((bits = mask_bits(mask)) < 0)
		return (err_say(e, EINVAL, "Specified netmask value is invalid: %s", mask));
	(void)snprintf(text, sizeof(text), "%.*s/%d", INET6_ADDRSTRLEN, ip, bits);
	return (json_object_set_new(nic, "ips", json_pack("[s]", text)));
}

/* And back: the first IPv4 address (or dhcp) is also ip and netmask, the first gateway also gateway. */
static void
narrow(json_t *nic)
{
	const char *gateway =
	    json_string_value(json_array_get(json_object_get(nic, "gateways"), 0));
	char host[PREFIX_TEXT_MAX], mask[INET_ADDRSTRLEN];
	uint8_t addr[16];
	const json_t *x;
	unsigned bits;
	size_t i;

	if (gateway != NULL)
		set_text(nic, "gateway", gateway);
	(void)json_object_del(nic, "ip");
	(void)json_object_del(nic, "netmask");
	json_array_foreach (json_object_get(nic, "ips"), i, x) {
		const char *ip = json_string_value(x);

		if (strcmp(ip, "dhcp") == 0) {
			set_text(nic, "ip", ip);
			return;
		}
		if (is_dynamic(ip) || parse_prefix(ip, addr, &bits) != AF_INET)
			continue;
		(void)snprintf(host, sizeof(host), "%.*s", (int)strcspn(ip, "/"), ip);
		mask_text(bits, mask);
		set_text(nic, "ip", host);
		set_text(nic, "netmask", mask);
		return;
	}
}

static int
check_allowed_ips(const json_t *list, struct err *e)
{
	uint8_t addr[16];
	const json_t *x;
	unsigned bits;
	size_t i;

	if (json_array_size(list) > ALLOWED_IPS_MAX)
		return (err_say(e, EINVAL, "Maximum of %d allowed_ips per nic", ALLOWED_IPS_MAX));
	json_array_foreach (list, i, x) {
		const char *ip = json_string_value(x);

		if (ip == NULL || parse_prefix(ip, addr, &bits) == 0 || bits == 0)
			return (err_say(e, EINVAL, "invalid allowed_ips: '%s'",
			    ip != NULL ? ip : "not a text"));
	}
	return (0);
}

static int
check_addresses(const json_t *nic, struct err *e)
{
	const json_t *ips = json_object_get(nic, "ips"), *gateways, *x;
	const json_t *allowed = json_object_get(nic, "allowed_ips");
	struct in_addr in;
	size_t i, n = json_array_size(ips);
	int rc;

	if (n > IPS_MAX)
		return (err_say(e, EINVAL, "nic.*.ips contains %zu addresses, but is limited to %d",
		    n, IPS_MAX));
	json_array_foreach (ips, i, x) {
		CLEANUP_FREE char *text = json_dumps(x, JSON_ENCODE_ANY);

		if (!valid_ip(json_string_value(x)))
			return (
			    err_say(e, EINVAL, "Invalid IP for NIC: %s", text != NULL ? text : ""));
	}
	gateways = json_object_get(nic, "gateways");
	json_array_foreach (gateways, i, x) {
		const char *g = json_string_value(x);

		if (g == NULL || inet_pton(AF_INET, g, &in) != 1)
			return (err_say(e, EINVAL, "Static gateways must be IPv4 addresses: %s",
			    g != NULL ? g : "not a text"));
	}
	if ((rc = check_allowed_ips(allowed, e)) < 0)
		return (rc);
	if (n + json_array_size(allowed) + (text_of(nic, "vrrp_primary_ip") != NULL) > ALL_IPS_MAX)
		return (err_say(
		    e, EINVAL, "More than %d IPs cannot be associated with a NIC", ALL_IPS_MAX));
	return (0);
}

static int
check_tag(const json_t *nic, struct err *e)
{
	const char *tag = text_of(nic, "nic_tag");

	if (tag == NULL || *tag == '\0' ||
	    tag[strspn(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/")] !=
		'\0')
		return (say_nic(e, "invalid or missing .nic_tag option for NIC", nic));
	return (0);
}

/* The lowest net<N> that no nic has. */
static void
set_interface(const json_t *nics, json_t *nic)
{
	char name[16];

	if (text_of(nic, "interface") != NULL)
		return;
	for (size_t n = 0;; n++) {
		const json_t *other;
		size_t i;

		(void)snprintf(name, sizeof(name), "net%zu", n);
		json_array_foreach (nics, i, other) {
			const char *has = text_of(other, "interface");

			if (has != NULL && strcmp(has, name) == 0)
				break;
		}
		if (i == json_array_size(nics))
			break;
	}
	set_text(nic, "interface", name);
}

static int
set_model(const json_t *payload, const json_t *nics, json_t *nic, struct err *e)
{
	const char *model = text_of(nic, "model");

	if (model == NULL)
		model = text_of(payload, "nic_driver");
	if (model == NULL)
		model = text_of(json_array_get(nics, 0), "model");
	if (model == NULL)
		return (say_nic(e, "missing .model option for NIC", nic));
	if (strcmp(model, "virtio") != 0)
		return (err_say(e, EINVAL,
		    "\"%s\" is not a valid nic model for bhyve brand. Valid are: virtio", model));
	set_text(nic, "model", model);
	return (0);
}

/* ---- all nics ---- */

static bool
same_text(const json_t *a, const json_t *b, const char *name)
{
	const char *x = text_of(a, name), *y = text_of(b, name);

	return (x != NULL && y != NULL && strcmp(x, y) == 0);
}

static bool
same_number(const json_t *a, const json_t *b, const char *name)
{
	int64_t x, y;

	return (vmprop_integer(json_object_get(a, name), &x) == 0 &&
	    vmprop_integer(json_object_get(b, name), &y) == 0 && x == y);
}

/* A static address, as written with its prefix, that both have; NULL for none. */
static const char *
same_ip(const json_t *a, const json_t *b)
{
	const json_t *x, *y;
	size_t i, k;

	json_array_foreach (json_object_get(a, "ips"), i, x)
		json_array_foreach (json_object_get(b, "ips"), k, y)
			if (!is_dynamic(json_string_value(x)) && json_equal(x, y))
				return (json_string_value(x));
	return (NULL);
}

static int
check_pair(const json_t *a, const json_t *b, struct err *e)
{
	const char *ip = same_ip(a, b);
	int64_t vrid = 0;

	(void)vmprop_integer(json_object_get(a, "vrrp_vrid"), &vrid);
	if (same_number(a, b, "vrrp_vrid"))
		return (err_say(e, EINVAL, "Cannot add multiple NICs with the same VRID: %lld",
		    (long long)vrid));
	if (same_text(a, b, "mac"))
		return (err_say(e, EINVAL, "Cannot add multiple NICs with the same MAC: %s",
		    text_of(a, "mac")));
	if (ip != NULL)
		return (err_say(e, EINVAL, "Cannot add multiple NICs with the same IP: %s", ip));
	if (same_text(a, b, "interface"))
		return (err_say(e, EINVAL, "Cannot add multiple NICs with the same interface: %s",
		    text_of(a, "interface")));
	return (0);
}

/* The nic without a VRID that has this address; NULL for none. */
static const json_t *
plain_nic_with(const json_t *nics, const char *host)
{
	const json_t *nic, *x;
	size_t i, k, n = strlen(host);

	json_array_foreach (nics, i, nic) {
		if (json_object_get(nic, "vrrp_vrid") != NULL)
			continue;
		json_array_foreach (json_object_get(nic, "ips"), k, x) {
			const char *ip = json_string_value(x);

			if (strncmp(ip, host, n) == 0 && ip[n] == '/')
				return (nic);
		}
	}
	return (NULL);
}

static int
check_vrrp(const json_t *nics, struct err *e)
{
	size_t i, vrrp = 0;
	const json_t *nic;

	json_array_foreach (nics, i, nic) {
		const char *ip = text_of(nic, "vrrp_primary_ip");

		vrrp += json_object_get(nic, "vrrp_vrid") != NULL;
		if (ip != NULL && plain_nic_with(nics, ip) == NULL)
			return (err_say(e, EINVAL, "vrrp_primary_ip must belong to the same VM"));
	}
	if (vrrp > 0 && vrrp == json_array_size(nics))
		return (err_say(e, EINVAL, "VM cannot contain only VRRP nics"));
	return (0);
}

static int
prepare_one(json_t *payload, json_t *nics, json_t *nic, size_t *primaries, struct err *e)
{
	int rc;

	(void)json_object_del(nic, "index");
	if ((rc = set_mac(nic, e)) < 0 || (rc = set_primary(nic, primaries, e)) < 0 ||
	    (rc = widen(nic, e)) < 0 || (rc = set_model(payload, nics, nic, e)) < 0 ||
	    (rc = check_tag(nic, e)) < 0 || (rc = check_addresses(nic, e)) < 0)
		return (rc);
	narrow(nic);
	set_interface(nics, nic);
	return (0);
}

int
vmnic_prepare(json_t *payload, struct err *e)
{
	json_t *nics = json_object_get(payload, "nics"), *nic;
	size_t i, k, primaries = 0;
	int rc;

	json_array_foreach (nics, i, nic) {
		if ((rc = prepare_one(payload, nics, nic, &primaries, e)) < 0)
			return (rc);
		for (k = 0; k < i; k++)
			if ((rc = check_pair(json_array_get(nics, k), nic, e)) < 0)
				return (rc);
	}
	if (primaries == 0 && json_array_size(nics) > 0)
		(void)json_object_set_new(json_array_get(nics, 0), "primary", json_true());
	return (check_vrrp(nics, e));
}

/* ---- routes ---- */

/* The nic that "nics[N]" or "macs[MAC]" names; *named says whether it has that form at all. */
static const json_t *
route_nic(const json_t *nics, const char *gateway, bool *named)
{
	char inner[MAC_TEXT_LEN + 1], end = '\0';
	const json_t *nic;
	uint8_t a[6], b[6];
	unsigned index;
	size_t i;

	*named = true;
	if (sscanf(gateway, "nics[%4u%c", &index, &end) == 2 && end == ']')
		return (json_array_get(nics, index));
	*named = sscanf(gateway, "macs[%17[0-9a-fA-F:]%c", inner, &end) == 2 && end == ']' &&
	    parse_mac(inner, a) == 0;
	if (!*named)
		return (NULL);
	json_array_foreach (nics, i, nic)
		if (parse_mac(text_of(nic, "mac"), b) == 0 && memcmp(a, b, sizeof(a)) == 0)
			return (nic);
	return (NULL);
}

static int
check_route(const json_t *nics, const char *dst, const char *gateway, struct err *e)
{
	struct in_addr in;
	uint8_t addr[16];
	const char *ip;
	const json_t *nic;
	unsigned bits;
	bool named;

	if (parse_prefix(dst, addr, &bits) != AF_INET)
		return (err_say(e, EINVAL,
		    "Invalid route destination: \"%s\" (must be IP address or CIDR)", dst));
	if (gateway != NULL && inet_pton(AF_INET, gateway, &in) == 1)
		return (0);
	nic = gateway != NULL ? route_nic(nics, gateway, &named) : NULL;
	if (gateway == NULL || !named)
		return (err_say(e, EINVAL,
		    "Invalid route gateway: \"%s\" (must be IP address, MAC address, or nic)",
		    gateway != NULL ? gateway : "not a text"));
	ip = text_of(nic, "ip");
	if (ip == NULL || is_dynamic(ip))
		return (err_say(e, EINVAL,
		    "Route gateway: \"%s\" refers to non-existent or DHCP nic", gateway));
	return (0);
}

int
vmnic_check_routes(const json_t *payload, struct err *e)
{
	json_t *routes = json_object_get(payload, "routes"), *v;
	const json_t *nics = json_object_get(payload, "nics");
	const char *dst;
	int rc;

	json_object_foreach (routes, dst, v)
		if ((rc = check_route(nics, dst, json_string_value(v), e)) < 0)
			return (rc);
	return (0);
}

/* ---- other VMs ---- */

static bool
same_network(const json_t *a, const json_t *b)
{
	int64_t x = 0, y = 0;

	(void)vmprop_integer(json_object_get(a, "vlan_id"), &x);
	(void)vmprop_integer(json_object_get(b, "vlan_id"), &y);
	return (same_text(a, b, "nic_tag") && x == y);
}

static bool
nics_clash(const json_t *a, const json_t *b)
{
	return (same_text(a, b, "mac") || same_number(a, b, "vrrp_vrid") ||
	    (same_network(a, b) && same_ip(a, b) != NULL));
}

static bool
vms_clash(const json_t *a, const json_t *b)
{
	const json_t *x, *y;
	int64_t port;
	size_t i, k;

	if (same_number(a, b, "vnc_port") &&
	    vmprop_integer(json_object_get(a, "vnc_port"), &port) == 0 && port > 0)
		return (true);
	json_array_foreach (json_object_get(a, "nics"), i, x)
		json_array_foreach (json_object_get(b, "nics"), k, y)
			if (nics_clash(x, y))
				return (true);
	return (false);
}

int
vmnic_conflict(const json_t *vm, const json_t *others, struct err *e)
{
	const json_t *other;
	size_t i;

	json_array_foreach (others, i, other) {
		const char *state = text_of(other, "state"), *zs = text_of(other, "zone_state");

		if (same_text(vm, other, "uuid"))
			continue;
		/* A VM that failed and does not run is in nobody's way. */
		if (state != NULL && strcmp(state, "failed") == 0 && zs != NULL &&
		    strcmp(zs, "running") != 0)
			continue;
		if (vms_clash(vm, other))
			return (err_say(e, EEXIST,
			    "Conflict detected with another vm, please check the MAC, IP, and "
			    "VRID"));
	}
	return (0);
}
