/* SPDX-License-Identifier: BSD-2-Clause */
/* Starting zhyve-vnc by hand, outside a zone: see display.h. Runs in zhyve, stage 3. */
#ifndef ZHYVE_PROCS_ZHYVE_DISPLAY_START_H
#define ZHYVE_PROCS_ZHYVE_DISPLAY_START_H

#include "base/err.h"
#include "vmm/config.h"

/*
 * Listen where the options unix=, rfb= or tcp= say, and start zhyve-vnc on the memory object; it
 * is confined, and has seen its first client if `wait` is set, when this returns. Sets *events to
 * our end of its socket. 0 or -errno.
 */
int display_start(struct config_node *cfg, const char *name, int mem, int *events, struct err *e);

#endif
