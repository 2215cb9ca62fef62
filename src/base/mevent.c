/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop on epoll: see mevent.h. Runs in every process; one thread per loop.
 *
 * A descriptor is registered with epoll once, however many events (read, write) stand on it: epoll
 * refuses a second registration, and a dup(2) would cost a descriptor per event. The events of one
 * descriptor hang in a `struct source`. Deletion only marks the event; marked events are freed when
 * the round of callbacks is over, so a batch that epoll_wait has already returned never meets freed
 * memory.
 *
 * It refuses to watch what epoll can't (regular files): EPERM comes back to the caller.
 */
#include "base/mevent.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/fd.h"

#define ROUND_MAX 64
#define PER_FD_MAX \
	8 /* events on one descriptor that fire in one round; level-triggered, so none is lost */
#define SOURCES_MASK 255 /* hash of descriptors; a power of two less one */

struct mevent {
	struct mevent *next; /* of the same source; of the graveyard once deleted */
	struct source *src;
	struct mevent_loop *loop;
	mevent_cb *cb;
	void *arg;
	enum mevent_type type;
	int report;          /* what the callback gets as fd */
	atomic_bool enabled; /* may be changed by another thread while the loop looks: mevent.h */
	bool deleted;
	bool owns_fd; /* timers, signals: the loop made the descriptor */
};

struct source {
	struct source *next; /* in its hash chain */
	struct mevent *events;
	int fd;
	uint32_t armed; /* epoll events registered now */
};

struct mevent_loop {
	int epfd;
	int wake;
	atomic_bool stop;
	unsigned nevents;
	struct source *sources[SOURCES_MASK + 1];
	struct mevent *graveyard;
	struct source *dead_sources;
	bool dispatching;
};

int
mevent_loop_create(struct mevent_loop **out)
{
	struct mevent_loop *loop = calloc(1, sizeof(*loop));
	struct epoll_event ee = { .events = EPOLLIN, .data.ptr = NULL };
	int saved;

	if (loop == NULL)
		return (-ENOMEM);
	loop->wake = -1;
	loop->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epfd < 0)
		goto fail;
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake < 0 || epoll_ctl(loop->epfd, EPOLL_CTL_ADD, loop->wake, &ee) != 0)
		goto fail;
	*out = loop;
	return (0);
fail:
	saved = errno;
	fd_close(&loop->wake);
	fd_close(&loop->epfd);
	free(loop);
	return (-saved);
}

/* Free what was deleted during the round. */
static void
bury(struct mevent_loop *loop)
{
	struct mevent *ev;
	struct source *src;

	while ((ev = loop->graveyard) != NULL) {
		loop->graveyard = ev->next;
		free(ev);
	}
	while ((src = loop->dead_sources) != NULL) {
		loop->dead_sources = src->next;
		free(src);
	}
}

void
mevent_loop_destroy(struct mevent_loop *loop)
{
	if (loop == NULL)
		return;
	assert(!loop->dispatching);
	for (unsigned i = 0; i <= SOURCES_MASK; i++)
		while (loop->sources[i] != NULL)
			mevent_delete(loop->sources[i]->events);
	bury(loop);
	fd_close(&loop->wake);
	fd_close(&loop->epfd);
	free(loop);
}

static struct source **
chain_of(struct mevent_loop *loop, int fd)
{
	return (&loop->sources[(unsigned)fd & SOURCES_MASK]);
}

/* Bring epoll's registration in line with the enabled events of a source. */
static int
source_arm(struct mevent_loop *loop, struct source *src)
{
	struct epoll_event ee = { .data.ptr = src };

	for (struct mevent *ev = src->events; ev != NULL; ev = ev->next)
		if (ev->enabled)
			ee.events |= (ev->type == EVF_WRITE) ? EPOLLOUT : EPOLLIN;
	if (ee.events == src->armed)
		return (0);
	/*
	 * A source without enabled events is taken out altogether: epoll reports a hang-up even for
	 * an empty set, and a disabled event must stay silent.
	 */
	if (epoll_ctl(loop->epfd,
		src->armed == 0      ? EPOLL_CTL_ADD
		    : ee.events == 0 ? EPOLL_CTL_DEL
				     : EPOLL_CTL_MOD,
		src->fd, &ee) != 0 &&
	    !(ee.events == 0 && (errno == EBADF || errno == ENOENT)))
		return (-errno); /* when deleting, a descriptor closed before is no error */
	src->armed = ee.events;
	return (0);
}

