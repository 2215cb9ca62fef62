/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * update: change a VM that exists. What can have effect on a running one at once has it (VMF_LIVE
 * of the property table, disks that grow); the rest from its next boot on. See vmadm.h, vmadm.md 10.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/image.h"
#include "zone/vmconfig.h"
#include "zone/vmobj.h"
#include "zone/vmvalidate.h"

struct updating {
	struct vm vm;
	json_t *payload;
	json_t *object; /* the VM as it was */
	struct vm_disks disks;
};

/* "name=value" operands: values are texts, which validation takes for what they mean. */
static int
operands_read(int n, char **words, json_t **out)
{
	*out = json_object();
	for (int i = 0; i < n; i++) {
		char *eq = strchr(words[i], '=');
		json_t *value = eq != NULL ? json_string(eq + 1) : NULL;

		if (value == NULL || eq == words[i]) {
			json_decref(value);
			json_decref(*out);
			return (
			    usage_error("Invalid option: \"%s\", must be name=value", words[i]));
		}
		*eq = '\0';
		(void)json_object_set_new(*out, words[i], value);
	}
	return (EXIT_DONE);
}

/* ---- other VMs ---- */

/* A port for VNC, or an address, that another VM has. */
static int
check_others(const struct updating *u, struct err *e)
{
	const char *uuid = json_string_value(json_object_get(u->object, "uuid"));
	json_t *others = NULL, *me, *one;
	size_t i;
	int rc;

	if (json_object_get(u->payload, "vnc_port") == NULL &&
	    json_object_get(u->payload, "nics") == NULL)
		return (0);
	if ((rc = vm_objects(&others, e)) < 0)
		return (rc);
	json_array_foreach (others, i, one) {
		if (strcmp(json_string_value(json_object_get(one, "uuid")), uuid) == 0)
			(void)json_array_remove(others, i--);
	}
	me = json_deep_copy(u->object);
	(void)json_object_update(me, u->payload);
	rc = vmnic_conflict(me, others, e);
	json_decref(me);
	json_decref(others);
	return (rc);
}

/* ---- the change ---- */

static int
change_config(struct vmconfig *vc, void *ctx)
{
	const struct updating *u = ctx;

	return (vmobj_update_config(u->payload, vc));
}

/* Is there something for metadata, tags or routes? */
static bool
changes_config(const json_t *payload)
{
	json_t *v;
	const char *name;

	json_object_foreach ((json_t *)(uintptr_t)payload, name, v)
		if (strncmp(name, "set_", 4) == 0 || strncmp(name, "remove_", 7) == 0)
			return (true);
	return (false);
}

static int
store(struct updating *u, struct err *e)
{
	struct zconf *c = NULL;
	int rc;

	if ((rc = zconf_lock(e)) < 0)
		return (rc);
	if ((rc = check_others(u, e)) == 0 && (rc = zconf_load(u->vm.c->name, &c, e)) == 0 &&
	    (rc = vm_disks_make(&u->vm, c, u->payload, &u->disks, e)) == 0 &&
	    (rc = vmobj_update(u->payload, c, e)) == 0 && (rc = zconf_verify(c, e)) == 0 &&
	    (rc = vm_disks_resize(&u->vm, c, u->payload, &u->disks, e)) == 0 &&
	    (rc = vm_disks_tune(c, u->payload, e)) == 0)
		rc = zconf_store(c, e);
	vm_disks_free(&u->disks, rc != 0);
	/* What nothing refers to any more. */
	if (rc == 0)
		rc = vm_disks_remove(u->vm.c, u->payload, e);
	zconf_free(c);
	zconf_unlock();
	if (rc == 0 && changes_config(u->payload))
		rc = vmconfig_change(u->vm.c->name, change_config, u, e);
	return (rc);
}

/* A VM that was started without a balloon has none, whatever its configuration says by now. */
static int
set_balloon(const struct updating *u, struct err *e)
{
	const json_t *target = json_object_get(u->payload, "balloon_target");
	const char *zone = u->vm.c->name;
	json_t *devices = NULL;
	uint64_t bytes = INT64_MAX; /* cleared: all of it */
	int64_t mib;
	bool has;
	int rc;

	if (target == NULL)
		return (0);
	if ((rc = zone_devices_get(zone, &devices, e)) < 0)
		return (rc);
	has = json_is_true(json_object_get(devices, "balloon"));
	json_decref(devices);
	if (!has)
		return (0);
	if (vmprop_integer(target, &mib) == 0)
		bytes = (uint64_t)mib * MIB;
	if ((rc = zone_balloon_set(zone, bytes, e)) < 0)
		return (err_ctx(e, "balloon_target is stored, but the balloon is as it was"));
	return (0);
}

