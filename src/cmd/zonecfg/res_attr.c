/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's resource attr: a name, a type and a value that zonecfg keeps and others read. */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"

static size_t
attr_count(const struct zconf *c)
{
	return (c->nattr);
}

static int
attr_create(struct zc_session *z, size_t *i, struct err *e)
{
	/* No attribute is called "": check refuses it. */
	if (zconf_attr_set(z->work, "", ZATTR_STRING, "") != 0)
		cmd_no_memory();
	*i = z->work->nattr - 1;
	return (CMD_OK);
}

static void
attr_destroy(struct zconf *c, size_t i)
{
	(void)zconf_attr_set(c, c->attr[i].name, c->attr[i].type, NULL);
}

static void
replace(char **p, const char *value)
{
	free(*p);
	*p = cmd_strdup(value);
}

static int
attr_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	struct zattr *a = &z->work->attr[z->index];

	if (strcmp(name, "name") == 0) {
		replace(&a->name, value);
		z->given |= ZC_GIVEN_NAME;
	} else if (strcmp(name, "value") == 0) {
		replace(&a->value, value);
		z->given |= ZC_GIVEN_VALUE;
	} else {
		if (zattr_type_parse(value, &a->type) != 0)
			return (zc_fail(
			    e, "type '%s' is invalid: one of string, int, uint, boolean", value));
		z->given |= ZC_GIVEN_TYPE;
	}
	return (CMD_OK);
}

static int
attr_clear(struct zc_session *z, const char *name, struct err *e)
{
	return (zc_fail(e, "%s is required: it cannot be cleared", name));
}

static int
attr_check(const struct zc_session *z, struct err *e)
{
	static const char *const names[] = { "name", "type", "value" };
	const struct zattr *a = &z->work->attr[z->index];

	for (unsigned i = 0; i < 3; i++) {
		if ((z->given & (1u << i)) == 0)
			return (zc_fail(e, "required property '%s' is not set", names[i]));
	}
	for (size_t i = 0; i < z->work->nattr; i++) {
		if (i != z->index && strcmp(z->work->attr[i].name, a->name) == 0)
			return (zc_fail(
			    e, "an attr resource with the name '%s' already exists", a->name));
	}
	return (CMD_OK);
}

static bool
attr_match(const struct zconf *c, size_t i, const char *name, const struct zc_value *want)
{
	const struct zattr *a = &c->attr[i];
	const char *is = strcmp(name, "name") == 0 ? a->name
	    : strcmp(name, "type") == 0            ? zattr_type_name(a->type)
						   : a->value;

	return (want->type == VALUE_SIMPLE && strcmp(is, want->text) == 0);
}

static void
attr_info(FILE *f, const struct zconf *c, size_t i)
{
	const struct zattr *a = &c->attr[i];

	(void)fprintf(f, "\tname: %s\n\ttype: %s\n\tvalue: %s\n", a->name, zattr_type_name(a->type),
	    a->value);
}

static void
attr_export(FILE *f, const struct zconf *c, size_t i)
{
	const struct zattr *a = &c->attr[i];

	zc_print_set(f, "", "name", a->name);
	zc_print_set(f, "", "type", zattr_type_name(a->type));
	zc_print_set(f, "", "value", a->value);
}

static const char *const attr_properties[] = { "name", "type", "value", NULL };

const struct zc_resource zc_attr = {
	.name = "attr",
	.text = "an attribute for other programs; name, type and value are required",
	.properties = attr_properties,
	.count = attr_count,
	.create = attr_create,
	.destroy = attr_destroy,
	.set = attr_set,
	.clear = attr_clear,
	.check = attr_check,
	.match = attr_match,
	.info = attr_info,
	.export = attr_export,
};
