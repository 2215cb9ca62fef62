/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which uuid and number (did) each configured zone has, without reading every configuration each time that one is
 * stored. The configurations are the truth; what was read of them is remembered in the lock file's content, with what
 * the file system said of the file then, and counts as long as that says the same. Tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_ZCONF_IDS_H
#define ZHYVE_ZONE_ZCONF_IDS_H

#include "zone/zconf.h"

struct zconf_id {
	char name[ZONENAME_MAX];
	char uuid[UUID_TEXT_LEN + 1];
	uint32_t did;
	uint64_t inode, size;
	int64_t changed_ns; /* the file's ctime */
	int64_t read_ns;    /* it was read after that; the same clock */
};

/*
 * Of all zones but `except`, sorted by name; *out is malloc'ed. Under the lock, whose descriptor `memory` is (-1:
 * nothing is remembered). A configuration that cannot be read is an error.
 */
int zconf_ids_get(int memory, const char *except, struct zconf_id **out, size_t *n, struct err *e);

#endif
