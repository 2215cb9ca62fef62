/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of the string-valued properties of a zone's configuration: see zconf_field.h. Pure; tools
 * and zoneadmd.
 */
#include "zone/zconf_field.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define F(type, member, name, value, text)                       \
	{                                                        \
		name, offsetof(struct type, member), value, text \
	}

const struct zfield zconf_fields[] = {
	F(zconf, zonepath, "zonepath", "absolute path", "folder of the zone; required"),
	F(zconf, brand, "brand", "bhyve", "kind of zone; required"),
	F(zconf, bootargs, "bootargs", "text", "kept for other tools; bhyve zones do not use it"),
	F(zconf, pool, "pool", "name", "resource pool; kept, without effect here"),
	F(zconf, limitpriv, "limitpriv", "list", "illumos privileges; kept, without effect here"),
	F(zconf, scheduling_class, "scheduling-class", "name",
	    "scheduling class; kept, without effect here"),
	F(zconf, ip_type, "ip-type", "exclusive | shared", "bhyve zones are exclusive"),
	F(zconf, hostid, "hostid", "hexadecimal number", "host identifier"),
	F(zconf, fs_allowed, "fs-allowed", "list", "file systems the zone may mount"),
	{ NULL },
};

const struct zfield zdedicated_fields[] = {
	F(zconf, dedicated_ncpus, "ncpus", "number | from-to",
	    "CPUs that the zone has alone; required"),
	F(zconf, dedicated_importance, "importance", "number", "kept, without effect here"),
	{ NULL },
};

const struct zfield znet_fields[] = {
	F(znet, address, "address", "address", "shared-IP zones only"),
	F(znet, allowed_address, "allowed-address", "list of addresses",
	    "addresses the zone may use"),
	F(znet, defrouter, "defrouter", "address", "default router; needs allowed-address"),
	F(znet, global_nic, "global-nic", "nic tag", "network of the host it is attached to"),
	F(znet, mac_addr, "mac-addr", "MAC address", "hardware address"),
	F(znet, physical, "physical", "name", "name of the interface: net0; required"),
	F(znet, vlan_id, "vlan-id", "0 to 4094", "VLAN; 0 and unset: untagged"),
	{ NULL },
};

const struct zfield zdevice_fields[] = {
	F(zdevice, match, "match", "path", "path of the volume; required"),
	{ NULL },
};

#undef F

const struct zfield *
zfield_find(const struct zfield *table, const char *name)
{
	for (; table->name != NULL; table++) {
		if (strcmp(table->name, name) == 0)
			return (table);
	}
	return (NULL);
}

static char **
slot(const struct zfield *f, void *base)
{
	return ((char **)(void *)((char *)base + f->offset));
}

const char *
zfield_get(const struct zfield *f, const void *base)
{
	char *value;

	memcpy(&value, (const char *)base + f->offset, sizeof(value));
	return (value);
}

int
zfield_set(const struct zfield *f, void *base, const char *value)
{
	char **p = slot(f, base);
	char *copy = NULL;

	if (value != NULL && *value != '\0' && (copy = strdup(value)) == NULL)
		return (-ENOMEM);
	free(*p);
	*p = copy;
	return (0);
}

void
zfield_clear_all(const struct zfield *table, void *base)
{
	for (; table->name != NULL; table++)
		(void)zfield_set(table, base, NULL);
}

int
zfield_copy_all(const struct zfield *table, void *to, const void *from)
{
	int rc;

	for (; table->name != NULL; table++) {
		if ((rc = zfield_set(table, to, zfield_get(table, from))) != 0)
			return (rc);
	}
	return (0);
}

bool
zfield_equal_all(const struct zfield *table, const void *a, const void *b)
{
	const char *x, *y;

	for (; table->name != NULL; table++) {
		x = zfield_get(table, a);
		y = zfield_get(table, b);
		if (strcmp(x != NULL ? x : "", y != NULL ? y : "") != 0)
			return (false);
	}
	return (true);
}

static const char *const attr_types[] = {
	[ZATTR_STRING] = "string",
	[ZATTR_INT] = "int",
	[ZATTR_UINT] = "uint",
	[ZATTR_BOOLEAN] = "boolean",
};

const char *
zattr_type_name(enum zattr_type t)
{
	return ((size_t)t < NITEMS(attr_types) ? attr_types[t] : "???");
}

int
zattr_type_parse(const char *s, enum zattr_type *out)
{
	for (size_t i = 0; i < NITEMS(attr_types); i++) {
		if (strcmp(s, attr_types[i]) == 0) {
			*out = (enum zattr_type)i;
			return (0);
		}
	}
	return (-EINVAL);
}
