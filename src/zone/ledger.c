/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ledger of a live zone: see ledger.h. Knows nothing of what the kinds mean. Runs in zoneadmd
 * and the tools.
 */
#include "zone/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"

#define LEDGER_FILE_MAX (1024 * 1024)
#define OPEN_TRIES      16

struct ledger_item {
	char kind[LEDGER_KIND_MAX];
	char *arg;
};

struct ledger {
	int fd;
	char *path;
	struct ledger_item item[LEDGER_ENTRIES_MAX];
	size_t n;
	bool broken; /* not understood: the file stays as it is, for a person to look at */
};

/* Find the newest entry; its index or -1. */
static int
find(const struct ledger *l, const char *kind, const char *arg)
{
	for (size_t i = l->n; i-- > 0;) {
		if (strcmp(l->item[i].kind, kind) == 0 && strcmp(l->item[i].arg, arg) == 0)
			return ((int)i);
	}
	return (-1);
}

static int
remember(struct ledger *l, const char *kind, const char *arg)
{
	struct ledger_item *it;

	if (l->n == LEDGER_ENTRIES_MAX)
		return (-ENOSPC);
	if (strlen(kind) >= LEDGER_KIND_MAX || strlen(arg) >= LEDGER_ARG_MAX)
		return (-ENAMETOOLONG);
	it = &l->item[l->n];
	if ((it->arg = strdup(arg)) == NULL)
		return (-ENOMEM);
	(void)snprintf(it->kind, sizeof(it->kind), "%s", kind);
	l->n++;
	return (0);
}

static void
forget(struct ledger *l, size_t i)
{
	free(l->item[i].arg);
	memmove(&l->item[i], &l->item[i + 1], (l->n - i - 1) * sizeof(l->item[0]));
	l->n--;
}

/*
 * One line of the file into the list. A line that cannot be understood is an error: guessing would
 * leak a resource.
 */
static int
replay_line(struct ledger *l, const char *line)
{
	json_t *j = json_loads(line, 0, NULL);
	const char *make = json_string_value(json_object_get(j, "make"));
	const char *gone = json_string_value(json_object_get(j, "gone"));
	const char *arg = json_string_value(json_object_get(j, "arg"));
	int rc = -EINVAL, i;

	if (make != NULL && gone == NULL && arg != NULL) {
		rc = remember(l, make, arg);
	} else if (gone != NULL && make == NULL && arg != NULL) {
		if ((i = find(l, gone, arg)) >= 0)
			forget(l, (size_t)i);
		rc = 0;
	}
	json_decref(j);
	return (rc);
}

static int
replay(struct ledger *l, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char *line, *end;
	unsigned number = 0;
	size_t len;
	int rc;

	if ((rc = file_read(l->path, LEDGER_FILE_MAX, &text, &len, e)) != 0)
		return (rc);
	for (line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		number++;
		*end = '\0';
		if ((rc = replay_line(l, line)) != 0)
			return (err_set(
			    e, -rc, "ledger '%s', line %u, cannot be understood", l->path, number));
	}
	/*
	 * What a dead owner did not finish writing is cut off, so that the next line begins at its
	 * own beginning.
	 */
	if (*line != '\0' && ftruncate(l->fd, (off_t)(line - text)) != 0)
		return (err_set(e, errno, "cannot mend ledger '%s'", l->path));
	return (0);
}

/*
 * Open and lock; the file we hold must be the one that is named: its last owner removes it while
 * holding the lock.
 */
static int
open_locked(const char *path, bool create)
{
	struct stat mine, named;
	int fd;

	for (int i = 0; i < OPEN_TRIES; i++) {
		fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0),
		    0600);
		if (fd < 0)
			return (-errno);
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			int rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
			(void)close(fd);
			return (rc);
		}
		if (fstat(fd, &mine) == 0 && lstat(path, &named) == 0 &&
		    mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
			return (fd);
		(void)close(fd);
	}
	return (-EBUSY);
}

int
ledger_open(const char *path, bool create, struct ledger **out, struct err *e)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL || (l->path = strdup(path)) == NULL) {
		free(l);
		return (err_set(e, ENOMEM, "cannot open ledger '%s'", path));
	}
	l->fd = open_locked(path, create);
	if (l->fd < 0) {
		rc = l->fd == -EBUSY
		    ? err_say(e, EBUSY, "ledger '%s' belongs to a process that lives", path)
		    : err_set(e, -l->fd, "cannot open ledger '%s'", path);
		free(l->path);
		free(l);
		return (rc);
	}
	if ((rc = replay(l, e)) != 0) {
		l->broken = true;
		ledger_close(l);
		return (rc);
	}
	*out = l;
	return (0);
}

static int
append(struct ledger *l, const char *verb, const char *kind, const char *arg, struct err *e)
{
	json_t *j = json_pack("{s:s,s:s}", verb, kind, "arg", arg);
	CLEANUP_FREE char *text = NULL;
	char *line;
	size_t len;
	int rc;

	line = j != NULL ? json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER) : NULL;
	json_decref(j);
	if (line == NULL || (text = realloc(line, (len = strlen(line)) + 2)) == NULL) {
		free(line);
		return (err_set(e, ENOMEM, "cannot write to ledger '%s'", l->path));
	}
	text[len++] = '\n';
	if ((rc = fd_write_full(l->fd, text, len)) != 0 ||
	    (fdatasync(l->fd) != 0 && (rc = -errno) != 0))
		return (err_set(e, -rc, "cannot write to ledger '%s'", l->path));
	return (0);
}

int
ledger_add(struct ledger *l, const char *kind, const char *arg, struct err *e)
{
	int rc = remember(l, kind, arg);

	if (rc != 0)
		return (err_set(e, -rc, "cannot note %s '%s' in ledger '%s'", kind, arg, l->path));
	if ((rc = append(l, "make", kind, arg, e)) != 0)
		forget(l, l->n - 1);
	return (rc);
}

int
ledger_gone(struct ledger *l, const char *kind, const char *arg, struct err *e)
{
	int i = find(l, kind, arg), rc;

	if (i < 0)
		return (0);
	if ((rc = append(l, "gone", kind, arg, e)) != 0)
		return (rc);
	forget(l, (size_t)i);
	return (0);
}

size_t
ledger_count(const struct ledger *l)
{
	return (l->n);
}

void
ledger_entry(const struct ledger *l, size_t i, const char **kind, const char **arg)
{
	*kind = l->item[i].kind;
	*arg = l->item[i].arg;
}

int
ledger_undo_all(struct ledger *l, ledger_undo_fn *undo, void *ctx, struct err *e)
{
	struct err one = { 0 };
	int first = 0, rc;

	for (size_t i = l->n; i-- > 0;) {
		char kind[LEDGER_KIND_MAX];
		char *arg = l->item[i].arg;

		(void)snprintf(kind, sizeof(kind), "%s", l->item[i].kind);
		rc = undo(kind, arg, ctx, &one);
		if (rc == 0 && (rc = append(l, "gone", kind, arg, &one)) == 0) {
			forget(l, i);
			continue;
		}
		if (first == 0) {
			first = rc;
			if (e != NULL)
				*e = one;
		}
	}
	return (first);
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->n == 0 && !l->broken)
		(void)unlink(l->path); /* while the lock is still held */
	while (l->n > 0)
		forget(l, l->n - 1);
	fd_close(&l->fd);
	free(l->path);
	free(l);
}
