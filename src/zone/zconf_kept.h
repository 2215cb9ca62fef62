/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resources of illumos that mean nothing to a virtual machine on Linux: fs, dataset, admin and
 * security-flags. They are kept, shown, exported and imported as they are, so that a configuration
 * that came from elsewhere can go back; nothing here acts on them. One table. Pure; tools and
 * zoneadmd.
 */
#ifndef ZHYVE_ZONE_ZCONF_KEPT_H
#define ZHYVE_ZONE_ZCONF_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "zone/zconf.h"

#define ZKEPT_PROPS_MAX 6

struct zkept_info {
	const char *name; /* of the resource: "fs" */
	/* Names, NULL at the end, in the order of info; the first `nrequired` are required. */
	const char *props[ZKEPT_PROPS_MAX];
	size_t nrequired;
	/* How many of the first name it, no two alike; 0: there is one at most. */
	size_t nkey;
	const char
	    *list; /* the property that is a list, kept as words divided by commas; or NULL */
};
extern const struct zkept_info zkept_info[ZKEPT_KINDS];

bool zkept_has(enum zkept_kind kind, const char *prop);
/* NULL when it is unset. */
const char *zkept_get(const struct zkept *k, const char *prop);
/* A copy; NULL and "" unset it. 0 or -ENOMEM. */
int zkept_set(struct zkept *k, const char *prop, const char *value);
/* Is this word in the list-valued property? */
bool zkept_list_has(const struct zkept *k, const char *prop, const char *word);
/* Add it at the end, or take it out. 0 or -ENOMEM. */
int zkept_list_add(struct zkept *k, const char *prop, const char *word);
int zkept_list_remove(struct zkept *k, const char *prop, const char *word);

/* An empty one at the end; NULL when memory is short. */
struct zkept *zconf_kept_add(struct zconf *c, enum zkept_kind kind);
void zconf_kept_remove(struct zconf *c, enum zkept_kind kind, size_t i);

/* For zconf.c: all of them at once. */
void zconf_kept_free(struct zconf *c);
int zconf_kept_copy(struct zconf *to, const struct zconf *from);
bool zconf_kept_equal(const struct zconf *a, const struct zconf *b);

/* One by the rules of its kind, and all of them with no two alike. 0 or -EINVAL. */
int zkept_check(const struct zconf *c, enum zkept_kind kind, size_t i, struct err *e);
int zconf_kept_check(const struct zconf *c, struct err *e);

#endif
