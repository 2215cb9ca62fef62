/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the volume driver `lvm` share: names, and lvm(8) itself (volume_lvm_run.c). Tools and
 * zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VOLUME_LVM_H
#define ZHYVE_ZONE_VOLUME_LVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define LVM_NAME_MAX 128    /* of a logical volume's name, with its end (lvm(8), VALID NAMES) */
#define LVM_POOL     "pool" /* the thin pool of the group: no volume is called so */

/* A logical volume, as lvs(8) reports it. */
struct lvm_volume {
	char name[LVM_NAME_MAX];
	uint64_t size;         /* bytes */
	double data, metadata; /* a pool: percent in use; else 0 */
	char health[32];       /* lv_health_status: "" is well */
	bool readonly;         /* its thin pool takes no changes any more */
};

/*
 * The text as part of a volume's name: letters, digits, '-' and '.' as they are, every other byte as '+'
 * and two hexadecimal digits. Without '_' it has none of the words that lvm reserves. Appended to `name`;
 * false when the whole gets too long for device-mapper, which joins it with the group's, hyphens doubled.
 */
bool lvm_name_append(char name[LVM_NAME_MAX], const char *group, const char *text);
/* The same without escaping: the driver's own separators. */
bool lvm_name_join(char name[LVM_NAME_MAX], const char *group, const char *text);

/* Is it made of what such names are made of? */
bool lvm_name_valid(const char *name);

/*
 * The answer of `lvs --reportformat json`: the caller's array (free). -EPROTO for anything that is not as
 * lvm 2.03 has it.
 */
int lvm_parse(const char *text, struct lvm_volume **out, size_t *n, struct err *e);

/* Run `lvm COMMAND ARGUMENT... NULL`. */
int lvm_run(struct err *e, const char *command, ...) __attribute__((sentinel));
/* All of a group; the caller's (free). */
int lvm_list(const char *group, struct lvm_volume **out, size_t *n, struct err *e);
/* One; -ENOENT, and no message, when it is not there. `out` may be NULL. */
int lvm_find(const char *group, const char *name, struct lvm_volume *out, struct err *e);

#endif
