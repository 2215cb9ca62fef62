/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The zones' uuids and numbers: see zconf_ids.h. The memory is one piece: a head with a hash, then the entries, in the
 * order of the names, as this machine writes integers. It is never relied on for more than speed: one that is missing,
 * torn or of another version is nothing, and is written anew.
 */
#include "zone/zconf_ids.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/hash.h"
#include "zone/paths.h"

#define VERSION 0x315344495a485a00ull

/*
 * A file that was changed so shortly before it was read may be changed once more without its time telling: the kernel's
 * clock for that goes by ticks, of 10 ms at the most, and a file system may keep whole seconds only. What was read of
 * it then does not count.
 */
#define SECOND_NS     INT64_C(1000000000)
#define UNSURE_NS     (SECOND_NS / 25)
#define UNSURE_SEC_NS (2 * SECOND_NS)

struct head {
	uint64_t version, n, hash;
};

struct memory {
	struct zconf_id *id;
	size_t n;
};

_Static_assert(sizeof(struct zconf_id) % sizeof(uint64_t) == 0, "hashed by words");

static uint64_t
hash_of(const struct zconf_id *id, size_t n)
{
	const char *p = (const char *)id;
	uint64_t h = hash_add(HASH_INIT, n), word;

	for (size_t off = 0; off < n * sizeof(*id); off += sizeof(word)) {
		memcpy(&word, p + off, sizeof(word));
		h = hash_add(h, word);
	}
	return (h);
}

static void
recall(int fd, struct memory *m)
{
	struct head h;
	size_t size;

	*m = (struct memory){ 0 };
	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != (ssize_t)sizeof(h) || h.version != VERSION ||
	    h.n > ZCONF_DID_MAX)
		return;
	size = h.n * sizeof(*m->id);
	if ((m->id = malloc(size + 1)) == NULL)
		return;
	if (pread(fd, m->id, size, sizeof(h)) == (ssize_t)size && hash_of(m->id, h.n) == h.hash)
		m->n = h.n;
}

/* A full disk keeps nobody from storing a zone: what is half there has the wrong hash. */
static void
remember(int fd, const struct zconf_id *id, size_t n)
{
	const struct head h = { VERSION, n, hash_of(id, n) };
	const size_t size = n * sizeof(*id);

	if (fd < 0 || n > ZCONF_DID_MAX)
		return;
	if (pwrite(fd, &h, sizeof(h), 0) == (ssize_t)sizeof(h))
		(void)!pwrite(fd, id, size, sizeof(h));
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (ts.tv_sec * SECOND_NS + ts.tv_nsec);
}

/* What the file system says of the configuration now; nothing of what is in it. */
static int
look(int dir, const char *name, struct zconf_id *id)
{
	char file[ZONENAME_MAX + sizeof(".json")];
	struct stat st;

	(void)snprintf(file, sizeof(file), "%s.json", name);
	if (fstatat(dir, file, &st, 0) != 0)
		return (-errno);
	(void)snprintf(id->name, sizeof(id->name), "%s", name);
	id->inode = st.st_ino;
	id->size = (uint64_t)st.st_size;
	id->changed_ns = st.st_ctim.tv_sec * SECOND_NS + st.st_ctim.tv_nsec;
	return (0);
}

static bool
counts(const struct zconf_id *then, const struct zconf_id *now)
{
	const int64_t unsure = then->changed_ns % SECOND_NS == 0 ? UNSURE_SEC_NS : UNSURE_NS;

	return (strcmp(then->name, now->name) == 0 && then->inode == now->inode &&
	    then->size == now->size && then->changed_ns == now->changed_ns &&
	    then->changed_ns + unsure < then->read_ns);
}

/* Looked at first and then read: a change in between makes another time of it. */
static int
read_one(struct zconf_id *id, struct err *e)
{
	struct zconf *c;
	int rc;

	if ((rc = zconf_load(id->name, &c, e)) != 0)
		return (rc);
	memcpy(id->uuid, c->uuid, sizeof(id->uuid));
	id->did = c->did;
	zconf_free(c);
	return (0);
}

static int
get_all(const struct memory *m, char *const names[], size_t n, const char *except,
    struct zconf_id *out, size_t *done, bool *new, struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FD int dir = open(path_etc(path, "%s", ""), O_PATH | O_DIRECTORY | O_CLOEXEC);
	const int64_t began = now_ns();
	size_t known = 0;
	int rc;

	*done = 0;
	if (dir < 0)
		return (err_set(e, errno, "cannot open '%s'", path));
	for (size_t i = 0; i < n; i++) {
		struct zconf_id *id = &out[*done];

		if (strcmp(names[i], except) == 0)
			continue;
		if ((rc = look(dir, names[i], id)) != 0)
			return (err_set(e, -rc, "zone '%s'", names[i]));
		while (known < m->n && strcmp(m->id[known].name, names[i]) < 0)
			known++;
		if (known < m->n && counts(&m->id[known], id)) {
			*id = m->id[known];
		} else {
			id->read_ns = began;
			if ((rc = read_one(id, e)) != 0)
				return (rc);
			*new = true;
		}
		(*done)++;
	}
	return (0);
}

int
zconf_ids_get(int memory, const char *except, struct zconf_id **out, size_t *n, struct err *e)
{
	CLEANUP_FREE struct zconf_id *id = NULL;
	struct memory m = { 0 };
	bool new = false;
	char **names;
	size_t nnames;
	int rc;

	if ((rc = zconf_list(&names, &nnames, e)) != 0)
		return (rc);
	if ((id = calloc(nnames + 1, sizeof(*id))) == NULL) {
		rc = err_set(e, ENOMEM, "cannot look at the zones' identities");
	} else {
		recall(memory, &m);
		rc = get_all(&m, names, nnames, except, id, n, &new, e);
	}
	if (rc == 0 && new)
		remember(memory, id, *n);
	free(m.id);
	zconf_list_free(names, nnames);
	if (rc == 0) {
		*out = id;
		id = NULL;
	}
	return (rc);
}
