/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a process of the zone says (its standard output and error, a pipe): into a log file as it comes, so that
 * nobody waits for us, but no faster than a budget allows. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_OUTPUT_H
#define ZHYVE_ZONE_OUTPUT_H

#include "base/err.h"
#include "base/mevent.h"
#include "zone/logfile.h"
#include "zone/throttle.h"

#define OUTPUT_LAST_MAX 256

/* Some of what was said, as printable text; called for the first OUTPUT_TELLS times something comes. */
typedef void output_said_fn(void *arg, const char *text);
#define OUTPUT_TELLS 32u

struct output {
	int fd; /* -1: none */
	struct mevent *ev, *resume;
	struct throttle throttle;
	struct logfile *log;
	char last[OUTPUT_LAST_MAX]; /* what was said last; no string */
	size_t nlast;
	output_said_fn *said; /* may be NULL; the caller's to set */
	void *arg;
	unsigned tells;
};

void output_init(struct output *o);
/* Follow `fd`, which does not block and is the output's from now on, also when this fails. 0 or -errno. */
int output_follow(struct output *o, struct mevent_loop *loop, int fd, struct logfile *log);
/* Take what is there yet, when the process has ended; it may have left the pipe to others, who are not waited for. */
void output_drain(struct output *o);
/* What it said last as printable text. */
void output_last(const struct output *o, char text[OUTPUT_LAST_MAX]);
void output_close(struct output *o);

#endif
