/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * create and validate. create makes in order: the zone's configuration, its folder, its
 * volumes, its files; then boots it. Until the last of these is done, everything made is undone
 * on any failure, an interrupt included; killed for good in between, it leaves a VM in state
 * "provisioning" that delete removes. See vmadm.h, vmadm.md 2 to 4.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/image.h"
#include "zone/vmconfig.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"
#include "zone/volume.h"

/* What create has made so far, to be undone. */
struct making {
	json_t *payload;
	char name[ZONENAME_MAX];
	bool stored, installed;
	char **volumes; /* paths; those of disks without a volume of their own are NULL */
	size_t nvolumes;
};

static int
check_interrupt(struct err *e)
{
	if (interrupt_pending() == 0)
		return (0);
	return (err_say(e, EINTR, "interrupted by signal %d; everything made was removed",
	    interrupt_pending()));
}

/* ---- before anything is made ---- */

/* Is there such a VM, or one in its way? Called with the store locked. */
static int
check_others(const struct making *m, struct err *e)
{
	const char *uuid = json_string_value(json_object_get(m->payload, "uuid"));
	struct zconf *c = NULL;
	json_t *others = NULL;
	int rc;

	if (zconf_load_uuid(uuid, &c, NULL) == 0) {
		zconf_free(c);
		return (err_say(e, EEXIST, "VM with UUID %s already exists", uuid));
	}
	if (zconf_load(m->name, &c, NULL) == 0) {
		zconf_free(c);
		return (err_say(e, EEXIST, "zone %s already exists", m->name));
	}
	if ((rc = vm_objects(&others, e)) == 0)
		rc = vmnic_conflict(m->payload, others, e);
	json_decref(others);
	return (rc);
}

/* ---- the configuration ---- */

/* The payload as a configuration, of a VM that is being made. */
static int
make_conf(const struct making *m, struct zconf **out, struct err *e)
{
	int rc = vmobj_new(m->payload, m->name, NULL, out, e);

	if (rc != 0 || (rc = zconf_attr_set(*out, "provisioning", ZATTR_STRING, "true")) == 0)
		return (rc);
	zconf_free(*out);
	*out = NULL;
	return (err_set(e, -rc, "cannot configure zone '%s'", m->name));
}

/* Store it for the first time, without its disks: they have no path yet. */
static int
store_first(struct making *m, struct err *e)
{
	struct zconf *c = NULL;
	int rc;

	if ((rc = zconf_lock(e)) < 0)
		return (rc);
	if ((rc = check_others(m, e)) == 0 && (rc = make_conf(m, &c, e)) == 0) {
		while (c->ndevice > 0)
			zconf_device_remove(c, c->ndevice - 1);
		if ((rc = zconf_verify(c, e)) == 0)
			rc = zconf_store(c, e);
		m->stored = rc == 0;
	}
	zconf_free(c);
	zconf_unlock();
	return (rc);
}

/* Store it whole, provisioned. The identity and state stored meanwhile stay. */
static int
store_whole(const struct making *m, struct err *e)
{
	struct zconf *c = NULL, *stored = NULL;
	int rc;

	if ((rc = zconf_lock(e)) < 0)
		return (rc);
	if ((rc = zconf_load(m->name, &stored, e)) == 0 && (rc = make_conf(m, &c, e)) == 0) {
		memcpy(c->uuid, stored->uuid, sizeof(c->uuid));
		c->did = stored->did;
		c->state = stored->state;
		(void)zconf_attr_set(c, "provisioning", ZATTR_STRING, NULL);
		if ((rc = zconf_verify(c, e)) == 0)
			rc = zconf_store(c, e);
	}
	zconf_free(stored);
	zconf_free(c);
	zconf_unlock();
	return (rc);
}

/* ---- volumes ---- */

static int
make_volumes(struct making *m, struct err *e)
{
	json_t *disks = json_object_get(m->payload, "disks"), *disk;
	size_t i;
	int rc;

	m->nvolumes = json_array_size(disks);
	if ((m->volumes = calloc(m->nvolumes + 1, sizeof(*m->volumes))) == NULL)
		return (err_set(e, ENOMEM, "cannot make the disks of %s", m->name));
	json_array_foreach (disks, i, disk)
		if ((rc = vm_disk_make(m->name, (unsigned)i, disk, &m->volumes[i], e)) < 0 ||
		    (rc = check_interrupt(e)) < 0)
			return (rc);
	return (vm_tune(m->name, m->payload, e));
}

/* ---- the whole ---- */

static int
make_files(const struct making *m, struct err *e)
{
	struct vmconfig vc = { 0 };
	int rc;

	vmobj_payload_config(m->payload, &vc);
	rc = vmconfig_store(m->name, &vc, e);
	vmconfig_free(&vc);
	return (rc);
}

