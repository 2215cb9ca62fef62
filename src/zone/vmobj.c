/* SPDX-License-Identifier: BSD-2-Clause */
/* The VM object from a zone's model, files and status: see vmobj.h. Tools and zoneadmd. */
#include "zone/vmobj.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/parse.h"
#include "zone/brand.h"
#include "zone/codec.h"
#include "zone/paths.h"
#include "zone/vmprop.h"
#include "zone/vmsnap.h"
#include "zone/zconf_field.h"

void
vmobj_time(int64_t ms, char out[VMOBJ_TIME_LEN + 1])
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&t, &tm);
	n = strftime(out, VMOBJ_TIME_LEN + 1, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, VMOBJ_TIME_LEN + 1 - n, ".%03uZ", (unsigned)(ms % 1000) % 1000u);
}

/* Set a member; nothing for a NULL value (unset, or memory that json_* could not get). */
static void
put(json_t *o, const char *name, json_t *value)
{
	if (value != NULL)
		(void)json_object_set_new(o, name, value);
}

static void
put_time(json_t *o, const char *name, int64_t ms)
{
	char text[VMOBJ_TIME_LEN + 1];

	if (ms == 0)
		return;
	vmobj_time(ms, text);
	put(o, name, json_string(text));
}

/* ---- properties of the VM that the model holds ---- */

static json_t *
zone_value(const struct vmprop *p, const struct zconf *c)
{
	const struct zfield *f;
	const char *text;

	if (strcmp(p->key, "uuid") == 0)
		return (json_string(c->uuid));
	if (strcmp(p->key, "zonename") == 0)
		return (json_string(c->name));
	if (strcmp(p->key, "autoboot") == 0)
		return (json_boolean(c->autoboot));
	f = zfield_find(zconf_fields, p->key);
	text = f != NULL ? zfield_get(f, c) : NULL;
	return (text != NULL ? vmprop_from_text(p, text) : NULL);
}

/* base64 of a text; what is not base64 was set by hand and is shown as it is. */
static json_t *
decoded(const char *text)
{
	CLEANUP_FREE char *plain = malloc(strlen(text) + 1);
	size_t n;

	if (plain == NULL || base64_decode(text, strlen(text), plain, &n) < 0)
		return (json_string(text));
	return (json_stringn(plain, n));
}

static json_t *
rctl_value(const struct vmprop *p, const struct zconf *c)
{
	uint64_t limit;

	if (zconf_rctl_get(c, p->key, &limit) < 0 || limit > INT64_MAX)
		return (NULL);
	return (json_integer((json_int_t)(limit / (p->unit != 0 ? p->unit : 1))));
}

static json_t *
config_value(const struct vmprop *p, const struct vmconfig *vc)
{
	json_t *v = strcmp(p->key, "customer_metadata") == 0 ? vc->customer_metadata
	    : strcmp(p->key, "internal_metadata") == 0       ? vc->internal_metadata
	    : strcmp(p->key, "tags") == 0                    ? vc->tags
							     : vc->routes;

	return (json_incref(v));
}

static json_t *
vm_value(const struct vmprop *p, const struct zconf *c, const struct vmconfig *vc)
{
	const char *text;

	switch (p->store) {
	case VMS_ZONE:
		return (zone_value(p, c));
	case VMS_ATTR:
		text = zconf_attr(c, p->key);
		return (text != NULL ? vmprop_from_text(p, text) : NULL);
	case VMS_ATTR_B64:
		text = zconf_attr(c, p->key);
		return (text != NULL ? decoded(text) : NULL);
	case VMS_RCTL:
		return (rctl_value(p, c));
	case VMS_CONFIG:
		return (config_value(p, vc));
	default:
		return (NULL);
	}
}

/* The value that stands for unset where a property is always shown. */
static json_t *
empty_value(const struct vmprop *p)
{
	switch (p->type) {
	case VMP_BOOLEAN:
		return (json_false());
	case VMP_LIST:
	case VMP_ARRAY:
		return (json_array());
	case VMP_FLAT:
		return (json_object());
	default:
		return (NULL);
	}
}

/* ---- nics and disks ---- */

