/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payloads of create and update into the model of a zone: see vmobj.h. They have been checked and
 * normalised by then (vmvalidate.h); what is unset stays unset in the model. Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "zone/brand.h"
#include "zone/codec.h"
#include "zone/paths.h"
#include "zone/vmobj.h"
#include "zone/vmprop.h"
#include "zone/zconf_field.h"

static int
set_zone(const struct vmprop *p, const json_t *v, const char *text, struct zconf *c)
{
	const struct zfield *f;

	if (strcmp(p->key, "zonename") == 0)
		return (0); /* the model was made with its name */
	if (strcmp(p->key, "uuid") == 0) {
		(void)snprintf(c->uuid, sizeof(c->uuid), "%s", text != NULL ? text : "");
		return (0);
	}
	if (strcmp(p->key, "autoboot") == 0) {
		c->autoboot = vmprop_truth(v);
		return (0);
	}
	f = zfield_find(zconf_fields, p->key);
	return (f != NULL ? zfield_set(f, c, text) : -EINVAL);
}

static int
set_base64(const struct vmprop *p, const char *text, struct zconf *c)
{
	CLEANUP_FREE char *coded = NULL;
	size_t len;

	if (text == NULL)
		return (zconf_attr_set(c, p->key, ZATTR_STRING, NULL));
	len = strlen(text);
	if ((coded = malloc(BASE64_LEN(len) + 1)) == NULL)
		return (-ENOMEM);
	(void)base64_encode(text, len, coded);
	return (zconf_attr_set(c, p->key, ZATTR_STRING, coded));
}

static int
set_rctl(const struct vmprop *p, const json_t *v, struct zconf *c)
{
	uint64_t unit = p->unit != 0 ? p->unit : 1, limit;
	int64_t n;

	/* cpu_cap 0 means no cap. */
	if (vmprop_integer(v, &n) < 0 || n < 0 || (n == 0 && strcmp(p->name, "cpu_cap") == 0))
		return (zconf_rctl_clear(c, p->key));
	if (__builtin_mul_overflow((uint64_t)n, unit, &limit))
		return (-ERANGE);
	return (zconf_rctl_set(c, p->key, "privileged", limit, p->action));
}

static int
set_one(const struct vmprop *p, const json_t *v, struct zconf *c)
{
	CLEANUP_FREE char *text = NULL;
	int rc;

	if (p->store == VMS_NONE || p->store == VMS_CONFIG || p->type == VMP_ARRAY)
		return (0);
	if ((rc = vmprop_to_text(p, v, &text)) < 0)
		return (rc);
	switch (p->store) {
	case VMS_ZONE:
		return (set_zone(p, v, text, c));
	case VMS_ATTR:
		return (zconf_attr_set(c, p->key, ZATTR_STRING, text));
	case VMS_ATTR_B64:
		return (set_base64(p, text, c));
	case VMS_RCTL:
		return (set_rctl(p, v, c));
	default:
		return (0);
	}
}

/* The members of one nic or disk. */
static int
set_resource(const char *of, const json_t *o, const struct zfield *fields, void *base,
    struct zprop **prop, size_t *nprop)
{
	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		CLEANUP_FREE char *text = NULL;
		int rc = 0;

		if (p->of == NULL || strcmp(p->of, of) != 0 || p->store == VMS_NONE)
			continue;
		if ((rc = vmprop_to_text(p, json_object_get(o, p->name), &text)) < 0)
			return (rc);
		if (p->store == VMS_MEMBER)
			rc = zfield_set(zfield_find(fields, p->key), base, text);
		else if (p->store == VMS_PROPERTY)
			rc = zprop_set(prop, nprop, p->key, text);
		if (rc < 0)
			return (rc);
	}
	return (0);
}

static int
add_disk(const json_t *o, struct zconf *c)
{
	struct zdevice *d = zconf_device_add(c);
	int rc;

	if (d == NULL)
		return (-ENOMEM);
	if ((rc = set_resource("disks", o, zdevice_fields, d, &d->prop, &d->nprop)) < 0)
		return (rc);
	/* Written for every disk, true or false. */
	return (zprop_set(&d->prop, &d->nprop, "boot",
	    vmprop_truth(json_object_get(o, "boot")) ? "true" : "false"));
}

static int
add_pci_device(const json_t *o, struct zconf *c)
{
	struct zdevice *d = zconf_device_add(c);
	int rc;

	if (d == NULL)
		return (-ENOMEM);
	if ((rc = set_resource("pci_devices", o, zdevice_fields, d, &d->prop, &d->nprop)) < 0)
		return (rc);
	return (zprop_set(&d->prop, &d->nprop, "model", "passthru"));
}

