/* SPDX-License-Identifier: BSD-2-Clause */
/* The pool's configuration: see pool.h. Tools and zoneadmd. */
#include "zone/pool.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "zone/paths.h"
#include "zone/volume_zfs.h"

#define FILE_MAX (64 * 1024)

static char *
conf_path(char buf[PATH_MAX])
{
	return (path_etc(buf, "pool.json"));
}

/* A member that may be left out, into a buffer. */
static bool
take(const json_t *o, const char *name, char *out, size_t size)
{
	const json_t *v = json_object_get(o, name);
	const char *s = json_string_value(v);

	out[0] = '\0';
	if (v == NULL)
		return (true);
	return (s != NULL && strlen(s) < size && strlen(s) == json_string_length(v) &&
	    strcpy(out, s) != NULL);
}

/* As a volume group and a dataset may be called: part of a path, and an argument of programs. */
static bool
is_group(const char *driver, const char *s)
{
	if (strcmp(driver, "zfs") == 0)
		return (zfs_name_valid(s));
	return (s[0] != '\0' && s[0] != '-' && s[0] != '.' &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
		strlen(s));
}

static bool
is_path(const char *s)
{
	return (s[0] == '\0' || s[0] == '/');
}

static bool
parse(const json_t *o, struct pool_conf *c)
{
	bool plain;

	if (!json_is_object(o) || !take(o, "driver", c->driver, sizeof(c->driver)) ||
	    !take(o, "group", c->group, sizeof(c->group)) ||
	    !take(o, "device", c->device, sizeof(c->device)) ||
	    !take(o, "file", c->file, sizeof(c->file)))
		return (false);
	plain = strcmp(c->driver, "file") == 0;
	if (!plain && strcmp(c->driver, "lvm") != 0 && strcmp(c->driver, "zfs") != 0)
		return (false);
	return ((plain ? c->group[0] == '\0' : is_group(c->driver, c->group)) &&
	    is_path(c->device) && is_path(c->file));
}

int
pool_conf_load(struct pool_conf *out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	json_t *o;
	size_t len;
	bool ok;
	int rc;

	*out = (struct pool_conf){ .driver = "file" };
	rc = file_read(conf_path(path), FILE_MAX, &text, &len, e);
	if (rc == -ENOENT) {
		err_clear(e);
		return (0);
	}
	if (rc != 0)
		return (rc);
	o = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	ok = parse(o, out);
	json_decref(o);
	return (ok
		? 0
		: err_say(e, EINVAL, "'%s' is damaged: correct it (see imgadm(8), FILES)", path));
}

int
pool_conf_store(const struct pool_conf *c, struct err *e)
{
	json_t *o = json_pack("{s:s}", "driver", c->driver);
	CLEANUP_FREE char *text = NULL;
	char path[PATH_MAX];
	int rc;

	if (c->group[0] != '\0')
		(void)json_object_set_new(o, "group", json_string(c->group));
	if (c->device[0] != '\0')
		(void)json_object_set_new(o, "device", json_string(c->device));
	if (c->file[0] != '\0')
		(void)json_object_set_new(o, "file", json_string(c->file));
	text = json_dumps(o, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	json_decref(o);
	if (text == NULL)
		return (err_set(e, ENOMEM, "cannot write '%s'", conf_path(path)));
	if ((rc = dir_make(path_etc(path, "%s", ""), 0755, e)) != 0)
		return (rc);
	return (file_replace(conf_path(path), text, strlen(text), 0644, e));
}

int
pool_conf_remove(struct err *e)
{
	char path[PATH_MAX];

	if (unlink(conf_path(path)) != 0 && errno != ENOENT)
		return (err_set(e, errno, "cannot remove '%s'", path));
	return (0);
}
