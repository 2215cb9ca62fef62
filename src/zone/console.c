/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zone's console: see console.h. Knows bytes and viewers, nothing of zones. Runs in zoneadmd.
 */
#include "zone/console.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/ring.h"
#include "zone/events.h"
#include "zone/logfile.h"
#include "zone/throttle.h"

#define READ_SIZE      4096
#define SWEEP_NS       500000000ull
#define DRAIN_MAX      (64 * 1024)
#define CONSOLE_BUDGET (256u * 1024u) /* per window of 100 ms: far above what a UART gives */

static const char halted_bye[] = "\r\n[NOTICE: Zone halted.  Disconnecting...]\r\n";

struct viewer {
	struct console *console; /* NULL: this place is free */
	int fd;
	struct mevent *rd, *wr;
	uint64_t pos;  /* in the ring: what it has been sent */
	uint64_t stop; /* when closing: where it ends */
	char ident[CONSOLE_IDENT_MAX];
	size_t ident_len;
	bool known; /* has said IDENT */
	bool closing;
	bool halted;     /* closing because the zone halted: say so last */
	bool input_over; /* it closed its sending side */
	uint32_t flags;
};

struct console {
	struct mevent_loop *loop;
	const struct console_ops *ops;
	void *arg;
	int listen_fd;
	struct mevent *accept;
	int guest_fd;
	struct mevent *guest_rd, *guest_wr, *resume, *sweep;
	bool first_byte_seen;
	struct throttle throttle;
	struct ring history, input;
	struct logfile log;
	struct viewer viewer[CONSOLE_VIEWERS_MAX];
	uint8_t history_buf[CONSOLE_HISTORY];
	uint8_t input_buf[CONSOLE_INPUT];
};

/* ---- viewers ---- */

static void
viewer_close(struct viewer *v)
{
	struct console *c = v->console;

	mevent_delete(v->rd);
	mevent_delete(v->wr);
	fd_close(&v->fd);
	*v = (struct viewer){ .fd = -1 };
	c->ops->viewers(c->arg);
}

/*
 * Watch for writing as long as there is something to send, for reading as long as there is room for
 * it.
 */
static void
viewer_rearm(struct viewer *v)
{
	struct console *c = v->console;
	uint64_t end = v->closing ? v->stop : c->history.head;
	bool room = !v->known || c->guest_fd < 0 || ring_free(&c->input) > 0;

	(void)(v->known && (v->pos < end || v->closing) ? mevent_enable(v->wr)
							: mevent_disable(v->wr));
	(void)(room && !v->input_over ? mevent_enable(v->rd) : mevent_disable(v->rd));
}

static void
rearm_all(struct console *c)
{
	for (size_t i = 0; i < NITEMS(c->viewer); i++) {
		if (c->viewer[i].console != NULL)
			viewer_rearm(&c->viewer[i]);
	}
}

static void
on_viewer_writable(int fd, enum mevent_type type, void *arg)
{
	struct viewer *v = arg;
	struct console *c = v->console;
	uint64_t end = v->closing ? v->stop : c->history.head;
	const uint8_t *p;
	size_t len;
	ssize_t n;

	p = ring_peek(&c->history, &v->pos, &len);
	len = v->pos < end ? MIN(len, (size_t)(end - v->pos)) : 0;
	if (len > 0) {
		n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			viewer_close(v);
			return;
		}
		if (n > 0)
			v->pos += (uint64_t)n;
	}
	if (v->closing && v->pos >= v->stop) {
		if (v->halted)
			(void)send(
			    fd, halted_bye, sizeof(halted_bye) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		viewer_close(v);
	} else {
		viewer_rearm(v);
	}
}

/* "IDENT <locale> <flags>": the locale is not used here. */
static bool
ident_parse(char *line, uint32_t *flags)
{
	char *save = NULL, *word, *locale, *number;

	word = strtok_r(line, " \r", &save);
	locale = strtok_r(NULL, " \r", &save);
	number = strtok_r(NULL, " \r", &save);
	return (word != NULL && strcmp(word, "IDENT") == 0 && locale != NULL && number != NULL &&
	    parse_u32(number, 0, UINT32_MAX, flags) == 0 && strtok_r(NULL, " \r", &save) == NULL);
}

static void
guest_type(struct console *c, const char *data, size_t len)
{
	if (c->guest_fd < 0)
		return; /* nobody there to read it */
	(void)ring_put(&c->input, data, len);
	(void)mevent_enable(c->guest_wr);
}

/*
 * Bytes of a viewer that has not been accepted yet. Returns how many belong to its first line, 0:
 * it was closed.
 */
