/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resource limits of a process that is about to be confined. Between fork and exec: system calls only.
 */
#ifndef ZHYVE_ZONE_RLIMITS_H
#define ZHYVE_ZONE_RLIMITS_H

#include <stddef.h>
#include <sys/resource.h>

struct rlimit_cap {
	int what; /* RLIMIT_... */
	rlim_t max;
};
/* Lower both values of each limit to `max`; one that is lower stays. 0 or -errno. */
int rlimits_lower(const struct rlimit_cap *caps, size_t n);

#endif
