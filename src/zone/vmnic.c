/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nics of a create payload: hardware addresses, names, the two ways of writing an address, and
 * what one nic may be (vmadm.md 5 and 6). What several have to do with each other is
 * vmnic_check.c. See vmvalidate.h. Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fd.h"
#include "zone/vmip.h"
#include "zone/vmvalidate.h"

#define IPS_MAX         20
#define ALLOWED_IPS_MAX 13
#define ALL_IPS_MAX     32

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
	char text[VMIP_TEXT_MAX + 12];
	int bits;

	if (gateway != NULL && json_object_get(nic, "gateways") == NULL)
		(void)json_object_set_new(nic, "gateways", json_pack("[s]", gateway));
	if (json_object_get(nic, "ips") != NULL)
		return (0);
	if (ip == NULL)
		return (json_object_set_new(nic, "ips", json_array()));
	if (vmip_is_dynamic(ip))
		return (json_object_set_new(nic, "ips", json_pack("[s]", ip)));
	if (mask == NULL)
		return (say_nic(e, "Missing .netmask option for NIC", nic));
	if ((bits = vmip_mask_bits(mask)) < 0)
		return (err_say(e, EINVAL, "Specified netmask value is invalid: %s", mask));
	(void)snprintf(text, sizeof(text), "%.*s/%d", INET6_ADDRSTRLEN, ip, bits);
	return (json_object_set_new(nic, "ips", json_pack("[s]", text)));
}

/*
 * And back: the first IPv4 address (or dhcp) is also ip and netmask, the first gateway also
 * gateway.
 */
static void
narrow(json_t *nic)
{
	const char *gateway =
	    json_string_value(json_array_get(json_object_get(nic, "gateways"), 0));
	char host[VMIP_TEXT_MAX], mask[INET_ADDRSTRLEN];
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
		if (vmip_is_dynamic(ip) || vmip_parse(ip, addr, &bits) != AF_INET)
			continue;
		(void)snprintf(host, sizeof(host), "%.*s", (int)strcspn(ip, "/"), ip);
		vmip_mask_text(bits, mask);
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

		if (ip == NULL || vmip_parse(ip, addr, &bits) == 0 || bits == 0)
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

		if (!vmip_valid(json_string_value(x)))
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
			if ((rc = vmnic_check_pair(json_array_get(nics, k), nic, e)) < 0)
				return (rc);
	}
	if (primaries == 0 && json_array_size(nics) > 0)
		(void)json_object_set_new(json_array_get(nics, 0), "primary", json_true());
	return (vmnic_check_vrrp(nics, e));
}