/* The members of one resource, by the table's rows of that kind. */
static json_t *
resource(const char *of, const struct zfield *fields, const void *base, const struct zprop *prop,
    size_t nprop)
{
	json_t *o = json_object();

	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		const struct zfield *f;
		const char *text = NULL;

		if (p->of == NULL || strcmp(p->of, of) != 0)
			continue;
		if (p->store == VMS_PROPERTY)
			text = zprop_get(prop, nprop, p->key);
		else if (p->store == VMS_MEMBER && (f = zfield_find(fields, p->key)) != NULL)
			text = zfield_get(f, base);
		if (text != NULL)
			put(o, p->name, vmprop_from_text(p, text));
	}
	return (o);
}

static json_t *
nic_object(const struct znet *n)
{
	json_t *o = resource("nics", znet_fields, n, n->prop, n->nprop);
	const char *mac = json_string_value(json_object_get(o, "mac"));
	char text[MAC_TEXT_LEN + 1];
	uint8_t octets[6];

	/* A zone imported from illumos has "2:8:20:…". */
	if (mac != NULL && parse_mac(mac, octets) == 0) {
		format_mac(octets, text);
		put(o, "mac", json_string(text));
	}
	return (o);
}

static json_t *
disk_object(const struct zdevice *d)
{
	json_t *o = resource("disks", zdevice_fields, d, d->prop, d->nprop);
	json_t *image_size = json_object_get(o, "image_size");

	if (json_object_get(o, "boot") == NULL)
		put(o, "boot", json_false());
	if (json_object_get(o, "size") == NULL && image_size != NULL)
		put(o, "size", json_incref(image_size));
	put(o, "zpool", json_string("zones"));
	if (d->match != NULL && access(d->match, F_OK) != 0)
		put(o, "missing", json_true());
	return (o);
}

static void
put_resources(json_t *o, const struct zconf *c)
{
	json_t *disks = json_array(), *nics = json_array(), *pci = json_array();

	for (size_t i = 0; i < c->ndevice; i++) {
		const struct zdevice *d = &c->device[i];

		if (brand_is_passthru(d))
			(void)json_array_append_new(
			    pci, resource("pci_devices", zdevice_fields, d, d->prop, d->nprop));
		else
			(void)json_array_append_new(disks, disk_object(d));
	}
	for (size_t i = 0; i < c->nnet; i++)
		(void)json_array_append_new(nics, nic_object(&c->net[i]));
	put(o, "disks", disks);
	put(o, "nics", nics);
	if (json_array_size(pci) > 0)
		put(o, "pci_devices", pci);
	else
		json_decref(pci);
}

/* ---- what is derived ---- */

const char *
vmobj_state(const struct zconf *c, enum zone_state zs)
{
	const char *provisioning = zconf_attr(c, "provisioning");

	if (zconf_attr(c, "failed") != NULL)
		return ("failed");
	if (zs == ZONE_STATE_INSTALLED)
		return (provisioning != NULL && strcmp(provisioning, "true") == 0 ? "provisioning"
										  : "stopped");
	return (zone_state_name(zs));
}

/* "<name>:<target>:<expire>" (vmadm.md 1). */
static void
put_transition(json_t *o, const struct zconf *c)
{
	const char *t = zconf_attr(c, "transition"), *to, *expire;
	uint64_t ms;

	if (t == NULL || (to = strchr(t, ':')) == NULL || (expire = strchr(to + 1, ':')) == NULL)
		return;
	put(o, "state", json_stringn(t, (size_t)(to - t)));
	put(o, "transition_to", json_stringn(to + 1, (size_t)(expire - to - 1)));
	if (parse_u64(expire + 1, &ms) == 0)
		put(o, "transition_expire", json_integer((json_int_t)ms));
}

/* An exit status as a shell would say it, a signal as its negative number. */
static int
exit_status(int wait_status)
{
	if (wait_status == -1)
		return (0);
	return (WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -(wait_status & 0xff));
}

