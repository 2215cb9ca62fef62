/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's reader of SmartOS's XML: see xml.h. Pure. */
#include "cmd/zonecfg/xml.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "zone/zconf_field.h"
#include "zone/zconf_kept.h"

#define DEPTH_MAX 3 /* zone, resource, property of it */

/* Where an element's properties go. */
struct target {
	struct zprop **prop;
	size_t *nprop;
	struct zkept *fs;
	struct zrctl *rctl;
};

struct reader {
	XML_Parser parser;
	struct zconf *c;
	struct err *e;
	int rc; /* of the first failure */
	unsigned depth;
	const char
	    *within; /* the resource's element, from the table; NULL: none, or a dropped one */
	struct target target;
};

static void __attribute__((format(printf, 2, 3))) fail(struct reader *r, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	if (r->rc != 0)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->rc = err_say(
	    r->e, EINVAL, "line %lu: %s", (unsigned long)XML_GetCurrentLineNumber(r->parser), text);
	(void)XML_StopParser(r->parser, XML_FALSE);
}

static void
check(struct reader *r, int rc)
{
	if (rc != 0)
		fail(r, "out of memory");
}

/* ---- attributes ---- */

static const char *
attribute(const char **atts, const char *name)
{
	for (; *atts != NULL; atts += 2) {
		if (strcmp(atts[0], name) == 0)
			return (atts[1]);
	}
	return (NULL);
}

/* Each must be one of the names (NULL at the end); the first `required` of them must be there. */
static bool
attributes_ok(struct reader *r, const char *element, const char **atts, const char *const names[],
    size_t required)
{
	for (const char **a = atts; *a != NULL; a += 2) {
		size_t i = 0;

		while (names[i] != NULL && strcmp(names[i], a[0]) != 0)
			i++;
		if (names[i] == NULL)
			fail(r, "element '%s' has no attribute '%s'", element, a[0]);
	}
	for (size_t i = 0; i < required && names[i] != NULL; i++) {
		if (attribute(atts, names[i]) == NULL)
			fail(r, "element '%s' lacks its attribute '%s'", element, names[i]);
	}
	return (r->rc == 0);
}

/* Attributes that are the fields of a table; others must be among `extra`. */
static void
put_fields(struct reader *r, const char *element, const char **atts, const struct zfield *table,
    void *base, const char *const extra[])
{
	for (; *atts != NULL && r->rc == 0; atts += 2) {
		const struct zfield *f = zfield_find(table, atts[0]);
		size_t i = 0;

		if (f != NULL) {
			check(r, zfield_set(f, base, atts[1]));
			continue;
		}
		while (extra[i] != NULL && strcmp(extra[i], atts[0]) != 0)
			i++;
		if (extra[i] == NULL)
			fail(r, "element '%s' has no attribute '%s'", element, atts[0]);
	}
}

/* ---- elements ---- */

static void
on_zone(struct reader *r, const char **atts)
{
	static const char *const extra[] = { "name", "autoboot", "version", "debugid", NULL };
	const char *name = attribute(atts, "name"), *boot = attribute(atts, "autoboot"),
		   *version = attribute(atts, "version");

	put_fields(r, "zone", atts, zconf_fields, r->c, extra);
	if (name == NULL || zconf_name_check(name, NULL) != 0)
		fail(r, "the zone's name '%s' is missing or invalid", name != NULL ? name : "");
	else
		(void)strcpy(r->c->name, name); /* its length has been checked */
	if (boot != NULL && strcmp(boot, "true") != 0 && strcmp(boot, "false") != 0)
		fail(r, "autoboot '%s' is neither true nor false", boot);
	r->c->autoboot = boot != NULL && strcmp(boot, "true") == 0;
	if (version != NULL && strcmp(version, "1") != 0)
		fail(r, "version '%s' is not known", version);
}

static void
on_network(struct reader *r, const char **atts)
{
	static const char *const none[] = { NULL };
	struct znet *net = zconf_net_add(r->c);

	check(r, net == NULL);
	if (net == NULL)
		return;
	r->target = (struct target){ .prop = &net->prop, .nprop = &net->nprop };
	put_fields(r, "network", atts, znet_fields, net, none);
}

static void
on_device(struct reader *r, const char **atts)
{
	static const char *const none[] = { NULL };
	struct zdevice *d = zconf_device_add(r->c);

	check(r, d == NULL);
	if (d == NULL)
		return;
	r->target = (struct target){ .prop = &d->prop, .nprop = &d->nprop };
	put_fields(r, "device", atts, zdevice_fields, d, none);
}

