/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of zone configurations: /etc/zones/<name>.json, one file per zone, mode 0600, replaced
 * by rename. A file that cannot be understood whole is refused with its place, never half read.
 * What a writer killed half-way left (a temporary file) goes with the next write of that zone, or
 * with the next zoneadm list. Of other zones only their identity matters (zconf_ids.h).
 * Tools and zoneadmd.
 */
#include "zone/zconf_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/paths.h"
#include "zone/rename.h"
#include "zone/zconf_ids.h"
#include "zone/zconf_json.h"

#define ZCONF_FILE_MAX (1 * MIB)
#define SUFFIX         ".json"
#define TEMPORARY      ".new" /* appended to the name of the file that it becomes */

static struct {
	int fd;
	unsigned depth;
} lock = { -1, 0 };

int
zconf_lock(struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FD int fd = -1;
	int rc;

	if (lock.depth > 0) {
		lock.depth++;
		return (0);
	}
	if ((rc = dir_make(path_etc(path, "%s", ""), 0755, e)) != 0)
		return (rc);
	(void)path_etc(path, ".lock");
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
		return (err_set(e, errno, "cannot lock the zone configurations ('%s')", path));
	do
		rc = flock(fd, LOCK_EX);
	while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return (err_set(e, errno, "cannot lock the zone configurations ('%s')", path));
	lock.fd = fd_steal(&fd);
	lock.depth = 1;
	if ((rc = zone_rename_finish(e)) != 0)
		zconf_unlock();
	return (rc);
}

void
zconf_unlock(void)
{
	if (lock.depth > 0 && --lock.depth == 0)
		fd_close(&lock.fd);
}

static int
not_configured(const char *name, struct err *e)
{
	return (err_say(e, ENOENT, "%s: No such zone configured", name));
}

int
zconf_load(const char *name, struct zconf **out, struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FREE char *text = NULL;
	struct zconf *c;
	size_t len;
	int rc;

	if (zconf_name_check(name, NULL) != 0) /* also keeps the path in its folder */
		return (not_configured(name, e));
	(void)path_etc(path, "%s" SUFFIX, name);
	if ((rc = file_read(path, ZCONF_FILE_MAX, &text, &len, e)) == -ENOENT)
		return (not_configured(name, e));
	if (rc != 0)
		return (rc);
	rc = zconf_json_parse(text, len, &c, e);
	if (rc == 0 && strcmp(c->name, name) != 0) {
		rc = err_say(
		    e, EINVAL, "member 'name' is '%s'; it must be the file's name", c->name);
		zconf_free(c);
	}
	if (rc != 0) {
		(void)err_ctx(e,
		    "configuration '%s' is broken (correct it, see zone-config(5), or put a copy "
		    "back)",
		    path);
		return (rc);
	}
	*out = c;
	return (0);
}

int
zconf_load_uuid(const char *uuid, struct zconf **out, struct err *e)
{
	char want[UUID_TEXT_LEN + 1];
	struct err broken = { 0 };
	uint8_t bytes[16];
	char **names;
	size_t n;
	int rc;

	if (parse_uuid(uuid, bytes) != 0)
		return (err_say(e, EINVAL, "'%s' is not a UUID", uuid));
	format_uuid(bytes, want);
	if (zconf_load(want, out, &broken) == 0) { /* it is what vmadm names the zone */
		if (strcmp((*out)->uuid, want) == 0)
			return (0);
		zconf_free(*out);
	}
	if ((rc = zconf_list(&names, &n, e)) != 0)
		return (rc);
	rc = -ENOENT;
	for (size_t i = 0; i < n && rc != 0; i++) {
		if (zconf_load(names[i], out, &broken) != 0)
			continue;
		if (strcmp((*out)->uuid, want) == 0)
			rc = 0;
		else
			zconf_free(*out);
	}
	zconf_list_free(names, n);
	if (rc == 0)
		return (0);
	*out = NULL;
	/* It may be the one that cannot be read: say so rather than that it does not exist. */
	if (broken.errnum != 0 && broken.errnum != ENOENT)
		return (err_say(e, broken.errnum, "%s", broken.text));
	return (not_configured(uuid, e));
}

