/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * create-snapshot, rollback-snapshot, delete-snapshot, and reprovision, which gives a VM a new boot disk
 * and keeps the rest. See vmadm.h, vmadm.md 12 and 15.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/disktune.h"
#include "zone/image.h"
#include "zone/paths.h"
#include "zone/vmsnap.h"
#include "zone/volume.h"

/* ---- snapshots ---- */

/* The two operands; EXIT_DONE, or the exit status after the message. */
static int
operands(int argc, char **argv, const char **uuid, const char **name)
{
	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for %s: -%c", argv[0], optopt));
	if ((*uuid = uuid_operand(argc, argv, argc)) == NULL)
		return (EXIT_USAGE);
	if (argc - optind != 2)
		return (usage_error("Wrong number of parameters to \"%s\"", argv[0]));
	*name = argv[optind + 1];
	return (EXIT_DONE);
}

static int
create(struct vm *vm, const char *name, struct err *e)
{
	int64_t us;
	int rc;

	if (vm->st.state != ZONE_STATE_RUNNING && vm->st.state != ZONE_STATE_INSTALLED)
		return (err_say(
		    e, EBUSY, "cannot take a snapshot of a VM in state \"%s\"", vm_state(vm)));
	rc = vmsnap_create(vm->c, name, vm->st.state == ZONE_STATE_RUNNING, &us, e);
	if (rc == 0 && us > 0)
		log_info("the guest was held for %lld.%03lld ms", (long long)us / 1000,
		    (long long)us % 1000);
	return (rc);
}

static int
halt(const struct vm *vm, struct err *e)
{
	return (vm->st.state > ZONE_STATE_INSTALLED ? zone_halt(vm->c->name, e) : 0);
}

/* As on SmartOS the VM runs afterwards, whatever it did before. */
static int
rollback(struct vm *vm, const char *name, struct err *e)
{
	json_t *list = NULL, *one;
	bool there = false;
	size_t i;
	int rc;

	if ((rc = vmsnap_name_check(name, e)) != 0 ||
	    (rc = vmsnap_list(vm->c->name, &list, e)) != 0)
		return (rc);
	json_array_foreach (list, i, one)
		there |= strcmp(json_string_value(json_object_get(one, "name")), name) == 0;
	json_decref(list);
	if (!there) /* before anything is stopped for it */
		return (err_say(e, ENOENT, "No snapshot named \"%s\" for %s", name, vm->c->uuid));
	if ((rc = halt(vm, e)) != 0 || (rc = vmsnap_rollback(vm->c, name, e)) != 0)
		return (rc);
	if ((rc = vm_set_autoboot(vm->c->name, true, e)) == 0 &&
	    (rc = zone_boot(vm->c->name, e)) != 0)
		rc = err_ctx(e, "the VM is rolled back, but it does not start");
	return (rc);
}

static int delete (struct vm *vm, const char *name, struct err *e)
{
	return (vmsnap_delete(vm->c, name, e));
}

static int
run(int argc, char **argv, int (*fn)(struct vm *vm, const char *name, struct err *e),
    const char *done)
{
	const char *uuid = NULL, *name = NULL;
	struct err e = { 0 };
	struct vm vm;
	int rc;

	if ((rc = operands(argc, argv, &uuid, &name)) != EXIT_DONE)
		return (rc);
	if ((rc = vm_load(uuid, &vm, &e)) == 0)
		rc = fn(&vm, name, &e);
	vm_free(&vm);
	return (rc < 0 ? fail(&e) : success("%s snapshot %s for VM %s", done, name, uuid));
}

static int
create_run(int argc, char **argv)
{
	return (run(argc, argv, create, "Created"));
}

static int
rollback_run(int argc, char **argv)
{
	return (run(argc, argv, rollback, "Rolled back"));
}

static int
delete_run(int argc, char **argv)
{
	return (run(argc, argv, delete, "Deleted"));
}

/* ---- reprovision ---- */

/* Disk 0, which has to boot. */
static int
find_disk0(struct zconf *c, struct zdevice **out, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	if ((rc = volume_path(path, c->name, 0, e)) != 0)
		return (rc);
	for (size_t i = 0; i < c->ndevice; i++) {
		struct zdevice *d = &c->device[i];
		const char *boot = zprop_get(d->prop, d->nprop, "boot");

		if (d->match == NULL || strcmp(d->match, path) != 0)
			continue;
		*out = d;
		if (boot != NULL && strcmp(boot, "true") == 0)
			return (0);
		return (err_say(e, EINVAL,
		    "disk0 found but does not have boot property set to true - reprovision "
		    "requires a bootable disk0"));
	}
	return (err_say(e, ENOENT, "disk0 not found for bhyve VM"));
}

