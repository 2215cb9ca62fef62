/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rules of a complete and consistent configuration (zones.md 3 and 4), as zonecfg verify and
 * commit, zoneadm verify and every boot ask for them. It judges the text alone: whether volumes,
 * nic tags or paths exist on this machine is zoneadm's verify. Pure; tools and zoneadmd.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/parse.h"
#include "zone/cpus.h"
#include "zone/zconf.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"
#include "zone/zconf_rctl.h"

/* The brands there are; each says what its zones must have. */
static const struct brand_rule {
	const char *name;
	const char *ip_type; /* the only one it runs with */
} brands[] = {
	{ "bhyve", "exclusive" },
};

static bool
is_set(const char *s)
{
	return (s != NULL && *s != '\0');
}

static int
missing(struct err *e, const char *what, const char *property)
{
	return (err_say(e, EINVAL, "%s: required property '%s' is not set", what, property));
}

static int
check_zonepath(const char *path, struct err *e)
{
	const char *p = path, *end;
	size_t len;

	if (!is_set(path))
		return (err_say(e, EINVAL, "zonepath cannot be empty: set zonepath=/zones/NAME"));
	if (path[0] != '/' || path[1] == '\0')
		return (
		    err_say(e, EINVAL, "zonepath '%s' is invalid: an absolute path below /", path));
	if (strlen(path) >= 1024)
		return (err_say(e, EINVAL, "zonepath is invalid: longer than 1023 characters"));
	if (strchr(path, ':') != NULL)
		return (err_say(e, EINVAL, "zonepath '%s' is invalid: it contains ':'", path));
	while (*p != '\0') { /* at a slash */
		end = strchrnul(++p, '/');
		len = (size_t)(end - p);
		if (len == 0 || (len == 1 && p[0] == '.') ||
		    (len == 2 && p[0] == '.' && p[1] == '.'))
			return (err_say(e, EINVAL,
			    "zonepath '%s' is invalid: without empty parts, '.' and '..'", path));
		p = end;
	}
	return (0);
}

static int
check_brand(const struct zconf *c, struct err *e)
{
	const char *ip_type = is_set(c->ip_type) ? c->ip_type : "shared";

	if (!is_set(c->brand))
		return (err_say(e, EINVAL, "brand cannot be empty: set brand=bhyve"));
	if (strcmp(ip_type, "exclusive") != 0 && strcmp(ip_type, "shared") != 0)
		return (
		    err_say(e, EINVAL, "ip-type '%s' is not one of exclusive, shared", ip_type));
	for (size_t i = 0; i < NITEMS(brands); i++) {
		if (strcmp(brands[i].name, c->brand) != 0)
			continue;
		if (strcmp(brands[i].ip_type, ip_type) != 0)
			return (err_say(e, EINVAL, "ip-type '%s' is invalid: brand %s runs with %s",
			    ip_type, c->brand, brands[i].ip_type));
		return (0);
	}
	return (err_say(e, EINVAL, "brand '%s' is not known here (known: bhyve)", c->brand));
}

static int
check_hostid(const char *s, struct err *e)
{
	const char *digits = s;
	size_t len;

	if (!is_set(s))
		return (0);
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
		digits += 2;
	len = strlen(digits);
	if (len == 0 || len > 8 || digits[strspn(digits, "0123456789abcdefABCDEF")] != '\0' ||
	    strtoul(digits, NULL, 16) > 0xfffffffe)
		return (
		    err_say(e, EINVAL, "hostid '%s' is invalid: hexadecimal, 0 to fffffffe", s));
	return (0);
}

/* A comma list of words; a `forbidden` one (NULL: none) is refused. */
static int
check_words(const char *property, const char *list, const char *forbidden, struct err *e)
{
	const char *p = list, *end;
	size_t len;

	if (!is_set(list))
		return (0);
	for (;; p = end + 1) {
		end = strchrnul(p, ',');
		len = (size_t)(end - p);
		if (len == 0 || len != strcspn(p, ", \t\n"))
			return (err_say(e, EINVAL, "%s '%s' is invalid: words divided by commas",
			    property, list));
		if (forbidden != NULL && len == strlen(forbidden) &&
		    strncmp(p, forbidden, len) == 0)
			return (err_say(e, EINVAL, "%s '%s' is invalid: '%s' is forbidden",
			    property, list, forbidden));
		if (*end == '\0')
			return (0);
	}
}