static int
compare_names(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

/* The zone's name when the file is a zone's configuration, else NULL; malloc'ed. */
static char *
name_of_file(const char *file)
{
	size_t len = strlen(file);
	char *name;

	if (len <= strlen(SUFFIX) || strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0)
		return (NULL);
	name = strndup(file, len - strlen(SUFFIX));
	if (name != NULL && zconf_name_check(name, NULL) == 0)
		return (name);
	free(name);
	return (NULL);
}

int
zconf_list(char ***out, size_t *n_out, struct err *e)
{
	char path[PATH_MAX];
	DIR *dir = opendir(path_etc(path, "%s", ""));
	char **names = NULL, **more, *name;
	struct dirent *d;
	size_t n = 0;

	if (dir == NULL && errno != ENOENT)
		return (err_set(e, errno, "cannot list '%s'", path));
	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if ((name = name_of_file(d->d_name)) == NULL)
			continue;
		if ((more = reallocarray(names, n + 1, sizeof(*names))) == NULL) {
			free(name);
			zconf_list_free(names, n);
			(void)closedir(dir);
			return (err_set(e, ENOMEM, "cannot list '%s'", path));
		}
		names = more;
		names[n++] = name;
	}
	if (dir != NULL)
		(void)closedir(dir);
	if (n > 1)
		qsort(names, n, sizeof(*names), compare_names);
	*out = names;
	*n_out = n;
	return (0);
}

void
zconf_list_free(char **names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
}

/* A temporary file that was to become a zone's configuration. */
static bool
is_temporary(const char *file)
{
	const char *dot = strrchr(file, '.');
	CLEANUP_FREE char *zone = NULL;
	char stored[NAME_MAX + 1];

	if (dot == NULL || strcmp(dot, TEMPORARY) != 0)
		return (false);
	(void)snprintf(stored, sizeof(stored), "%.*s", (int)(dot - file), file);
	return ((zone = name_of_file(stored)) != NULL);
}

/* Remove temporary files; not for good: only count them. How many there were. */
static unsigned
sweep(bool for_good)
{
	char path[PATH_MAX];
	DIR *dir = opendir(path_etc(path, "%s", ""));
	struct dirent *d;
	unsigned n = 0;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		if (!is_temporary(d->d_name))
			continue;
		n++;
		if (for_good)
			(void)unlinkat(dirfd(dir), d->d_name, 0);
	}
	if (dir != NULL)
		(void)closedir(dir);
	return (n);
}

void
zconf_sweep(void)
{
	if (sweep(false) == 0 || zconf_lock(NULL) != 0)
		return;
	(void)sweep(true);
	zconf_unlock();
}

/* Refuse a uuid or a number that the other zone has; note the number it has. */
static int
compare_ids(
    const struct zconf *c, const struct zconf_id *other, bool used[], size_t n, struct err *e)
{
	if (other->did <= n)
		used[other->did] = true;
	if (c->uuid[0] != '\0' && strcmp(other->uuid, c->uuid) == 0)
		return (err_say(e, EEXIST, "uuid %s is that of zone '%s'", c->uuid, other->name));
	if (c->did != 0 && other->did == c->did)
		return (err_say(e, EEXIST, "did %u is that of zone '%s'", c->did, other->name));
	return (0);
}

/*
 * Look at all other zones: refuse a uuid that one of them has; give the lowest free number when c
 * has none. A zone whose file cannot be read stops this: it might have the number, and the number
 * is its uid.
 */
static int
identify(struct zconf *c, struct err *e)
{
	CLEANUP_FREE struct zconf_id *other = NULL;
	CLEANUP_FREE bool *used = NULL;
	size_t n;
	int rc;

	if ((rc = zconf_ids_get(lock.fd, c->name, &other, &n, e)) != 0)
		return (err_ctx(e, "cannot tell zone '%s' from the others", c->name));
	if ((used = calloc(n + 2, sizeof(*used))) == NULL)
		return (err_set(e, ENOMEM, "cannot number zone '%s'", c->name));
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = compare_ids(c, &other[i], used, n, e);
	for (uint32_t did = 1; rc == 0 && c->did == 0; did++) {
		if (!used[did]) /* n zones use at most n numbers: n + 1 is free */
			c->did = did;
	}
	if (rc == 0 && c->did > ZCONF_DID_MAX)
		return (err_say(e, ERANGE, "zone '%s': did %u: at most %d zones can be numbered",
		    c->name, c->did, ZCONF_DID_MAX));
	return (rc);
}