static size_t
take_ident(struct viewer *v, const char *data, size_t len)
{
	const char *nl = memchr(data, '\n', len);
	size_t n = nl != NULL ? (size_t)(nl - data) : len;

	if (v->ident_len + n >= sizeof(v->ident)) {
		viewer_close(v);
		return (0);
	}
	memcpy(v->ident + v->ident_len, data, n);
	v->ident_len += n;
	v->ident[v->ident_len] = '\0';
	if (nl == NULL)
		return (n);
	if (!ident_parse(v->ident, &v->flags) ||
	    send(v->fd, "OK\n", 3, MSG_NOSIGNAL | MSG_DONTWAIT) != 3) {
		viewer_close(v);
		return (0);
	}
	v->known = true;
	return (n + 1);
}

static bool
hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	return (poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0);
}

/*
 * Viewers whose input is over are not read from any more, so their end is looked for now and then.
 */
static void
on_sweep(int fd, enum mevent_type type, void *arg)
{
	struct console *c = arg;
	bool more = false;

	for (size_t i = 0; i < NITEMS(c->viewer); i++) {
		struct viewer *v = &c->viewer[i];
		if (v->console == NULL || !v->input_over)
			continue;
		if (hung_up(v->fd))
			viewer_close(v);
		else
			more = true;
	}
	if (more)
		(void)mevent_timer_set(c->sweep, SWEEP_NS, 0);
}

static void
on_viewer_readable(int fd, enum mevent_type type, void *arg)
{
	struct viewer *v = arg;
	struct console *c = v->console;
	char buf[READ_SIZE];
	size_t want = sizeof(buf), used = 0;
	ssize_t n;

	if (v->known && c->guest_fd >= 0)
		want = MIN(want, ring_free(&c->input));
	n = want > 0 ? recv(fd, buf, want, MSG_DONTWAIT) : -1;
	if (want == 0 || (n < 0 && (errno == EAGAIN || errno == EINTR))) {
		viewer_rearm(v);
		return;
	}
	if (n == 0 && v->known &&
	    !hung_up(fd)) { /* only its sending side is closed: it still reads */
		v->input_over = true;
		viewer_rearm(v);
		(void)mevent_timer_set(c->sweep, SWEEP_NS, 0);
		return;
	}
	if (n <= 0) {
		viewer_close(v);
		return;
	}
	if (!v->known && (used = take_ident(v, buf, (size_t)n)) == 0)
		return;
	if (v->known && used < (size_t)n)
		guest_type(c, buf + used, (size_t)n - used);
	rearm_all(c);
}

int
console_viewer_add(struct console *c, int fd)
{
	struct viewer *v = NULL;

	for (size_t i = 0; i < NITEMS(c->viewer) && v == NULL; i++) {
		if (c->viewer[i].console == NULL)
			v = &c->viewer[i];
	}
	if (v == NULL || fd_set_nonblock(fd) != 0) {
		(void)close(fd);
		return (-EBUSY);
	}
	*v = (struct viewer){ .console = c, .fd = fd, .pos = c->history.tail };
	v->rd = mevent_add(c->loop, fd, EVF_READ, on_viewer_readable, v);
	v->wr = mevent_add_disabled(c->loop, fd, EVF_WRITE, on_viewer_writable, v);
	if (v->rd == NULL || v->wr == NULL) {
		viewer_close(v);
		return (-ENOMEM);
	}
	c->ops->viewers(c->arg);
	return (0);
}

static void
on_accept(int fd, enum mevent_type type, void *arg)
{
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (sock >= 0)
		(void)console_viewer_add(arg, sock);
}

/* ---- output ---- */

static void
put(struct console *c, const void *data, size_t len)
{
	ring_put_over(&c->history, data, len);
	logfile_write(&c->log, data, len);
	rearm_all(c);
}

/*
 * Take up to one buffer of the guest's output; the bytes taken, 0 when there is none, -1 when its
 * end is gone.
 */