static int
check_ifname(const char *s, struct err *e)
{
	size_t len = strlen(s);

	/*
	 * 31 characters: LIFNAMSIZ without its end byte; the host's own name of the tap is another
	 * one.
	 */
	if (len > 31 || !isalpha((unsigned char)s[0]) ||
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")] !=
		'\0')
		return (err_say(e, EINVAL,
		    "physical '%s' is invalid: a letter, then letters, digits, '_' and '.', at "
		    "most 31",
		    s));
	return (0);
}

/* Text is one line: control characters would break scripts, logs and command lines made of it. */
static int
check_text(const char *what, const char *name, const char *s, struct err *e)
{
	for (; s != NULL && *s != '\0'; s++) {
		if (iscntrl((unsigned char)*s) && *s != '\t')
			return (
			    err_say(e, EINVAL, "%s%s: the value has a control character (%#04x)",
				what, name, (unsigned char)*s));
	}
	return (0);
}

static int
check_props(const char *what, const struct zprop *p, size_t n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		if ((rc = check_text(what, ": property", p[i].name, e)) == 0)
			rc = check_text(what, ": property", p[i].value, e);
	}
	return (rc);
}

static int
check_fields(const char *what, const struct zfield *table, const void *base, struct err *e)
{
	int rc = 0;

	for (; table->name != NULL && rc == 0; table++)
		rc = check_text(what, table->name, zfield_get(table, base), e);
	return (rc);
}

static int
check_texts(const struct zconf *c, size_t which, struct err *e)
{
	int rc = check_fields("", zconf_fields, c, e);

	if (rc == 0)
		rc = check_fields("dedicated-cpu: ", zdedicated_fields, c, e);

	for (size_t i = 0; i < c->nnet && rc == 0; i++) {
		if ((rc = check_fields("net: ", znet_fields, &c->net[i], e)) == 0)
			rc = check_props("net", c->net[i].prop, c->net[i].nprop, e);
	}
	for (size_t i = 0; i < c->ndevice && rc == 0; i++) {
		if ((rc = check_fields("device: ", zdevice_fields, &c->device[i], e)) == 0)
			rc = check_props("device", c->device[i].prop, c->device[i].nprop, e);
	}
	for (size_t i = 0; i < c->nattr && rc == 0; i++)
		rc = check_text("attr: ", c->attr[i].name, c->attr[i].value, e);
	return (rc);
}

static int
check_net_address(const struct znet *net, bool exclusive, struct err *e)
{
	if (!exclusive)
		return (is_set(net->address) ? 0 : missing(e, "net", "address"));
	if (is_set(net->address))
		return (err_say(e, EINVAL, "address cannot be set for ip-type exclusive"));
	if (is_set(net->defrouter) && !is_set(net->allowed_address))
		return (err_say(e, EINVAL,
		    "defrouter cannot be set without allowed-address for ip-type exclusive"));
	return (0);
}

static int
check_net(const struct znet *net, bool exclusive, struct err *e)
{
	uint8_t mac[6];
	uint32_t vid;
	int rc;

	if (!is_set(net->physical))
		return (missing(e, "net", "physical"));
	if ((rc = check_ifname(net->physical, e)) != 0)
		return (rc);
	if ((rc = check_net_address(net, exclusive, e)) != 0)
		return (rc);
	if (is_set(net->mac_addr) && (parse_mac(net->mac_addr, mac) != 0 || (mac[0] & 1) != 0))
		return (err_say(e, EINVAL,
		    "mac-addr '%s' is invalid: six hexadecimal octets with ':', the first one even",
		    net->mac_addr));
	if (is_set(net->vlan_id) && parse_u32(net->vlan_id, 0, 4094, &vid) != 0)
		return (err_say(e, EINVAL, "vlan-id '%s' is invalid: 0 to 4094", net->vlan_id));
	return (0);
}