static void
on_net_attr(struct reader *r, const char **atts)
{
	static const char *const names[] = { "name", "value", NULL };
	const char *name = attribute(atts, "name");

	if (!attributes_ok(r, "net-attr", atts, names, 2))
		return;
	if (*name == '\0' || zprop_get(*r->target.prop, *r->target.nprop, name) != NULL)
		fail(r, "property '%s' is empty, or stands there twice", name);
	else
		check(
		    r, zprop_set(r->target.prop, r->target.nprop, name, attribute(atts, "value")));
}

static void
on_attr(struct reader *r, const char **atts)
{
	static const char *const names[] = { "name", "type", "value", NULL };
	const char *name = attribute(atts, "name");
	enum zattr_type type;

	if (!attributes_ok(r, "attr", atts, names, 3))
		return;
	if (zattr_type_parse(attribute(atts, "type"), &type) != 0)
		fail(r, "attr '%s': type '%s' is not known", name, attribute(atts, "type"));
	else if (zconf_attr(r->c, name) != NULL)
		fail(r, "attr '%s' stands there twice", name);
	else
		check(r, zconf_attr_set(r->c, name, type, attribute(atts, "value")));
}

static void
on_rctl(struct reader *r, const char **atts)
{
	static const char *const names[] = { "name", NULL };
	const char *name = attribute(atts, "name");

	if (!attributes_ok(r, "rctl", atts, names, 1))
		return;
	if (zconf_rctl_find(r->c, name) != NULL)
		fail(r, "rctl '%s' stands there twice", name);
	else
		check(r, (r->target.rctl = zconf_rctl_add(r->c, name)) == NULL);
}

static void
on_rctl_value(struct reader *r, const char **atts)
{
	static const char *const names[] = { "priv", "limit", "action", NULL };

	if (attributes_ok(r, "rctl-value", atts, names, 3))
		check(r,
		    zrctl_value_add(r->target.rctl, attribute(atts, "priv"),
			attribute(atts, "limit"), attribute(atts, "action")));
}

/* mcap is what illumos has in place of zone.max-physical-memory. */
static void
on_mcap(struct reader *r, const char **atts)
{
	static const char *const names[] = { "physcap", NULL };
	struct zrctl *rctl;

	if (!attributes_ok(r, "mcap", atts, names, 1))
		return;
	if (zconf_rctl_find(r->c, "zone.max-physical-memory") != NULL) {
		fail(r, "the physical memory is capped twice");
		return;
	}
	rctl = zconf_rctl_add(r->c, "zone.max-physical-memory");
	check(r,
	    rctl == NULL ? -ENOMEM
			 : zrctl_value_add(rctl, "privileged", attribute(atts, "physcap"), "deny"));
}

static void
on_pset(struct reader *r, const char **atts)
{
	static const char *const names[] = { "ncpu_min", "ncpu_max", NULL };
	const char *min = attribute(atts, "ncpu_min"), *max = attribute(atts, "ncpu_max");
	char text[64];

	if (!attributes_ok(r, "pset", atts, names, 2))
		return;
	if (strcmp(min, max) == 0)
		(void)snprintf(text, sizeof(text), "%s", min);
	else
		(void)snprintf(text, sizeof(text), "%s-%s", min, max);
	check(r, zfield_set(zfield_find(zdedicated_fields, "ncpus"), r->c, text));
}

static void
on_tmp_pool(struct reader *r, const char **atts)
{
	static const char *const names[] = { "importance", NULL };

	if (attributes_ok(r, "tmp_pool", atts, names, 0))
		check(r,
		    zfield_set(zfield_find(zdedicated_fields, "importance"), r->c,
			attribute(atts, "importance")));
}

/* Of the kinds that are kept, whose attributes are named as in zonecfg, but for fs's dir. */
static struct zkept *
keep(struct reader *r, const char *element, enum zkept_kind kind, const char **atts)
{
	struct zkept *k = zconf_kept_add(r->c, kind);

	check(r, k == NULL);
	for (; k != NULL && *atts != NULL && r->rc == 0; atts += 2) {
		const char *name =
		    kind == ZKEPT_FS && strcmp(atts[0], "directory") == 0 ? "dir" : atts[0];

		if (!zkept_has(kind, name) ||
		    (kind == ZKEPT_FS && name == atts[0] &&
			(strcmp(name, "dir") == 0 || strcmp(name, "options") == 0)))
			fail(r, "element '%s' has no attribute '%s'", element, atts[0]);
		else
			check(r, zkept_set(k, name, atts[1]));
	}
	return (k);
}

static void
on_filesystem(struct reader *r, const char **atts)
{
	r->target.fs = keep(r, "filesystem", ZKEPT_FS, atts);
}

static void
on_fsoption(struct reader *r, const char **atts)
{
	static const char *const names[] = { "name", NULL };
	const char *name = attribute(atts, "name");

	if (!attributes_ok(r, "fsoption", atts, names, 1))
		return;
	if (*name == '\0' || strchr(name, ',') != NULL ||
	    zkept_list_has(r->target.fs, "options", name))
		fail(r, "fsoption '%s' is no word, or stands there twice", name);
	else
		check(r, zkept_list_add(r->target.fs, "options", name));
}