static void
put_status(json_t *o, const struct zconf *c, const struct zone_status *st)
{
	bool live = st->state >= ZONE_STATE_READY;

	put(o, "state", json_string(vmobj_state(c, st->state)));
	if (zconf_attr(c, "failed") == NULL)
		put_transition(o, c);
	put(o, "zone_state", json_string(zone_state_name(st->state)));
	put(o, "zoneid", live && st->zoneid >= 0 ? json_integer(st->zoneid) : json_null());
	if (st->state == ZONE_STATE_RUNNING) {
		if (st->init_pid > 0)
			put(o, "pid", json_integer(st->init_pid));
		put_time(o, "boot_timestamp", st->boot_time_ms);
		put(o, "init_restarts", json_integer(st->init_restarts));
	} else if (st->last_exit_time_ms != 0) {
		put(o, "exit_status", json_integer(exit_status(st->last_exit_status)));
		put_time(o, "exit_timestamp", st->last_exit_time_ms);
	}
}

/* The machine's own UUID: SMBIOS's, else systemd's machine id written as one. */
static json_t *
server_uuid(void)
{
	static const char *const sources[] = { "/sys/class/dmi/id/product_uuid",
		"/etc/machine-id" };
	char text[UUID_TEXT_LEN + 1], canon[UUID_TEXT_LEN + 1];
	uint8_t uuid[16];

	for (size_t i = 0; i < 2; i++) {
		FILE *f = fopen(sources[i], "re");
		size_t n;

		if (f == NULL)
			continue;
		n = fread(text, 1, UUID_TEXT_LEN, f);
		text[n] = '\0';
		(void)fclose(f);
		if (i == 1 && n >= 32)
			(void)snprintf(canon, sizeof(canon), "%.8s-%.4s-%.4s-%.4s-%.12s", text,
			    text + 8, text + 12, text + 16, text + 20);
		else
			memcpy(canon, text, sizeof(canon));
		if (parse_uuid(canon, uuid) == 0) {
			format_uuid(uuid, canon);
			return (json_string(canon));
		}
	}
	return (NULL);
}

/* Snapshots, and what of flexible_disk_size neither disks nor they take. */
static void
put_snapshots(json_t *o, const struct zconf *c)
{
	json_t *list = NULL, *one, *flexible = json_object_get(o, "flexible_disk_size");
	struct err e = { 0 };
	double left = (double)json_integer_value(flexible);
	size_t i;

	if (vmsnap_list(c->name, &list, &e) != 0) {
		log_warn("%s", e.text);
		list = json_array();
	}
	put(o, "snapshots", list);
	if (flexible == NULL)
		return;
	json_array_foreach (json_object_get(o, "disks"), i, one)
		left -= (double)json_integer_value(json_object_get(one, "size"));
	json_array_foreach (list, i, one)
		left -= json_real_value(json_object_get(one, "size"));
	put(o, "free_space", json_integer((json_int_t)(left < 0 ? left - 0.999 : left)));
}

static void
put_derived(json_t *o, const struct zconf *c)
{
	char path[PATH_MAX];
	struct stat st;
	int64_t newest = vmconfig_mtime(c->name);

	put(o, "hvm", json_true());
	put(o, "zonedid", json_integer(c->did));
	put(o, "zpool", json_string("zones"));
	put_snapshots(o, c);
	put(o, "server_uuid", server_uuid());
	if (c->zonepath != NULL)
		put(o, "zonepath", json_string(c->zonepath));
	if (stat(path_etc(path, "%s.json", c->name), &st) == 0 && st.st_mtime > newest)
		newest = st.st_mtime;
	put_time(o, "last_modified", newest * 1000);
}

int
vmobj_build(const struct zconf *c, const struct vmconfig *vc, const struct zone_status *st,
    json_t **out, struct err *e)
{
	json_t *o = json_object();

	if (o == NULL)
		return (err_set(e, ENOMEM, "cannot make the object of VM %s", c->uuid));
	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		json_t *v = p->of == NULL ? vm_value(p, c, vc) : NULL;

		if (v == NULL && p->of == NULL && (p->flags & VMF_ALWAYS) != 0)
			v = empty_value(p);
		if (v != NULL)
			put(o, p->name, v);
	}
	put_resources(o, c);
	put_status(o, c, st);
	put_derived(o, c);
	*out = o;
	return (0);
}