static struct mevent *
event_add(
    struct mevent_loop *loop, int fd, enum mevent_type type, mevent_cb *cb, void *arg, bool enabled)
{
	struct source **chain, *src;
	struct mevent *ev;
	int rc;

	if (fd < 0) {
		errno = EBADF;
		return (NULL);
	}
	chain = chain_of(loop, fd);
	for (src = *chain; src != NULL && src->fd != fd;)
		src = src->next;
	if ((ev = calloc(1, sizeof(*ev))) == NULL)
		return (NULL);
	if (src == NULL) {
		if ((src = calloc(1, sizeof(*src))) == NULL) {
			free(ev);
			return (NULL);
		}
		*src = (struct source){ .fd = fd, .next = *chain };
		*chain = src;
	}
	*ev = (struct mevent){ .loop = loop, .src = src, .type = type, .cb = cb, .arg = arg };
	ev->report = fd;
	ev->enabled = enabled;
	ev->next = src->events;
	src->events = ev;
	loop->nevents++;
	if ((rc = source_arm(loop, src)) != 0) {
		ev->enabled = false;
		mevent_delete(ev);
		errno = -rc;
		return (NULL);
	}
	return (ev);
}

struct mevent *
mevent_add(struct mevent_loop *loop, int fd, enum mevent_type type, mevent_cb *cb, void *arg)
{
	assert(type == EVF_READ || type == EVF_WRITE);
	return (event_add(loop, fd, type, cb, arg, true));
}

struct mevent *
mevent_add_disabled(
    struct mevent_loop *loop, int fd, enum mevent_type type, mevent_cb *cb, void *arg)
{
	assert(type == EVF_READ || type == EVF_WRITE);
	return (event_add(loop, fd, type, cb, arg, false));
}

static struct timespec
timespec_of(uint64_t ns)
{
	return ((struct timespec){
	    .tv_sec = (time_t)(ns / 1000000000u),
	    .tv_nsec = (long)(ns % 1000000000u),
	});
}

int
mevent_timer_set(struct mevent *ev, uint64_t first_ns, uint64_t period_ns)
{
	struct itimerspec its = {
		.it_value = timespec_of(first_ns),
		.it_interval = timespec_of(first_ns == 0 ? 0 : period_ns),
	};

	assert(ev->type == EVF_TIMER && !ev->deleted);
	return (timerfd_settime(ev->src->fd, 0, &its, NULL) == 0 ? 0 : -errno);
}

struct mevent *
mevent_add_timer(
    struct mevent_loop *loop, uint64_t first_ns, uint64_t period_ns, mevent_cb *cb, void *arg)
{
	CLEANUP_FD int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct mevent *ev;

	if (fd < 0 || (ev = event_add(loop, fd, EVF_TIMER, cb, arg, true)) == NULL)
		return (NULL);
	(void)fd_steal(&fd);
	ev->owns_fd = true;
	ev->report = -1;
	if (mevent_timer_set(ev, first_ns, period_ns) != 0) {
		mevent_delete(ev);
		return (NULL);
	}
	return (ev);
}

