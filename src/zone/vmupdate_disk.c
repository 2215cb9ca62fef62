/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * add_disks, update_disks and remove_disks of an update payload (vmadm.md 5, 7, 10): out of the disks that
 * a VM has, those that it is to have, which are then judged as those of a new one. See vmvalidate.h.
 * Pure; tools.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "zone/vmvalidate.h"

#define NONE      SIZE_MAX
#define DISKS_MAX 64

/* What update_disks may change besides the size; the rest is a disk's for life. */
static const char *const changeable[] = { "boot", "guest_block_size", "model", "notrim", "pci_slot",
	"uuid" };
/* And what may be changed while it runs, with what goes along. */
static const char *const live[] = { "compression", "refreservation" };
static const char *const accepted[] = { "path", "size", "dangerous_allow_shrink" };

static bool
has(const json_t *o, const char *name)
{
	return (json_object_get(o, name) != NULL);
}

static bool
listed(const char *const *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return (true);
	return (false);
}

static size_t
find(const json_t *disks, const char *path)
{
	const json_t *disk;
	const char *p;
	size_t i;

	json_array_foreach (disks, i, disk) {
		p = json_string_value(json_object_get(disk, "path"));
		if (p != NULL && path != NULL && strcmp(p, path) == 0)
			return (i);
	}
	return (NONE);
}

static int
unknown(const char *path, struct err *e)
{
	return (err_say(e, ENOENT, "There is no existing disk with that path: %s", path));
}

static int
remove_disks(json_t *disks, const json_t *paths, struct err *e)
{
	const json_t *path;
	size_t i, at;

	json_array_foreach (paths, i, path) {
		if (!json_is_string(path))
			return (err_say(e, EINVAL, "remove_disks must be a list of paths."));
		if ((at = find(disks, json_string_value(path))) == NONE)
			return (unknown(json_string_value(path), e));
		(void)json_array_remove(disks, at);
	}
	return (0);
}

static int
update_disk(json_t *disks, const json_t *change, struct err *e)
{
	static const struct vmupdate_key key = { "path",
		"Disk object needs a .path property to update.",
		"There is no existing disk with that path", find };
	json_t *disk = NULL, *v;
	const char *name;
	int64_t n;
	int rc;

	if ((rc = vmupdate_target(disks, change, &key, &disk, e)) != 0)
		return (rc);
	if (vmprop_integer(json_object_get(change, "size"), &n) == 0 && n <= 0)
		return (err_say(e, EINVAL, "Invalid value(s) for: disks.*.size"));
	if (json_is_string(json_object_get(change, "refreservation")) &&
	    strcmp(json_string_value(json_object_get(change, "refreservation")), "auto") == 0)
		return (
		    err_say(e, EINVAL, "cannot change refreservation to auto on existing disk"));
	if ((rc = vmdisk_check_compression(
		 json_string_value(json_object_get(change, "compression")), "disk", e)) < 0)
		return (rc);
	json_object_foreach ((json_t *)(uintptr_t)change, name, v) {
		if (listed(changeable, NITEMS(changeable), name) ||
		    listed(live, NITEMS(live), name))
			(void)json_object_set(disk, name, v);
		else if (!listed(accepted, NITEMS(accepted), name))
			return (err_say(e, EINVAL,
			    "property 'update_disks.*.%s' cannot be changed: it is a disk's for "
			    "life",
			    name));
	}
	if (vmprop_integer(json_object_get(change, "size"), &n) == 0)
		(void)json_object_set_new(disk, "size", json_integer(n));
	return (0);
}

static int
change_disks(json_t *disks, const json_t *payload, struct err *e)
{
	const json_t *change;
	size_t i;
	int rc;

	if ((rc = remove_disks(disks, json_object_get(payload, "remove_disks"), e)) < 0)
		return (rc);
	json_array_foreach (json_object_get(payload, "update_disks"), i, change)
		if ((rc = update_disk(disks, change, e)) < 0)
			return (rc);
	return (0);
}

