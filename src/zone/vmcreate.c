/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What create makes of a payload before anything on the host is touched: types mended, defaults
 * filled in, unknown properties taken out, rules between properties. See vmvalidate.h, and
 * vmadm.md 2 to 5. Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/fd.h"
#include "zone/vmvalidate.h"

#define CPU_SHARES_MAX   65535
#define OVERHEAD_DEFAULT 1280 /* MiB beside the guest's ram: what vmadm gives bhyve */
#define OVERHEAD_MIN     256

void
vm_uuid_generate(char out[UUID_TEXT_LEN + 1])
{
	uint8_t u[16];

	if (getrandom(u, sizeof(u), 0) != (ssize_t)sizeof(u))
		abort(); /* 16 bytes are always given whole (getrandom(2)) */
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	format_uuid(u, out);
}

static bool
is_unset(const json_t *v)
{
	const char *s = json_string_value(v);

	return (json_is_null(v) || (s != NULL && *s == '\0'));
}

/* ---- types ---- */

/* The array whose members a row of the table is about; update has them in another. */
static json_t *
members(const json_t *payload, const struct vmprop *p, unsigned action)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "%s%s", action == VMF_UPDATE ? "update_" : "", p->of);
	return (json_object_get(payload, name));
}

/*
 * A value of another type that means the same becomes one of the property's type; "" and null
 * become unset, which in an update they say.
 */
static int
mend(json_t *o, const struct vmprop *p, unsigned action, struct err *e)
{
	json_t *v = json_object_get(o, p->name);
	int64_t n;

	if (v == NULL)
		return (0);
	if (is_unset(v) &&
	    (p->type == VMP_INTEGER || p->type == VMP_LIST || p->type == VMP_STRING)) {
		if (action == VMF_UPDATE)
			(void)json_object_set_new(o, p->name, json_null());
		else
			(void)json_object_del(o, p->name);
	} else if (p->type == VMP_INTEGER && json_is_string(v)) {
		if (vmprop_integer(v, &n) < 0)
			return (err_say(e, EINVAL, "Invalid value for %s: \"%s\"", p->name,
			    json_string_value(v)));
		(void)json_object_set_new(o, p->name, json_integer(n));
	} else if (p->type == VMP_LIST && json_is_string(v)) {
		struct vmprop list = *p;

		list.flags &= ~(unsigned)VMF_TEXT;
		(void)json_object_set_new(
		    o, p->name, vmprop_from_text(&list, json_string_value(v)));
	} else if (p->type == VMP_BOOLEAN && vmprop_valid(p, v)) {
		(void)json_object_set_new(o, p->name, json_boolean(vmprop_truth(v)));
	}
	return (0);
}

int
vmpayload_mend(json_t *payload, unsigned action, struct err *e)
{
	json_t *o;
	size_t i, k;
	int rc;

	for (i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];

		if (p->of == NULL) {
			if ((rc = mend(payload, p, action, e)) < 0)
				return (rc);
			continue;
		}
		/* A nic's flags keep their value for the messages of vmnic.c. */
		json_array_foreach (members(payload, p, action), k, o)
			if (p->type != VMP_BOOLEAN && json_is_object(o) &&
			    (rc = mend(o, p, action, e)) < 0)
				return (err_ctx(e, "%s.%zu", p->of, k));
	}
	return (0);
}

/* ---- defaults ---- */

static void
rename_old(json_t *payload)
{
	json_t *old = json_object_get(payload, "zone_dataset_uuid");

	if (old == NULL)
		return;
	if (json_object_get(payload, "image_uuid") == NULL)
		(void)json_object_set(payload, "image_uuid", old);
	(void)json_object_del(payload, "zone_dataset_uuid");
}

/* The member as a number; `other` when it is unset or no number. */
static int64_t
number(const json_t *o, const char *name, int64_t other)
{
	int64_t n;

	return (vmprop_integer(json_object_get(o, name), &n) == 0 ? n : other);
}

static void
set_number(json_t *o, const char *name, int64_t n)
{
	(void)json_object_set_new(o, name, json_integer(n));
}