static int
add_nic(const json_t *o, struct zconf *c)
{
	struct znet *n = zconf_net_add(c);

	if (n == NULL)
		return (-ENOMEM);
	return (set_resource("nics", o, znet_fields, n, &n->prop, &n->nprop));
}

int
vmobj_apply(const json_t *payload, struct zconf *c, struct err *e)
{
	const json_t *o;
	size_t i;
	int rc;

	for (i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		const json_t *v = p->of == NULL ? json_object_get(payload, p->name) : NULL;

		if (v != NULL && (rc = set_one(p, v, c)) < 0)
			return (err_set(e, -rc, "cannot store property '%s'", p->name));
	}
	json_array_foreach (json_object_get(payload, "disks"), i, o)
		if ((rc = add_disk(o, c)) < 0)
			return (err_set(e, -rc, "cannot store disk %zu", i));
	json_array_foreach (json_object_get(payload, "pci_devices"), i, o)
		if ((rc = add_pci_device(o, c)) < 0)
			return (err_set(e, -rc, "cannot store PCI device %zu", i));
	json_array_foreach (json_object_get(payload, "nics"), i, o)
		if ((rc = add_nic(o, c)) < 0)
			return (err_set(e, -rc, "cannot store nic %zu", i));
	return (0);
}

/* Attributes of every VM which no property sets. */
static int
set_fixed_attrs(struct zconf *c, const char *created)
{
	char now[VMOBJ_TIME_LEN + 1];
	struct timespec ts;
	int rc;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	vmobj_time((int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000, now);
	if ((rc = zconf_attr_set(c, "vm-version", ZATTR_STRING, "1")) < 0 ||
	    (rc = zconf_attr_set(
		 c, "create-timestamp", ZATTR_STRING, created != NULL ? created : now)) < 0 ||
	    (rc = zconf_attr_set(c, "zlog-mode", ZATTR_STRING, "g--")) < 0)
		return (rc);
	return (zconf_attr_set(c, "zlog-name", ZATTR_STRING, "platform.log"));
}

/* What of the zone no payload says. */
static int
set_place(struct zconf *c, const char *created)
{
	char path[PATH_MAX];

	free(c->zonepath);
	free(c->ip_type);
	c->zonepath = strdup(path_zones(path, "%s", c->name));
	c->ip_type = strdup("exclusive");
	return (c->zonepath == NULL || c->ip_type == NULL ? -ENOMEM : set_fixed_attrs(c, created));
}

int
vmobj_new(
    const json_t *payload, const char *name, const char *created, struct zconf **out, struct err *e)
{
	struct zconf *c = zconf_new(name);
	int rc;

	if (c == NULL)
		return (err_set(e, ENOMEM, "cannot configure zone '%s'", name));
	if ((rc = vmobj_apply(payload, c, e)) == 0 && (rc = set_place(c, created)) != 0)
		rc = err_set(e, -rc, "cannot configure zone '%s'", name);
	if (rc == 0)
		*out = c;
	else
		zconf_free(c);
	return (rc);
}

/* ---- update ---- */

static struct zdevice *
find_disk(struct zconf *c, const char *path)
{
	for (size_t i = 0; path != NULL && i < c->ndevice; i++) {
		if (c->device[i].match != NULL && strcmp(c->device[i].match, path) == 0)
			return (&c->device[i]);
	}
	return (NULL);
}

/* What of a disk changes without the rest; a size cannot be unset. */
static int
update_disk(const json_t *o, struct zconf *c)
{
	static const char *const names[] = { "size", "compression", "refreservation" };
	struct zdevice *d = find_disk(c, json_string_value(json_object_get(o, "path")));

	if (d == NULL)
		return (-ENOENT);
	for (size_t i = 0; i < NITEMS(names); i++) {
		const struct vmprop *p = vmprop_find("disks", names[i]);
		const json_t *v = json_object_get(o, names[i]);
		CLEANUP_FREE char *text = NULL;
		int rc;

		if (v == NULL)
			continue;
		if ((rc = vmprop_to_text(p, v, &text)) < 0)
			return (rc);
		if ((text != NULL || i > 0) &&
		    (rc = zprop_set(&d->prop, &d->nprop, p->key, text)) < 0)
			return (rc);
	}
	return (0);
}

/* The net resource with the MAC address of that nic; c->nnet for none. */
static size_t
find_net(const struct zconf *c, const json_t *nic)
{
	const char *mac = json_string_value(json_object_get(nic, "mac"));
	uint8_t want[6], have[6];
	size_t i;

	if (mac == NULL || parse_mac(mac, want) != 0)
		return (c->nnet);
	for (i = 0; i < c->nnet; i++) {
		if (c->net[i].mac_addr != NULL && parse_mac(c->net[i].mac_addr, have) == 0 &&
		    memcmp(want, have, sizeof(want)) == 0)
			break;
	}
	return (i);
}

/*
 * The nics that the VM is to have. Those that it has keep what vmadm knows nothing of, and their
 * place.
 */
static int
update_nics(const json_t *nics, struct zconf *c)
{
	const json_t *nic;
	size_t i, k;
	int rc;

	for (i = c->nnet; i-- > 0;) {
		bool kept = false;

		json_array_foreach (nics, k, nic)
			kept = kept || find_net(c, nic) == i;
		if (!kept)
			zconf_net_remove(c, i);
	}
	json_array_foreach (nics, k, nic) {
		i = find_net(c, nic);
		if (i == c->nnet)
			rc = add_nic(nic, c);
		else
			rc = set_resource("nics", nic, znet_fields, &c->net[i], &c->net[i].prop,
			    &c->net[i].nprop);
		if (rc < 0)
			return (rc);
	}
	return (0);
}

/*
 * The disks that the VM is to have, all of which have a path. Those that it has keep what vmadm knows
 * nothing of, and their place.
 */
static int
update_disks(const json_t *disks, struct zconf *c)
{
	const json_t *disk;
	struct zdevice *d;
	size_t i, k;
	int rc;

	for (i = c->ndevice; i-- > 0;) {
		bool kept = brand_is_passthru(&c->device[i]);

		json_array_foreach (disks, k, disk)
			kept = kept ||
			    find_disk(c, json_string_value(json_object_get(disk, "path"))) ==
				&c->device[i];
		if (!kept)
			zconf_device_remove(c, i);
	}
	json_array_foreach (disks, k, disk) {
		d = find_disk(c, json_string_value(json_object_get(disk, "path")));
		if (d == NULL)
			rc = add_disk(disk, c);
		else
			rc = set_resource("disks", disk, zdevice_fields, d, &d->prop, &d->nprop);
		if (rc < 0)
			return (rc);
	}
	return (0);
}

int
vmobj_update(const json_t *payload, struct zconf *c, struct err *e)
{
	const json_t *o;
	size_t i;
	int rc;

	for (i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		const json_t *v = p->of == NULL && (p->flags & VMF_UPDATE) != 0
		    ? json_object_get(payload, p->name)
		    : NULL;

		if (v != NULL && (rc = set_one(p, v, c)) < 0)
			return (err_set(e, -rc, "cannot store property '%s'", p->name));
	}
	o = json_object_get(payload, "nics");
	if (o != NULL && (rc = update_nics(o, c)) < 0)
		return (err_set(e, -rc, "cannot store the nics"));
	o = json_object_get(payload, "disks");
	if (o != NULL && (rc = update_disks(o, c)) < 0)
		return (err_set(e, -rc, "cannot store the disks"));
	json_array_foreach (json_object_get(payload, "update_disks"), i, o)
		if ((rc = update_disk(o, c)) < 0)
			return (err_set(e, -rc, "cannot store disk '%s'",
			    json_string_value(json_object_get(o, "path"))));
	return (0);
}

/* remove_NAME, then set_NAME. */
static int
update_object(const json_t *payload, const char *name, json_t *object)
{
	char key[48];
	json_t *v;
	size_t i;

	(void)snprintf(key, sizeof(key), "remove_%s", name);
	json_array_foreach (json_object_get(payload, key), i, v)
		if (json_is_string(v))
			(void)json_object_del(object, json_string_value(v));
	(void)snprintf(key, sizeof(key), "set_%s", name);
	v = json_object_get(payload, key);
	return (v != NULL && json_object_update(object, v) != 0 ? -ENOMEM : 0);
}

int
vmobj_update_config(const json_t *payload, struct vmconfig *vc)
{
	int rc;

	if ((rc = update_object(payload, "customer_metadata", vc->customer_metadata)) < 0 ||
	    (rc = update_object(payload, "internal_metadata", vc->internal_metadata)) < 0 ||
	    (rc = update_object(payload, "tags", vc->tags)) < 0)
		return (rc);
	return (update_object(payload, "routes", vc->routes));
}

void
vmobj_payload_config(const json_t *payload, struct vmconfig *out)
{
	out->customer_metadata = json_incref(json_object_get(payload, "customer_metadata"));
	out->internal_metadata = json_incref(json_object_get(payload, "internal_metadata"));
	out->tags = json_incref(json_object_get(payload, "tags"));
	out->routes = json_incref(json_object_get(payload, "routes"));
}
