/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much a zone may keep beside its disks: what is in its folders config, logs and root. It is a project quota of
 * the file system that the folders are on, which has to have been mounted with such; a pool made by imgadm pool
 * create on a device or in a file (XFS) is. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_QUOTA_H
#define ZHYVE_ZONE_QUOTA_H

#include <stdint.h>

#include "base/err.h"
#include "zone/zconf.h"

/*
 * The folders are the project's, and the project may have so many bytes from now on; 0: as many as there are. What
 * is there already counts. -EOPNOTSUPP, and no message: the file system has no project quotas.
 */
int quota_set(const char *zone, uint32_t project, uint64_t bytes, struct err *e);
/* As the zone's attribute quota (GiB) says; without one nothing is done. */
int quota_apply(const struct zconf *c, struct err *e);

#endif
