/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's configuration as the JSON of /etc/zones/<name>.json (docs/zone-config.5). Strict: what
 * is not known, has the wrong type or stands there twice is refused, so that a misspelt member is
 * never silently without effect. Pure; used by zconf_store.c and detach.c only.
 */
#ifndef ZHYVE_ZONE_ZCONF_JSON_H
#define ZHYVE_ZONE_ZCONF_JSON_H

#include <stddef.h>

#include "base/err.h"
#include "zone/zconf.h"

#define ZCONF_JSON_VERSION 1

/*
 * The text of a file (`len` bytes) to a configuration, which the caller frees. -EINVAL with line or
 * member, -ENOMEM.
 */
int zconf_json_parse(const char *text, size_t len, struct zconf **out, struct err *e);
/*
 * The other way; *out is malloc'ed text of *len bytes ending in a newline. -EILSEQ for text that is
 * not UTF-8, -ENOMEM.
 */
int zconf_json_format(const struct zconf *c, char **out, size_t *len, struct err *e);

#endif