static void
on_dataset(struct reader *r, const char **atts)
{
	(void)keep(r, "dataset", ZKEPT_DATASET, atts);
}

static void
on_admin(struct reader *r, const char **atts)
{
	(void)keep(r, "admin", ZKEPT_ADMIN, atts);
}

static void
on_security_flags(struct reader *r, const char **atts)
{
	(void)keep(r, "security-flags", ZKEPT_SECURITY_FLAGS, atts);
}

/* ---- the tree ---- */

static const struct element {
	const char *name;
	const char *parent, *other_parent;               /* "": the document */
	void (*on)(struct reader *r, const char **atts); /* NULL: left out */
} elements[] = {
	{ "zone", "", NULL, on_zone },
	{ "filesystem", "zone", NULL, on_filesystem },
	{ "fsoption", "filesystem", NULL, on_fsoption },
	{ "network", "zone", NULL, on_network },
	{ "device", "zone", NULL, on_device },
	{ "net-attr", "network", "device", on_net_attr },
	{ "rctl", "zone", NULL, on_rctl },
	{ "rctl-value", "rctl", NULL, on_rctl_value },
	{ "attr", "zone", NULL, on_attr },
	{ "dataset", "zone", NULL, on_dataset },
	{ "tmp_pool", "zone", NULL, on_tmp_pool },
	{ "pset", "zone", NULL, on_pset },
	{ "mcap", "zone", NULL, on_mcap },
	{ "security-flags", "zone", NULL, on_security_flags },
	{ "admin", "zone", NULL, on_admin },
	{ "dev-perm", "zone", NULL, NULL },
	{ "package", "zone", NULL, NULL },
	{ "patch", "zone", NULL, NULL },
	{ "inherited-pkg-dir", "zone", NULL, NULL },
	{ "deleted-device", "zone", NULL, NULL },
};

static void
on_start(void *arg, const char *name, const char **atts)
{
	struct reader *r = arg;
	const char *parent = r->depth == 0 ? "" : r->depth == 1 ? "zone" : r->within;
	size_t i;

	for (i = 0; i < NITEMS(elements); i++) {
		const struct element *el = &elements[i];

		if (strcmp(el->name, name) == 0 && parent != NULL &&
		    (strcmp(el->parent, parent) == 0 ||
			(el->other_parent != NULL && strcmp(el->other_parent, parent) == 0)))
			break;
	}
	if (i == NITEMS(elements) || r->depth >= DEPTH_MAX) {
		fail(r, "element '%s' is not known here", name);
		return;
	}
	if (++r->depth == 2)
		r->within = elements[i].on != NULL ? elements[i].name : NULL;
	if (elements[i].on != NULL && r->rc == 0)
		elements[i].on(r, atts);
}

static void
on_end(void *arg, const char *name)
{
	struct reader *r = arg;

	if (r->rc != 0)
		return; /* the end of an empty element whose start was refused */
	if (r->depth-- == 2)
		r->within = NULL;
}

static void
on_text(void *arg, const char *text, int len)
{
	for (int i = 0; i < len; i++) {
		if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
			fail(arg, "text that belongs to no attribute");
			return;
		}
	}
}

static void
on_entity(void *arg, const char *name, int is_parameter, const char *value, int len,
    const char *base, const char *system_id, const char *public_id, const char *notation)
{
	fail(arg, "entity '%s': entities are refused", name);
}

int
zc_xml_parse(const char *text, size_t len, struct zconf **out, struct err *e)
{
	struct reader r = { .e = e };

	*out = NULL;
	if (len > ZC_XML_MAX)
		return (err_say(e, EFBIG, "more than %d bytes", ZC_XML_MAX));
	if ((r.c = zconf_new("")) == NULL || (r.parser = XML_ParserCreate(NULL)) == NULL) {
		zconf_free(r.c);
		return (err_set(e, ENOMEM, "cannot read the XML"));
	}
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, on_start, on_end);
	XML_SetCharacterDataHandler(r.parser, on_text);
	XML_SetEntityDeclHandler(r.parser, on_entity);
	if (XML_Parse(r.parser, text, (int)len, XML_TRUE) != XML_STATUS_OK && r.rc == 0)
		r.rc = err_say(e, EINVAL, "line %lu: %s",
		    (unsigned long)XML_GetCurrentLineNumber(r.parser),
		    XML_ErrorString(XML_GetErrorCode(r.parser)));
	XML_ParserFree(r.parser);
	if (r.rc != 0) {
		zconf_free(r.c);
		return (r.rc);
	}
	*out = r.c;
	return (0);
}
