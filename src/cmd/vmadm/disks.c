/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The volumes behind a VM's disks, for create and update. What an update asks for is looked at before the
 * first is changed; new volumes are made before old ones go, so that what fails loses nothing. See vmadm.h,
 * vmadm.md 7 and 10.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/paths.h"
#include "zone/quota.h"
#include "zone/vmsnap.h"
#include "zone/vmvalidate.h"
#include "zone/volume.h"

#define QUOTA_DEFAULT 1 /* GiB, which a VM has that does not say (vmprop.c) */

/* ---- making ---- */

static uint64_t
mib_of(const json_t *disk, const char *name)
{
	int64_t n;

	if (vmprop_integer(json_object_get(disk, name), &n) < 0 || n < 0 ||
	    n > INT64_MAX / (int64_t)MIB)
		return (0);
	return ((uint64_t)n * MIB);
}

int
vm_disk_make(const char *zone, unsigned index, json_t *disk, char **made, struct err *e)
{
	struct volume_spec spec = {
		.zone = zone,
		.index = index,
		.size = mib_of(disk, "size"),
		.image_uuid = json_string_value(json_object_get(disk, "image_uuid")),
		.compression = json_string_value(json_object_get(disk, "compression")),
		.refreservation = mib_of(disk, "refreservation"),
	};
	char path[PATH_MAX];
	int64_t block;
	int rc;

	if (json_object_get(disk, "path") != NULL)
		return (0); /* a cdrom, or nocreate */
	if (vmprop_integer(json_object_get(disk, "block_size"), &block) == 0)
		spec.block_size = (uint32_t)block; /* checked: 512 to 131072 */
	if (spec.size == 0)
		spec.size = mib_of(disk, "image_size");
	if (spec.size == 0)
		return (err_say(e, EINVAL, "disk %u: size must be at least 1 MiB", index));
	if ((rc = volume_create(&spec, path, e)) < 0)
		return (rc);
	if ((*made = strdup(path)) == NULL ||
	    json_object_set_new(disk, "path", json_string(path)) < 0) {
		(void)volume_destroy(path, NULL);
		return (err_set(e, ENOMEM, "cannot make disk %u", index));
	}
	return (0);
}

/* ---- sizes ---- */

static const struct zdevice *
find_disk(const struct zconf *c, const char *path)
{
	for (size_t i = 0; i < c->ndevice; i++) {
		if (c->device[i].match != NULL && strcmp(c->device[i].match, path) == 0)
			return (&c->device[i]);
	}
	return (NULL);
}

static int
only_stopped(const struct vm *vm, const char *what, struct err *e)
{
	if (vm->st.state == ZONE_STATE_INSTALLED)
		return (0);
	return (err_say(e, EBUSY, "%s only allowed when state is \"stopped\", currently: %s (%s)",
	    what, vm_state(vm), zone_state_name(vm->st.state)));
}

static int
check_shrink(const struct vm *vm, const json_t *disk, uint64_t now, uint64_t size, struct err *e)
{
	if (!vmprop_truth(json_object_get(disk, "dangerous_allow_shrink")))
		return (err_say(e, EINVAL,
		    "cannot resize disk: new size must be greater than current size. (%llu > %llu)",
		    (unsigned long long)(now / MIB), (unsigned long long)(size / MIB)));
	return (only_stopped(vm, "at least one specified update to disks is", e));
}

static int
resize(const struct vm *vm, const struct zconf *c, const json_t *disk, bool really,
    struct vm_disks *d, struct err *e)
{
	const char *path = json_string_value(json_object_get(disk, "path"));
	const struct zdevice *dev = find_disk(c, path);
	uint64_t now, size;
	int64_t mib;
	int rc;

