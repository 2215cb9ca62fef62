/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts for jails (jail.h): detached copies of a part of the host's tree, which the jailed process
 * puts into its root. Runs in zoneadmd, as root.
 */
#ifndef ZHYVE_ZONE_JAIL_TREE_H
#define ZHYVE_ZONE_JAIL_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/jail.h"

/*
 * A detached mount of the folder `path` without what is mounted below it, nosuid and nodev;
 * read-only, or writable and noexec. The descriptor (close-on-exec), or -errno.
 */
int jail_tree(const char *path, bool writable, struct err *e);

/*
 * What a program that is not static needs of the host: its libraries. The descriptors in m are the
 * caller's to close (those there are, when it fails). 0 or -errno.
 */
#define JAIL_LIBS 2
int jail_tree_libs(struct jail_mount m[JAIL_LIBS], struct err *e);

/*
 * As jail_tree, but writable, a folder for files of `uid`, mode 0700, which is made when it is not
 * there. Files in it that are another's (the zone had another number) become its own. What stands
 * in it was written by a jailed process: nothing there is followed.
 */
int jail_tree_own(const char *path, uint32_t uid, struct err *e);

#endif
