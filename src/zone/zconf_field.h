/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The simple (string-valued) properties of the configuration model, as tables: what the stored
 * file, zonecfg's set, info and export, comparison and copying walk over. Adding such a property is
 * a member in zconf.h and a line in zconf_field.c. Pure; tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_ZCONF_FIELD_H
#define ZHYVE_ZONE_ZCONF_FIELD_H

#include <stddef.h>

#include "zone/zconf.h"

struct zfield {
	const char *name;  /* as in zonecfg and in the file: "ip-type" */
	size_t offset;     /* of the char * in its structure */
	const char *value; /* what may stand there, for help: "exclusive | shared" */
	const char *text;  /* one line for help */
};

/* Each ends with an entry whose name is NULL; in the order in which info shows them. */
extern const struct zfield zconf_fields[];      /* of struct zconf, but for name, uuid, autoboot */
extern const struct zfield zdedicated_fields[]; /* of struct zconf: dedicated-cpu */
extern const struct zfield znet_fields[];       /* of struct znet */
extern const struct zfield zdevice_fields[];    /* of struct zdevice */

/* The entry of that name, or NULL. */
const struct zfield *zfield_find(const struct zfield *table, const char *name);
/* The value in the structure `base`; NULL when unset. */
const char *zfield_get(const struct zfield *f, const void *base);
/* Replace it by a copy; NULL and "" unset it. 0 or -ENOMEM. */
int zfield_set(const struct zfield *f, void *base, const char *value);

/* The same for all members of a table: unset all, copy all (into a zeroed structure), equal. */
void zfield_clear_all(const struct zfield *table, void *base);
int zfield_copy_all(const struct zfield *table, void *to, const void *from);
bool zfield_equal_all(const struct zfield *table, const void *a, const void *b);

/* Names of attribute types: "string", "int", "uint", "boolean". */
const char *zattr_type_name(enum zattr_type t);
int zattr_type_parse(const char *s, enum zattr_type *out); /* -EINVAL */

#endif