/* Is there a limit in the payload that a running VM takes? */
static bool
changes_limits(const json_t *payload)
{
	const struct vmprop *p;
	const char *name;
	json_t *v;

	json_object_foreach ((json_t *)(uintptr_t)payload, name, v) {
		p = vmprop_find(NULL, name);
		if (p != NULL && p->store == VMS_RCTL && (p->flags & VMF_LIVE) != 0)
			return (true);
	}
	return (false);
}

static int
apply_limits(const struct updating *u, struct err *e)
{
	json_t *later = NULL, *name;
	size_t i;

	if (!changes_limits(u->payload))
		return (0);
	if (zone_apply(u->vm.c->name, &later, e) < 0)
		return (err_ctx(
		    e, "the limits are stored, but those of the running VM are as they were"));
	json_array_foreach (later, i, name)
		log_info("%s has effect from the next boot on", json_string_value(name));
	json_decref(later);
	return (0);
}

/* Its links; what of a nic takes a boot is said. */
static int
apply_nics(const struct updating *u, struct err *e)
{
	const json_t *change;
	const char *name;
	json_t *v;
	size_t i;

	if (json_object_get(u->payload, "nics") == NULL)
		return (0);
	json_array_foreach (json_object_get(u->payload, "update_nics"), i, change) {
		json_object_foreach ((json_t *)(uintptr_t)change, name, v) {
			const struct vmprop *p = vmprop_find("nics", name);

			if (p != NULL && (p->flags & VMF_LIVE) == 0 && strcmp(name, "mac") != 0)
				log_info(
				    "property 'nics.*.%s' has effect from the next boot on", name);
		}
	}
	if (zone_links_apply(u->vm.c->name, e) < 0)
		return (err_ctx(
		    e, "the nics are stored, but links of the running VM are as they were"));
	return (0);
}

static int
tell_running(const struct updating *u, struct err *e)
{
	const char *zone = u->vm.c->name, *name;
	const struct vmprop *p;
	json_t *v;
	int rc;

	json_object_foreach (u->payload, name, v) {
		p = vmprop_find(NULL, name);
		if (p != NULL && (p->flags & VMF_LIVE) == 0 && strcmp(name, "nics") != 0 &&
		    strcmp(name, "disks") != 0)
			log_info("property '%s' has effect from the next boot on", name);
	}
	if (u->disks.grown && (rc = zone_refresh_disks(zone, e)) < 0)
		return (err_ctx(e, "the disks are changed, but the guest was not told"));
	if ((rc = apply_nics(u, e)) < 0 || (rc = apply_limits(u, e)) < 0)
		return (rc);
	return (set_balloon(u, e));
}

/* Have it take effect in a running VM; one that ends meanwhile has it when it boots again, as one that was stopped. */
static int
change_running(const struct updating *u, struct err *e)
{
	struct zone_status now;
	int rc;

	if (u->vm.st.state != ZONE_STATE_RUNNING || (rc = tell_running(u, e)) == 0)
		return (0);
	if (zone_status_get(u->vm.c->name, &now, NULL) != 0 || now.state == ZONE_STATE_RUNNING)
		return (rc);
	err_clear(e);
	log_warn("the VM has ended meanwhile: what is changed has effect from its next boot on");
	return (0);
}

static int
update(struct updating *u, struct err *e)
{
	int rc;

	if ((rc = vm_object(&u->vm, &u->object, e)) < 0 ||
	    (rc = vmupdate_prepare(u->payload, u->object, image_get, vm_warn_property, e)) < 0 ||
	    (rc = vm_check_nic_tags(json_object_get(u->payload, "nics"), e)) < 0 ||
	    (rc = store(u, e)) < 0)
		return (rc);
	return (change_running(u, e));
}

static int
update_run(int argc, char **argv)
{
	struct updating u = { 0 };
	const char *file = NULL, *uuid;
	struct err e = { 0 };
	int opt, rc;

	while ((opt = getopt(argc, argv, "f:")) != -1) {
		if (opt != 'f')
			return (usage_error("Invalid option for update: -%c", optopt));
		file = optarg;
	}
	if ((uuid = uuid_operand(argc, argv, argc)) == NULL)
		return (EXIT_USAGE);
	rc = optind + 1 < argc ? operands_read(argc - optind - 1, argv + optind + 1, &u.payload)
			       : payload_read(file, "update", &u.payload);
	if (rc != EXIT_DONE)
		return (rc);
	if (vm_load(uuid, &u.vm, &e) < 0) {
		json_decref(u.payload);
		return (fail(&e));
	}
	rc = update(&u, &e) < 0 ? fail(&e) : success("Successfully updated VM %s", uuid);
	json_decref(u.payload);
	json_decref(u.object);
	vm_free(&u.vm);
	return (rc);
}

const struct subcommand update_commands[] = {
	{ "update", NULL, "<uuid> [-f file | prop=value ...]", update_run },
	{ NULL },
};
