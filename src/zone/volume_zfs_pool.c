/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pool of the volume driver `zfs`: a zpool of its own, or a dataset in one that the host has. It has no mounts:
 * images and zones' folders are files below /zones, volumes are devices. Tools and zoneadmd, root.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/volume_driver.h"
#include "zone/volume_zfs.h"

#define SUSPENDED "I/O is currently suspended" /* what zfs(8) says then, whatever failmode is */

static struct zfs_name
name_of(const struct pool_conf *c)
{
	struct zfs_name out;

	(void)snprintf(out.text, sizeof(out.text), "%s", c->group);
	return (out);
}

/* A dataset in a pool that is not ours? */
static bool
is_guest(const struct pool_conf *c)
{
	return (c->device[0] == '\0' && c->file[0] == '\0');
}

/* The zpool that the dataset is of. */
static struct zfs_name
zpool_of(const struct zfs_name *dataset)
{
	struct zfs_name out = *dataset;

	out.text[strcspn(out.text, "/")] = '\0';
	return (out);
}

/*
 * What a guest writes is compressed where that gains, and its partitions are no business of the host's (volmode).
 * When the device fails guests are told (failmode): by default all would wait until it is well again.
 */
static int
make_zpool(const struct pool_conf *c, const char *device, struct err *e)
{
	return (zpool_run(e, "create", "-f", "-m", "none", "-o", "ashift=12", "-o",
	    "cachefile=none", "-o", "failmode=continue", "-O", "compression=lz4", "-O",
	    "canmount=off", "-O", "volmode=dev", c->group, device, NULL));
}

static int
make_dataset(const struct pool_conf *c, struct err *e)
{
	struct zfs_name name = name_of(c), zpool = zpool_of(&name);
	int rc = zfs_find(&zpool, NULL, e);

	if (rc == -ENOENT)
		return (err_say(
		    e, ENOENT, "there is no zpool '%s' on this host: see zpool list", zpool.text));
	if (rc != 0)
		return (rc);
	if ((rc = zfs_find(&name, NULL, e)) == 0)
		return (err_say(e, EEXIST,
		    "dataset '%s' is there already: name one that is to be made", name.text));
	return (rc != -ENOENT ? rc
			      : zfs_run(e, "create", "-o", "mountpoint=none", "-o", "canmount=off",
				    "-o", "volmode=dev", name.text, NULL));
}

int
zfs_pool_make(const struct pool_conf *c, const char *device, struct err *e)
{
	return (is_guest(c) ? make_dataset(c, e) : make_zpool(c, device, e));
}

int
zfs_pool_unmake(const struct pool_conf *c, struct err *e)
{
	return (is_guest(c) ? zfs_run(e, "destroy", c->group, NULL)
			    : zpool_run(e, "destroy", c->group, NULL));
}

bool
zfs_pool_is_there(const struct pool_conf *c)
{
	struct zfs_name name = name_of(c), zpool = zpool_of(&name);
	char path[PATH_MAX];

	(void)snprintf(path, sizeof(path), "/proc/spl/kstat/zfs/%s", zpool.text);
	return (access(path, F_OK) == 0);
}

int
zfs_pool_import(const struct pool_conf *c, const char *device, struct err *e)
{
	/* Of a disk zpool makes partitions, and knows best where they are. */
	if (c->file[0] == '\0')
		return (zpool_run(e, "import", "-N", "-o", "cachefile=none", c->group, NULL));
	return (zpool_run(e, "import", "-N", "-d", device, "-o", "cachefile=none", c->group, NULL));
}

int
zfs_pool_check_empty(const struct pool_conf *c, struct err *e)
{
	CLEANUP_FREE struct zfs_row *list = NULL;
	struct zfs_name name = name_of(c);
	size_t n;
	int rc = zfs_list(&name, &list, &n, e);

	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "there is no dataset '%s': zpool import?", name.text));
	if (rc == 0 && n > 1)
		rc = err_say(e, EBUSY,
		    "dataset '%s' has others that no zone knows, as '%s': see zfs list -r, and "
		    "destroy them",
		    name.text, list[1].name.text);
	return (rc);
}

/* "ONLINE\toff": what zpool says of it, in small letters. */
static int
get_health(const struct zfs_name *zpool, struct volume_pool *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char health[32], readonly[8];
	int end = 0, rc;

	rc = zpool_ask(&text, e, "list", "-H", "-p", "-o", "health,readonly", zpool->text, NULL);
	if (rc != 0)
		return (rc);
	if (sscanf(text, "%31[A-Z]\t%7[a-z]\n%n", health, readonly, &end) != 2 || end == 0 ||
	    text[end] != '\0')
		return (
		    err_say(e, EPROTO, "zpool list does not tell the health of '%s'", zpool->text));
	out->readonly = strcmp(readonly, "on") == 0;
	if (strcmp(health, "ONLINE") == 0)
		return (0);
	for (size_t i = 0; health[i] != '\0'; i++)
		health[i] = (char)tolower((unsigned char)health[i]);
	(void)snprintf(out->problem, sizeof(out->problem), "%s", health);
	return (0);
}

int
zfs_pool_get(struct volume_pool *out, struct err *e)
{
	struct zfs_name name, zpool;
	struct err own = { 0 };
	struct pool_conf c;
	struct zfs_row r;
	int rc;

	if ((rc = pool_conf_load(&c, e)) != 0)
		return (rc);
	*out = (struct volume_pool){ .driver = "zfs", .instant = true };
	name = name_of(&c);
	rc = zfs_find(&name, &r, &own);
	if (rc == -ENOENT)
		return (err_say(e, ENOENT, "there is no dataset '%s': zpool import?", name.text));
	if (rc == -EIO && strstr(own.text, SUSPENDED) != NULL) {
		(void)snprintf(out->problem, sizeof(out->problem), "suspended");
		return (0);
	}
	if (rc != 0) {
		if (e != NULL)
			*e = own;
		return (rc);
	}
	out->size = r.used + r.available;
	out->free = r.available;
	zpool = zpool_of(&name);
	return (get_health(&zpool, out, e));
}
