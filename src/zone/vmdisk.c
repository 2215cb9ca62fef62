/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disks of a create payload: models, PCI slots (those of PCI devices of the host, too), UUIDs, and
 * what a disk may not ask for (vmadm.md 5 and 7). See vmvalidate.h. Pure; tools.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/vmvalidate.h"

#define CDROM_DEVICE 3
#define DISK_DEVICE  4
#define FUNCTIONS    8

static const char *
text_of(const json_t *o, const char *name)
{
	return (json_string_value(json_object_get(o, name)));
}

/* ---- what a disk may be ---- */

static int
set_model(json_t *payload, size_t i, json_t *disk, struct err *e)
{
	static const char *const models[] = { "virtio", "ahci", "nvme" };
	CLEANUP_FREE char *text = NULL;
	const char *model = text_of(disk, "model");

	if (model == NULL)
		model = text_of(payload, "disk_driver");
	if (model == NULL && i > 0)
		model = text_of(json_array_get(json_object_get(payload, "disks"), 0), "model");
	if (model == NULL) {
		text = json_dumps(disk, JSON_COMPACT);
		return (err_say(
		    e, EINVAL, "missing .model option for disk: %s", text != NULL ? text : ""));
	}
	(void)json_object_set_new(disk, "model", json_string(model));
	model = text_of(disk, "model"); /* the old one may be gone with this */
	for (size_t k = 0; k < NITEMS(models); k++) {
		if (strcmp(model, models[k]) == 0)
			return (0);
	}
	return (err_say(e, EINVAL,
	    "\"%s\" is not a valid disk model for bhyve brand. Valid are: virtio,ahci,nvme",
	    model));
}

static int
check_block_size(const json_t *disk, struct err *e)
{
	int64_t n;

	if (vmprop_integer(json_object_get(disk, "block_size"), &n) < 0)
		return (0);
	if (n < 512 || n > 131072 || (n & (n - 1)) != 0)
		return (err_say(e, EINVAL,
		    "invalid .block_size(%lld), must be 512-131072 and a power of 2.",
		    (long long)n));
	return (0);
}

int
vmdisk_check_compression(const char *kind, const char *of, struct err *e)
{
	static const char *const kinds[] = { "on", "off", "gzip", "gzip-1", "gzip-2", "gzip-3",
		"gzip-4", "gzip-5", "gzip-6", "gzip-7", "gzip-8", "gzip-9", "lz4", "lzjb", "zle" };

	if (kind == NULL || kind[0] == '\0')
		return (0);
	for (size_t i = 0; i < NITEMS(kinds); i++)
		if (strcmp(kind, kinds[i]) == 0)
			return (0);
	return (err_say(e, EINVAL,
	    "invalid compression %s for %s, must be one of: "
	    "on,off,gzip,gzip-1,gzip-2,gzip-3,"
	    "gzip-4,gzip-5,gzip-6,gzip-7,gzip-8,gzip-9,lz4,lzjb,zle",
	    strcmp(of, "disk") == 0 ? "setting" : "type", of));
}

static int
check_path(const json_t *disk, struct err *e)
{
	const char *path = text_of(disk, "path"), *media = text_of(disk, "media");
	bool cdrom = media != NULL && strcmp(media, "cdrom") == 0;

	if (path == NULL)
		return (cdrom ? err_say(e, EINVAL, "a disk with media cdrom needs a path") : 0);
	if (!cdrom && !vmprop_truth(json_object_get(disk, "nocreate")))
		return (err_say(e, EINVAL,
		    "you cannot specify a path for a disk unless you set nocreate=true"));
	if (path[0] != '/')
		return (err_say(e, EINVAL, "path of a disk must be absolute: %s", path));
	return (0);
}

/* ---- PCI slots ---- */

/* One decimal number up to `max`; moves *s past it. */
static bool
slot_number(const char **s, unsigned max, unsigned *out)
{
	char *end;
	unsigned long n;

	if (**s < '0' || **s > '9')
		return (false);
	n = strtoul(*s, &end, 10);
	*s = end;
	*out = (unsigned)n;
	return (n <= max);
}

