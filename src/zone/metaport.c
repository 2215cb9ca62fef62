/* SPDX-License-Identifier: BSD-2-Clause */
/* COM2 and the metadata machine: see metaport.h. Runs in zoneadmd; the guest is hostile. */
#include "zone/metaport.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/events.h"
#include "zone/metadata.h"
#include "zone/throttle.h"

#define IN_SIZE 4096
#define ANSWER_MAX \
	(4u * 1024u * 1024u) /* the files behind it are at most 1 MiB, in base64 and JSON */
#define PORT_BUDGET (64u * 1024u)

struct metaport {
	struct mevent_loop *loop;
	struct metadata *md;
	int fd;
	struct mevent *rd, *wr, *resume;
	struct throttle throttle;
	char in[IN_SIZE]; /* received, not yet fed */
	size_t in_len;
	char *out;
	size_t out_len, out_cap;
};

/*
 * The machine's answer. One that cannot be kept is dropped whole by the guest's time-out; it asks
 * again.
 */
static void
on_answer(void *arg, const void *buf, size_t len)
{
	struct metaport *p = arg;
	size_t need;
	char *q;

	if (p->fd < 0 || !add_ok(p->out_len, len, &need) || need > ANSWER_MAX)
		return;
	if (need > p->out_cap) {
		if ((q = realloc(p->out, need)) == NULL)
			return;
		p->out = q;
		p->out_cap = need;
	}
	memcpy(p->out + p->out_len, buf, len);
	p->out_len = need;
}

/* Feed what has been received, up to the end of the first line that makes an answer. */
static void
feed(struct metaport *p)
{
	while (p->in_len > 0 && p->out_len == 0) {
		const char *nl = memchr(p->in, '\n', p->in_len);
		size_t n = nl != NULL ? (size_t)(nl - p->in) + 1 : p->in_len;

		metadata_input(p->md, p->in, n);
		p->in_len -= n;
		memmove(p->in, p->in + n, p->in_len);
	}
	(void)(p->out_len > 0 ? mevent_enable(p->wr) : mevent_disable(p->wr));
	(void)(p->out_len == 0 ? mevent_enable(p->rd) : mevent_disable(p->rd));
}

static void
on_readable(int fd, enum mevent_type type, void *arg)
{
	struct metaport *p = arg;
	ssize_t n = recv(fd, p->in + p->in_len, sizeof(p->in) - p->in_len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		(void)mevent_disable(p->rd); /* zhyve is gone: its exit tells the rest */
		return;
	}
	p->in_len += (size_t)n;
	feed(p);
	if (throttle_take(&p->throttle, (size_t)n, clock_mono_ns())) {
		(void)mevent_disable(p->rd);
		(void)mevent_timer_set(p->resume, THROTTLE_WINDOW_NS, 0);
	}
}

static void
on_writable(int fd, enum mevent_type type, void *arg)
{
	struct metaport *p = arg;
	ssize_t n = send(fd, p->out, p->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		(void)mevent_disable(p->wr);
		return;
	}
	p->out_len -= (size_t)n;
	memmove(p->out, p->out + n, p->out_len);
	if (p->out_len == 0)
		feed(p);
}

static void
on_resume(int fd, enum mevent_type type, void *arg)
{
	struct metaport *p = arg;

	if (p->fd >= 0 && p->out_len == 0)
		(void)mevent_enable(p->rd);
}

int
metaport_create(struct mevent_loop *loop, const char *name, struct metaport **out, struct err *e)
{
	struct metaport *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return (err_set(e, ENOMEM, "cannot serve metadata"));
	p->loop = loop;
	p->fd = -1;
	p->throttle.budget = PORT_BUDGET;
	if ((rc = metadata_create(name, on_answer, p, &p->md, e)) == 0) {
		p->resume = mevent_add_timer(loop, 0, 0, on_resume, p);
		if (p->resume == NULL)
			rc = err_set(e, errno, "cannot serve metadata");
	}
	if (rc != 0) {
		metaport_destroy(p);
		return (rc);
	}
	*out = p;
	return (0);
}

int
metaport_attach(struct metaport *p, int fd)
{
	metaport_detach(p);
	p->fd = fd;
	p->rd = mevent_add(p->loop, fd, EVF_READ, on_readable, p);
	p->wr = mevent_add_disabled(p->loop, fd, EVF_WRITE, on_writable, p);
	if (p->rd == NULL || p->wr == NULL) {
		metaport_detach(p);
		return (-ENOMEM);
	}
	return (0);
}

void
metaport_detach(struct metaport *p)
{
	if (p->fd < 0)
		return;
	mevent_delete(p->rd);
	mevent_delete(p->wr);
	p->rd = p->wr = NULL;
	fd_close(&p->fd);
	p->in_len = p->out_len = 0;
	metadata_reset(p->md);
}

void
metaport_destroy(struct metaport *p)
{
	if (p == NULL)
		return;
	metaport_detach(p);
	mevent_delete(p->resume);
	if (p->md != NULL)
		metadata_destroy(p->md);
	free(p->out);
	free(p);
}