/* Two nets with one name, or one hardware address on one network. */
static int
check_net_pair(const struct znet *a, const struct znet *b, struct err *e)
{
	uint8_t x[6], y[6];

	if (strcmp(a->physical, b->physical) == 0)
		return (err_say(e, EINVAL, "net: physical '%s' is set twice", a->physical));
	if (is_set(a->mac_addr) && is_set(b->mac_addr) && parse_mac(a->mac_addr, x) == 0 &&
	    parse_mac(b->mac_addr, y) == 0 && memcmp(x, y, sizeof(x)) == 0)
		return (err_say(e, EINVAL, "net: '%s' and '%s' have the same mac-addr %s",
		    a->physical, b->physical, a->mac_addr));
	return (0);
}

static int
check_nets(const struct zconf *c, size_t i, struct err *e)
{
	bool exclusive = c->ip_type != NULL && strcmp(c->ip_type, "exclusive") == 0;
	int rc;

	if ((rc = check_net(&c->net[i], exclusive, e)) != 0)
		return (
		    is_set(c->net[i].physical) ? err_ctx(e, "net '%s'", c->net[i].physical) : rc);
	for (size_t j = 0; j < i; j++) {
		if (is_set(c->net[j].physical) &&
		    (rc = check_net_pair(&c->net[j], &c->net[i], e)) != 0)
			return (rc);
	}
	return (0);
}

static int
check_devices(const struct zconf *c, size_t i, struct err *e)
{
	if (!is_set(c->device[i].match))
		return (missing(e, "device", "match"));
	for (size_t j = 0; j < i; j++) {
		if (is_set(c->device[j].match) &&
		    strcmp(c->device[j].match, c->device[i].match) == 0)
			return (err_say(
			    e, EINVAL, "device: match '%s' is set twice", c->device[i].match));
	}
	return (0);
}

static int
check_attr_name(const char *s, struct err *e)
{
	if (!isalnum((unsigned char)s[0]) ||
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")] !=
		'\0')
		return (err_say(e, EINVAL,
		    "attr name '%s' is invalid: a letter or digit, then letters, digits, '-', '_', "
		    "'.'",
		    s));
	if (strncmp(s, "zone", 4) == 0)
		return (err_say(e, EINVAL, "attr name '%s' is invalid: 'zone' is reserved", s));
	return (0);
}

static int
check_attr(const struct zattr *a, struct err *e)
{
	const char *digits = a->value;
	uint64_t n;
	bool ok = true;

	if (check_attr_name(a->name, e) != 0)
		return (-EINVAL);
	switch (a->type) {
	case ZATTR_STRING:
		break;
	case ZATTR_BOOLEAN:
		ok = strcmp(a->value, "true") == 0 || strcmp(a->value, "false") == 0;
		break;
	case ZATTR_INT:
		digits += *digits == '-' || *digits == '+';
		ok = parse_u64(digits, &n) == 0 && n <= (uint64_t)INT64_MAX + (a->value[0] == '-');
		break;
	case ZATTR_UINT:
		ok = parse_u64(a->value, &n) == 0;
		break;
	}
	if (!ok)
		return (err_say(e, EINVAL, "attr '%s': value '%s' is not of type %s", a->name,
		    a->value, zattr_type_name(a->type)));
	return (0);
}

static int
check_attrs(const struct zconf *c, size_t i, struct err *e)
{
	return (check_attr(&c->attr[i], e));
}

static int
check_rctls(const struct zconf *c, size_t i, struct err *e)
{
	const struct zrctl *r = &c->rctl[i];

	if (zrctl_check_name(r->name, e) != 0)
		return (-EINVAL);
	if (r->nvalue == 0)
		return (err_say(e, EINVAL, "rctl '%s': required value is missing", r->name));
	for (size_t j = 0; j < r->nvalue; j++) {
		if (zrctl_check_value(&r->value[j], e) != 0)
			return (err_ctx(e, "rctl '%s'", r->name));
	}
	return (0);
}

static int
check_memory(const struct zconf *c, size_t i, struct err *e)
{
	uint64_t physical, locked;

	if (zconf_rctl_get(c, "zone.max-physical-memory", &physical) == 0 &&
	    zconf_rctl_get(c, "zone.max-locked-memory", &locked) == 0 && locked > physical)
		return (err_say(e, EINVAL, "capped-memory: locked must not be more than physical"));
	return (0);
}