/* "dev", "dev:fn" or "bus:dev:fn". */
static int
parse_slot(const char *text, unsigned slot[3], struct err *e)
{
	unsigned n[3] = { 0 }, count = 0;
	const char *s = text;

	for (;; s++) {
		if (count == 3 || !slot_number(&s, 255, &n[count++]))
			return (err_say(e, EINVAL, "pci_slot \"%s\" is not valid", text));
		if (*s != ':')
			break;
	}
	slot[0] = count == 3 ? n[0] : 0;
	slot[1] = count == 3 ? n[1] : n[0];
	slot[2] = count == 3 ? n[2] : count == 2 ? n[1] : 0;
	if (*s != '\0' || slot[1] > 31 || slot[2] > 7)
		return (err_say(e, EINVAL, "pci_slot \"%s\" is not valid", text));
	return (0);
}

/* Bus 0: the device numbers the brand's machine has taken. */
static int
check_reserved(const char *text, const unsigned slot[3], struct err *e)
{
	if (slot[0] == 0 && (slot[1] == 0 || slot[1] == 6 || slot[1] == 30 || slot[1] == 31))
		return (err_say(e, EINVAL, "pci_slot \"%s\" invalid: PCI device %u is reserved",
		    text, slot[1]));
	return (0);
}

static const char *
name_of(const json_t *disk, size_t i, char buf[32])
{
	const char *path = text_of(disk, "path");

	if (path != NULL)
		return (path);
	(void)snprintf(buf, 32, "disk%zu", i);
	return (buf);
}

static int
take_slot(const json_t *disks, size_t i, json_t *disk, size_t used[32][FUNCTIONS], struct err *e)
{
	const char *text = text_of(disk, "pci_slot");
	char a[32], b[32], whole[16];
	unsigned slot[3] = { 0 };
	int rc;

	if (text == NULL)
		return (0);
	if ((rc = parse_slot(text, slot, e)) < 0 || (rc = check_reserved(text, slot, e)) < 0)
		return (rc);
	if (slot[0] == 0 && used[slot[1]][slot[2]] != 0) {
		size_t other = used[slot[1]][slot[2]] - 1;

		return (err_say(e, EINVAL, "VM has multiple disks in pci_slot \"%s\": %s, %s", text,
		    name_of(json_array_get(disks, other), other, a), name_of(disk, i, b)));
	}
	if (slot[0] == 0)
		used[slot[1]][slot[2]] = i + 1;
	(void)snprintf(whole, sizeof(whole), "%u:%u:%u", slot[0], slot[1], slot[2]);
	(void)json_object_set_new(disk, "pci_slot", json_string(whole));
	return (0);
}

/* A device of the host's, whose slot is always given. */
static int
take_pci_slot(json_t *dev, size_t used[32][FUNCTIONS], struct err *e)
{
	const char *text = text_of(dev, "pci_slot");
	unsigned slot[3];
	char whole[16];
	int rc;

	if ((rc = parse_slot(text, slot, e)) < 0 || (rc = check_reserved(text, slot, e)) < 0)
		return (rc);
	if (slot[0] == 0 && used[slot[1]][slot[2]] != 0)
		return (err_say(e, EINVAL, "VM has multiple devices in pci_slot \"%s\": one is %s",
		    text, text_of(dev, "path")));
	if (slot[0] == 0)
		used[slot[1]][slot[2]] = SIZE_MAX;
	(void)snprintf(whole, sizeof(whole), "%u:%u:%u", slot[0], slot[1], slot[2]);
	(void)json_object_set_new(dev, "pci_slot", json_string(whole));
	return (0);
}

