/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's aliases of resource controls (zones.md 3): the simple properties (cpu-shares), and the
 * two resources capped-cpu and capped-memory, are views of rctls with one privileged value and a
 * fixed action. One table. Pure; tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_ZCONF_RCTL_H
#define ZHYVE_ZONE_ZCONF_RCTL_H

#include <stdint.h>

#include "base/err.h"
#include "zone/zconf.h"

enum zrctl_unit {
	ZRCTL_COUNT,   /* a number */
	ZRCTL_BYTES,   /* bytes; written with K M G T */
	ZRCTL_PERCENT, /* percent of a cpu; written as cpus with two places: 1.50 */
};

struct zrctl_alias {
	const char *resource; /* "capped-cpu", "capped-memory"; NULL: a global property */
	const char *name;     /* the property: "cpu-shares", "ncpus", "physical" */
	const char *rctl;     /* "zone.cpu-shares" */
	const char *action;   /* none, deny; the privilege is always privileged */
	enum zrctl_unit unit;
	const char *text; /* one line for help */
};

/* Ends with an entry whose name is NULL. */
extern const struct zrctl_alias zrctl_aliases[];

/* By resource (NULL: global) and property; by rctl. NULL when there is none. */
const struct zrctl_alias *zrctl_alias_find(const char *resource, const char *name);
const struct zrctl_alias *zrctl_alias_of(const char *rctl);

/* What a person writes, to the rctl's limit. -EINVAL with what is wrong. */
int zrctl_alias_parse(
    const struct zrctl_alias *a, const char *text, uint64_t *limit, struct err *e);
/* The other way, exact: parsing it again gives the same limit. */
#define ZRCTL_TEXT_MAX 24
void zrctl_alias_format(const struct zrctl_alias *a, uint64_t limit, char out[ZRCTL_TEXT_MAX]);

/* The limit, when the configuration has the rctl in exactly the alias's form. 0 or -ENOENT. */
int zrctl_alias_get(const struct zconf *c, const struct zrctl_alias *a, uint64_t *limit);
/*
 * Set from text. max-processes also gives max-lwps ten times as much where that is unset. -EINVAL
 * when the rctl is there in another form than the alias's, or the text is wrong; -ENOMEM.
 */
int zrctl_alias_set(struct zconf *c, const struct zrctl_alias *a, const char *text, struct err *e);

/* One rctl by the rules of its kind: name, privilege, action, limit. 0 or -EINVAL. */
int zrctl_check_name(const char *name, struct err *e);
int zrctl_check_value(const struct zrctl_value *v, struct err *e);

#endif