	if (vmprop_integer(json_object_get(disk, "size"), &mib) < 0)
		return (0);
	if (dev == NULL || !vm_owns_disk(c, dev))
		return (err_say(e, EINVAL, "failed to identify device to resize: %s", path));
	if ((rc = volume_stat(path, &now, e)) < 0)
		return (rc);
	size = (uint64_t)mib * MIB;
	if (size < now && (rc = check_shrink(vm, disk, now, size, e)) < 0)
		return (rc);
	if (!really || size == now)
		return (0);
	if ((rc = volume_resize(path, size, e)) < 0)
		return (err_ctx(e, "cannot resize disk"));
	d->grown = true;
	return (0);
}

int
vm_disks_resize(const struct vm *vm, const struct zconf *c, const json_t *payload,
    struct vm_disks *d, struct err *e)
{
	const json_t *disk;
	size_t i;
	int rc;

	for (int really = 0; really < 2; really++)
		json_array_foreach (json_object_get(payload, "update_disks"), i, disk)
			if ((rc = resize(vm, c, disk, really != 0, d, e)) < 0)
				return (rc);
	return (0);
}

/* ---- what pools of zfs's have ---- */

void
vm_warn_property(const char *property, const char *what)
{
	static const char *const tuned[] = { "disks.*.block_size", "disks.*.compression",
		"disks.*.refreservation", "zfs_root_compression" };

	for (size_t i = 0; i < NITEMS(tuned); i++)
		if (strcmp(property, tuned[i]) == 0 && volume_pool_tunes())
			return;
	log_warn("property '%s' %s", property, what);
}

/* What is kept, and has no effect in this pool, has been said. */
static int
unless_unsupported(int rc)
{
	return (rc == -EOPNOTSUPP ? 0 : rc);
}

/* Where it cannot have effect that is said, unless it is no more than every VM has. */
static int
set_quota(const char *zone, const json_t *v, struct err *e)
{
	struct zconf *c = NULL;
	int64_t gib = 0;
	int rc;

	if (v == NULL)
		return (0);
	if (vmprop_integer(v, &gib) < 0) /* unset */
		gib = 0;
	if ((rc = zconf_load(zone, &c, e)) != 0)
		return (rc);
	rc = quota_set(zone, c->did, (uint64_t)gib * GIB, e);
	zconf_free(c);
	if (rc != -EOPNOTSUPP)
		return (rc);
	if (gib > QUOTA_DEFAULT)
		log_warn("property 'quota' is kept, but has no effect on this file system");
	return (0);
}

int
vm_tune(const char *zone, const json_t *payload, struct err *e)
{
	const json_t *v = json_object_get(payload, "zfs_root_compression");
	const char *kind = json_string_value(v);
	int rc;

	if ((rc = set_quota(zone, json_object_get(payload, "quota"), e)) != 0 || v == NULL)
		return (rc);
	return (unless_unsupported(volume_tune_zone(zone, kind != NULL ? kind : "", e)));
}

static int
tune_disk(const struct zconf *c, const json_t *disk, struct err *e)
{
	const char *path = json_string_value(json_object_get(disk, "path"));
	const json_t *compression = json_object_get(disk, "compression"),
		     *reserved = json_object_get(disk, "refreservation");
	const struct zdevice *d = find_disk(c, path);
	const char *kind = json_string_value(compression);
	uint64_t bytes = mib_of(disk, "refreservation");

	if ((compression == NULL && reserved == NULL) || d == NULL || !vm_owns_disk(c, d))
		return (0);
	return (unless_unsupported(volume_tune(path,
	    compression == NULL ? NULL
		: kind != NULL  ? kind
				: "",
	    reserved != NULL ? &bytes : NULL, e)));
}

int
vm_disks_tune(const struct zconf *c, const json_t *payload, struct err *e)
{
	const char *kind = zconf_attr(c, "zfs-root-compression");
	const json_t *disk;
	size_t i;
	int rc;

	json_array_foreach (json_object_get(payload, "update_disks"), i, disk)
		if ((rc = tune_disk(c, disk, e)) < 0)
			return (rc);
	/* The first disk of a zone brings the dataset that it is a property of. */
	if (kind != NULL && json_array_size(json_object_get(payload, "add_disks")) > 0)
		return (unless_unsupported(volume_tune_zone(c->name, kind, e)));
	return (vm_tune(c->name, payload, e));
}

