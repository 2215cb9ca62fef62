/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between memory and store: opening, create, commit, revert, verify, delete, exit. The store is
 * changed by commit and delete only, each under its lock and after another look at what is stored:
 * zoneadm may have changed the state meanwhile, another zonecfg the rest.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "cmd/zonecfg/xml.h"
#include "cmd/zonecfg/zonecfg.h"
#include "zone/client.h"
#include "zone/rename.h"
#include "zone/zconf_field.h"
#include "zone/zstate.h"

int
zc_no_zone(const struct zc_session *z, struct err *e)
{
	(void)err_say(e, ENOENT, "%s: No such zone configured", z->name);
	return (CMD_ERROR);
}

static struct zconf *
dup_or_die(const struct zconf *c)
{
	struct zconf *d = zconf_dup(c);

	if (d == NULL)
		cmd_no_memory();
	return (d);
}

/* Edit `c` from here on; it is what is stored when `stored`. Takes `c` over. */
static void
adopt(struct zc_session *z, struct zconf *c, bool stored)
{
	if (stored) {
		zconf_free(z->saved);
		z->saved = c != NULL ? dup_or_die(c) : NULL;
	}
	zconf_free(z->work);
	z->work = c;
}

int
zc_open(struct zc_session *z, struct err *e)
{
	struct zconf *c;
	int rc = zconf_load(z->name, &c, e);

	if (rc == -ENOENT)
		return (CMD_OK);
	if (rc == -EACCES)
		(void)err_ctx(e, "only root may read it");
	if (rc != 0)
		return (CMD_ERROR);
	adopt(z, c, true);
	return (CMD_OK);
}

void
zc_close(struct zc_session *z)
{
	zconf_free(z->saved);
	zconf_free(z->work);
	zconf_free(z->backup);
	z->saved = z->work = z->backup = NULL;
}

bool
zc_changed(const struct zc_session *z)
{
	if (z->work == NULL || z->saved == NULL)
		return (z->work != z->saved);
	return (!zconf_equal(z->work, z->saved));
}

int
zc_not_installed(const struct zc_session *z, const char *what, struct err *e)
{
	if (z->saved == NULL || z->saved->state == ZONE_STATE_CONFIGURED)
		return (CMD_OK);
	return (
	    zc_fail(e, "zone already %s; %s not allowed", zone_state_name(z->saved->state), what));
}

int
zc_rename(struct zc_session *z, const char *name, struct err *e)
{
	struct zconf *other;
	int rc;

	if (strcmp(name, z->work->name) == 0)
		return (CMD_OK);
	if (zconf_name_check(name, e) != 0)
		return (CMD_ERROR);
	if (strcmp(name, z->name) != 0) { /* else it is only taken back */
		if ((rc = zconf_load(name, &other, e)) == 0) {
			zconf_free(other);
			return (zc_fail(e, "zonename: zone '%s' is configured already", name));
		}
		if (rc != -ENOENT)
			return (CMD_ERROR);
		err_clear(e);
	}
	if (zone_rename_conf(z->work, name, e) != 0)
		return (CMD_ERROR);
	if (z->saved == NULL) /* it never had another */
		(void)strcpy(z->name, z->work->name);
	return (CMD_OK);
}

/* What must not change once there is a zone path, but by a renaming. */
static bool
same_place(const struct zconf *a, struct zconf *b)
{
	static const char *const fixed[] = { "zonepath", "brand" };
	const struct zfield *f;
	const char *x, *y;

	if (zone_rename_conf(b, a->name, NULL) != 0)
		return (false);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		f = zfield_find(zconf_fields, fixed[i]);
		x = zfield_get(f, a);
		y = zfield_get(f, b);
		if (strcmp(x != NULL ? x : "", y != NULL ? y : "") != 0)
			return (false);
	}
	return (strcmp(a->uuid, b->uuid) == 0);
}

/*
 * Compare what is stored now with what was loaded; on success `work` has the present state. Under
 * the lock.
 */
