/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A zone's resource controls as what a cgroup's files say: see cgroup.h. Facts: Linux
 * Documentation/admin-guide/cgroup-v2.rst. Writes nothing itself. Pure; runs in zoneadmd.
 */
#include <errno.h>
#include <stdio.h>

#include "base/checked.h"
#include "zone/cgroup.h"

#define CPU_PERIOD_US  100000ull
#define WEIGHT_MAX     10000ull /* cpu.weight, io.weight */
#define WEIGHT_DEFAULT 100ull
#define BFQ_WEIGHT_MAX 1000ull

static uint64_t
rctl_or_zero(const struct zconf *c, const char *name)
{
	uint64_t v;

	return (zconf_rctl_get(c, name, &v) == 0 ? v : 0);
}

int
cgroup_limits_get(const struct zconf *c, uint64_t ram, struct cgroup_limits *out, struct err *e)
{
	*out = (struct cgroup_limits){
		.cpu_cap = rctl_or_zero(c, "zone.cpu-cap"),
		.cpu_shares = rctl_or_zero(c, "zone.cpu-shares"),
		.memory = rctl_or_zero(c, "zone.max-physical-memory"),
		.swap = rctl_or_zero(c, "zone.max-swap"),
		.lwps = rctl_or_zero(c, "zone.max-lwps"),
		.io_priority = rctl_or_zero(c, "zone.zfs-io-priority"),
	};
	if (out->memory != 0 && out->memory < ram)
		return (err_say(e, EINVAL,
		    "zone.max-physical-memory (%llu bytes) is less than the guest's memory (%llu "
		    "bytes, attr ram): "
		    "raise the cap or lower ram",
		    (unsigned long long)out->memory, (unsigned long long)ram));
	return (0);
}

/* `limited`: somebody asked for it, so that it has to be there. */
static struct cgroup_setting *
put(struct cgroup_setting *s, const char *controller, const char *file, bool limited)
{
	*s = (struct cgroup_setting){
		.controller = controller, .file = file, .value = "max", .optional = !limited
	};
	return (s);
}

static void put_value(struct cgroup_setting *s, const char *fmt, uint64_t v)
    __attribute__((format(printf, 2, 0)));
static void
put_value(struct cgroup_setting *s, const char *fmt, uint64_t v)
{
	(void)snprintf(s->value, sizeof(s->value), fmt, (unsigned long long)v);
}

static uint64_t
weight(uint64_t shares, uint64_t max)
{
	return (shares == 0 ? WEIGHT_DEFAULT : MIN(shares, max));
}

/* memory.swap.max counts swap alone, zone.max-swap both. */
static void
put_swap(struct cgroup_setting *s, const struct cgroup_limits *lim)
{
	(void)put(s, "memory", "memory.swap.max", lim->swap != 0 && lim->memory != 0);
	if (!s->optional)
		put_value(s, "%llu", lim->swap > lim->memory ? lim->swap - lim->memory : 0);
}

size_t
cgroup_settings(const struct cgroup_limits *lim, struct cgroup_setting out[CGROUP_SETTINGS_MAX])
{
	struct cgroup_setting *s;
	size_t n = 0;

	s = put(&out[n++], "cpu", "cpu.max", lim->cpu_cap != 0);
	if (lim->cpu_cap != 0)
		put_value(s, "%llu 100000", lim->cpu_cap * (CPU_PERIOD_US / 100));
	s = put(&out[n++], "cpu", "cpu.weight", lim->cpu_shares != 0);
	put_value(s, "%llu", weight(lim->cpu_shares, WEIGHT_MAX));
	s = put(&out[n++], "memory", "memory.max", lim->memory != 0);
	if (lim->memory != 0)
		put_value(s, "%llu", lim->memory);
	/* The guest and its VMM live and die together, also when it is the host that is out of it. */
	s = put(&out[n++], "memory", "memory.oom.group", false);
	put_value(s, "%llu", 1);
	put_swap(&out[n++], lim);
	s = put(&out[n++], "pids", "pids.max", lim->lwps != 0);
	if (lim->lwps != 0)
		put_value(s, "%llu", lim->lwps);
	/*
	 * A share, not a limit: vmadm gives every VM one, and most kernels schedule no disk by it. The
	 * two files' ranges differ, but not in what zone.zfs-io-priority may be.
	 */
	s = put(&out[n++], "io", "io.weight", false);
	s->file2 = "io.bfq.weight";
	put_value(s, "%llu", weight(lim->io_priority, BFQ_WEIGHT_MAX));
	return (n);
}
