/* SPDX-License-Identifier: BSD-2-Clause */
/* What every device process does in the beginning, before it hears of its guest. */
#ifndef ZHYVE_PROCS_COMMON_PROCESS_H
#define ZHYVE_PROCS_COMMON_PROCESS_H

#include <stdint.h>

#include "base/err.h"

/*
 * Standard descriptors are there, messages go to standard error under `name` (a constant), which is
 * also the thread's; a peer that is gone is no signal.
 */
void process_begin(const char *name);
/* A resource limit (RLIMIT_*), soft and hard. 0 or -errno. */
int process_limit(int what, uint64_t value, struct err *e);
/*
 * No new privileges, no core file, at most `files` descriptors, namespaces of its own and an empty
 * root (in a zone it has them from the start). 0 or -errno.
 */
int process_confine(unsigned files, struct err *e);

#endif
