/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What install, uninstall, detach, attach and rename share of the zone path. Used by install.c, clone.c, detach.c and
 * rename.c only. Tools, root.
 */
#ifndef ZHYVE_ZONE_INSTALL_H
#define ZHYVE_ZONE_INSTALL_H

#include <stdbool.h>

#include "base/err.h"
#include "zone/zconf.h"

/* It has to be /zones/NAME. 0 or -EINVAL. */
int zone_path_check(const struct zconf *c, struct err *e);
/* In a configuration: the zone path, and the disks below it, are there from now on. 0 or -ENOMEM. */
int zone_path_relocate(struct zconf *c, const char *to);
/* Make what is missing of it, and see that it is root's alone. 0 or -errno. */
int zone_path_make(const char *path, struct err *e);
/* End a zoneadmd that is there for viewers of the console only. 0 or -errno. */
int zone_release(const char *name, struct err *e);

/* Does the zone path say that it is a detached zone's? */
bool zone_is_detached(const char *name);

#endif
