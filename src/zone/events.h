/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to a zone, told as it happens: one JSON object a line, kept in
 * <zonepath>/logs/events.jsonl (bounded) and handed to whoever watches.
 * {"date","zone","event","detail","mono_ns"}: date is UTC with milliseconds, mono_ns
 * CLOCK_MONOTONIC, so that times of one boot can be subtracted. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_EVENTS_H
#define ZHYVE_ZONE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/logfile.h"

#define EVENTS_LOG_MAX    (1024 * 1024)
#define EVENTS_DETAIL_MAX 1024
#define EVENTS_LINE_MAX \
	(EVENTS_DETAIL_MAX * 6 + 512) /* every byte of the detail may need an escape */

struct events {
	struct logfile log;
	const char *zone;
	void (*watch)(void *arg, const char *json); /* NULL: nobody */
	void *arg;
};

/*
 * `zone` and `arg` are kept by reference. A log that cannot be opened is an error; the events work
 * all the same.
 */
int events_open(struct events *ev, const char *zone, const char *path,
    void (*watch)(void *arg, const char *json), void *arg, struct err *e);
/* Tell it. `detail` may be NULL; bytes in it that are not printable ASCII become '?'. */
void events_tell(struct events *ev, const char *event, const char *detail);
/* The text of one event, without newline. Pure. `buf` has EVENTS_LINE_MAX bytes; the length. */
size_t events_format(char *buf, const char *zone, const char *event, const char *detail,
    int64_t real_ns, int64_t mono_ns);
void events_close(struct events *ev);

int64_t clock_real_ns(void);
int64_t clock_mono_ns(void);

#endif
