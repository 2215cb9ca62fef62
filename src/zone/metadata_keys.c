/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keys of the metadata service: see metadata_keys.h. Pure; runs in zoneadmd on a hostile
 * guest's words.
 */
#include "zone/metadata_keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"

/* ---- namespaces ---- */

/* The listed namespace that the key is in ("NS:name"), or NULL. */
static const char *
namespace_of(const json_t *vm, const char *key)
{
	const json_t *list = json_object_get(vm, "internal_metadata_namespaces"), *entry;
	const char *colon = strchr(key, ':');
	size_t i;

	if (colon == NULL)
		return (NULL);
	json_array_foreach (list, i, entry) {
		const char *ns = json_string_value(entry);

		if (ns != NULL && strlen(ns) == (size_t)(colon - key) &&
		    strncmp(ns, key, strlen(ns)) == 0)
			return (ns);
	}
	return (NULL);
}

static bool
is_password(const char *key)
{
	size_t n = strlen(key);

	return (n >= 3 && strcmp(key + n - 3, "_pw") == 0);
}

static bool
is_internal(const json_t *vm, const char *key)
{
	return (is_password(key) || namespace_of(vm, key) != NULL);
}

/* ---- values ---- */

static int
dup_text(const char *s, char **out)
{
	*out = strdup(s);
	return (*out != NULL ? 0 : -ENOMEM);
}

/* Strings as they are, numbers and booleans as text; null is as good as missing. */
static int
scalar_text(const json_t *v, char **out)
{
	if (v == NULL || json_is_null(v))
		return (-ENOENT);
	if (json_is_string(v))
		return (dup_text(json_string_value(v), out));
	if (json_is_object(v) || json_is_array(v))
		return (-EINVAL);
	*out = json_dumps(v, JSON_ENCODE_ANY);
	return (*out != NULL ? 0 : -ENOMEM);
}

static int
json_text(const json_t *v, char **out)
{
	if (v == NULL)
		return (-ENOENT);
	*out = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	return (*out != NULL ? 0 : -ENOMEM);
}

/*
 * "disks.0.size", "tags.role": one step per dot. The names of tags and metadata may hold dots
 * themselves, so what is left is tried as one name before it is split.
 */
static const json_t *
lookup_path(const json_t *v, const char *path)
{
	const json_t *hit;
	const char *dot;
	char name[64];
	size_t n;

	while (v != NULL) {
		if (json_is_object(v) && (hit = json_object_get(v, path)) != NULL)
			return (hit);
		dot = strchr(path, '.');
		n = dot != NULL ? (size_t)(dot - path) : strlen(path);
		if (n >= sizeof(name))
			return (NULL);
		memcpy(name, path, n);
		name[n] = '\0';
		if (json_is_array(v)) {
			uint32_t i;

			if (parse_u32(name, 0, UINT32_MAX, &i) < 0)
				return (NULL);
			v = json_array_get(v, i);
		} else {
			v = json_object_get(v, name);
		}
		if (dot == NULL)
			return (v);
		path = dot + 1;
	}
	return (NULL);
}

/* ---- routes ---- */

static bool
same_mac(const char *a, const char *b)
{
	uint8_t x[6], y[6];

	return (parse_mac(a, x) == 0 && parse_mac(b, y) == 0 && memcmp(x, y, sizeof(x)) == 0);
}

/* The nic a route's gateway names: "nics[N]" or "macs[MAC]". NULL when there is none. */
static const json_t *
route_nic(const json_t *nics, const char *gateway)
{
	const char *end = strchr(gateway, ']');
	const json_t *nic;
	char inner[MAC_TEXT_LEN + 1];
	uint32_t index;
	size_t n, i;

	if (end == NULL || end[1] != '\0' || (n = (size_t)(end - gateway) - 5) >= sizeof(inner))
		return (NULL);
	memcpy(inner, gateway + 5, n);
	inner[n] = '\0';
	if (gateway[0] == 'n')
		return (parse_u32(inner, 0, UINT32_MAX, &index) == 0 ? json_array_get(nics, index)
								     : NULL);
	json_array_foreach (nics, i, nic) {
		const char *mac = json_string_value(json_object_get(nic, "mac"));

		if (mac != NULL && same_mac(mac, inner))
			return (nic);
	}
	return (NULL);
}

