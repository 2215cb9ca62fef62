/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Log files that cannot grow without end: what is written is appended to PATH; when it would pass
 * `max` bytes the file becomes PATH.0 (the older PATH.0 is gone) and a new one begins. So at most 2
 * * max bytes stand on the disk, whatever a guest says. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_LOGFILE_H
#define ZHYVE_ZONE_LOGFILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct logfile {
	char path[PATH_MAX];
	int fd; /* -1: could not be opened; what is written is lost */
	uint64_t size;
	uint64_t max;
	uint64_t room; /* up to here the file system has promised blocks */
};

/* Open for appending, mode 0600; a symbolic link in the last place is refused. 0 or -errno. */
int logfile_open(struct logfile *lf, const char *path, uint64_t max, struct err *e);
/*
 * Append; rotates before, when there is no room. A failure to write (a full disk) is not an error:
 * the bytes are lost. Some room is always kept ahead of the end where the file system can do that, so
 * that it can still be told that it is full.
 */
void logfile_write(struct logfile *lf, const void *data, size_t len);
/* For a file that is written through lf->fd by others: rotates when it has passed its bound. */
void logfile_check(struct logfile *lf);
/*
 * The last bytes, at most `size`, of the older file and this one together; their number. For a
 * start with history.
 */
size_t logfile_tail(const char *path, void *buf, size_t size);
void logfile_close(struct logfile *lf);

#endif
