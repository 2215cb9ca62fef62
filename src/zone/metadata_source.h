/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the metadata machine has its values from. zoneadmd's source is the zone's own
 * configuration (metadata_zone.c); a test's is what the test says. Strings handed out are the
 * machine's to free; keys are trimmed and hold no control characters.
 */
#ifndef ZHYVE_ZONE_METADATA_SOURCE_H
#define ZHYVE_ZONE_METADATA_SOURCE_H

#include "base/err.h"
#include "zone/metadata.h"

struct metadata_source {
	void *arg;
	/*
	 * 0; -ENOENT: the guest reads NOTFOUND; any other: FAILURE, with e's text when there is
	 * one (V2).
	 */
	int (*get)(void *arg, const char *key, char **value, struct err *e);
	/* The keys a guest may list, separated by newlines. */
	int (*keys)(void *arg, char **value, struct err *e);
	/* An empty value removes the key. */
	int (*put)(void *arg, const char *key, const char *value, struct err *e);
	int (*del)(void *arg, const char *key, struct err *e);
	void (*destroy)(void *arg); /* may be NULL */
};

/* As metadata_create, with a source of the caller's. `src` is copied. */
int metadata_create_from(const struct metadata_source *src,
    void (*out)(void *arg, const void *buf, size_t len), void *arg, struct metadata **md,
    struct err *e);

#endif
