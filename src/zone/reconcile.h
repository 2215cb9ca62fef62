/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cleaning up after a zoneadmd that was killed: its ledger has no owner any more, so all that
 * stands in it is undone. Runs in the tools and at the start of zoneadmd, as root.
 */
#ifndef ZHYVE_ZONE_RECONCILE_H
#define ZHYVE_ZONE_RECONCILE_H

#include <stdbool.h>

#include "base/err.h"

/*
 * One zone: 0 when there is nothing (left) to do, -EBUSY (without text) when its zoneadmd lives,
 * else the first failure. *killed, unless NULL: one had been killed and left something.
 */
int zone_reconcile(const char *name, bool *killed, struct err *e);

/*
 * Undoes one entry of a ledger: a ledger_undo_fn; `ctx` is not used. The kinds are "file",
 * "cgroup", "vnic", "vm".
 */
int zone_ledger_undo(const char *kind, const char *arg, void *ctx, struct err *e);

#endif
