/* SPDX-License-Identifier: BSD-2-Clause */
/* What a zone's processes say: see output.h. Runs in zoneadmd. */
#include "zone/output.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/events.h"

#define BUDGET      (64u * 1024u) /* bytes per window */
#define DRAIN_READS 16

void
output_init(struct output *o)
{
	*o = (struct output){ .fd = -1 };
}

static void
remember(struct output *o, const char *data, size_t len)
{
	const size_t room = sizeof(o->last) - 1;
	size_t keep;

	if (len >= room) {
		memcpy(o->last, data + len - room, room);
		o->nlast = room;
		return;
	}
	keep = MIN(o->nlast, room - len);
	memmove(o->last, o->last + o->nlast - keep, keep);
	memcpy(o->last + keep, data, len);
	o->nlast = keep + len;
}

static void
make_text(char *text, const char *data, size_t len)
{
	memcpy(text, data, len);
	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	for (char *p = text; *p != '\0'; p++) {
		if (*p < 0x20 || *p > 0x7e)
			*p = ' ';
	}
}

static ssize_t
take(struct output *o)
{
	char buf[4096], text[OUTPUT_LAST_MAX];
	ssize_t n = read(o->fd, buf, sizeof(buf));

	if (n <= 0)
		return (n);
	logfile_write(o->log, buf, (size_t)n);
	remember(o, buf, (size_t)n);
	if (o->said != NULL && o->tells < OUTPUT_TELLS) {
		o->tells++;
		make_text(text, buf, MIN((size_t)n, sizeof(text) - 1));
		o->said(o->arg, text);
	}
	return (n);
}

static void
on_output(int fd, enum mevent_type type, void *arg)
{
	struct output *o = arg;
	ssize_t n = take(o);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		(void)mevent_disable(o->ev);
	} else if (n > 0 && throttle_take(&o->throttle, (size_t)n, clock_mono_ns())) {
		(void)mevent_disable(o->ev);
		(void)mevent_timer_set(o->resume, THROTTLE_WINDOW_NS, 0);
	}
}

static void
on_resume(int fd, enum mevent_type type, void *arg)
{
	struct output *o = arg;

	(void)mevent_enable(o->ev);
}

int
output_follow(struct output *o, struct mevent_loop *loop, int fd, struct logfile *log)
{
	output_init(o);
	o->fd = fd;
	o->log = log;
	o->throttle = (struct throttle){ .budget = BUDGET };
	o->ev = mevent_add(loop, fd, EVF_READ, on_output, o);
	o->resume = mevent_add_timer(loop, 0, 0, on_resume, o);
	if (o->ev != NULL && o->resume != NULL)
		return (0);
	output_close(o);
	return (-ENOMEM);
}

void
output_drain(struct output *o)
{
	for (int i = 0; i < DRAIN_READS && o->fd >= 0 && take(o) > 0; i++)
		continue;
}

void
output_last(const struct output *o, char text[OUTPUT_LAST_MAX])
{
	make_text(text, o->last, o->nlast);
}

void
output_close(struct output *o)
{
	mevent_delete(o->ev);
	mevent_delete(o->resume);
	fd_close(&o->fd);
	output_init(o);
}