static int
check(const struct zconf *c, const struct zdevice *disk, const struct image *img, struct err *e)
{
	uint64_t size;
	int rc;

	if (zconf_attr(c, "indestructible-zoneroot") != NULL)
		return (err_say(e, EPERM, "indestructible_zoneroot is set, cannot reprovision"));
	if (strcmp(img->type, "zvol") != 0)
		return (
		    err_say(e, EINVAL, "image %s is of type %s, not zvol", img->uuid, img->type));
	if ((rc = volume_stat(disk->match, &size, e)) != 0)
		return (rc);
	if (img->size > size)
		return (
		    err_say(e, EINVAL, "Cannot reprovision: image (%llu MiB) > disk0 (%llu MiB)",
			(unsigned long long)(img->size / MIB), (unsigned long long)(size / MIB)));
	return (0);
}

/* The stored disk 0 is a clone of that image, of its size. */
static int
store_image(const char *zone, const struct image *img, struct err *e)
{
	struct zconf *c = NULL;
	struct zdevice *d;
	char size[24];
	int rc;

	(void)snprintf(size, sizeof(size), "%llu", (unsigned long long)(img->size / MIB));
	if ((rc = zconf_lock(e)) < 0)
		return (rc);
	if ((rc = zconf_load(zone, &c, e)) == 0 && (rc = find_disk0(c, &d, e)) == 0) {
		if (zprop_set(&d->prop, &d->nprop, "image-uuid", img->uuid) < 0 ||
		    zprop_set(&d->prop, &d->nprop, "image-size", size) < 0 ||
		    zprop_set(&d->prop, &d->nprop, "size", NULL) < 0)
			rc = err_set(e, ENOMEM, "cannot store the new image of disk0");
		else
			rc = zconf_store(c, e);
	}
	zconf_free(c);
	zconf_unlock();
	return (rc);
}

static int
reprovision(struct vm *vm, void *arg, struct err *e)
{
	const json_t *payload = arg;
	const char *uuid = json_string_value(json_object_get(payload, "image_uuid")),
		   *zone = vm->c->name;
	struct volume_spec spec = { .zone = zone, .image_uuid = uuid, .replace = true };
	char path[PATH_MAX];
	struct zdevice *disk;
	struct image img;
	int rc;

	if (uuid == NULL)
		return (err_say(e, EINVAL, "payload is missing image_uuid"));
	if ((rc = image_get(uuid, &img, e)) != 0 || (rc = find_disk0(vm->c, &disk, e)) != 0 ||
	    (rc = check(vm->c, disk, &img, e)) != 0)
		return (rc);
	disktune_get(disk, &spec);
	spec.refreservation = MIN(spec.refreservation, img.size);
	if ((rc = halt(vm, e)) != 0 || (rc = vmsnap_forget(zone, disk->match, e)) != 0 ||
	    (rc = volume_create(&spec, path, e)) != 0 || (rc = store_image(zone, &img, e)) != 0)
		return (rc);
	if (vm->c->autoboot && (rc = zone_boot(zone, e)) != 0)
		return (err_ctx(e, "disk0 is new, but the VM does not start"));
	return (0);
}

static int
reprovision_run(int argc, char **argv)
{
	const char *file = NULL, *uuid;
	json_t *payload = NULL;
	int opt, rc;

	while ((opt = getopt(argc, argv, "f:")) != -1) {
		if (opt != 'f')
			return (usage_error("Invalid option for reprovision: -%c", optopt));
		file = optarg;
	}
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if ((rc = payload_read(file, "reprovision", &payload)) != EXIT_DONE)
		return (rc);
	rc = vm_act(uuid, reprovision, payload, "reprovision", "reprovisioned");
	json_decref(payload);
	return (rc);
}

const struct subcommand snapshot_commands[] = {
	{ "create-snapshot", NULL, "<uuid> <snapname>", create_run },
	{ "rollback-snapshot", NULL, "<uuid> <snapname>", rollback_run },
	{ "delete-snapshot", NULL, "<uuid> <snapname>", delete_run },
	{ "reprovision", NULL, "<uuid> [-f file]", reprovision_run },
	{ NULL },
};
