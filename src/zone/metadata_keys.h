/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest may ask for, and what it gets: key to value, over the VM object (vmobj.h, as `vmadm
 * get` prints it).
 *
 *	sdc:PROPERTY      a property of the VM, read-only (never internal_metadata, but for the keys the protocol names)
 *	…_pw, NS:…        internal_metadata (NS: one of internal_metadata_namespaces, read-only)
 *	anything else     customer_metadata
 *
 * Pure. zoneadmd; keys come from a hostile guest.
 */
#ifndef ZHYVE_ZONE_METADATA_KEYS_H
#define ZHYVE_ZONE_METADATA_KEYS_H

#include <jansson.h>

#include "base/err.h"

/* 0 with a value to free; -ENOENT: no such key; -EINVAL: it has no form as text; -ENOMEM. */
int metadata_keys_get(const json_t *vm, const char *key, char **value);

/* The names a guest may list, separated by newlines; free it. -ENOMEM. */
int metadata_keys_list(const json_t *vm, char **value);

/*
 * Where a guest's PUT or DELETE of the key goes: "customer_metadata" or "internal_metadata" in
 * *object. -EPERM with the protocol's text for a namespace that is read-only.
 */
int metadata_keys_place(const json_t *vm, const char *key, const char **object, struct err *e);

#endif