static void
set_defaults(json_t *payload)
{
	char uuid[UUID_TEXT_LEN + 1];

	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];

		if (p->of == NULL && p->dflt != NULL && json_object_get(payload, p->name) == NULL)
			(void)json_object_set_new(
			    payload, p->name, json_loads(p->dflt, JSON_DECODE_ANY, NULL));
	}
	if (json_object_get(payload, "uuid") == NULL) {
		vm_uuid_generate(uuid);
		(void)json_object_set_new(payload, "uuid", json_string(uuid));
	}
	if (json_object_get(payload, "com1") == NULL && json_object_get(payload, "com2") == NULL) {
		(void)json_object_set_new(payload, "com1", json_string("/dev/zconsole"));
		(void)json_object_set_new(payload, "com2", json_string("socket,/tmp/vm.ttyb"));
	}
	if (number(payload, "cpu_shares", 0) > CPU_SHARES_MAX)
		set_number(payload, "cpu_shares", CPU_SHARES_MAX);
}

/*
 * The memory of a VM in MiB: each limit has its default and is never so low that the guest
 * could not run.
 */
static void
set_memory(json_t *payload)
{
	int64_t ram = number(payload, "ram", 0);
	int64_t physical = number(payload, "max_physical_memory", ram + OVERHEAD_DEFAULT);
	int64_t locked = number(payload, "max_locked_memory", physical);
	int64_t swap = number(payload, "max_swap", physical);

	if (physical < ram + OVERHEAD_MIN)
		physical = ram + OVERHEAD_MIN;
	if (locked < ram + OVERHEAD_MIN)
		locked = ram + OVERHEAD_MIN;
	if (locked > physical)
		locked = physical;
	if (swap < physical)
		swap = physical;
	set_number(payload, "max_physical_memory", physical);
	set_number(payload, "max_locked_memory", locked);
	set_number(payload, "max_swap", swap);
	set_number(payload, "max_shm_memory", number(payload, "max_shm_memory", physical));
}

/* ---- validation ---- */

/* The names in a list, with commas. */
static const char *
joined(const json_t *list, char *buf, size_t size)
{
	const json_t *x;
	size_t i, n = 0;

	buf[0] = '\0';
	json_array_foreach (list, i, x) {
		if (n + strlen(json_string_value(x)) + 2 > size)
			break;
		n += (size_t)sprintf(buf + n, "%s%s", i > 0 ? "," : "", json_string_value(x));
	}
	return (buf);
}

/* Take `leaf` out of the members of an array: of the i-th, or of all when it may not stand there. */
static void
remove_leaf(json_t *payload, const char *prefix, const char *kind, size_t i, const char *leaf)
{
	unsigned flag = strcmp(prefix, "update_") == 0 ? VMF_UPDATE : VMF_CREATE;
	const struct vmprop *p = vmprop_find(kind, leaf);
	char array[48];
	json_t *o;
	size_t k;

	(void)snprintf(array, sizeof(array), "%s%s", prefix, kind);
	json_array_foreach (json_object_get(payload, array), k, o)
		if (i != SIZE_MAX ? i == k : p == NULL || (p->flags & flag) == 0)
			(void)json_object_del(o, leaf);
}

/* Take "prop", "disks.*.prop" (of update_disks, too) or "disks.0.prop" out of the payload. */
static void
remove_named(json_t *payload, const char *name)
{
	static const char *const prefixes[] = { "", "add_", "update_" };
	const char *dot = strchr(name, '.'), *leaf;
	char kind[32];

	if (json_object_del(payload, name) == 0 || dot == NULL ||
	    (leaf = strchr(dot + 1, '.')) == NULL)
		return;
	(void)snprintf(kind, sizeof(kind), "%.*s", (int)(dot - name), name);
	if (dot[1] != '*')
		remove_leaf(payload, "", kind, strtoul(dot + 1, NULL, 10), leaf + 1);
	for (size_t i = 0; dot[1] == '*' && i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		remove_leaf(payload, prefixes[i], kind, SIZE_MAX, leaf + 1);
}

int
vmpayload_validate(json_t *payload, unsigned action, const char *brand, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	json_t *errors = vmvalidate(payload, action, brand, images);
	const json_t *x;
	char names[512];
	size_t i;
	int rc = 0;

	if (errors == NULL)
		return (0);
	if (json_object_get(errors, "bad_brand") != NULL)
		rc = err_say(e, EINVAL, "Invalid value(s) for: brand (\"%s\"; it must be bhyve)",
		    brand != NULL ? brand : "undefined");
	else if (json_array_size(json_object_get(errors, "bad_values")) > 0)
		rc = err_say(e, EINVAL, "Invalid value(s) for: %s",
		    joined(json_object_get(errors, "bad_values"), names, sizeof(names)));
	else if (json_array_size(json_object_get(errors, "missing_properties")) > 0)
		rc = err_say(e, EINVAL, "Missing required properties: %s",
		    joined(json_object_get(errors, "missing_properties"), names, sizeof(names)));
	json_array_foreach (json_object_get(errors, "bad_properties"), i, x) {
		if (rc != 0)
			break;
		warn(json_string_value(x), "not a property of bhyve VMs: left out");
		remove_named(payload, json_string_value(x));
	}
	json_decref(errors);
	return (rc);
}

/* ---- rules between properties ---- */

/* Both the list and its add_ form, which mean the same at create. */
static int
check_doubles(json_t *payload, struct err *e)
{
	static const char *const lists[] = { "disks", "nics", "filesystems", "pci_devices" };
	char add[32];

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		(void)snprintf(add, sizeof(add), "add_%s", lists[i]);
		if (json_object_get(payload, lists[i]) != NULL &&
		    json_object_get(payload, add) != NULL)
			return (err_say(
			    e, EINVAL, "Cannot specify both \"%s\" and \"%s\"", lists[i], add));
	}
	return (0);
}