static int
catch_up(struct zc_session *z, struct err *e)
{
	struct zconf *now = NULL;
	enum zone_state state;
	bool same, fixed = true;
	int rc = zconf_load(z->name, &now, e);

	if (rc != 0 && rc != -ENOENT)
		return (CMD_ERROR);
	if (now == NULL || z->saved == NULL) {
		same = now == NULL && z->saved == NULL;
		zconf_free(now);
		return (same ? CMD_OK
			     : zc_fail(e, "another program has %s it meanwhile: nothing stored",
				   z->saved == NULL ? "created" : "deleted"));
	}
	state = now->state;
	now->state = z->saved->state;
	same = zconf_equal(now, z->saved);
	if (same) {
		z->saved->state = z->work->state = state;
		fixed = state == ZONE_STATE_CONFIGURED || same_place(z->work, now);
	}
	zconf_free(now);
	if (!same)
		return (zc_fail(e,
		    "another program has changed it meanwhile: nothing stored; "
		    "revert and repeat"));
	if (!fixed)
		return (zc_not_installed(z, "a change of zonepath, brand or uuid is", e));
	return (CMD_OK);
}

/* Under the lock. */
static int
store(struct zc_session *z, struct err *e)
{
	if (z->saved != NULL && strcmp(z->work->name, z->name) != 0)
		return (zone_rename(z->name, z->work, e));
	return (zconf_store(z->work, e));
}

int
zc_commit(struct zc_session *z, struct err *e)
{
	int status;

	if (!zc_changed(z))
		return (CMD_OK);
	if (zconf_verify(z->work, e) != 0 || zconf_lock(e) != 0)
		return (CMD_ERROR);
	status = catch_up(z, e);
	if (status == CMD_OK && store(z, e) != 0)
		status = CMD_ERROR;
	zconf_unlock();
	if (status == CMD_OK) {
		(void)strcpy(z->name, z->work->name);
		zconf_free(z->saved);
		z->saved = dup_or_die(z->work);
	}
	return (status);
}

/* The templates that are always there; any configured zone is one as well. */
static int
from_template(struct zc_session *z, const char *name, struct zconf **out, struct err *e)
{
	struct zconf *c = NULL;
	bool system = strcmp(name, "SYSbhyve") == 0 || strcmp(name, "SYSdefault") == 0;

	if (!system && strcmp(name, "SYSblank") != 0) {
		if (zconf_load(name, &c, e) != 0)
			return (CMD_ERROR);
		(void)strcpy(c->name, z->name); /* both of ZONENAME_MAX */
		c->uuid[0] = '\0';
		c->did = 0;
		c->state = ZONE_STATE_CONFIGURED;
		*out = c;
		return (CMD_OK);
	}
	if ((c = zconf_new(z->name)) == NULL ||
	    (system &&
		(zfield_set(zfield_find(zconf_fields, "brand"), c, "bhyve") != 0 ||
		    zfield_set(zfield_find(zconf_fields, "ip-type"), c, "exclusive") != 0 ||
		    zconf_attr_set(c, "com1", ZATTR_STRING, "/dev/zconsole") != 0)))
		cmd_no_memory();
	*out = c;
	return (CMD_OK);
}

/* What a detached zone's folder describes, or a SmartOS zone's XML file. */
static int
from_elsewhere(struct zc_session *z, const char *path, struct zconf **out, struct err *e)
{
	CLEANUP_FREE char *text = NULL;
	struct stat st;
	size_t len;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return (zone_detached_read(path, z->name, out, e) != 0 ? CMD_ERROR : CMD_OK);
	if (file_read(path, ZC_XML_MAX, &text, &len, e) != 0)
		return (CMD_ERROR);
	if (text[strspn(text, " \t\r\n")] != '<')
		return (zone_detached_read(path, z->name, out, e) != 0 ? CMD_ERROR : CMD_OK);
	if (zc_xml_parse(text, len, out, e) != 0) {
		(void)err_ctx(e, "'%s'", path);
		return (CMD_ERROR);
	}
	if (zone_detached_adopt(*out, z->name, e) == 0)
		return (CMD_OK);
	zconf_free(*out);
	return (CMD_ERROR);
}

