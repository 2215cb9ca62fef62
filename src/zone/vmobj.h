/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The VM object: one JSON object that says everything about a VM with vmadm's property names.
 * `vmadm get` prints it, list and lookup look into it, the metadata service answers sdc: keys
 * out of it; and the other way, a payload of vmadm goes into the model. Both ways walk the
 * property table (vmprop.h). Pure but for stat(2) of what the object names; tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_VMOBJ_H
#define ZHYVE_ZONE_VMOBJ_H

#include <jansson.h>

#include "base/err.h"
#include "zone/client.h"
#include "zone/vmconfig.h"
#include "zone/zconf.h"

/* The object (the caller's) of a zone, from its three sources. -ENOMEM. */
int vmobj_build(const struct zconf *c, const struct vmconfig *vc, const struct zone_status *st,
    json_t **out, struct err *e);

/* The zone's VM state: vmadm.md 1. A static string or one of the configuration. */
const char *vmobj_state(const struct zconf *c, enum zone_state zs);

/*
 * Write a create payload (checked and normalised) into a new configuration: zone properties,
 * attributes, rctls, nics, disks in their order. What belongs into config/ *.json is
 * vmobj_payload_config's.
 */
int vmobj_apply(const json_t *payload, struct zconf *c, struct err *e);
/*
 * The configuration (the caller's) of a new VM of that name: the payload, and what every VM has. `created` is
 * when it was made, NULL: now.
 */
int vmobj_new(const json_t *payload, const char *name, const char *created, struct zconf **out,
    struct err *e);
/*
 * Write an update payload (checked and normalised) into a configuration: what stands in it is set,
 * null clears. Of disks it is the size; -ENOENT for one that is not there. "nics", which
 * vmupdate_prepare makes, are all that the VM is to have. And into metadata, tags
 * and routes: keys are removed, then set.
 */
int vmobj_update(const json_t *payload, struct zconf *c, struct err *e);
int vmobj_update_config(const json_t *payload, struct vmconfig *vc);
/* References to the payload's metadata, tags and routes; free with vmconfig_free. */
void vmobj_payload_config(const json_t *payload, struct vmconfig *out);

/* Milliseconds of CLOCK_REALTIME as "2026-01-02T03:04:05.678Z". */
#define VMOBJ_TIME_LEN 24
void vmobj_time(int64_t ms, char out[VMOBJ_TIME_LEN + 1]);

#endif