int
zconf_dedicated_get(const struct zconf *c, unsigned *min, unsigned *max, struct err *e)
{
	const char *text = c->dedicated_ncpus, *dash;
	char first[16] = "";

	*min = *max = 0;
	if (!is_set(text))
		return (0);
	dash = strchrnul(text, '-');
	if ((size_t)(dash - text) < sizeof(first))
		memcpy(first, text, (size_t)(dash - text));
	if (parse_u32(first, 1, CPUS_MAX, min) != 0 ||
	    parse_u32(*dash == '-' ? dash + 1 : first, 1, CPUS_MAX, max) != 0 || *max < *min)
		return (err_say(e, EINVAL,
		    "dedicated-cpu: ncpus '%s' is invalid: a number above 0, or two (2-4)", text));
	return (0);
}

static int
check_dedicated(const struct zconf *c, size_t which, struct err *e)
{
	static const char *const others[] = { "zone.cpu-shares", "zone.cpu-cap" };
	unsigned min, max;
	uint64_t v;

	if (zconf_dedicated_get(c, &min, &max, e) != 0)
		return (-EINVAL);
	if (max == 0)
		return (is_set(c->dedicated_importance) ? missing(e, "dedicated-cpu", "ncpus") : 0);
	if (is_set(c->dedicated_importance) && parse_u64(c->dedicated_importance, &v) != 0)
		return (err_say(e, EINVAL, "dedicated-cpu: importance '%s' is not a number",
		    c->dedicated_importance));
	if (is_set(c->pool))
		return (err_say(e, EINVAL, "dedicated-cpu and pool exclude each other"));
	for (size_t i = 0; i < NITEMS(others); i++) {
		if (zconf_rctl_find(c, others[i]) != NULL)
			return (err_say(e, EINVAL, "dedicated-cpu and %s exclude each other",
			    i == 0 ? "cpu-shares" : "capped-cpu"));
	}
	return (0);
}

static int
check_kept(const struct zconf *c, size_t i, struct err *e)
{
	return (zconf_kept_check(c, e));
}

static int
check_globals(const struct zconf *c, size_t i, struct err *e)
{
	switch (i) {
	case 0:
		return (zconf_name_check(c->name, e));
	case 1:
		return (check_zonepath(c->zonepath, e));
	case 2:
		return (check_brand(c, e));
	case 3:
		return (check_hostid(c->hostid, e));
	case 4:
		return (check_words("limitpriv", c->limitpriv, "zone", e));
	default:
		return (check_words("fs-allowed", c->fs_allowed, NULL, e));
	}
}

/* All rules, each asked of every element of its kind. */
static const struct rule {
	int (*check)(const struct zconf *c, size_t i, struct err *e);
	size_t times;  /* so often, or */
	size_t number; /* as often as this member of the configuration says */
} rules[] = {
	{ check_texts, 1, 0 },
	{ check_globals, 6, 0 },
	{ check_nets, 0, offsetof(struct zconf, nnet) },
	{ check_devices, 0, offsetof(struct zconf, ndevice) },
	{ check_attrs, 0, offsetof(struct zconf, nattr) },
	{ check_rctls, 0, offsetof(struct zconf, nrctl) },
	{ check_memory, 1, 0 },
	{ check_dedicated, 1, 0 },
	{ check_kept, 1, 0 },
};

static size_t
times(const struct rule *r, const struct zconf *c)
{
	size_t n = r->times;

	if (n == 0)
		memcpy(&n, (const char *)c + r->number, sizeof(n));
	return (n);
}

int
zconf_verify(const struct zconf *c, struct err *e)
{
	int rc = 0;

	for (size_t k = 0; k < NITEMS(rules) && rc == 0; k++) {
		for (size_t i = 0; i < times(&rules[k], c) && rc == 0; i++)
			rc = rules[k].check(c, i, e);
	}
	return (rc);
}

size_t
zconf_verify_all(const struct zconf *c, void (*tell)(void *arg, const char *text), void *arg)
{
	size_t n = 0;

	for (size_t k = 0; k < NITEMS(rules); k++) {
		for (size_t i = 0; i < times(&rules[k], c); i++) {
			struct err e = { 0 };

			if (rules[k].check(c, i, &e) == 0)
				continue;
			tell(arg, e.text);
			n++;
		}
	}
	return (n);
}
