/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Renaming a zone: see rename.h. In this order, each step repeatable: the note (the old name, then the new
 * configuration) is durable; the zone path is moved; the new configuration is stored; the old one is
 * removed; the note is removed. Its ledger is held meanwhile, so that no zoneadmd starts for the old name.
 * Runs in the tools, as root.
 */
#include "zone/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/client.h"
#include "zone/install.h"
#include "zone/ledger.h"
#include "zone/paths.h"
#include "zone/volume.h"
#include "zone/zconf_json.h"
#include "zone/zconf_store.h"
#include "zone/zstate.h"

#define NOTE     ".rename"
#define NOTE_MAX (1 * MIB + ZONENAME_MAX)

int
zone_rename_conf(struct zconf *c, const char *name, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	int rc = 0;

	if (c->zonepath != NULL && strcmp(c->zonepath, path_zones(from, "%s", c->name)) == 0)
		rc = zone_path_relocate(c, path_zones(to, "%s", name));
	else if (c->zonepath != NULL && strncmp(c->zonepath, "/zones/", 7) == 0 &&
	    strcmp(c->zonepath + 7, c->name) == 0) {
		/* As people write it, whatever ZHYVE_ROOT is. */
		(void)snprintf(to, sizeof(to), "/zones/%s", name);
		rc = zone_path_relocate(c, to);
	}
	if (rc != 0)
		return (err_set(e, -rc, "cannot rename it"));
	(void)snprintf(c->name, sizeof(c->name), "%s", name);
	return (0);
}

/* ---- the note ---- */

static int
note_write(const char *old, const struct zconf *c, struct err *e)
{
	char path[PATH_MAX];
	CLEANUP_FREE char *json = NULL, *text = NULL;
	size_t len;
	int rc;

	if ((rc = zconf_json_format(c, &json, &len, e)) != 0)
		return (rc);
	if (asprintf(&text, "%s\n%s", old, json) < 0) {
		text = NULL;
		return (err_set(e, ENOMEM, "cannot rename zone '%s'", old));
	}
	return (file_replace(path_etc(path, NOTE), text, strlen(text), 0600, e));
}

static int
note_read(char old[ZONENAME_MAX], struct zconf **c, struct err *e)
{
	char path[PATH_MAX], *json;
	CLEANUP_FREE char *text = NULL;
	size_t len;
	int rc;

	if ((rc = file_read(path_etc(path, NOTE), NOTE_MAX, &text, &len, e)) != 0)
		return (rc);
	json = strchr(text, '\n');
	if (json == NULL || json - text >= ZONENAME_MAX)
		return (err_say(e, EINVAL, "'%s' is no note of a renaming: remove it", path));
	*json++ = '\0';
	(void)strcpy(old, text); /* its length has been checked */
	if (zconf_name_check(old, e) != 0 ||
	    zconf_json_parse(json, len - (size_t)(json - text), c, e) != 0)
		return (err_ctx(e, "'%s' is no note of a renaming: remove it", path));
	return (0);
}

static int
note_remove(struct err *e)
{
	char path[PATH_MAX];

	if (unlink(path_etc(path, NOTE)) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", path));
	return (0);
}

/* ---- the steps ---- */

static bool
is_there(const char *path)
{
	struct stat st;

	return (lstat(path, &st) == 0);
}

/* Move a zone path, durably; it may have been moved already. 0 also when there is none. */
static int
move_path(const char *old, const char *new, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX], pool[PATH_MAX];
	CLEANUP_FD int dir = -1;

	(void)path_zones(from, "%s", old);
	(void)path_zones(to, "%s", new);
	if (!is_there(from))
		return (0);
	dir = open(path_zones(pool, "%s", ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return (err_set(e, errno, "cannot open '%s'", pool));
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0)
		return (err_set(e, errno, "cannot move zonepath '%s' to '%s'", from, to));
	(void)fsync(dir); /* where a file system has none it has nothing to lose either */
	return (0);
}

/* From a note that is there to its end; -errno: the zone has its old name, and the note is gone. */
static int
carry_out(const char *old, const struct zconf *c, struct err *e)
{
	int rc;

	if ((rc = move_path(old, c->name, e)) != 0) {
		(void)note_remove(NULL);
		return (rc);
	}
	if ((rc = zconf_write(c, e)) != 0) {
		/* A full disk, say. If it cannot be moved back the note stays, and with it the zone. */
		if (move_path(c->name, old, NULL) == 0)
			(void)note_remove(NULL);
		return (rc);
	}
	if ((rc = zconf_delete(old, e)) != 0 && rc != -ENOENT)
		return (rc);
	return (note_remove(e));
}

int
zone_rename_finish(struct err *e)
{
	char path[PATH_MAX], old[ZONENAME_MAX];
	struct zconf *c;
	int rc;

	if (!is_there(path_etc(path, NOTE)))
		return (0);
	if ((rc = note_read(old, &c, e)) != 0)
		return (rc);
	if ((rc = carry_out(old, c, e)) != 0)
		(void)err_ctx(e, "finishing the renaming of zone '%s' to '%s'", old, c->name);
	zconf_free(c);
	return (rc);
}

void
zone_rename_recover(void)
{
	char path[PATH_MAX];

	if (is_there(path_etc(path, NOTE)) && zconf_lock(NULL) == 0)
		zconf_unlock();
}

/* ---- asked for ---- */

/* A volume that is no file in its folder keeps its name (volume_lvm.c). */
static int
check_volumes(const char *old, const struct zconf *c, struct err *e)
{
	for (size_t i = 0; i < c->ndevice; i++) {
		const char *match = c->device[i].match;

		if (match != NULL && strncmp(match, "/dev/", 5) == 0 && volume_is_of(match, old))
			return (err_say(e, EBUSY,
			    "the zone's disk '%s' is a volume that keeps its name: clone the zone "
			    "under the new one instead",
			    match));
	}
	return (0);
}

static int
check(const char *old, const struct zconf *c, struct err *e)
{
	char path[PATH_MAX];
	struct zone_status st;
	int rc;

	if ((rc = zconf_name_check(c->name, e)) != 0 || (rc = zone_status_get(old, &st, e)) != 0 ||
	    (rc = zone_state_check(ZCMD_RENAME, st.state, e)) != 0 ||
	    (rc = check_volumes(old, c, e)) != 0)
		return (rc);
	if (is_there(path_etc(path, "%s.json", c->name)))
		return (err_say(e, EEXIST, "zone '%s' is configured already", c->name));
	if (is_there(path_zones(path, "%s", c->name)))
		return (err_say(e, EEXIST, "zonepath '%s' is there already", path));
	return (0);
}

int
zone_rename(const char *old, struct zconf *c, struct err *e)
{
	char path[PATH_MAX];
	struct ledger *held;
	int rc;

	if ((rc = check(old, c, e)) != 0 || (rc = zone_release(old, e)) != 0 ||
	    (rc = dir_make(path_run(path, "%s", old), 0711, e)) != 0)
		return (rc);
	if ((rc = ledger_open(path_run(path, "%s/ledger.jsonl", old), true, &held, e)) != 0)
		return (
		    rc == -EBUSY ? err_say(e, EBUSY, "its zoneadmd has just been started") : rc);
	if ((rc = note_write(old, c, e)) == 0)
		rc = carry_out(old, c, e);
	ledger_close(held);
	(void)rmdir(path_run(path, "%s", old));
	return (rc);
}
