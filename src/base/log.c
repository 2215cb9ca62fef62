/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded log lines: see log.h. Runs in every process, also after seccomp. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"

static struct {
	const char *ident;
	int fd;
	enum log_level level;
	int stamps;
} log_state = { .ident = NULL, .fd = 2, .level = LOG_LVL_WARN };

void
log_open(const char *ident, int fd, enum log_level level)
{
	log_state.ident = ident;
	log_state.fd = fd;
	log_state.level = level;
}

void
log_stamps(int on)
{
	log_state.stamps = on;
}

static size_t
put_stamp(char *buf)
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0 || now.tv_sec < 0)
		return (0);
	format_utc((uint64_t)now.tv_sec, (unsigned)(now.tv_nsec / 1000000), buf);
	buf[UTC_TEXT_LEN] = ' ';
	return (UTC_TEXT_LEN + 1);
}

void
log_msg(enum log_level level, const char *fmt, ...)
{
	static const char *const prefix[] = { "error: ", "warning: ", "", "debug: " };
	char line[LOG_LINE_MAX];
	size_t len = 0;
	int saved = errno, n;
	va_list ap;

	if (level > log_state.level)
		return;
	if (log_state.stamps)
		len = put_stamp(line);
	if (log_state.ident != NULL)
		len += (size_t)snprintf(line + len, sizeof(line) - len, "%.64s: ", log_state.ident);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s", prefix[level]);
	va_start(ap, fmt);
	n = vsnprintf(line + len, sizeof(line) - len, fmt, ap);
	va_end(ap);
	if (n > 0)
		len += (size_t)n;
	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	text_clean(line);   /* a string still */
	line[len++] = '\n'; /* takes the place of the end byte: line is not a string any more */
	(void)!write(log_state.fd, line, len);
	errno = saved;
}
