/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots of VMs: all volumes of a VM at one instant, with its metadata, tags, routes and boot
 * variables (vmadm.md 12). A record, <zonepath>/snapshots/vmsnap-<name>.json, says that there is one and
 * what it consists of; the content is the volume driver's (volume.h). The record is written before the
 * first volume is touched and tells what is being done, so that what was interrupted is seen, and cleared
 * away or done again by the next command. Disks that only were lent to the VM, and its TPM, are not part
 * of it. Tools; vmsnap_check in zoneadmd too; root.
 */
#ifndef ZHYVE_ZONE_VMSNAP_H
#define ZHYVE_ZONE_VMSNAP_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "zone/zconf.h"

#define VMSNAP_NAME_MAX 64

/* -EINVAL with vmadm's message for what is no name: 1 to 64 of a-z A-Z 0-9 - _ . : % */
int vmsnap_name_check(const char *name, struct err *e);

/*
 * All, newest first: {"name", "size" (MiB that only it holds), "created_at"} (the caller's). None, and
 * no error, for a zone that has no folder.
 */
int vmsnap_list(const char *zone, json_t **out, struct err *e);

/*
 * Take one. A VM that runs is held for a moment (zone_pause), *paused_us, else 0. -EEXIST; -ENOENT
 * without a disk of its own; -EDQUOT when the attribute zfs-snapshot-limit allows no more; -EOPNOTSUPP for a
 * running VM on a pool that cannot do it in an instant. On failure nothing is left.
 */
int vmsnap_create(
    const struct zconf *c, const char *name, bool running, int64_t *paused_us, struct err *e);
/* -ENOENT. */
int vmsnap_delete(const struct zconf *c, const char *name, struct err *e);
/*
 * Make the VM, which is stopped, what it was; newer ones go. Until it is done, after an interruption,
 * vmsnap_check tells. -ENOENT.
 */
int vmsnap_rollback(const struct zconf *c, const char *name, struct err *e);
/* May the zone be started? -EBUSY: a rollback was interrupted, and its disks do not belong together. */
int vmsnap_check(const char *zone, struct err *e);
/* The volume is about to be replaced: its part of every snapshot goes, and those that have no other. */
int vmsnap_forget(const char *zone, const char *path, struct err *e);

#endif
