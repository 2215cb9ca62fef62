/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's cgroup (v2): <cgroup2>/zhyve/<zone>/, a leaf that holds the zone's processes and
 * carries its resource controls; or below what a service manager has delegated to zones. The folder zhyve/ itself holds no process, so its controllers can
 * be handed down. Runs in zoneadmd, as root.
 */
#ifndef ZHYVE_ZONE_CGROUP_H
#define ZHYVE_ZONE_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "zone/zconf.h"

/* The zone's resource controls; 0: not limited. */
struct cgroup_limits {
	uint64_t cpu_cap;     /* zone.cpu-cap: percent of one CPU */
	uint64_t cpu_shares;  /* zone.cpu-shares: 1..65535 */
	uint64_t memory;      /* zone.max-physical-memory: bytes, the guest's RAM among them */
	uint64_t swap;        /* zone.max-swap: bytes of memory and swap together (illumos) */
	uint64_t lwps;        /* zone.max-lwps */
	uint64_t io_priority; /* zone.zfs-io-priority: 1..1024 */
};

/* From the configuration. -EINVAL when the memory cap cannot hold the guest's RAM (`ram` bytes). */
int cgroup_limits_get(
    const struct zconf *c, uint64_t ram, struct cgroup_limits *out, struct err *e);

/* One file of the cgroup and what is written there. */
struct cgroup_setting {
	const char *controller;
	const char *file;
	const char *file2; /* the same where the kernel does it another way; NULL: there is none */
	char value[48];
	/* Done without where the controller is missing: it asks for nothing that could be broken. */
	bool optional;
};
#define CGROUP_SETTINGS_MAX 10
/*
 * The settings that express the limits, in the order to write them; how many. What is not limited
 * is set, too, to the kernel's default: a limit may have been there before. Pure.
 */
size_t cgroup_settings(
    const struct cgroup_limits *lim, struct cgroup_setting out[CGROUP_SETTINGS_MAX]);

/*
 * Where the zone's cgroup is or would be. -ENODEV when cgroup v2 is not mounted, with what to do
 * about it.
 */
int cgroup_path(const char *zone, char out[PATH_MAX], struct err *e);

/*
 * The cgroup that this process is in was delegated to zones (zones.service): from now on theirs are
 * below it. Noted in /run/zones/.cgroup. -ENODEV, -EINVAL where it has none of its own.
 */
int cgroup_delegated(struct err *e);

/*
 * Make it (an empty one that stands is taken) and set the limits. *fd is the folder, close-on-exec,
 * for CLONE_INTO_CGROUP; the caller's. A limit whose controller cgroup v2 does not have here is an
 * error that says so.
 */
int cgroup_create(const char *path, const struct cgroup_limits *lim, int *fd, struct err *e);
/*
 * Set the limits of one that stands, with what runs in it. The memory cap is refused (-EBUSY) when
 * what cannot be taken from the zone is more. On failure some may have been set.
 */
int cgroup_limits_set(const char *path, const struct cgroup_limits *lim, struct err *e);
/*
 * Kill every process in it and below, and wait until they are gone. 0 also when it does not exist.
 */
int cgroup_kill(const char *path, struct err *e);
/* How often it came to its limits, all of it since it was made. */
struct cgroup_hits {
	uint64_t oom;      /* its memory cap was reached, and nothing could be given back */
	uint64_t oom_kill; /* processes of it killed for want of memory: its own, or the host's */
	uint64_t lwps;     /* threads refused */
};
/* What is not there is 0. */
void cgroup_hits(const char *path, struct cgroup_hits *out);
/*
 * The number after `key` in a file of "key number" lines (memory.stat, cpu.stat, ...). 0, -ENODATA
 * without such a line, or -errno.
 */
int cgroup_read_key(const char *path, const char *file, const char *key, uint64_t *out);
/* A file that holds one number; "max" is UINT64_MAX. */
int cgroup_read_number(const char *path, const char *file, uint64_t *out);
/* Remove it (and the then empty zhyve/). 0 also when it does not exist. */
int cgroup_remove(const char *path, struct err *e);

/*
 * Hold all its processes where they are (the kernel's freezer), and wait until they are, for `ms` at
 * most: -ETIMEDOUT, and they go on. What they have asked the kernel to read or write may still be
 * done, but nobody hears of it. They can be killed all the same. Let them go on.
 */
int cgroup_freeze(const char *path, unsigned ms, struct err *e);
int cgroup_thaw(const char *path, struct err *e);

/*
 * Move this process to zhyve/.daemons, so that the end of the session it was started from does not
 * take it along; and back, removing the folder when it was the last. Nothing happens where that is
 * not possible.
 */
void cgroup_daemon_enter(void);
void cgroup_daemon_leave(void);
/*
 * fork(2), with the child there from the start, where that is possible: moving a process waits for
 * all processors of the host, which takes it ten milliseconds. The child is to execute a program.
 */
pid_t cgroup_daemon_fork(void);
/* Remove what is left of zhyve/.daemons and zhyve/ when no zone and no daemon is in them. */
void cgroup_tidy(void);

#endif
