/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The jail: a process as init of its own namespaces, in the zone's cgroup, with a uid of the zone's
 * own, no capability, a read-only root that is empty (but for the mounts named), no path to open and
 * exactly the descriptors named; then it executes the program behind one more descriptor, with an empty environment. System-call
 * filters are the program's own (they differ by thread, procs/). Runs in zoneadmd, as root, which
 * must have one thread only.
 */
#ifndef ZHYVE_ZONE_JAIL_H
#define ZHYVE_ZONE_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define JAIL_FD_BASE 3 /* the first descriptor handed over is 3, and so on without a hole */
#define JAIL_FDS_MAX 120

/*
 * Zones' uids: this + the zone's did. The range 1879048192..2147483647 is given to nobody by
 * systemd's and Debian's conventions (users, containers and dynamic services all lie elsewhere).
 */
#define JAIL_UID_BASE   0x70000000u
#define JAIL_UID_SPAN   0x02000000u
#define JAIL_HELPERS    4 /* processes of a zone beside zhyve that have a uid of their own */

#define JAIL_MOUNTS_MAX 4
/* A folder that the root has after all. */
struct jail_mount {
	const char *name; /* in the root: one component */
	int fd;           /* a detached mount (open_tree(2)) */
	bool writable;    /* files in it may be made, written and removed; else they may be read */
};

struct jail_spec {
	const char *hostname;
	uint32_t uid;      /* uid and gid, outside as inside */
	int cgroup_fd;     /* the zone's cgroup; -1: stay in ours (tests) */
	int exec_fd;       /* a program, opened for reading; static, unless there are mounts */
	char *const *argv; /* NULL-terminated; may name fd:JAIL_FD_BASE+i */
	const int *fds;    /* the i-th becomes descriptor JAIL_FD_BASE+i */
	size_t nfds;
	int in_fd;         /* standard input */
	int out_fd;        /* standard output and error */
	unsigned threads;  /* RLIMIT_NPROC: how many processes and threads the uid may have */
	uint64_t file_max; /* RLIMIT_FSIZE: bytes of a file that it writes; 0: as it is */
	uint64_t locked;   /* RLIMIT_MEMLOCK: bytes for devices of the host; 0: a few for itself */
	/*
	 * For a program that is not static. /usr leads to /, so that libraries mounted at lib and
	 * lib64 are found by either name. Besides the program only the dynamic linker can be executed.
	 */
	const struct jail_mount *mounts;
	size_t nmounts;
};

/*
 * Start it. Returns when the program has been executed: 0 with its pid (in our namespace) and a
 * pidfd (close-on-exec, the caller's), or -errno naming the stage that failed, and nothing is left.
 */
int jail_start(const struct jail_spec *spec, pid_t *pid, int *pidfd, struct err *e);

/* The zone's uid for a did. */
uint32_t jail_uid(uint32_t did);
/* That of a helper process of the zone, 0 to JAIL_HELPERS - 1 (each has its HELPER_UID): neither zhyve's nor another's. */
uint32_t jail_helper_uid(uint32_t did, unsigned helper);

#endif
