/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * delete: a VM and everything that is its own; nothing is left. Each step may have been done by
 * a delete that was killed, so that running it again ends the work. See vmadm.h, vmadm.md 13.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd/vmadm/vmadm.h"
#include "zone/volume.h"

static int
check_deletable(const struct zconf *c, struct err *e)
{
	if (zconf_attr(c, "indestructible-zoneroot") != NULL)
		return (err_say(e, EPERM, "indestructible_zoneroot is set, cannot delete"));
	if (zconf_attr(c, "archive-on-delete") != NULL)
		return (err_say(e, ENOTSUP,
		    "archive_on_delete is set, and this version of zhyve cannot archive; remove "
		    "the "
		    "attribute archive-on-delete with zonecfg to delete without"));
	return (0);
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
	if ((rc = delete_volumes(vm->c, e)) < 0)
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
