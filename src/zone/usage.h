/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who uses what: the zones whose configuration names a nic tag or an image. Read from the store of
 * configurations each time, so that it can't be out of step with it. Tools.
 */
#ifndef ZHYVE_ZONE_USAGE_H
#define ZHYVE_ZONE_USAGE_H

#include <stddef.h>

#include "base/err.h"
#include "zone/zconf.h"

/* Called for each zone; the configuration is the caller's only until it returns. */
typedef void usage_cb(const struct zconf *c, void *arg);

/* Zones with a nic on that tag; the number in *n. cb may be NULL. */
int usage_nictag(const char *tag, usage_cb *cb, void *arg, size_t *n, struct err *e);
/* Zones with a disk made from that image. */
int usage_image(const char *uuid, usage_cb *cb, void *arg, size_t *n, struct err *e);

#endif
