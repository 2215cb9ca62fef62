/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone gets another name: its configuration's file and its zone path with it, while it keeps uuid, number
 * and uid. Whoever is killed in the middle of it leaves a note, /etc/zones/.rename, by which the next that
 * takes the store's lock brings it to its end, or, where the zone path cannot be moved, back. Tools, root.
 */
#ifndef ZHYVE_ZONE_RENAME_H
#define ZHYVE_ZONE_RENAME_H

#include "base/err.h"
#include "zone/zconf.h"

/* What it means for a configuration: name, zone path and the disks below that. 0 or -errno. */
int zone_rename_conf(struct zconf *c, const char *name, struct err *e);
/*
 * Do it: zone `old`, configured or installed, becomes the zone of configuration `c`, which has its uuid and
 * number. Under the store's lock. 0 or -errno, and nothing has changed.
 */
int zone_rename(const char *old, struct zconf *c, struct err *e);

/* Bring one to its end whose program was killed. Called by zconf_lock only, under the lock. */
int zone_rename_finish(struct err *e);
/* The same for who does not have the lock: takes it when there is such a note. Failures wait for the next. */
void zone_rename_recover(void);

#endif
