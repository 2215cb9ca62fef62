/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command of the host in a running zone's namespaces (pid, network, IPC, UTS, cgroup), for the
 * operator: zlogin ZONE [COMMAND]. It keeps the operator's uid, user namespace, root and files, but for
 * /proc, which is the zone's; so no process of the zone may trace it, signal it or reach a descriptor of
 * it. Runs in zlogin, as root.
 */
#ifndef ZHYVE_CMD_ZLOGIN_ENTER_H
#define ZHYVE_CMD_ZLOGIN_ENTER_H

#include "base/err.h"

/*
 * argv: the command, NULL-terminated. *status: its exit status, 128 + N when signal N ended it, 126 or
 * 127 when it could not be executed. What it leaves running goes on until the zone's machine ends. 0,
 * or -errno: the zone has no machine at the moment, or it ended before the command did.
 */
int zone_enter(const char *zone, char *const argv[], int *status, struct err *e);

#endif