/* RFC 9562, 5.4: 122 random bits, version 4, variant 10. */
static int
make_uuid(struct zconf *c, struct err *e)
{
	uint8_t u[16];

	if (getrandom(u, sizeof(u), 0) != (ssize_t)sizeof(u))
		return (err_set(e, errno, "cannot make a uuid for zone '%s'", c->name));
	u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
	u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
	format_uuid(u, c->uuid);
	return (0);
}

int
zconf_write(const struct zconf *c, struct err *e)
{
	char path[PATH_MAX], new[PATH_MAX];
	CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc;

	if ((rc = zconf_json_format(c, &text, &len, e)) != 0)
		return (err_ctx(e, "configuration of zone '%s'", c->name));
	if (len > ZCONF_FILE_MAX)
		return (err_say(e, EFBIG, "configuration of zone '%s' is %zu bytes, at most %llu",
		    c->name, len, ZCONF_FILE_MAX));
	(void)path_etc(path, "%s" SUFFIX, c->name);
	(void)path_etc(new, "%s" SUFFIX TEMPORARY, c->name);
	return (file_replace_by(path, new, text, len, 0600, e));
}

/* What is compared and stored is the canonical form. */
static int
canonical_uuid(struct zconf *c, struct err *e)
{
	uint8_t uuid[16];

	if (c->uuid[0] == '\0')
		return (0);
	if (parse_uuid(c->uuid, uuid) != 0)
		return (err_say(e, EINVAL, "zone '%s': '%s' is not a UUID", c->name, c->uuid));
	format_uuid(uuid, c->uuid);
	return (0);
}

int
zconf_store(struct zconf *c, struct err *e)
{
	struct zconf old = { .did = c->did };
	int rc;

	memcpy(old.uuid, c->uuid, sizeof(old.uuid));
	if ((rc = zconf_name_check(c->name, e)) != 0 || (rc = canonical_uuid(c, e)) != 0 ||
	    (rc = zconf_lock(e)) != 0)
		return (rc);
	if ((rc = identify(c, e)) == 0 && c->uuid[0] == '\0')
		rc = make_uuid(c, e);
	if (rc == 0)
		rc = zconf_write(c, e);
	zconf_unlock();
	if (rc != 0) { /* nothing was stored: it has no identity yet */
		c->did = old.did;
		memcpy(c->uuid, old.uuid, sizeof(c->uuid));
	}
	return (rc);
}

int
zconf_set_state(const char *name, enum zone_state s, struct err *e)
{
	struct zconf *c = NULL;
	int rc;

	if (s > ZONE_STATE_INSTALLED)
		return (
		    err_say(e, EINVAL, "state '%s' is not one that is stored", zone_state_name(s)));
	if ((rc = zconf_lock(e)) != 0)
		return (rc);
	if ((rc = zconf_load(name, &c, e)) == 0) {
		c->state = s;
		rc = zconf_write(c, e);
		zconf_free(c);
	}
	zconf_unlock();
	return (rc);
}

int
zconf_delete(const char *name, struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FD int dir = -1;
	int rc;

	if (zconf_name_check(name, NULL) != 0)
		return (not_configured(name, e));
	if ((rc = zconf_lock(e)) != 0)
		return (rc);
	(void)unlink(path_etc(path, "%s" SUFFIX TEMPORARY, name));
	if (unlink(path_etc(path, "%s" SUFFIX, name)) != 0)
		rc = errno == ENOENT ? not_configured(name, e)
				     : err_set(e, errno, "cannot delete '%s'", path);
	dir = open(path_etc(path, "%s", ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rc == 0 && (dir < 0 || (fsync(dir) != 0 && errno != EINVAL)))
		rc = err_set(e, errno, "cannot make the deletion of zone '%s' durable", name);
	zconf_unlock();
	return (rc);
}