/* Is there a value that asks for something? Not false, not an empty list. */
static bool
asks(const struct vmprop *p, const json_t *v)
{
	if (v == NULL || json_is_null(v))
		return (false);
	if (p->type == VMP_BOOLEAN)
		return (vmprop_truth(v));
	return (!json_is_array(v) || json_array_size(v) > 0);
}

/*
 * What is accepted for the sake of SmartOS's payloads, but not acted on: refused where that
 * would break a promise.
 */
int
vmpayload_promises(json_t *payload, unsigned action,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	for (size_t i = 0; i < nvmprops; i++) {
		const struct vmprop *p = &vmprops[i];
		json_t *o;
		size_t k;
		bool hit = p->of == NULL && asks(p, json_object_get(payload, p->name));
		char name[80];

		json_array_foreach (p->of != NULL ? members(payload, p, action) : NULL, k, o)
			hit = hit || asks(p, json_object_get(o, p->name));
		if (!hit)
			continue;
		(void)snprintf(name, sizeof(name), "%s%s%s", p->of != NULL ? p->of : "",
		    p->of != NULL ? ".*." : "", p->name);
		if ((p->flags & VMF_REFUSE) != 0)
			return (err_say(e, ENOTSUP,
			    "property '%s' is not supported by this version of zhyve; leave it out",
			    name));
		if ((p->flags & VMF_NOEFFECT) != 0)
			warn(name,
			    p->store != VMS_NONE ? "is kept, but has no effect in this pool"
						 : "has no effect in this version of zhyve");
	}
	return (0);
}

int
vmpayload_rest(const json_t *payload, struct err *e)
{
	const char *password = json_string_value(json_object_get(payload, "vnc_password"));
	const char *compression =
	    json_string_value(json_object_get(payload, "zfs_root_compression"));
	int64_t recsize = number(payload, "zfs_root_recsize", 512);
	int rc;

	if (password != NULL && strlen(password) > 8)
		return (err_say(
		    e, EINVAL, "VNC password is too long, maximum length is 8 characters."));
	if (recsize != 0 && (recsize < 512 || recsize > 131072 || (recsize & (recsize - 1)) != 0))
		return (err_say(e, EINVAL,
		    "invalid zfs_root_recsize (%lld), must be 512-131072 and a power of 2. (0 to "
		    "disable)",
		    (long long)recsize));
	if ((rc = vmdisk_check_compression(compression, compression, e)) < 0)
		return (rc);
	return (vmnic_check_routes(payload, e));
}

int
vmcreate_prepare(json_t *payload, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e)
{
	int rc;

	rename_old(payload);
	if ((rc = vmpayload_mend(payload, VMF_CREATE, e)) < 0)
		return (rc);
	set_defaults(payload);
	if ((rc = check_doubles(payload, e)) < 0 ||
	    (rc = vmimage_requirements(payload, images, warn, e)) < 0 ||
	    (rc = vmpayload_validate(payload, VMF_CREATE,
		 json_string_value(json_object_get(payload, "brand")), images, warn, e)) < 0 ||
	    (rc = vmpayload_promises(payload, VMF_CREATE, warn, e)) < 0)
		return (rc);
	set_memory(payload);
	if (json_object_get(payload, "zonename") == NULL)
		(void)json_object_set(payload, "zonename", json_object_get(payload, "uuid"));
	if ((rc = vmdevice_check(payload, NULL, e)) < 0)
		return (rc);
	if ((rc = vmnic_prepare(payload, e)) < 0 || (rc = vmdisk_prepare(payload, e)) < 0)
		return (rc);
	return (vmpayload_rest(payload, e));
}