void
vm_disks_tell(json_t *vm)
{
	struct volume_tuning t;
	json_t *disk;
	char *last;
	size_t i;

	json_array_foreach (json_object_get(vm, "disks"), i, disk) {
		const char *path = json_string_value(json_object_get(disk, "path"));
		uint64_t mib;

		if (path == NULL || volume_tuning_get(path, &t, NULL) != 0)
			continue;
		mib = t.refreservation / MIB + (t.refreservation % MIB != 0);
		(void)json_object_set_new(disk, "block_size", json_integer(t.block_size));
		(void)json_object_set_new(disk, "compression", json_string(t.compression));
		(void)json_object_set_new(disk, "refreservation", json_integer((json_int_t)mib));
		(void)json_object_set_new(disk, "zfs_filesystem", json_string(t.dataset));
		if ((last = strrchr(t.dataset, '/')) != NULL)
			*last = '\0';
		(void)json_object_set_new(vm, "zfs_filesystem", json_string(t.dataset));
	}
}

/* ---- disks that come and go ---- */

/* The lowest number from *index on that nothing in the zone has. */
static int
free_index(const struct zconf *c, unsigned *index, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	for (;; (*index)++) {
		if ((rc = volume_path(path, c->name, *index, e)) != 0)
			return (rc);
		if (access(path, F_OK) != 0 && find_disk(c, path) == NULL)
			return (0);
	}
}

int
vm_disks_make(const struct vm *vm, const struct zconf *c, const json_t *payload, struct vm_disks *d,
    struct err *e)
{
	json_t *disks = json_object_get(payload, "disks"), *disk;
	unsigned index = 0;
	size_t i;
	int rc;

	if ((json_array_size(json_object_get(payload, "add_disks")) > 0 ||
		json_array_size(json_object_get(payload, "remove_disks")) > 0) &&
	    (rc = only_stopped(vm, "updates to disks are", e)) < 0)
		return (rc);
	if (vmupdate_disks_stopped(payload) &&
	    (rc = only_stopped(vm, "at least one specified update to disks is", e)) < 0)
		return (rc);
	if (disks == NULL)
		return (0);
	if ((d->made = calloc(json_array_size(disks) + 1, sizeof(*d->made))) == NULL)
		return (err_set(e, ENOMEM, "cannot make disks"));
	json_array_foreach (disks, i, disk) {
		if ((rc = free_index(c, &index, e)) < 0 ||
		    (rc = vm_disk_make(c->name, index, disk, &d->made[d->nmade], e)) < 0)
			return (rc);
		d->nmade += d->made[d->nmade] != NULL;
	}
	return (0);
}

int
vm_disks_remove(const struct zconf *c, const json_t *payload, struct err *e)
{
	const struct zdevice *dev;
	const json_t *path;
	size_t i;
	int rc;

	json_array_foreach (json_object_get(payload, "remove_disks"), i, path) {
		dev = find_disk(c, json_string_value(path));
		if (dev == NULL || !vm_owns_disk(c, dev))
			continue;
		if ((rc = volume_destroy(dev->match, e)) < 0 ||
		    (rc = vmsnap_forget(c->name, dev->match, e)) < 0)
			return (rc);
	}
	return (0);
}

void
vm_disks_free(struct vm_disks *d, bool undo)
{
	struct err e = { 0 };

	for (size_t i = 0; i < d->nmade; i++) {
		if (undo && volume_destroy(d->made[i], &e) < 0)
			log_warn("%s", e.text);
		free(d->made[i]);
	}
	free(d->made);
	*d = (struct vm_disks){ .grown = d->grown };
}
