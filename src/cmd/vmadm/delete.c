/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delete: a VM and everything that is its own; nothing is left. Each step may have been done by
 * a delete that was killed, so that running it again ends the work. See vmadm.h, vmadm.md 13.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd/vmadm/vmadm.h"
#include "zone/vmarchive.h"
#include "zone/volume.h"

static int
check_deletable(const struct zconf *c, struct err *e)
{
	if (zconf_attr(c, "indestructible-zoneroot") != NULL)
		return (err_say(e, EPERM, "indestructible_zoneroot is set, cannot delete"));
	return (0);
}

/* As long as it is whole. What SmartOS passes over in silence ends the deletion: there will be no second chance. */
static int
archive(const struct vm *vm, struct err *e)
{
	json_t *o = NULL;
	int rc;

	if (zconf_attr(vm->c, "archive-on-delete") == NULL)
		return (0);
	if ((rc = vm_object(vm, &o, e)) == 0) {
		vm_disks_tell(o);
		rc = vmarchive_make(vm->c, o, e);
		json_decref(o);
	}
	return (rc == 0 ? 0
			: err_ctx(e,
			      "archive_on_delete is set, and the VM cannot be archived "
			      "(archive_on_delete=false deletes it without)"));
}

static int
delete_volumes(const struct zconf *c, struct err *e)
{
	int rc;

	for (size_t i = 0; i < c->ndevice; i++)
		if (vm_owns_disk(c, &c->device[i]) &&
		    (rc = volume_destroy(c->device[i].match, e)) < 0)
			return (rc);
	return (0);
}

static int
delete_vm(struct vm *vm, void *arg, struct err *e)
{
	const char *name = vm->c->name;
	int rc;

	if ((rc = check_deletable(vm->c, e)) < 0 || (rc = vm_set_autoboot(name, false, e)) < 0)
		return (rc);
	if (vm->st.state > ZONE_STATE_INSTALLED && (rc = zone_halt(name, e)) < 0)
		return (rc);
	if ((rc = archive(vm, e)) < 0 || (rc = delete_volumes(vm->c, e)) < 0)
		return (rc);
	if (vm->st.state != ZONE_STATE_CONFIGURED && (rc = zone_uninstall(name, e)) < 0)
		return (rc);
	return (zconf_delete(name, e));
}

static int
delete_run(int argc, char **argv)
{
	const char *uuid;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for delete: -%c", optopt));
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	return (vm_act(uuid, delete_vm, NULL, "delete", "deleted"));
}

const struct subcommand delete_commands[] = {
	{ "delete", "destroy", "<uuid>", delete_run },
	{ NULL },
};