/* One {linklocal, dst, gateway}, or NULL for a route to be left out. */
static json_t *
route_entry(const json_t *nics, const char *dst, const char *gateway)
{
	bool linklocal = strncmp(gateway, "nics[", 5) == 0 || strncmp(gateway, "macs[", 5) == 0;
	const char *ip = gateway;

	if (linklocal) {
		ip = json_string_value(json_object_get(route_nic(nics, gateway), "ip"));
		if (ip == NULL || strcmp(ip, "dhcp") == 0)
			return (NULL);
	}
	return (
	    json_pack("{s:b, s:s, s:s}", "linklocal", (int)linklocal, "dst", dst, "gateway", ip));
}

static int
routes_text(const json_t *vm, char **value)
{
	json_t *routes = json_object_get(vm, "routes"), *list = json_array(), *gateway;
	const json_t *nics = json_object_get(vm, "nics");
	const char *dst;
	int rc;

	json_object_foreach (routes, dst, gateway) {
		const char *gw = json_string_value(gateway);
		json_t *entry = gw != NULL ? route_entry(nics, dst, gw) : NULL;

		if (entry != NULL)
			(void)json_array_append_new(list, entry);
	}
	rc = json_text(list, value);
	json_decref(list);
	return (rc);
}

/* ---- the doors ---- */

static int
sdc_get(const json_t *vm, const char *name, char **value)
{
	const json_t *internal = json_object_get(vm, "internal_metadata");

	if (strcmp(name, "nics") == 0 || strcmp(name, "resolvers") == 0 ||
	    strcmp(name, "tmpfs") == 0)
		return (json_text(json_object_get(vm, name), value));
	if (strcmp(name, "routes") == 0)
		return (routes_text(vm, value));
	if (strcmp(name, "operator-script") == 0)
		return (scalar_text(json_object_get(internal, name), value));
	if (strcmp(name, "volumes") == 0)
		return (scalar_text(json_object_get(internal, "sdc:volumes"), value));
	/* Not for the guest: what the operator keeps about it. */
	if (strcmp(name, "internal_metadata") == 0 || strncmp(name, "internal_metadata.", 18) == 0)
		return (-ENOENT);
	return (scalar_text(lookup_path(vm, name), value));
}

int
metadata_keys_get(const json_t *vm, const char *key, char **value)
{
	const char *object;

	if (strncmp(key, "sdc:", 4) == 0)
		return (sdc_get(vm, key + 4, value));
	object = is_internal(vm, key) ? "internal_metadata" : "customer_metadata";
	return (scalar_text(json_object_get(json_object_get(vm, object), key), value));
}

/* Add "NAME\n" of every member that is (internal) or is not (customer) kept from plain sight. */
static int
list_object(const json_t *vm, const char *object, bool internal, char **text, size_t *len)
{
	json_t *o = json_object_get(vm, object), *v;
	const char *name;
	char *more;

	json_object_foreach (o, name, v) {
		size_t n = strlen(name);

		if (is_internal(vm, name) != internal)
			continue;
		if ((more = realloc(*text, *len + n + 2)) == NULL)
			return (-ENOMEM);
		*text = more;
		memcpy(more + *len, name, n);
		*len += n;
		more[(*len)++] = '\n';
		more[*len] = '\0';
	}
	return (0);
}

int
metadata_keys_list(const json_t *vm, char **value)
{
	char *text = strdup("");
	size_t len = 0;

	if (text == NULL || list_object(vm, "customer_metadata", false, &text, &len) < 0 ||
	    list_object(vm, "internal_metadata", true, &text, &len) < 0) {
		free(text);
		return (-ENOMEM);
	}
	if (len > 0)
		text[len - 1] = '\0';
	*value = text;
	return (0);
}

int
metadata_keys_place(const json_t *vm, const char *key, const char **object, struct err *e)
{
	const char *ns = strncmp(key, "sdc:", 4) == 0 ? "sdc" : namespace_of(vm, key);

	if (ns != NULL)
		return (err_say(e, EPERM, "Cannot update the \"%s\" Namespace.", ns));
	*object = is_password(key) || strcmp(key, "operator-script") == 0 ? "internal_metadata"
									  : "customer_metadata";
	return (0);
}
