/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's cgroup (v2): <cgroup2>/zhyve/<zone>/, a leaf that holds the zone's processes and
 * carries its resource controls. The folder zhyve/ itself holds no process, so its controllers can
 * be handed down. Runs in zoneadmd, as root.
 */
#ifndef ZHYVE_ZONE_CGROUP_H
#define ZHYVE_ZONE_CGROUP_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/zconf.h"

/* The zone's resource controls; 0: not limited. */
struct cgroup_limits {
	uint64_t cpu_cap;    /* zone.cpu-cap: percent of one CPU */
	uint64_t cpu_shares; /* zone.cpu-shares: 1..65535 */
	uint64_t memory;     /* zone.max-physical-memory: bytes, the guest's RAM among them */
	uint64_t swap;       /* zone.max-swap: bytes of memory and swap together (illumos) */
	uint64_t lwps;       /* zone.max-lwps */
};

/* From the configuration. -EINVAL when the memory cap cannot hold the guest's RAM (`ram` bytes). */
int cgroup_limits_get(
    const struct zconf *c, uint64_t ram, struct cgroup_limits *out, struct err *e);

/* One file of the cgroup and what is written there. */
struct cgroup_setting {
	const char *controller; /* "" : always there */
	const char *file;
	char value[48];
};
#define CGROUP_SETTINGS_MAX 8
/* The settings that express the limits, in the order to write them; how many. Pure. */
size_t cgroup_settings(
    const struct cgroup_limits *lim, struct cgroup_setting out[CGROUP_SETTINGS_MAX]);

/*
 * Where the zone's cgroup is or would be. -ENODEV when cgroup v2 is not mounted, with what to do
 * about it.
 */
int cgroup_path(const char *zone, char out[PATH_MAX], struct err *e);

/*
 * Make it (an empty one that stands is taken) and set the limits. *fd is the folder, close-on-exec,
 * for CLONE_INTO_CGROUP; the caller's. A limit whose controller cgroup v2 does not have here is an
 * error that says so.
 */
int cgroup_create(const char *path, const struct cgroup_limits *lim, int *fd, struct err *e);
/*
 * Kill every process in it and below, and wait until they are gone. 0 also when it does not exist.
 */
int cgroup_kill(const char *path, struct err *e);
/* How many of its processes the kernel killed because the memory cap was reached. */
unsigned cgroup_oom_kills(const char *path);
/* Remove it (and the then empty zhyve/). 0 also when it does not exist. */
int cgroup_remove(const char *path, struct err *e);

/*
 * Move this process to zhyve/.daemons, so that the end of the session it was started from does not
 * take it along; and back, removing the folder when it was the last. Nothing happens where that is
 * not possible.
 */
void cgroup_daemon_enter(void);
void cgroup_daemon_leave(void);

#endif
