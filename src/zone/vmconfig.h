/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The three files beside a zone's configuration, <zonepath>/config/{metadata,tags,routes}.json:
 * flat objects which the VM object shows and the metadata service serves. Each file is replaced
 * whole; changes of one key hold a lock. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_VMCONFIG_H
#define ZHYVE_ZONE_VMCONFIG_H

#include <jansson.h>

#include "base/err.h"

/* What one file may hold. A guest can PUT as much as it likes: beyond this it is told no. */
#define VMCONFIG_FILE_MAX (1024u * 1024u)

struct vmconfig {
	json_t *customer_metadata;
	json_t *internal_metadata;
	json_t *tags;
	json_t *routes;
};

/*
 * Files that are not there are empty objects. -EINVAL, with the file and place, when one is
 * broken.
 */
int vmconfig_load(const char *zone, struct vmconfig *out, struct err *e);
void vmconfig_free(struct vmconfig *c);

/* Write all three; makes the folder. NULL members are written as empty objects. */
int vmconfig_store(const char *zone, const struct vmconfig *c, struct err *e);

/*
 * Set (or with value NULL remove) one key of "customer_metadata" or "internal_metadata". -EFBIG
 * when the file would get too big, -EILSEQ when key or value is not UTF-8.
 */
int vmconfig_set(
    const char *zone, const char *object, const char *key, const char *value, struct err *e);

/* Load all, have them changed, write them, under the lock. */
typedef int vmconfig_change_fn(struct vmconfig *c, void *ctx);
int vmconfig_change(const char *zone, vmconfig_change_fn *change, void *ctx, struct err *e);

/* Newest modification of the three, seconds since the epoch; 0 when there is none. */
int64_t vmconfig_mtime(const char *zone);

#endif
