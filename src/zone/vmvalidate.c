/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `vmadm validate`: the property table and the rules of disks applied to a payload; see
 * vmvalidate.h. Tools.
 */
#include "zone/vmvalidate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hostpci.h"

struct verdict {
	json_t *values;
	json_t *properties;
	json_t *missing;
};

/* Add a name to a list, once. */
static void note(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
note(json_t *list, const char *fmt, ...)
{
	const json_t *x;
	json_t *name;
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	name = json_vsprintf(fmt, ap);
	va_end(ap);
	json_array_foreach (list, i, x) {
		if (json_equal(x, name) != 0) {
			json_decref(name);
			return;
		}
	}
	(void)json_array_append_new(list, name);
}

/* "add_disks" and "update_disks" hold what "disks" holds. */
static const char *
kind_of(const char *property)
{
	static const char *const prefixes[] = { "add_", "update_" };

	for (size_t i = 0; i < 2; i++)
		if (strncmp(property, prefixes[i], strlen(prefixes[i])) == 0)
			return (property + strlen(prefixes[i]));
	return (property);
}

static void
check_members(const struct vmprop *p, const json_t *array, struct verdict *v)
{
	unsigned action = strncmp(p->name, "update_", 7) == 0 ? VMF_UPDATE : VMF_CREATE;
	const char *kind = kind_of(p->name), *name;
	json_t *member, *value;
	size_t i;

	json_array_foreach (array, i, member) {
		json_object_foreach (member, name, value) {
			const struct vmprop *m = vmprop_find(kind, name);

			if (m == NULL || (m->flags & action) == 0)
				note(v->properties, "%s.*.%s", kind, name);
			else if (!vmprop_valid(m, value))
				note(v->values, "%s.*.%s", kind, name);
		}
	}
}

static void
check_types(json_t *payload, unsigned action, struct verdict *v)
{
	const char *name;
	json_t *value;

	json_object_foreach (payload, name, value) {
		const struct vmprop *p = vmprop_find(NULL, name);

		if (p == NULL || (p->flags & action) == 0)
			note(v->properties, "%s", name);
		else if (!vmprop_valid(p, value))
			note(v->values, "%s", name);
		else if (p->type == VMP_ARRAY)
			check_members(p, value, v);
	}
}

#define MIB_UP(bytes) (((bytes) + (1u << 20) - 1) >> 20)

/* A disk made from an image: the image must be there, and says how large it is. */
static void
check_image_disk(json_t *payload, const char *list, size_t i, json_t *disk, vm_image_get *images,
    struct verdict *v)
{
	const char *uuid = json_string_value(json_object_get(disk, "image_uuid"));
	bool flexible = json_object_get(payload, "flexible_disk_size") != NULL;
	json_t *size = json_object_get(disk, "size");
	struct image image = { 0 };
	int64_t mib, given;

	if (size != NULL && !flexible)
		note(v->properties, "%s.%zu.size", list, i);
	if (json_object_get(disk, "block_size") != NULL)
		note(v->properties, "%s.%zu.block_size", list, i);
	if (uuid == NULL || images(uuid, &image, NULL) < 0 ||
	    (image.type[0] != '\0' && strcmp(image.type, "zvol") != 0)) {
		note(v->values, "%s.%zu.image_uuid", list, i);
		if (json_object_get(disk, "image_size") == NULL)
			note(v->missing, "%s.%zu.image_size", list, i);
		return;
	}
	mib = (int64_t)MIB_UP(image.size);
	if (json_object_get(disk, "image_size") == NULL)
		(void)json_object_set_new(disk, "image_size", json_integer(mib));
	else if (vmprop_integer(json_object_get(disk, "image_size"), &given) < 0 || given != mib)
		note(v->values, "%s.%zu.image_size", list, i);
	if (flexible && size != NULL && (vmprop_integer(size, &given) < 0 || given < mib))
		note(v->values, "%s.%zu.size", list, i);
}

static void
check_disk(json_t *payload, const char *list, size_t i, json_t *disk, vm_image_get *images,
    struct verdict *v)
{
	const char *media = json_string_value(json_object_get(disk, "media"));
	json_t *refreservation = json_object_get(disk, "refreservation");
	int64_t n;

	if (refreservation != NULL && vmprop_integer(refreservation, &n) == 0 && n < 0)
		note(v->values, "%s.%zu.refreservation", list, i);
	if (media != NULL && strcmp(media, "disk") != 0)
		return;
	if (json_object_get(disk, "image_uuid") != NULL) {
		check_image_disk(payload, list, i, disk, images, v);
		return;
	}
	if (json_object_get(disk, "size") == NULL)
		note(v->missing, "%s.%zu.size", list, i);
	if (json_object_get(disk, "image_size") != NULL)
		note(v->properties, "%s.%zu.image_size", list, i);
}

/*
 * The ROM for a disk that boots from an image: what the image wants, or one that any image may be
 * started by.
 */
static void
check_bootrom(json_t *payload, vm_image_get *images, struct verdict *v)
{
	const char *rom = json_string_value(json_object_get(payload, "bootrom")), *uuid;
	struct image image;
	json_t *disk;
	size_t i;

	json_array_foreach (json_object_get(payload, "disks"), i, disk) {
		uuid = json_string_value(json_object_get(disk, "image_uuid"));
		if (uuid == NULL || !vmprop_truth(json_object_get(disk, "boot")))
			continue;
		image = (struct image){ .bootrom = "" };
		(void)images(uuid, &image, NULL);
		if (image.bootrom[0] != '\0' && rom == NULL) {
			(void)json_object_set_new(payload, "bootrom", json_string(image.bootrom));
			rom = json_string_value(json_object_get(payload, "bootrom"));
		}
		if (rom != NULL &&
		    (image.bootrom[0] != '\0'
			    ? strcmp(rom, image.bootrom) != 0
			    : strcmp(rom, "bios") != 0 && strcmp(rom, "uefi") != 0))
			note(v->values, "bootrom");
	}
}

static void
check_pci_device(const char *list, size_t i, const json_t *dev, struct verdict *v)
{
	const char *path = json_string_value(json_object_get(dev, "path"));
	const char *model = json_string_value(json_object_get(dev, "model"));
	char addr[HOSTPCI_TEXT];

	if (path == NULL)
		note(v->missing, "%s.%zu.path", list, i);
	else if (hostpci_parse(path, addr) != 0)
		note(v->values, "%s.%zu.path", list, i);
	if (json_object_get(dev, "pci_slot") == NULL)
		note(v->missing, "%s.%zu.pci_slot", list, i);
	if (model != NULL && strcmp(model, "passthru") != 0)
		note(v->values, "%s.%zu.model", list, i);
}

static void
check_rules(json_t *payload, unsigned action, vm_image_get *images, struct verdict *v)
{
	const char *disks = action == VMF_CREATE ? "disks" : "add_disks";
	const char *devs = action == VMF_CREATE ? "pci_devices" : "add_pci_devices";
	json_t *o;
	size_t i;

	json_array_foreach (json_object_get(payload, disks), i, o)
		if (json_is_object(o))
			check_disk(payload, disks, i, o, images, v);
	json_array_foreach (json_object_get(payload, devs), i, o)
		if (json_is_object(o))
			check_pci_device(devs, i, o, v);
	if (action == VMF_CREATE)
		check_bootrom(payload, images, v);
}

json_t *
vmvalidate(json_t *payload, unsigned action, const char *brand, vm_image_get *images)
{
	struct verdict v = { json_array(), json_array(), json_array() };

	if (brand == NULL || strcmp(brand, "bhyve") != 0) {
		json_decref(v.values);
		json_decref(v.properties);
		json_decref(v.missing);
		return (json_pack("{s:s}", "bad_brand", brand != NULL ? brand : "undefined"));
	}
	check_types(payload, action, &v);
	check_rules(payload, action, images, &v);
	if (json_array_size(v.values) + json_array_size(v.properties) +
		json_array_size(v.missing) ==
	    0) {
		json_decref(v.values);
		json_decref(v.properties);
		json_decref(v.missing);
		return (NULL);
	}
	return (json_pack("{s:o, s:o, s:o}", "bad_values", v.values, "bad_properties", v.properties,
	    "missing_properties", v.missing));
}
