/* SPDX-License-Identifier: BSD-2-Clause */
/* The event stream of a zone: see events.h. Runs in zoneadmd. */
#include "zone/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
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
events_format(char *buf, uint64_t seq, const char *zone, const char *event, const char *detail,
    int64_t real_ns, int64_t mono_ns)
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
	    "{\"seq\":%llu,\"date\":\"%s\",\"zone\":\"%s\",\"event\":\"%s\",\"detail\":\"%s\","
	    "\"mono_ns\":%lld}",
	    (unsigned long long)seq, date, zone, event, text, (long long)mono_ns);
	return (n < EVENTS_LINE_MAX ? n : EVENTS_LINE_MAX - 1);
}

/* ---- what is kept ---- */

/* The number of a line, 0 when it is no event of ours. */
static uint64_t
line_seq(const char *line)
{
	unsigned long long seq;

	return (sscanf(line, "{\"seq\":%llu,", &seq) == 1 ? seq : 0);
}

/* Let the oldest lines go until `len` bytes more have room. */
static void
make_room(struct events *ev, size_t len)
{
	char *end;
	size_t gone = 0;

	while (gone < ev->kept_len && ev->kept_len - gone + len > EVENTS_KEPT) {
		end = memchr(ev->kept + gone, '\n', ev->kept_len - gone);
		gone = end != NULL ? (size_t)(end - ev->kept) + 1 : ev->kept_len;
	}
	memmove(ev->kept, ev->kept + gone, ev->kept_len - gone);
	ev->kept_len -= gone;
}

static void
keep(struct events *ev, const char *line, size_t len)
{
	if (ev->kept == NULL)
		return;
	make_room(ev, len);
	memcpy(ev->kept + ev->kept_len, line, len);
	ev->kept_len += len;
}

/*
 * What the log ends with: whole lines with numbers that rise. A line that a power cut has cut off
 * stays in the log, and is none of them.
 */
static void
load(struct events *ev, const char *path)
{
	CLEANUP_FREE char *text = malloc(EVENTS_KEPT + 1);
	char *line, *end;
	size_t n;

	if (text == NULL)
		return;
	n = logfile_tail(path, text, EVENTS_KEPT);
	text[n] = '\0';
	for (line = text; (end = memchr(line, '\n', n - (size_t)(line - text))) != NULL;
	     line = end + 1) {
		uint64_t seq = line_seq(line);

		if (seq < ev->next || end[-1] != '}')
			continue;
		ev->next = seq + 1;
		keep(ev, line, (size_t)(end - line) + 1);
	}
}

void
events_replay(
    const struct events *ev, uint64_t from, void (*one)(void *arg, const char *json), void *arg)
{
	char line[EVENTS_LINE_MAX + 1];
	const char *p = ev->kept, *end;
	size_t len;

	for (size_t at = 0; at < ev->kept_len; at += len + 1) {
		end = memchr(p + at, '\n', ev->kept_len - at);
		len = (size_t)(end - (p + at));
		if (line_seq(p + at) < from || len > EVENTS_LINE_MAX)
			continue;
		memcpy(line, p + at, len);
		line[len] = '\0';
		one(arg, line);
	}
}

/* ---- the stream ---- */

int
events_open(struct events *ev, const char *zone, const char *path,
    void (*watch)(void *arg, const char *json), void *arg, struct err *e)
{
	*ev = (struct events){ .zone = zone, .watch = watch, .arg = arg, .next = 1 };
	ev->kept = malloc(EVENTS_KEPT);
	load(ev, path);
	return (logfile_open(&ev->log, path, EVENTS_LOG_MAX, e));
}

void
events_tell(struct events *ev, const char *event, const char *detail)
{
	char line[EVENTS_LINE_MAX + 1];
	size_t n;

	n = events_format(
	    line, ev->next++, ev->zone, event, detail, clock_real_ns(), clock_mono_ns());
	log_info("%s%s%s", event, detail != NULL ? ": " : "", detail != NULL ? detail : "");
	if (ev->watch != NULL)
		ev->watch(ev->arg, line);
	line[n] = '\n';
	logfile_write(&ev->log, line, n + 1);
	keep(ev, line, n + 1);
}

void
events_close(struct events *ev)
{
	logfile_close(&ev->log);
	free(ev->kept);
	ev->kept = NULL;
	ev->kept_len = 0;
}
