/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Install and uninstall: the zone path, /zones/<name>, and the stored state around it. incomplete
 * is what a half-done install or uninstall leaves, so that it is seen and can be repeated. Nothing
 * below the zone path is followed out of it: no symbolic link, no other filesystem. Runs in the
 * tools, as root.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/client.h"
#include "zone/install.h"
#include "zone/paths.h"
#include "zone/pool.h"
#include "zone/reconcile.h"
#include "zone/tree.h"
#include "zone/varlink.h"
#include "zone/zconf_field.h"
#include "zone/zstate.h"

#define RELEASE_WAIT_MS 5000

/* ---- the zone path ---- */

int
zone_path_check(const struct zconf *c, struct err *e)
{
	char ours[PATH_MAX];

	(void)path_zones(ours, "%s", c->name);
	if (c->zonepath == NULL || strcmp(c->zonepath, ours) == 0 ||
	    (strncmp(c->zonepath, "/zones/", 7) == 0 && strcmp(c->zonepath + 7, c->name) == 0))
		return (0);
	return (err_say(e, EINVAL, "zonepath '%s' is not supported: it has to be /zones/%s",
	    c->zonepath, c->name));
}

/* A path below the old zone path is one below the new. *value is replaced. */
static int
relocate(char **value, const char *from, const char *to)
{
	size_t len = strlen(from);
	char *moved;

	if (*value == NULL || strncmp(*value, from, len) != 0 ||
	    ((*value)[len] != '/' && (*value)[len] != '\0'))
		return (0);
	if ((moved = malloc(strlen(to) + strlen(*value + len) + 1)) == NULL)
		return (-ENOMEM);
	(void)stpcpy(stpcpy(moved, to), *value + len);
	free(*value);
	*value = moved;
	return (0);
}

int
zone_path_relocate(struct zconf *c, const char *to)
{
	CLEANUP_FREE char *from = NULL;
	int rc = 0;

	if (c->zonepath == NULL || strcmp(c->zonepath, to) == 0)
		return (0);
	if ((from = strdup(c->zonepath)) == NULL ||
	    zfield_set(zfield_find(zconf_fields, "zonepath"), c, to) != 0)
		return (-ENOMEM);
	for (size_t i = 0; i < c->ndevice && rc == 0; i++)
		rc = relocate(&c->device[i].match, from, to);
	return (rc);
}

/* Make the zone path: a folder of root's, 0700, not reached by a symbolic link (zones.md 7). */
int
zone_path_make(const char *path, struct err *e)
{
	static const struct {
		const char *name;
		mode_t mode;
	} inside[] = { { "root", 0755 }, { "config", 0700 }, { "logs", 0755 } };
	char pool[PATH_MAX];
	struct stat st;
	int rc;

	if ((rc = pool_ready(e)) != 0 || (rc = dir_make(path_zones(pool, "%s", ""), 0755, e)) != 0)
		return (rc);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return (err_set(e, errno, "cannot make zonepath '%s'", path));
	if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
		return (err_say(e, ENOTDIR, "zonepath '%s' is not a folder", path));
	if (st.st_uid != geteuid())
		return (err_say(e, EPERM, "zonepath '%s' does not belong to root", path));
	if (chmod(path, 0700) != 0)
		return (err_set(e, errno, "cannot set the mode of zonepath '%s'", path));
	for (size_t i = 0; i < NITEMS(inside); i++) {
		char sub[PATH_MAX];
		if ((size_t)snprintf(sub, sizeof(sub), "%s/%s", path, inside[i].name) >=
		    sizeof(sub))
			return (err_set(e, ENAMETOOLONG, "zonepath '%s'", path));
		if (mkdir(sub, inside[i].mode) != 0 && errno != EEXIST)
			return (err_set(e, errno, "cannot make '%s'", sub));
	}
	return (0);
}

static int
remove_zonepath(const char *path, struct err *e)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return (errno == ENOENT ? 0 : err_set(e, errno, "cannot open zonepath '%s'", path));
	if ((rc = tree_empty(fd)) != 0)
		return (err_set(e, -rc, "cannot remove what is in zonepath '%s'%s", path,
		    rc == -EXDEV ? " (a filesystem is mounted there: unmount it)" : ""));
	if (rmdir(path) != 0)
		return (err_set(e, errno, "cannot remove zonepath '%s'", path));
	return (0);
}

/* ---- states around it ---- */

int
zone_install(const char *name, struct err *e)
{
	char path[PATH_MAX];
	struct zone_status st;
	struct zconf *c;
	int rc;

	if ((rc = zone_status_get(name, &st, e)) != 0 ||
	    (rc = zone_state_check(ZCMD_INSTALL, st.state, e)) != 0 ||
	    (rc = zconf_load(name, &c, e)) != 0)
		return (rc);
	if ((rc = zconf_verify(c, e)) == 0 && (rc = zone_path_check(c, e)) == 0 &&
	    zone_is_detached(name))
		rc = err_say(e, EEXIST,
		    "zonepath '%s' is that of a detached zone: attach it, or move it away",
		    path_zones(path, "%s", name));
	zconf_free(c);
	if (rc != 0)
		return (rc);
	if ((rc = zconf_set_state(name, ZONE_STATE_INCOMPLETE, e)) != 0 ||
	    (rc = zone_path_make(path_zones(path, "%s", name), e)) != 0)
		return (rc);
	return (zconf_set_state(name, ZONE_STATE_INSTALLED, e));
}

/* A zoneadmd that is there for viewers of the console only: they are told, and it ends. */
int
zone_release(const char *name, struct err *e)
{
	char path[PATH_MAX];
	int rc;

	(void)path_run(path, "%s/control", name);
	rc = varlink_call(path, "org.zhyve.Zone.Release", NULL, NULL, e);
	if (rc != 0 && rc != -ENOTCONN && rc != -ECONNRESET)
		return (rc);
	err_clear(e);
	for (int waited = 0; (rc = zone_reconcile(name, NULL, e)) == -EBUSY; waited += 20) {
		if (waited >= RELEASE_WAIT_MS)
			return (err_say(e, EBUSY, "its zoneadmd does not end"));
		(void)poll(NULL, 0, 20);
	}
	return (rc);
}

int
zone_uninstall(const char *name, struct err *e)
{
	struct zone_status st;
	char path[PATH_MAX];
	int rc;

	if ((rc = zone_status_get(name, &st, e)) != 0)
		return (rc);
	if ((rc = zone_state_check(ZCMD_UNINSTALL, st.state, e)) != 0 ||
	    (rc = zone_release(name, e)) != 0 ||
	    (rc = zconf_set_state(name, ZONE_STATE_INCOMPLETE, e)) != 0 ||
	    (rc = remove_zonepath(path_zones(path, "%s", name), e)) != 0)
		return (rc);
	return (zconf_set_state(name, ZONE_STATE_CONFIGURED, e));
}
