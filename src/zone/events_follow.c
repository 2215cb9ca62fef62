/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Following the events of zones: see client.h. One connection to each zoneadmd that is there; the
 * folder of zones is watched for those that come. Changes nothing. Runs in the tools, as root or as a
 * member of the group that may look.
 */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/client.h"
#include "zone/events.h"
#include "zone/paths.h"
#include "zone/varlink.h"

/* For a zoneadmd that has made its folder, and its socket not yet; later: or that was killed. */
#define RETRY_MS       100
#define RETRY_LATER_MS 2000
#define RETRIES        50

struct followed {
	char name[ZONENAME_MAX];
	int fd;       /* -1: its zoneadmd is not there */
	int64_t next; /* number of its next event; -1: not known, all that come */
	struct varlink_reader in;
};

struct follower {
	const char *only; /* NULL: all zones */
	int64_t from;
	char since[UTC_TEXT_LEN + 1]; /* zones that are there later: what happened from then on */
	unsigned retries;
	bool begun; /* those that were there at the start have been found */
	struct followed *zone;
	size_t n;
	bool (*cb)(const char *json, void *arg);
	void *arg;
	bool stop;
	int rc;
	struct err *e;
};

struct taking {
	struct follower *f;
	struct followed *z;
};

/* One answer of a zoneadmd: an event. */
static bool
on_event(void *arg, const char *text, size_t len)
{
	struct taking *t = arg;
	json_t *msg = json_loadb(text, len, 0, NULL);
	json_t *event = json_object_get(json_object_get(msg, "parameters"), "event");
	const char *date = json_string_value(json_object_get(event, "date"));
	const char *error = json_string_value(json_object_get(msg, "error"));
	json_int_t seq = json_integer_value(json_object_get(event, "seq"));
	CLEANUP_FREE char *line = NULL;

	if (error != NULL) {
		t->f->rc = err_say(t->f->e, EACCES, "zone '%s': %s", t->z->name, error);
		t->f->stop = true;
	} else if (date != NULL && seq >= t->z->next &&
	    (t->f->from >= 0 || strcmp(date, t->f->since) >= 0)) {
		line = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER);
		t->z->next = seq + 1;
		t->f->stop = line == NULL || !t->f->cb(line, t->f->arg);
	}
	json_decref(msg);
	return (!t->f->stop);
}

static void
take(struct follower *f, struct followed *z)
{
	struct taking t = { f, z };
	char buf[4096];
	ssize_t n = recv(z->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0 && varlink_feed(&z->in, buf, (size_t)n, on_event, &t) == 0)
		return;
	fd_close(&z->fd); /* it has ended; it is found again when it is back */
	varlink_reader_free(&z->in);
}

/* Ask a zone's zoneadmd for its events. */
static void
join(struct follower *f, struct followed *z)
{
	char path[PATH_MAX];
	int64_t from = z->next >= 0 ? z->next : f->from >= 0 ? f->from : 0;
	json_t *params;

	z->fd = unix_connect(path_run(path, "%s/control", z->name), SOCK_STREAM, NULL);
	if (z->fd < 0) {
		z->fd = -1;
		return;
	}
	/* Those from before we began are not wanted. */
	params = z->next >= 0 || f->from >= 0 || f->begun
	    ? json_pack("{s:I}", "from", (json_int_t)from)
	    : json_object();
	if (varlink_call_send(z->fd, "org.zhyve.Zone.Watch", params, true) != 0)
		fd_close(&z->fd);
	json_decref(params);
}

/* The zone of that name, made when it is new; NULL when memory is short. */
static struct followed *
find(struct follower *f, const char *name)
{
	struct followed *more;

	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->zone[i].name, name) == 0)
			return (&f->zone[i]);
	}
	if ((more = reallocarray(f->zone, f->n + 1, sizeof(*more))) == NULL)
		return (NULL);
	f->zone = more;
	more[f->n] = (struct followed){ .fd = -1, .next = -1 };
	memcpy(more[f->n].name, name, strlen(name) + 1); /* zconf_name_check knows its length */
	return (&f->zone[f->n++]);
}

/* Join all that are there and not joined yet. True when one of them could not be, and may be soon. */
static bool
look(struct follower *f)
{
	char path[PATH_MAX];
	DIR *d = opendir(path_run(path, "%s", ""));
	struct followed *z;
	struct dirent *de;
	bool again = false;

	while (d != NULL && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || zconf_name_check(de->d_name, NULL) != 0 ||
		    (f->only != NULL && strcmp(f->only, de->d_name) != 0) ||
		    (z = find(f, de->d_name)) == NULL || z->fd >= 0)
			continue;
		join(f, z);
		again = again || z->fd < 0;
	}
	if (d != NULL)
		(void)closedir(d);
	f->begun = true;
	return (again);
}

static void
round_of(struct follower *f, int notify)
{
	char buf[4096] __attribute__((aligned(8)));
	struct pollfd *p;
	int wait = -1;

	if (look(f))
		wait = f->retries++ < RETRIES ? RETRY_MS : RETRY_LATER_MS;
	if ((p = calloc(f->n + 1, sizeof(*p))) == NULL) {
		f->rc = err_set(f->e, ENOMEM, "cannot follow the zones");
		f->stop = true;
		return;
	}
	p[0] = (struct pollfd){ .fd = notify, .events = POLLIN };
	for (size_t i = 0; i < f->n; i++)
		p[i + 1] = (struct pollfd){ .fd = f->zone[i].fd, .events = POLLIN };
	if (poll(p, (nfds_t)f->n + 1, wait) > 0) {
		while (p[0].revents != 0 && read(notify, buf, sizeof(buf)) > 0)
			f->retries = 0; /* look() sees what it is */
		for (size_t i = 0; i < f->n && !f->stop; i++) {
			if (p[i + 1].revents != 0)
				take(f, &f->zone[i]);
		}
	}
	free(p);
}

int
zone_events_follow(const char *name, int64_t from, bool (*cb)(const char *json, void *arg),
    void *arg, struct err *e)
{
	struct follower f = { .only = name, .from = from, .cb = cb, .arg = arg, .e = e };
	int64_t now = clock_real_ns();
	char path[PATH_MAX];
	CLEANUP_FD int notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	format_utc((uint64_t)(now / 1000000000), (unsigned)(now % 1000000000 / 1000000), f.since);
	(void)dir_make(path_run(path, "%s", ""), 0755, NULL);
	if (notify < 0 || inotify_add_watch(notify, path, IN_CREATE | IN_ONLYDIR) < 0)
		return (err_set(e, errno, "cannot watch '%s'", path));
	while (!f.stop)
		round_of(&f, notify);
	for (size_t i = 0; i < f.n; i++) {
		fd_close(&f.zone[i].fd);
		varlink_reader_free(&f.zone[i].in);
	}
	free(f.zone);
	return (f.rc);
}