struct mevent *
mevent_add_signal(struct mevent_loop *loop, int signo, mevent_cb *cb, void *arg)
{
	CLEANUP_FD int fd = -1;
	struct mevent *ev;
	sigset_t set;

	(void)sigemptyset(&set);
	if (sigaddset(&set, signo) != 0 || sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return (NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0 || (ev = event_add(loop, fd, EVF_SIGNAL, cb, arg, true)) == NULL)
		return (NULL);
	(void)fd_steal(&fd);
	ev->owns_fd = true;
	ev->report = signo;
	return (ev);
}

int
mevent_enable(struct mevent *ev)
{
	assert(!ev->deleted);
	ev->enabled = true;
	return (source_arm(ev->loop, ev->src));
}

int
mevent_disable(struct mevent *ev)
{
	assert(!ev->deleted);
	ev->enabled = false;
	return (source_arm(ev->loop, ev->src));
}

/* Take an event out of its source, and the source out of the loop when it was the last. */
static void
event_unlink(struct mevent *ev)
{
	struct mevent_loop *loop = ev->loop;
	struct source *src = ev->src, **sp;
	struct mevent **ep = &src->events;

	while (*ep != ev)
		ep = &(*ep)->next;
	*ep = ev->next;
	(void)source_arm(loop, src);
	if (src->events != NULL)
		return;
	for (sp = chain_of(loop, src->fd); *sp != src;)
		sp = &(*sp)->next;
	*sp = src->next;
	src->next = loop->dead_sources;
	loop->dead_sources = src;
}

void
mevent_delete(struct mevent *ev)
{
	struct mevent_loop *loop;
	int fd;

	if (ev == NULL)
		return;
	assert(!ev->deleted);
	loop = ev->loop;
	fd = ev->src->fd;
	ev->deleted = true;
	ev->enabled = false;
	event_unlink(ev);
	if (ev->owns_fd)
		(void)close(fd);
	ev->next = loop->graveyard;
	loop->graveyard = ev;
	loop->nevents--;
	if (!loop->dispatching)
		bury(loop);
}

void
mevent_delete_close(struct mevent *ev)
{
	int fd;

	if (ev == NULL)
		return;
	fd = ev->owns_fd ? -1 : ev->src->fd;
	mevent_delete(ev);
	if (fd >= 0)
		(void)close(fd);
}

unsigned
mevent_count(const struct mevent_loop *loop)
{
	return (loop->nevents);
}

/* Timers and signals are consumed here, so that callbacks need not know what they are made of. */
static bool
consume(struct mevent *ev)
{
	struct signalfd_siginfo info;
	uint64_t ticks;

	if (ev->type == EVF_TIMER)
		return (read(ev->src->fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks));
	if (ev->type == EVF_SIGNAL)
		return (read(ev->src->fd, &info, sizeof(info)) == (ssize_t)sizeof(info));
	return (true);
}

static bool
wants(const struct mevent *ev, uint32_t ready)
{
	uint32_t mine = (ev->type == EVF_WRITE) ? EPOLLOUT : EPOLLIN;

	/* Errors and hang-ups go to whoever watches: the read or write then tells. */
	return (ev->enabled && (ready & (mine | EPOLLERR | EPOLLHUP)) != 0);
}

/*
 * Run the callbacks of one ready descriptor. A callback may add and delete events of the same
 * source, so who is to fire is settled before the first one runs; what is added meanwhile waits for
 * the next round, what is deleted or disabled meanwhile is passed over.
 */
static int
fire(struct source *src, uint32_t ready)
{
	struct mevent *batch[PER_FD_MAX], *ev;
	unsigned n = 0;
	int fired = 0;

	for (ev = src->events; ev != NULL && n < PER_FD_MAX; ev = ev->next)
		if (wants(ev, ready))
			batch[n++] = ev;
	for (unsigned i = 0; i < n; i++) {
		ev = batch[i]; /* deleted ones stay readable until the round is over */
		if (ev->deleted || !ev->enabled || !consume(ev))
			continue;
		ev->cb(ev->report, ev->type, ev->arg);
		fired++;
	}
	return (fired);
}

int
mevent_poll(struct mevent_loop *loop, int timeout_ms)
{
	struct epoll_event ready[ROUND_MAX];
	uint64_t wakes;
	int n, fired = 0;

	do
		n = epoll_wait(loop->epfd, ready, ROUND_MAX, timeout_ms);
	while (n < 0 && errno == EINTR && timeout_ms < 0);
	if (n < 0)
		return (errno == EINTR ? 0 : -errno);
	assert(!loop->dispatching);
	loop->dispatching = true;
	for (int i = 0; i < n; i++) {
		if (ready[i].data.ptr == NULL)
			(void)!read(loop->wake, &wakes, sizeof(wakes));
		else
			fired += fire(ready[i].data.ptr, ready[i].events);
	}
	loop->dispatching = false;
	bury(loop);
	return (fired);
}

int
mevent_dispatch(struct mevent_loop *loop)
{
	int rc = 0;

	while (!loop->stop && rc >= 0)
		rc = mevent_poll(loop, -1);
	loop->stop = false;
	return (rc < 0 ? rc : 0);
}

void
mevent_stop(struct mevent_loop *loop)
{
	uint64_t one = 1;

	loop->stop = true;
	(void)!write(loop->wake, &one, sizeof(one));
}
