/* SPDX-License-Identifier: BSD-2-Clause */
/* Of the store, what only a renaming needs besides zconf.h. Tools. */
#ifndef ZHYVE_ZONE_ZCONF_STORE_H
#define ZHYVE_ZONE_ZCONF_STORE_H

#include "zone/zconf.h"

/* Write a zone's file, under the lock, as it is: whose uuid and number it has is the caller's business. */
int zconf_write(const struct zconf *c, struct err *e);

#endif
