/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Payloads of vmadm: `vmadm validate`, and what create does with a payload before anything is
 * made. The table (vmprop.h) says what a property may be; here stand the rules between
 * properties and the defaults that are computed. Pure, but for asking for images by the given
 * function; tools.
 */
#ifndef ZHYVE_ZONE_VMVALIDATE_H
#define ZHYVE_ZONE_VMVALIDATE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "zone/image.h"
#include "zone/vmprop.h"

/* image_get, or a test's own. */
typedef int vm_image_get(const char *uuid, struct image *out, struct err *e);

/*
 * Judge a payload for an action (VMF_CREATE or VMF_UPDATE) and brand (NULL: missing). NULL when
 * it is valid; else an object to be freed: {"bad_brand": …} alone, or {"bad_values": […],
 * "bad_properties": […], "missing_properties": […]}. A missing image_size is filled in from the
 * image's manifest.
 */
json_t *vmvalidate(json_t *payload, unsigned action, const char *brand, vm_image_get *images);

/*
 * Prepare a create payload in place, in vmadm's order: types, defaults, old names, validation,
 * nics, disks, rules between properties. Unknown properties are taken out and named to `warn`,
 * as are those without effect. 0 or -EINVAL with vmadm's message.
 */
int vmcreate_prepare(json_t *payload, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e);

/*
 * Prepare an update payload for a VM, given its object: types, validation, rules, and the memory
 * limits that follow ram. What is null or "" is to be cleared. 0 or -errno with vmadm's message.
 */
int vmupdate_prepare(json_t *payload, const json_t *vm, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e);

/*
 * Steps that create and update share (vmcreate.c), in place: values of another type that mean the
 * same, those that are unset (create: taken out); validation, unknown properties taken out; what
 * is not built yet; rules for single values.
 */
int vmpayload_mend(json_t *payload, unsigned action, struct err *e);
int vmpayload_validate(json_t *payload, unsigned action, const char *brand, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e);
int vmpayload_promises(json_t *payload, unsigned action,
    void (*warn)(const char *property, const char *what), struct err *e);
int vmpayload_rest(const json_t *payload, struct err *e);

/*
 * What the image of the boot disk wants of the VM (vmimage.c): memory, brand; and what it is good to have
 * with it, which is warned of. Its cloudinit_datasource goes into the payload. -EINVAL names the image.
 */
int vmimage_requirements(json_t *payload, vm_image_get *images,
    void (*warn)(const char *property, const char *what), struct err *e);

/* Parts of it (vmnic.c, vmdisk.c), in place. */
int vmnic_prepare(json_t *payload, struct err *e);
int vmdisk_prepare(json_t *payload, struct err *e);
/* Is `kind` a compression that SmartOS knows, or unset? `of` is what it is for. -EINVAL. */
int vmdisk_check_compression(const char *kind, const char *of, struct err *e);
/*
 * What an object of update_disks or update_nics is about: the member `key` of it names one of `list`. -EINVAL
 * with `missing`; -ENOENT with `unknown`, which the name follows.
 */
struct vmupdate_key {
	const char *key, *missing, *unknown;
	size_t (*find)(const json_t *list, const char *name); /* SIZE_MAX: none */
};
int vmupdate_target(json_t *list, const json_t *change, const struct vmupdate_key *key,
    json_t **out, struct err *e);
/*
 * add_nics, update_nics and remove_nics of an update payload (vmupdate_nic.c): the nics that the VM
 * will have become the payload's "nics".
 */
int vmupdate_nics(json_t *payload, const json_t *vm,
    void (*warn)(const char *property, const char *what), struct err *e);
/*
 * add_disks, update_disks and remove_disks (vmupdate_disk.c): when more than sizes change, the disks that
 * the VM will have become the payload's "disks"; those without a path are to be made.
 */
int vmupdate_disks(json_t *payload, const json_t *vm, struct err *e);
/* Does update_disks ask for what only a stopped VM can be given? */
bool vmupdate_disks_stopped(const json_t *payload);
/*
 * Rules between balloon, ram, vsock and their kin, of what a VM (its object; NULL: a new one) will
 * be with the payload.
 */
int vmdevice_check(const json_t *payload, const json_t *vm, struct err *e);
/* Two nics of one VM; all nics of one VM, about VRRP. */
int vmnic_check_pair(const json_t *a, const json_t *b, struct err *e);
int vmnic_check_vrrp(const json_t *nics, struct err *e);
/* Destinations and gateways of routes, against the VM's nics. */
int vmnic_check_routes(const json_t *payload, struct err *e);

/*
 * Does the VM share a MAC, VRID, VNC port or static address (on one tag and VLAN) with one of
 * `others` (an array of VM objects)? 0 or -EEXIST with vmadm's message.
 */
int vmnic_conflict(const json_t *vm, const json_t *others, struct err *e);

/* A random UUID (RFC 9562, version 4), as text. */
void vm_uuid_generate(char out[UUID_TEXT_LEN + 1]);

#endif