int
zc_do_create(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	struct zc_options o;
	const char *template;
	struct zconf *c;
	int status;

	if ((status = zc_options(s, "Fbt:a:X", &o, e)) != CMD_OK)
		return (status);
	if (o.first != s->n || o.flag['a'] + o.flag['b'] + o.flag['t'] > 1)
		return (zc_usage(s, e));
	if (o.flag['X'])
		return (zc_misuse(e, "create: -X is not supported here: there is no index"));
	if (z->work != NULL) {
		if (!o.flag['F'])
			return (zc_fail(e, "zone already exists; create -F begins it anew"));
		if ((status = zc_not_installed(z, "create -F", e)) != CMD_OK)
			return (status);
	}
	if (o.flag['a']) {
		if ((status = from_elsewhere(z, o.value['a'], &c, e)) != CMD_OK)
			return (status);
		if (z->saved != NULL) {
			c->did = z->saved->did;
			if (c->uuid[0] == '\0')
				(void)strcpy(c->uuid, z->saved->uuid);
		}
		adopt(z, c, false);
		return (CMD_OK);
	}
	template = o.flag['b'] ? "SYSblank" : o.flag['t'] ? o.value['t'] : "SYSbhyve";
	if ((status = from_template(z, template, &c, e)) != CMD_OK)
		return (status);
	if (z->saved != NULL) { /* the same zone, with another configuration */
		(void)strcpy(c->uuid, z->saved->uuid);
		c->did = z->saved->did;
	}
	adopt(z, c, false);
	return (CMD_OK);
}

/* A question that -F answers. Without a person and without -F: refused. */
static int
confirm(const struct zc_session *z, const struct zc_stmt *s, const char *question, struct err *e)
{
	struct zc_options o;
	int status;

	if ((status = zc_options(s, "F", &o, e)) != CMD_OK)
		return (status);
	if (o.first != s->n)
		return (zc_usage(s, e));
	if (o.flag['F'] || (z->tty && zc_ask(z, "%s", question)))
		return (CMD_OK);
	if (z->tty)
		return (zc_fail(e, "%s: not done", s->verb));
	return (zc_fail(e, "%s: input is not a terminal and -F is not given: not done", s->verb));
}

int
zc_do_delete(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	struct zone_status now;
	int status;

	if ((status = confirm(z, s, "Delete this zone's configuration", e)) != CMD_OK)
		return (status);
	if (z->saved == NULL) { /* created, never committed */
		adopt(z, NULL, true);
		return (CMD_OK);
	}
	if (zconf_lock(e) != 0)
		return (CMD_ERROR);
	if (zone_status_get(z->name, &now, e) != 0 ||
	    zone_state_check(ZCMD_DELETE, now.state, e) != 0 || zconf_delete(z->name, e) != 0)
		status = CMD_ERROR;
	zconf_unlock();
	if (status == CMD_OK)
		adopt(z, NULL, true);
	return (status);
}

int
zc_do_commit(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	return (s->n != 0 ? zc_usage(s, e) : zc_commit(z, e));
}

int
zc_do_revert(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	int status;

	if ((status = confirm(z, s, "Drop all changes since the last commit", e)) != CMD_OK)
		return (status);
	adopt(z, NULL, true);
	return (zc_open(z, e));
}

int
zc_do_verify(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	if (s->n != 0)
		return (zc_usage(s, e));
	return (zconf_verify(z->work, e) != 0 ? CMD_ERROR : CMD_OK);
}

int
zc_do_exit(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	struct zc_options o;
	int status;

	if ((status = zc_options(s, "F", &o, e)) != CMD_OK)
		return (status);
	if (o.first != s->n)
		return (zc_usage(s, e));
	z->leave = true;
	z->discard = o.flag['F'];
	return (CMD_OK);
}
