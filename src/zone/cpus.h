/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The processors of the host, and which of them belong to a zone alone (dedicated-cpu). A zone's own
 * are chosen by topology when it gets ready, and written on its cgroup (an extended attribute, which
 * goes with it: the kernel is the ledger); all other zones then run beside them. The host's
 * own processes are not kept away. Runs in zoneadmd, and in whatever cleans up after it; root.
 */
#ifndef ZHYVE_ZONE_CPUS_H
#define ZHYVE_ZONE_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CPUS_MAX      1024
#define CPUS_TEXT_MAX 5120 /* the longest list: every second one */

struct cpus {
	uint64_t bit[CPUS_MAX / 64];
};

static inline bool
cpus_has(const struct cpus *s, unsigned cpu)
{
	return ((s->bit[cpu / 64] >> (cpu % 64) & 1) != 0);
}
static inline void
cpus_add(struct cpus *s, unsigned cpu)
{
	s->bit[cpu / 64] |= UINT64_C(1) << (cpu % 64);
}
unsigned cpus_count(const struct cpus *s);
/* a without b. */
void cpus_without(struct cpus *a, const struct cpus *b);
/* The kernel's lists: "0-3,8"; "" is none; a newline at the end is taken. 0 or -EINVAL. Pure. */
int cpus_parse(const char *text, struct cpus *out);
void cpus_format(const struct cpus *s, char out[CPUS_TEXT_MAX]);

/* Which cores and nodes there are; a core is named by the lowest of its processors. */
struct cpu_topology {
	struct cpus online;
	uint16_t core[CPUS_MAX];
	uint16_t node[CPUS_MAX];
};
/* From /sys below `root` ("" but for tests). */
int cpus_topology(const char *root, struct cpu_topology *out, struct err *e);
/*
 * Choose `n` of the available ones: whole cores, then part of a core of which nobody else has the
 * rest, then what is left; all on one node where one has room, and on that with the least room that
 * suffices. 0 or -ENOSPC. Pure.
 */
int cpus_choose(
    const struct cpu_topology *t, const struct cpus *avail, unsigned n, struct cpus *out);

/*
 * Give the zone whose cgroup stands at `path` its own, `min` to `max` of them (max 0: it shares what
 * the others leave), and keep the other zones off them. *out: its own. -ENOSPC when there are not so
 * many, one being kept for everything else; -ENOTSUP without the cpuset controller.
 */
int cpus_take(const char *path, unsigned min, unsigned max, struct cpus *out, struct err *e);
/*
 * The zone whose cgroup is at `path` ends, and its cgroup is removed after this: the other zones get
 * what it had alone. May be done twice.
 */
void cpus_give_back(const char *path);

#endif
