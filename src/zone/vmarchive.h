/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What stays of a VM that is deleted with archive_on_delete: a folder, /zones/archive/UUID, with vm.json (what vmadm
 * get said last), zone.json (its configuration), and its config/, logs/ and cores/. Its disks are not in it, nor are they
 * in SmartOS's. Tools, root.
 */
#ifndef ZHYVE_ZONE_VMARCHIVE_H
#define ZHYVE_ZONE_VMARCHIVE_H

#include <jansson.h>

#include "base/err.h"
#include "zone/zconf.h"

/*
 * Make it, of a VM that is stopped and whole. It is there as a whole, on stable storage, or not at all. 0 also when it was made before
 * by a deletion that was interrupted; -EEXIST when the folder is that of another VM with this UUID.
 */
int vmarchive_make(const struct zconf *c, const json_t *vm, struct err *e);

#endif
