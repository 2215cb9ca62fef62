/* SPDX-License-Identifier: BSD-2-Clause */
/* Progress on a terminal: see progress.h. Drawn ten times a second at most. Tools; one thread. */
#include "base/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"

#define BAR      30
#define LINE_MAX 100
#define EVERY_MS 100

static bool watched;
static struct {
	const char *what; /* NULL: no work */
	uint64_t total, begun, drawn;
} work;

static uint64_t
now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

void
progress_watch(void)
{
	watched = isatty(STDERR_FILENO) == 1;
}

void
progress_line(char *out, size_t size, const char *what, uint64_t done, uint64_t total, uint64_t ms)
{
	char bar[BAR + 1];
	unsigned percent;
	size_t full;

	done = MIN(done, total); /* an estimate may be passed */
	percent = total == 0 ? 100 : (unsigned)((double)done * 100 / (double)total);
	full = (size_t)percent * BAR / 100;
	memset(bar, ' ', BAR);
	memset(bar, '=', full);
	bar[BAR] = '\0';
	(void)snprintf(out, size, "%-12s [%s] %3u%%  %llu of %llu MiB  %llu MiB/s", what, bar,
	    percent, (unsigned long long)(done / MIB), (unsigned long long)(total / MIB),
	    (unsigned long long)(ms == 0 ? 0 : done / MIB * 1000 / ms));
}

void
progress_start(const char *what, uint64_t total)
{
	if (!watched)
		return;
	work.what = what;
	work.total = total;
	work.begun = now_ms();
	work.drawn = 0;
	progress_at(0);
}

void
progress_at(uint64_t done)
{
	char line[LINE_MAX];
	uint64_t now;

	if (work.what == NULL || (now = now_ms()) - work.drawn < EVERY_MS)
		return;
	work.drawn = now;
	progress_line(line, sizeof(line), work.what, done, work.total, now - work.begun);
	(void)fprintf(stderr, "\r%s\033[K", line);
	(void)fflush(stderr);
}

void
progress_end(void)
{
	if (work.what == NULL)
		return;
	work.what = NULL;
	(void)fprintf(stderr, "\r\033[K");
	(void)fflush(stderr);
}