/* All together against flexible_disk_size. */
static int
check_space(const json_t *payload, const json_t *vm, const json_t *disks, struct err *e)
{
	const json_t *limit = json_object_get(payload, "flexible_disk_size"), *disk;
	int64_t max, sum = 0, n;
	size_t i;

	limit = limit != NULL ? limit : json_object_get(vm, "flexible_disk_size");
	if (limit == NULL || vmprop_integer(limit, &max) < 0)
		return (0);
	json_array_foreach (disks, i, disk)
		if (vmprop_integer(json_object_get(disk, "size"), &n) == 0 ||
		    vmprop_integer(json_object_get(disk, "image_size"), &n) == 0)
			sum += n;
	if (sum > max)
		return (err_say(e, ENOSPC,
		    "the disks would have %lld MiB together, more than flexible_disk_size (%lld)",
		    (long long)sum, (long long)max));
	return (0);
}

/*
 * The rules of a new VM for all of them. Disks that are there have a path and perhaps no slot of their
 * own (zonecfg made them): for the judgement only, they are given what a new one would need.
 */
static int
judge(json_t *disks, size_t old, const json_t *payload, const json_t *vm, struct err *e)
{
	static const char *const from_vm[] = { "disk_driver", "pci_devices" };
	json_t *whole = json_pack("{s:O}", "disks", disks), *disk, *v;
	bool slotless[DISKS_MAX] = { false };
	size_t i;
	int rc;

	for (i = 0; i < NITEMS(from_vm); i++) {
		v = json_object_get(has(payload, from_vm[i]) ? payload : vm, from_vm[i]);
		if (v != NULL && !json_is_null(v))
			(void)json_object_set_new(whole, from_vm[i], json_deep_copy(v));
	}
	for (i = 0; i < old; i++) {
		disk = json_array_get(disks, i);
		(void)json_object_set_new(disk, "nocreate", json_true());
		if (i < NITEMS(slotless))
			slotless[i] = !has(disk, "pci_slot");
		if (!has(disk, "model"))
			(void)json_object_set_new(disk, "model", json_string("virtio"));
	}
	rc = vmdisk_prepare(whole, e);
	for (i = 0; i < old; i++) {
		disk = json_array_get(disks, i);
		(void)json_object_del(disk, "nocreate");
		if (i < NITEMS(slotless) && slotless[i])
			(void)json_object_del(disk, "pci_slot");
	}
	json_decref(whole);
	return (rc);
}

/* Is there more than sizes? */
bool
vmupdate_disks_stopped(const json_t *payload)
{
	const json_t *change, *v;
	const char *name;
	size_t i;

	json_array_foreach (json_object_get(payload, "update_disks"), i, change)
		json_object_foreach ((json_t *)(uintptr_t)change, name, v)
			if (listed(changeable, NITEMS(changeable), name))
				return (true);
	return (false);
}

int
vmupdate_disks(json_t *payload, const json_t *vm, struct err *e)
{
	json_t *disks, *disk;
	bool whole;
	size_t i, old;
	int rc;

	if (!has(payload, "add_disks") && !has(payload, "update_disks") &&
	    !has(payload, "remove_disks") && !has(payload, "flexible_disk_size"))
		return (0);
	disks = has(vm, "disks") ? json_deep_copy(json_object_get(vm, "disks")) : json_array();
	rc = change_disks(disks, payload, e);
	old = json_array_size(disks);
	json_array_foreach (json_object_get(payload, "add_disks"), i, disk)
		if (rc == 0 && json_array_append_new(disks, json_deep_copy(disk)) < 0)
			rc = err_set(e, ENOMEM, "cannot add a disk");
	whole = json_array_size(json_object_get(payload, "add_disks")) > 0 ||
	    json_array_size(json_object_get(payload, "remove_disks")) > 0 ||
	    vmupdate_disks_stopped(payload);
	if (rc == 0 && (rc = check_space(payload, vm, disks, e)) == 0 && whole &&
	    (rc = judge(disks, old, payload, vm, e)) == 0)
		rc = json_object_set(payload, "disks", disks);
	json_decref(disks);
	return (rc);
}
