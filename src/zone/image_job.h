/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of the host's that reads what may be hostile, in a process of its own: own uid, no capability,
 * no network, resource limits, and (Landlock, where the kernel has it) no file but its two descriptors and
 * the system's programs and libraries. Used by imports only; tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_JOB_H
#define ZHYVE_ZONE_IMAGE_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* A uid that no account and no range of subordinate uids has. */
#define IMAGE_JOB_UID 2053636096u

struct image_job {
	const char *what;    /* "convert qcow2", for messages */
	const char *program; /* its path, and the Debian package that has it */
	const char *package;
	char *const *argv;
	int in, out;
	/* It opens them as /proc/self/fd/3 and 4, and they are files of IMAGE_JOB_UID's; else stdin, stdout. */
	bool by_path;
	uint64_t size;        /* bytes that it may write to a file */
	unsigned cpu_seconds; /* that it may use; 0: an hour */
	/* Filled in by start. */
	pid_t pid;
	int words;
};

/* 0 or -errno. Then it runs until image_job_end. */
int image_job_start(struct image_job *job, struct err *e);
/* Wait for its end, which an interrupt brings about. 0, or -errno with its own words. Progress of a conversion is told (progress.h). */
int image_job_end(struct image_job *job, struct err *e);

#endif
