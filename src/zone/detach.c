/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Detach and attach: a zone path that describes itself, in its file detached.json, so that another
 * host can take it. Copies nothing: the folder is carried by whoever moves it. Runs in the tools, as
 * root.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/brand.h"
#include "zone/client.h"
#include "zone/install.h"
#include "zone/paths.h"
#include "zone/volume.h"
#include "zone/zconf_json.h"
#include "zone/zstate.h"

#define MANIFEST     "detached.json"
#define MANIFEST_MAX (1 * MIB)

/* ---- the description ---- */

/* The configuration becomes one of a zone of this name, which is not installed. */
int
zone_detached_adopt(struct zconf *c, const char *name, struct err *e)
{
	char to[PATH_MAX];

	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	c->state = ZONE_STATE_CONFIGURED;
	c->did = 0;
	if (zone_path_relocate(c, path_zones(to, "%s", name)) != 0)
		return (err_set(e, ENOMEM, "cannot take the configuration over"));
	return (0);
}

int
zone_detached_read(const char *path, const char *name, struct zconf **out, struct err *e)
{
	char file[PATH_MAX];
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	size_t len;
	int rc;

	rc = snprintf(file, sizeof(file), "%s%s", path,
	    stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? "/" MANIFEST : "");
	if (rc < 0 || (size_t)rc >= sizeof(file))
		return (err_set(e, ENAMETOOLONG, "cannot read '%s'", path));
	if ((rc = file_read(file, MANIFEST_MAX, &text, &len, e)) != 0)
		return (rc);
	if ((rc = zconf_json_parse(text, len, out, e)) != 0)
		return (err_ctx(e, "'%s' describes no zone", file));
	if ((rc = zone_detached_adopt(*out, name, e)) != 0) {
		zconf_free(*out);
		*out = NULL;
	}
	return (rc);
}

/* ---- detach ---- */

int
zone_detach(const char *name, bool dry_run, char **text, struct err *e)
{
	char path[PATH_MAX];
	struct zone_status st;
	struct zconf *c;
	size_t len;
	int rc;

	*text = NULL;
	if ((rc = zone_status_get(name, &st, e)) != 0 ||
	    (rc = zone_state_check(ZCMD_DETACH, st.state, e)) != 0 ||
	    (rc = zconf_load(name, &c, e)) != 0)
		return (rc);
	rc = zconf_json_format(c, text, &len, e);
	zconf_free(c);
	if (rc != 0 || dry_run)
		return (rc);
	if ((rc = zone_release(name, e)) == 0)
		rc = file_replace(path_zones(path, "%s/" MANIFEST, name), *text, len, 0600, e);
	/* Killed here the zone is installed still, and the file without effect. */
	if (rc == 0)
		rc = zconf_set_state(name, ZONE_STATE_CONFIGURED, e);
	if (rc != 0) {
		free(*text);
		*text = NULL;
	}
	return (rc);
}

bool
zone_is_detached(const char *name)
{
	char path[PATH_MAX];

	return (access(path_zones(path, "%s/" MANIFEST, name), F_OK) == 0);
}

/* ---- attach ---- */

/* Is the zone path the one that belongs to this configuration? */
static int
check_same(const struct zconf *c, struct err *e)
{
	char path[PATH_MAX];
	struct zconf *found;
	bool same;
	int rc;

	if (!zone_is_detached(c->name))
		return (err_say(e, ENOENT,
		    "zonepath '%s' is not that of a detached zone: it has no " MANIFEST
		    " (attach -F takes it all the same)",
		    path_zones(path, "%s", c->name)));
	if ((rc = zone_detached_read(path_zones(path, "%s", c->name), c->name, &found, e)) != 0)
		return (rc);
	same = strcmp(found->uuid, c->uuid) == 0;
	if (!same)
		rc = err_say(e, EINVAL,
		    "zonepath '%s' is that of the zone with uuid %s, not %s (attach -F takes it "
		    "all the same)",
		    path, found->uuid, c->uuid);
	zconf_free(found);
	return (rc);
}

static int
check_disks(const struct zconf *c, struct err *e)
{
	uint64_t size;
	int rc;

	for (size_t i = 0; i < c->ndevice; i++) {
		if (!brand_is_passthru(&c->device[i]) &&
		    (rc = volume_stat(c->device[i].match, &size, e)) != 0)
			return (rc);
	}
	return (0);
}

int
zone_attach(const char *name, bool force, struct err *e)
{
	char path[PATH_MAX];
	struct zone_status st;
	struct zconf *c;
	struct stat dir;
	int rc;

	if ((rc = zone_status_get(name, &st, e)) != 0 ||
	    (rc = zone_state_check(force ? ZCMD_ATTACH_FORCED : ZCMD_ATTACH, st.state, e)) != 0 ||
	    (rc = zconf_load(name, &c, e)) != 0)
		return (rc);
	(void)path_zones(path, "%s", name);
	if ((rc = zconf_verify(c, e)) == 0 && (rc = zone_path_check(c, e)) == 0 &&
	    (lstat(path, &dir) != 0 || !S_ISDIR(dir.st_mode)))
		rc = err_say(e, ENOTDIR,
		    "zonepath '%s' is not there: bring the detached zone's folder to this place",
		    path);
	if (rc == 0 && !force && (rc = check_same(c, e)) == 0)
		rc = check_disks(c, e);
	zconf_free(c);
	if (rc != 0)
		return (rc);
	if ((rc = zone_path_make(path, e)) != 0 ||
	    (rc = zconf_set_state(name, ZONE_STATE_INSTALLED, e)) != 0)
		return (rc);
	/* From here on it is not needed; the next detach writes another. */
	if (unlink(path_zones(path, "%s/" MANIFEST, name)) != 0 && errno != ENOENT)
		return (err_set(e, errno, "attached, but cannot remove '%s'", path));
	return (0);
}
