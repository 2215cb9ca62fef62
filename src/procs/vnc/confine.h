/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How zhyve-vnc gives up what it does not need, before the first byte of a client: see confine.c.
 */
#ifndef ZHYVE_PROCS_VNC_CONFINE_H
#define ZHYVE_PROCS_VNC_CONFINE_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Stages 1 and 2: limits, no new privileges, namespaces of its own, and the identity given, or
 * (uid 0) nobody's if this is root. Namespaces and an empty root are made where the kernel lets
 * us. 0 or -errno.
 */
int confine_early(uid_t uid, gid_t gid, struct err *e);
/* Stage 3: the system-call filter. 0 or -errno. */
int confine_calls(struct err *e);

#endif