static ssize_t
take_output(struct console *c)
{
	char buf[READ_SIZE];
	ssize_t n = recv(c->guest_fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return (errno == EAGAIN || errno == EINTR ? 0 : -1);
	if (n == 0)
		return (-1);
	if (!c->first_byte_seen) {
		c->first_byte_seen = true;
		c->ops->first_byte(c->arg);
	}
	put(c, buf, (size_t)n);
	return (n);
}

static void
on_guest_readable(int fd, enum mevent_type type, void *arg)
{
	struct console *c = arg;
	ssize_t n = take_output(c);

	if (n < 0) {
		(void)mevent_disable(c->guest_rd); /* zhyve is gone: its exit tells the rest */
	} else if (throttle_take(&c->throttle, (size_t)n, clock_mono_ns())) {
		(void)mevent_disable(c->guest_rd);
		(void)mevent_timer_set(c->resume, THROTTLE_WINDOW_NS, 0);
	}
}

static void
on_resume(int fd, enum mevent_type type, void *arg)
{
	struct console *c = arg;

	if (c->guest_rd != NULL)
		(void)mevent_enable(c->guest_rd);
}

static void
on_guest_writable(int fd, enum mevent_type type, void *arg)
{
	struct console *c = arg;
	uint64_t pos = c->input.tail;
	const uint8_t *p;
	size_t len;
	ssize_t n;

	p = ring_peek(&c->input, &pos, &len);
	n = len > 0 ? send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
	if (n > 0)
		c->input.tail += (uint64_t)n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		c->input.tail = c->input.head;
	if (ring_used(&c->input) == 0)
		(void)mevent_disable(c->guest_wr);
	rearm_all(c);
}

/* ---- the guest's end ---- */

int
console_guest_attach(struct console *c, int fd)
{
	console_guest_detach(c);
	c->guest_fd = fd;
	c->first_byte_seen = false;
	c->guest_rd = mevent_add(c->loop, fd, EVF_READ, on_guest_readable, c);
	c->guest_wr = mevent_add_disabled(c->loop, fd, EVF_WRITE, on_guest_writable, c);
	if (c->guest_rd == NULL || c->guest_wr == NULL) {
		console_guest_detach(c);
		return (-ENOMEM);
	}
	return (0);
}

void
console_guest_detach(struct console *c)
{
	ssize_t n;

	if (c->guest_fd < 0)
		return;
	for (size_t total = 0; total < DRAIN_MAX && (n = take_output(c)) > 0; total += (size_t)n)
		continue;
	mevent_delete(c->guest_rd);
	mevent_delete(c->guest_wr);
	c->guest_rd = c->guest_wr = NULL;
	fd_close(&c->guest_fd);
	c->input.tail = c->input.head;
	rearm_all(c);
}

/* ---- notices ---- */

static void
notice(struct console *c, const char *text)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "\r\n[NOTICE: %.480s]\r\n", text);

	put(c, line, (size_t)n);
}

void
console_notice(struct console *c, const char *fmt, ...)
{
	char text[480];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	notice(c, text);
}

static void
viewer_end(struct viewer *v)
{
	v->closing = true;
	v->stop = v->console->history.head;
	viewer_rearm(v);
}

void
console_halted(struct console *c)
{
	for (size_t i = 0; i < NITEMS(c->viewer); i++) {
		struct viewer *v = &c->viewer[i];
		if (v->console == NULL || !v->known || !(v->flags & CONSOLE_FLAG_DISCONNECT))
			continue;
		v->halted = true;
		viewer_end(v);
	}
	notice(c, "Zone halted");
}

void
console_disconnect(struct console *c)
{
	for (size_t i = 0; i < NITEMS(c->viewer); i++) {
		if (c->viewer[i].console == NULL)
			continue;
		if (c->viewer[i].known)
			viewer_end(&c->viewer[i]);
		else
			viewer_close(&c->viewer[i]);
	}
}

unsigned
console_viewers(const struct console *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < NITEMS(c->viewer); i++)
		n += c->viewer[i].console != NULL;
	return (n);
}

/* ---- life ---- */

int
console_create(struct mevent_loop *loop, const char *path, const char *log_path,
    const struct console_ops *ops, void *arg, struct console **out, struct err *e)
{
	struct console *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return (err_set(e, ENOMEM, "cannot make the console"));
	c->loop = loop;
	c->ops = ops;
	c->arg = arg;
	c->listen_fd = c->guest_fd = c->log.fd = -1;
	c->throttle.budget = CONSOLE_BUDGET;
	ring_init(&c->history, c->history_buf, sizeof(c->history_buf));
	ring_init(&c->input, c->input_buf, sizeof(c->input_buf));
	c->history.head = logfile_tail(log_path, c->history_buf, sizeof(c->history_buf));
	if ((rc = logfile_open(&c->log, log_path, CONSOLE_HISTORY, e)) != 0 ||
	    (rc = c->listen_fd = unix_listen(path, 0600, e)) < 0)
		goto fail;
	c->accept = mevent_add(loop, c->listen_fd, EVF_READ, on_accept, c);
	c->resume = mevent_add_timer(loop, 0, 0, on_resume, c);
	c->sweep = mevent_add_timer(loop, 0, 0, on_sweep, c);
	if (c->accept == NULL || c->resume == NULL || c->sweep == NULL) {
		rc = err_set(e, errno, "cannot make the console");
		goto fail;
	}
	*out = c;
	return (0);
fail:
	console_destroy(c);
	return (rc);
}

void
console_destroy(struct console *c)
{
	if (c == NULL)
		return;
	console_guest_detach(c);
	mevent_delete(c->accept);
	mevent_delete(c->resume);
	mevent_delete(c->sweep);
	fd_close(&c->listen_fd);
	for (size_t i = 0; i < NITEMS(c->viewer); i++) {
		struct viewer *v = &c->viewer[i];
		if (v->console == NULL)
			continue;
		mevent_delete(v->rd);
		mevent_delete(v->wr);
		fd_close(&v->fd);
	}
	logfile_close(&c->log);
	free(c);
}