static int
give_slot(size_t i, json_t *disk, size_t used[32][FUNCTIONS], struct err *e)
{
	const char *media = text_of(disk, "media");
	unsigned dev = strcmp(media, "cdrom") == 0 ? CDROM_DEVICE : DISK_DEVICE;
	char text[16];

	if (text_of(disk, "pci_slot") != NULL)
		return (0);
	for (unsigned fn = 0; fn < FUNCTIONS; fn++) {
		if (used[dev][fn] != 0)
			continue;
		used[dev][fn] = i + 1;
		(void)snprintf(text, sizeof(text), "0:%u:%u", dev, fn);
		(void)json_object_set_new(disk, "pci_slot", json_string(text));
		return (0);
	}
	return (err_say(
	    e, EINVAL, "VM has more than %d %s devices on PCI device %u", FUNCTIONS, media, dev));
}

/* The slots that are asked for, then the boot disk's, then the others' in their order. */
static int
assign_slots(const json_t *disks, const json_t *pci, struct err *e)
{
	size_t used[32][FUNCTIONS] = { 0 }; /* index + 1 of the disk there; SIZE_MAX: no disk */
	json_t *disk;
	size_t i;
	int rc;

	json_array_foreach (disks, i, disk)
		if ((rc = take_slot(disks, i, disk, used, e)) < 0)
			return (rc);
	json_array_foreach (pci, i, disk)
		if ((rc = take_pci_slot(disk, used, e)) < 0)
			return (rc);
	json_array_foreach (disks, i, disk)
		if (vmprop_truth(json_object_get(disk, "boot")) &&
		    (rc = give_slot(i, disk, used, e)) < 0)
			return (rc);
	json_array_foreach (disks, i, disk)
		if ((rc = give_slot(i, disk, used, e)) < 0)
			return (rc);
	return (0);
}

/* ---- all disks ---- */

static int
prepare_one(json_t *payload, size_t i, json_t *disk, struct err *e)
{
	char uuid[UUID_TEXT_LEN + 1];
	const char *media;
	int rc;

	if (text_of(disk, "media") == NULL)
		(void)json_object_set_new(disk, "media", json_string("disk"));
	media = text_of(disk, "media");
	if (strcmp(media, "disk") != 0 && strcmp(media, "cdrom") != 0)
		return (err_say(
		    e, EINVAL, "invalid media \"%s\" for disk, must be one of: disk,cdrom", media));
	if ((rc = check_path(disk, e)) < 0 || (rc = set_model(payload, i, disk, e)) < 0 ||
	    (rc = check_block_size(disk, e)) < 0 ||
	    (rc = vmdisk_check_compression(text_of(disk, "compression"), "disk", e)) < 0)
		return (rc);
	if (text_of(disk, "uuid") == NULL) {
		vm_uuid_generate(uuid);
		(void)json_object_set_new(disk, "uuid", json_string(uuid));
	}
	return (0);
}

static int
check_pairs(const json_t *disks, struct err *e)
{
	const json_t *a, *b;
	char na[32], nb[32];
	size_t i, k;

	json_array_foreach (disks, i, a) {
		for (k = 0; k < i; k++) {
			b = json_array_get(disks, k);
			if (strcmp(text_of(a, "uuid"), text_of(b, "uuid")) == 0)
				return (err_say(
				    e, EINVAL, "duplicate disk uuid %s", text_of(a, "uuid")));
			if (vmprop_truth(json_object_get(a, "boot")) &&
			    vmprop_truth(json_object_get(b, "boot")))
				return (err_say(e, EINVAL, "multiple boot disks: \"%s\" and \"%s\"",
				    name_of(b, k, nb), name_of(a, i, na)));
		}
	}
	return (0);
}

int
vmdisk_prepare(json_t *payload, struct err *e)
{
	json_t *disks = json_object_get(payload, "disks"), *disk;
	size_t i;
	int rc;

	json_array_foreach (disks, i, disk)
		if ((rc = prepare_one(payload, i, disk, e)) < 0)
			return (rc);
	if ((rc = check_pairs(disks, e)) < 0)
		return (rc);
	return (assign_slots(disks, json_object_get(payload, "pci_devices"), e));
}
