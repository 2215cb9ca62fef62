/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail: a process as init of its own namespaces, in the zone's cgroup, with the zone's own uid,
 * no capability, an empty read-only root, no path to open and exactly the descriptors named; then
 * it executes the program behind one more descriptor, with an empty environment. System-call
 * filters are the program's own (they differ by thread, procs/). Runs in zoneadmd, as root, which
 * must have one thread only.
 */
#ifndef ZHYVE_ZONE_JAIL_H
#define ZHYVE_ZONE_JAIL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define JAIL_FD_BASE 3 /* the first descriptor handed over is 3, and so on without a hole */
#define JAIL_FDS_MAX 64

/*
 * Zones' uids: this + the zone's did. The range 1879048192..2147483647 is given to nobody by
 * systemd's and Debian's conventions (users, containers and dynamic services all lie elsewhere).
 */
#define JAIL_UID_BASE 0x70000000u
#define JAIL_UID_SPAN 0x0fff0000u

struct jail_spec {
	const char *hostname;
	uint32_t uid;      /* uid and gid, outside as inside */
	int cgroup_fd;     /* the zone's cgroup; -1: stay in ours (tests) */
	int exec_fd;       /* a static program, opened for reading */
	char *const *argv; /* NULL-terminated; may name fd:JAIL_FD_BASE+i */
	const int *fds;    /* the i-th becomes descriptor JAIL_FD_BASE+i */
	size_t nfds;
	int in_fd;        /* standard input */
	int out_fd;       /* standard output and error */
	unsigned threads; /* RLIMIT_NPROC: how many processes and threads the uid may have */
};

/*
 * Start it. Returns when the program has been executed: 0 with its pid (in our namespace) and a
 * pidfd (close-on-exec, the caller's), or -errno naming the stage that failed, and nothing is left.
 */
int jail_start(const struct jail_spec *spec, pid_t *pid, int *pidfd, struct err *e);

/* The zone's uid for a did. */
uint32_t jail_uid(uint32_t did);

#endif
