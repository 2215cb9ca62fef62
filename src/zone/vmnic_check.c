/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nics have to do with each other: within one VM, with its routes, with other VMs
 * (vmadm.md 5, netprot.md 6). See vmvalidate.h. Pure; tools.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "zone/vmip.h"
#include "zone/vmvalidate.h"

static const char *
text_of(const json_t *o, const char *name)
{
	return (json_string_value(json_object_get(o, name)));
}

/* ---- within a VM ---- */

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
			if (!vmip_is_dynamic(json_string_value(x)) && json_equal(x, y))
				return (json_string_value(x));
	return (NULL);
}

int
vmnic_check_pair(const json_t *a, const json_t *b, struct err *e)
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

int
vmnic_check_vrrp(const json_t *nics, struct err *e)
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

	if (vmip_parse(dst, addr, &bits) != AF_INET)
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
	if (ip == NULL || vmip_is_dynamic(ip))
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
