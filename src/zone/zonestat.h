/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a zone has used so far: counters of its cgroup, of KVM and of its links, and its memory now.
 * Measured from outside, with nothing asked of zhyve; what this kernel does not count is absent, not
 * 0. Changes nothing. Runs in the tools, as root.
 */
#ifndef ZHYVE_ZONE_ZONESTAT_H
#define ZHYVE_ZONE_ZONESTAT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "zone/client.h"

#define ZONESTAT_NONE  UINT64_MAX /* not counted here, or (limits) none */
#define ZONESTAT_EXITS 8

struct zone_stat {
	char name[ZONENAME_MAX];
	struct zone_status status;
	bool live; /* else there is nothing below */
	int64_t mono_ns;
	/* The cgroup's, of all processes of the zone since it was made. */
	uint64_t cpu_us, cpu_user_us, cpu_system_us, throttled_us;
	uint64_t memory, memory_max; /* bytes; with what is cached for it */
	uint64_t threads, threads_max;
	uint64_t io_read, io_written; /* bytes, of block devices */
	uint64_t io_reads, io_writes;
	uint64_t oom_kills;
	/* Bytes: the proportional share of its processes' memory, the guest's part of it aside or with. */
	uint64_t pss, pss_guest;
	uint64_t pss_daemon; /* its zoneadmd's: not in its cgroup */
	/* KVM's, of the present life of its machine, by reason; names are KVM's. n 0: not told here. */
	struct {
		const char *reason;
		uint64_t n;
	} exit[ZONESTAT_EXITS];
	size_t nexit;
	uint64_t exits; /* all */
	json_t *links;  /* as GetLinks has them; NULL: none */
	uint64_t drops; /* frames dropped on its links */
};

/* Measure one zone. 0 or -errno (no such zone). The caller frees with zone_stat_free. */
int zone_stat_get(const char *name, struct zone_stat *out, struct err *e);
void zone_stat_free(struct zone_stat *s);

/* ---- the parts, each of a folder or a text: for tests ---- */

void zonestat_cgroup(const char *path, struct zone_stat *s);
/*
 * Add a process's smaps: what is shared memory of the name "memfd:guest-ram" is the guest's. Pure.
 */
void zonestat_smaps(const char *text, uint64_t *pss, uint64_t *guest);
/* Of a folder of KVM's like /sys/kernel/debug/kvm, the machine of the process `pid`. */
void zonestat_kvm(const char *folder, pid_t pid, struct zone_stat *s);
uint64_t zonestat_drops(const json_t *links);

#endif
