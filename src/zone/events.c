/* SPDX-License-Identifier: BSD-2-Clause */
/* The event stream of a zone: see events.h. Runs in zoneadmd. */
#include "zone/events.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"

#define NS_PER_S 1000000000ll

static int64_t
now_ns(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return ((int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec);
}

int64_t
clock_real_ns(void)
{
	return (now_ns(CLOCK_REALTIME));
}

int64_t
clock_mono_ns(void)
{
	return (now_ns(CLOCK_MONOTONIC));
}

/* A JSON string's inside. Returns the bytes written; `room` is enough for six times the input. */
static size_t
put_escaped(char *out, size_t room, const char *s, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; s[i] != '\0' && i < max && n + 2 < room; i++) {
		char c = (s[i] >= ' ' && s[i] <= '~') ? s[i] : '?';
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		out[n++] = c;
	}
	out[n] = '\0';
	return (n);
}

size_t
events_format(char *buf, const char *zone, const char *event, const char *detail, int64_t real_ns,
    int64_t mono_ns)
{
	char text[EVENTS_DETAIL_MAX * 2 + 2], date[40];
	time_t s = (time_t)(real_ns / NS_PER_S);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&s, &tm);
	n = strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(date + n, sizeof(date) - n, ".%03dZ", (int)(real_ns % NS_PER_S / 1000000));
	(void)put_escaped(text, sizeof(text), detail != NULL ? detail : "", EVENTS_DETAIL_MAX);
	n = (size_t)snprintf(buf, EVENTS_LINE_MAX,
	    "{\"date\":\"%s\",\"zone\":\"%s\",\"event\":\"%s\",\"detail\":\"%s\",\"mono_ns\":%lld}",
	    date, zone, event, text, (long long)mono_ns);
	return (n < EVENTS_LINE_MAX ? n : EVENTS_LINE_MAX - 1);
}

int
events_open(struct events *ev, const char *zone, const char *path,
    void (*watch)(void *arg, const char *json), void *arg, struct err *e)
{
	*ev = (struct events){ .zone = zone, .watch = watch, .arg = arg };
	return (logfile_open(&ev->log, path, EVENTS_LOG_MAX, e));
}

void
events_tell(struct events *ev, const char *event, const char *detail)
{
	char line[EVENTS_LINE_MAX + 1];
	size_t n;

	n = events_format(line, ev->zone, event, detail, clock_real_ns(), clock_mono_ns());
	log_info("%s%s%s", event, detail != NULL ? ": " : "", detail != NULL ? detail : "");
	if (ev->watch != NULL)
		ev->watch(ev->arg, line);
	line[n] = '\n';
	logfile_write(&ev->log, line, n + 1);
}

void
events_close(struct events *ev)
{
	logfile_close(&ev->log);
}