static int
make(struct making *m, struct err *e)
{
	const json_t *autoboot = json_object_get(m->payload, "autoboot");
	int rc;

	if ((rc = store_first(m, e)) < 0 || (rc = zone_install(m->name, e)) < 0)
		return (rc);
	m->installed = true;
	if ((rc = check_interrupt(e)) < 0 || (rc = make_volumes(m, e)) < 0 ||
	    (rc = make_files(m, e)) < 0 || (rc = store_whole(m, e)) < 0 ||
	    (rc = check_interrupt(e)) < 0)
		return (rc);
	return (vmprop_truth(autoboot) ? zone_boot(m->name, e) : 0);
}

/*
 * Back to how it was. What cannot be undone is said; the first failure's message stays the
 * answer.
 */
static void
unmake(struct making *m)
{
	struct zone_status st = { 0 };
	struct err e = { 0 };

	if (!m->stored)
		return;
	if (zone_status_get(m->name, &st, NULL) == 0 && st.state > ZONE_STATE_INSTALLED &&
	    zone_halt(m->name, &e) < 0)
		log_warn("%s", e.text);
	for (size_t i = 0; i < m->nvolumes; i++)
		if (m->volumes[i] != NULL && volume_destroy(m->volumes[i], &e) < 0)
			log_warn("%s", e.text);
	if ((m->installed || st.state == ZONE_STATE_INCOMPLETE) && zone_uninstall(m->name, &e) < 0)
		log_warn("%s", e.text);
	if (zconf_delete(m->name, &e) < 0)
		log_warn("%s", e.text);
}

static void
free_making(struct making *m)
{
	for (size_t i = 0; i < m->nvolumes; i++)
		free(m->volumes[i]);
	free(m->volumes);
	json_decref(m->payload);
}

static int
prepare(struct making *m, struct err *e)
{
	const char *name;
	int rc;

	if ((rc = vmcreate_prepare(m->payload, image_get, vm_warn_property, e)) < 0)
		return (rc);
	name = json_string_value(json_object_get(m->payload, "zonename"));
	if ((rc = zconf_name_check(name, e)) < 0)
		return (rc);
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	return (vm_check_nic_tags(json_object_get(m->payload, "nics"), e));
}

static int
create_run(int argc, char **argv)
{
	const char *file = NULL;
	struct making m = { 0 };
	struct err e = { 0 };
	int opt, rc;

	while ((opt = getopt(argc, argv, "f:")) != -1) {
		if (opt != 'f')
			return (usage_error("Invalid option for create: -%c", optopt));
		file = optarg;
	}
	if (optind < argc)
		return (usage_error("Too many parameters to \"create\""));
	if ((rc = payload_read(file, "create", &m.payload)) != EXIT_DONE)
		return (rc);
	interrupt_watch(true);
	if (prepare(&m, &e) == 0 && make(&m, &e) == 0) {
		rc = success("Successfully created VM %s",
		    json_string_value(json_object_get(m.payload, "uuid")));
	} else {
		unmake(&m);
		rc = fail(&e);
	}
	free_making(&m);
	return (rc);
}

/* ---- validate ---- */

static int
judge(json_t *payload, const char *action, const char *brand)
{
	unsigned flag = strcmp(action, "create") == 0 ? VMF_CREATE : VMF_UPDATE;
	CLEANUP_FREE char *text = NULL;
	json_t *errors = vmvalidate(payload, flag, brand, image_get);

	if (errors == NULL)
		return (success("VALID '%s' payload for %s brand VMs.", action, brand));
	text = json_dumps(errors, JSON_INDENT(2));
	json_decref(errors);
	(void)fprintf(stderr, "%s\n", text != NULL ? text : "out of memory");
	return (EXIT_FAILED);
}

static int
validate_run(int argc, char **argv)
{
	const char *file = NULL, *action, *brand;
	json_t *payload = NULL;
	bool create;
	int opt, rc;

	while ((opt = getopt(argc, argv, "f:")) != -1) {
		if (opt != 'f')
			return (usage_error("Invalid option for validate: -%c", optopt));
		file = optarg;
	}
	action = optind < argc ? argv[optind] : "";
	create = strcmp(action, "create") == 0;
	if (!create && strcmp(action, "update") != 0)
		return (usage_error("Will not validate without a valid action."));
	if (argc - optind != (create ? 1 : 2))
		return (usage_error("Wrong number of parameters to \"validate %s\"", action));
	if ((rc = payload_read(file, "validate", &payload)) != EXIT_DONE)
		return (rc);
	brand = create ? json_string_value(json_object_get(payload, "brand")) : argv[optind + 1];
	rc = judge(payload, action, brand);
	json_decref(payload);
	return (rc);
}

const struct subcommand create_commands[] = {
	{ "create", NULL, "[-f file]", create_run },
	{ "validate", NULL, "create [-f file] | update <brand> [-f file]", validate_run },
	{ NULL },
};
