/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's global properties: set, clear, info and export of what is not in a resource. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"
#include "zone/zconf_rctl.h"

/* Properties that are neither string fields nor aliases. */
#define ZONENAME "zonename"
#define AUTOBOOT "autoboot"
#define UUID     "uuid"

static bool
fixed_when_installed(const char *name)
{
	return (
	    strcmp(name, "zonepath") == 0 || strcmp(name, "brand") == 0 || strcmp(name, UUID) == 0);
}

bool
zc_global_known(const char *name)
{
	return (strcmp(name, ZONENAME) == 0 || strcmp(name, AUTOBOOT) == 0 ||
	    strcmp(name, UUID) == 0 || zfield_find(zconf_fields, name) != NULL ||
	    zrctl_alias_find(NULL, name) != NULL);
}

static int
set_uuid(struct zconf *c, const char *value, struct err *e)
{
	uint8_t uuid[16];

	if (parse_uuid(value, uuid) != 0)
		return (zc_fail(e, "uuid '%s' is invalid: 8-4-4-4-12 hexadecimal digits", value));
	format_uuid(uuid, c->uuid);
	return (CMD_OK);
}

static int
set_autoboot(struct zconf *c, const char *value, struct err *e)
{
	if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
		return (zc_fail(e, "autoboot '%s' is invalid: true or false", value));
	c->autoboot = strcmp(value, "true") == 0;
	return (CMD_OK);
}

int
zc_do_set(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zrctl_alias *a;
	const struct zfield *f;
	const char *name, *value;
	int status;

	if ((status = zc_assignment(s, &name, &value, e)) != CMD_OK)
		return (status);
	if (fixed_when_installed(name) &&
	    ((status = zc_not_installed(z, "setting it", e)) != CMD_OK)) {
		(void)err_ctx(e, "%s", name);
		return (status);
	}
	if (strcmp(name, ZONENAME) == 0)
		return (zc_rename(z, value, e));
	if (strcmp(name, UUID) == 0)
		return (set_uuid(z->work, value, e));
	if (strcmp(name, AUTOBOOT) == 0)
		return (set_autoboot(z->work, value, e));
	if ((a = zrctl_alias_find(NULL, name)) != NULL)
		return (zrctl_alias_set(z->work, a, value, e) != 0 ? CMD_ERROR : CMD_OK);
	if ((f = zfield_find(zconf_fields, name)) == NULL)
		return (zc_misuse(e, "unknown property '%s' (see: help properties)", name));
	if (zfield_set(f, z->work, value) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

int
zc_do_clear(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zrctl_alias *a;
	const struct zfield *f;
	const char *name;

	if (s->n != 1 || s->arg[0].name != NULL || s->arg[0].value.type != VALUE_SIMPLE)
		return (zc_usage(s, e));
	name = s->arg[0].value.text;
	if (fixed_when_installed(name) || strcmp(name, ZONENAME) == 0)
		return (zc_fail(e, "%s is required: it cannot be cleared", name));
	if (strcmp(name, AUTOBOOT) == 0)
		z->work->autoboot = false;
	else if ((a = zrctl_alias_find(NULL, name)) != NULL)
		(void)zconf_rctl_clear(z->work, a->rctl);
	else if ((f = zfield_find(zconf_fields, name)) != NULL)
		(void)zfield_set(f, z->work, NULL);
	else
		return (zc_misuse(e, "unknown property '%s' (see: help properties)", name));
	return (CMD_OK);
}

static void
info_field(FILE *f, const struct zconf *c, const struct zfield *field)
{
	const char *value = zfield_get(field, c);

	(void)fprintf(f, "%s: %s\n", field->name, value != NULL ? value : "");
}

void
zc_global_info(FILE *f, const struct zconf *c, const char *name)
{
	const struct zrctl_alias *a = zrctl_alias_find(NULL, name);
	char text[ZRCTL_TEXT_MAX];
	uint64_t limit;

	if (strcmp(name, ZONENAME) == 0)
		(void)fprintf(f, ZONENAME ": %s\n", c->name);
	else if (strcmp(name, UUID) == 0)
		(void)fprintf(f, UUID ": %s\n", c->uuid);
	else if (strcmp(name, AUTOBOOT) == 0)
		(void)fprintf(f, AUTOBOOT ": %s\n", c->autoboot ? "true" : "false");
	else if (a == NULL)
		info_field(f, c, zfield_find(zconf_fields, name));
	else if (zrctl_alias_get(c, a, &limit) == 0) {
		zrctl_alias_format(a, limit, text);
		(void)fprintf(f, "[%s: %s]\n", a->name, text);
	} else
		(void)fprintf(f, "%s: \n", a->name);
}

void
zc_global_info_all(FILE *f, const struct zconf *c)
{
	const struct zrctl_alias *a;
	uint64_t limit;

	zc_global_info(f, c, ZONENAME);
	for (const struct zfield *field = zconf_fields; field->name != NULL; field++) {
		info_field(f, c, field);
		if (strcmp(field->name, "brand") == 0)
			zc_global_info(f, c, AUTOBOOT);
	}
	zc_global_info(f, c, UUID);
	for (a = zrctl_aliases; a->name != NULL; a++) {
		if (a->resource == NULL && zrctl_alias_get(c, a, &limit) == 0)
			zc_global_info(f, c, a->name);
	}
}

void
zc_global_export(FILE *f, const struct zconf *c)
{
	const char *value;

	for (const struct zfield *field = zconf_fields; field->name != NULL; field++) {
		value = zfield_get(field, c);
		if (value != NULL && *value != '\0')
			zc_print_set(f, "", field->name, value);
		if (strcmp(field->name, "brand") == 0)
			zc_print_set(f, "", AUTOBOOT, c->autoboot ? "true" : "false");
	}
}

void
zc_alias_export(FILE *f, const struct zconf *c)
{
	const struct zrctl_alias *a;
	char text[ZRCTL_TEXT_MAX];
	uint64_t limit;

	/* max-lwps stands before max-processes in the table: nothing is set by the way. */
	for (a = zrctl_aliases; a->name != NULL; a++) {
		if (a->resource != NULL || zrctl_alias_get(c, a, &limit) != 0)
			continue;
		zrctl_alias_format(a, limit, text);
		zc_print_set(f, "", a->name, text);
		if (strcmp(a->name, "max-processes") == 0 &&
		    zconf_rctl_find(c, "zone.max-lwps") == NULL)
			(void)fprintf(f, "clear max-lwps\n");
	}
}
