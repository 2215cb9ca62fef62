/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource limits: see rlimits.h. In children of tools and of zoneadmd. */
#include "zone/rlimits.h"

#include <errno.h>

#include "base/checked.h"

int
rlimits_lower(const struct rlimit_cap *caps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		__rlimit_resource_t what = (__rlimit_resource_t)caps[i].what;
		struct rlimit r;

		if (getrlimit(what, &r) != 0)
			return (-errno);
		r.rlim_max = MIN(r.rlim_max, caps[i].max); /* lowered, never raised */
		r.rlim_cur = r.rlim_max;
		if (setrlimit(what, &r) != 0)
			return (-errno);
	}
	return (0);
}
