/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's resources as a whole: add, select, remove, and the resource scope with set, clear, add,
 * remove, end and cancel. The element is edited in place in the working configuration; cancel puts
 * back the copy made on entry.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"

static void
enter(struct zc_session *z, const struct zc_resource *r, struct zconf *backup, unsigned given)
{
	z->res = r;
	z->backup = backup;
	z->given = given;
}

static struct zconf *
backup_of(const struct zconf *c)
{
	struct zconf *copy = zconf_dup(c);

	if (copy == NULL)
		cmd_no_memory();
	return (copy);
}

/* The first argument from `first` on as a resource's name. */
static int
resource_arg(const struct zc_stmt *s, size_t first, const struct zc_resource **r, struct err *e)
{
	if (first >= s->n || s->arg[first].name != NULL || s->arg[first].value.type != VALUE_SIMPLE)
		return (zc_usage(s, e));
	return (zc_resource_find(s->arg[first].value.text, r, e));
}

int
zc_do_add(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zc_resource *r;
	struct zconf *backup;
	int status;

	if ((status = resource_arg(s, 0, &r, e)) != CMD_OK)
		return (status);
	if (s->n != 1)
		return (zc_usage(s, e));
	if (r->match == NULL && r->count(z->work) > 0)
		return (zc_fail(e, "a %s resource already exists: select it", r->name));
	backup = backup_of(z->work);
	if ((status = r->create(z, &z->index, e)) != CMD_OK) {
		zconf_free(backup);
		return (status);
	}
	enter(z, r, backup, 0);
	return (CMD_OK);
}

int
zc_match(const struct zc_resource *r, const struct zconf *c, size_t i, const struct zc_stmt *s,
    size_t first, bool *match, struct err *e)
{
	const struct zc_arg *a;

	*match = true;
	for (; first < s->n; first++) {
		a = &s->arg[first];
		if (a->name == NULL || r->match == NULL)
			return (zc_usage(s, e));
		if (!zc_has_property(r, a->name))
			return (
			    zc_misuse(e, "resource '%s' has no property '%s'", r->name, a->name));
		*match &= r->match(c, i, a->name, &a->value);
	}
	return (CMD_OK);
}

/* How many match the filters from argument `first` on; *index is the last of them. */
static int
count_matches(const struct zc_session *z, const struct zc_resource *r, const struct zc_stmt *s,
    size_t first, size_t *n, size_t *index, struct err *e)
{
	size_t total = r->count(z->work);
	bool match;
	int status;

	*n = 0;
	for (size_t i = 0; i < total; i++) {
		if ((status = zc_match(r, z->work, i, s, first, &match, e)) != CMD_OK)
			return (status);
		if (match) {
			(*n)++;
			*index = i;
		}
	}
	return (CMD_OK);
}

int
zc_do_select(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zc_resource *r;
	size_t n, index;
	int status;

	if ((status = resource_arg(s, 0, &r, e)) != CMD_OK)
		return (status);
	if (s->n == 1 && r->match != NULL)
		return (zc_usage(s, e));
	if ((status = count_matches(z, r, s, 1, &n, &index, e)) != CMD_OK)
		return (status);
	if (n == 0)
		return (zc_fail(e, "no such %s resource", r->name));
	if (n > 1)
		return (zc_fail(e, "%zu %s resources match: name one", n, r->name));
	z->index = index;
	enter(z, r, backup_of(z->work), ZC_GIVEN_NAME | ZC_GIVEN_TYPE | ZC_GIVEN_VALUE);
	return (CMD_OK);
}

static int
remove_matches(struct zc_session *z, const struct zc_resource *r, const struct zc_stmt *s,
    size_t first, struct err *e)
{
	bool match;
	int status;

	for (size_t i = r->count(z->work); i-- > 0;) {
		if ((status = zc_match(r, z->work, i, s, first, &match, e)) != CMD_OK)
			return (status);
		if (match)
			r->destroy(z->work, i);
	}
	return (CMD_OK);
}

int
zc_do_remove(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zc_resource *r;
	struct zc_options o;
	size_t n, index;
	int status;

	if ((status = zc_options(s, "F", &o, e)) != CMD_OK ||
	    (status = resource_arg(s, o.first, &r, e)) != CMD_OK)
		return (status);
	if ((status = count_matches(z, r, s, o.first + 1, &n, &index, e)) != CMD_OK)
		return (status);
	if (n == 0)
		return (o.flag['F'] ? CMD_OK : zc_fail(e, "no such %s resource", r->name));
	if (n > 1 && !o.flag['F']) {
		if (!z->tty)
			return (zc_fail(e,
			    "remove: %zu %s resources match and -F is not given: not done", n,
			    r->name));
		if (!zc_ask(z, "Remove %zu %s resources", n, r->name))
			return (CMD_OK);
	}
	return (remove_matches(z, r, s, o.first + 1, e));
}

/* add PROPERTY VALUE and remove PROPERTY VALUE. A list means each of its values. */
static int
list_change(struct zc_session *z, const struct zc_stmt *s,
    int (*change)(struct zc_session *, const char *, const struct zc_value *, struct err *),
    struct err *e)
{
	const struct zc_value *v;
	const char *name;
	int status;

	if (s->n != 2 || s->arg[0].name != NULL || s->arg[0].value.type != VALUE_SIMPLE ||
	    s->arg[1].name != NULL)
		return (zc_usage(s, e));
	name = s->arg[0].value.text;
	v = &s->arg[1].value;
	if (!zc_has_property(z->res, name))
		return (zc_misuse(e, "resource '%s' has no property '%s'", z->res->name, name));
	if (change == NULL)
		return (zc_misuse(e, "property '%s' is not a list: use set", name));
	if (v->type != VALUE_LIST)
		return (change(z, name, v, e));
	for (size_t i = 0; i < v->n; i++) {
		if ((status = change(z, name, &v->item[i], e)) != CMD_OK)
			return (status);
	}
	return (CMD_OK);
}

int
zc_res_add(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	return (list_change(z, s, z->res->add, e));
}

int
zc_res_remove(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	return (list_change(z, s, z->res->remove, e));
}

int
zc_res_set(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const char *name, *value;
	int status;

	if ((status = zc_assignment(s, &name, &value, e)) != CMD_OK)
		return (status);
	if (!zc_has_property(z->res, name))
		return (zc_misuse(e, "resource '%s' has no property '%s'", z->res->name, name));
	return (z->res->set(z, name, value, e));
}

int
zc_res_clear(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const char *name;

	if (s->n != 1 || s->arg[0].name != NULL || s->arg[0].value.type != VALUE_SIMPLE)
		return (zc_usage(s, e));
	name = s->arg[0].value.text;
	if (!zc_has_property(z->res, name))
		return (zc_misuse(e, "resource '%s' has no property '%s'", z->res->name, name));
	return (z->res->clear(z, name, e));
}

int
zc_do_end(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	int status;

	if (s->n != 0)
		return (zc_usage(s, e));
	if ((status = z->res->check(z, e)) != CMD_OK)
		return (status);
	zconf_free(z->backup);
	enter(z, NULL, NULL, 0);
	return (CMD_OK);
}

int
zc_do_cancel(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	if (s->n != 0)
		return (zc_usage(s, e));
	zconf_free(z->work);
	z->work = z->backup;
	enter(z, NULL, NULL, 0);
	return (CMD_OK);
}
