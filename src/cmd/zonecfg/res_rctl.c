/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's resources of resource control: rctl, which names one and lists its values, and
 * capped-cpu and capped-memory, which are views of some of them (zone/zconf_rctl.h).
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_rctl.h"

static size_t
rctl_count(const struct zconf *c)
{
	return (c->nrctl);
}

static int
rctl_create(struct zc_session *z, size_t *i, struct err *e)
{
	if (zconf_rctl_add(z->work, "") == NULL)
		cmd_no_memory();
	*i = z->work->nrctl - 1;
	return (CMD_OK);
}

static void
rctl_destroy(struct zconf *c, size_t i)
{
	(void)zconf_rctl_clear(c, c->rctl[i].name);
}

static int
rctl_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	struct zrctl *r = &z->work->rctl[z->index];

	if (strcmp(name, "name") != 0)
		return (zc_misuse(e, "%s: use add and remove", name));
	if (zrctl_check_name(value, e) != 0)
		return (CMD_ERROR);
	free(r->name);
	r->name = cmd_strdup(value);
	return (CMD_OK);
}

static int
rctl_clear(struct zc_session *z, const char *name, struct err *e)
{
	struct zrctl *r = &z->work->rctl[z->index];

	if (strcmp(name, "value") != 0)
		return (zc_fail(e, "%s is required: it cannot be cleared", name));
	while (r->nvalue > 0)
		zrctl_value_remove(r, r->nvalue - 1);
	return (CMD_OK);
}

/* (priv=privileged,limit=100,action=none), in any order. */
static int
read_value(const char *list, const struct zc_value *in, struct zrctl_value *out, struct err *e)
{
	const char *priv = zc_pair_get(in, "priv"), *limit = zc_pair_get(in, "limit"),
		   *action = zc_pair_get(in, "action");

	if (strcmp(list, "value") != 0)
		return (zc_misuse(e, "property '%s' is not a list: use set", list));
	if (in->n != 3 || priv == NULL || limit == NULL || action == NULL)
		return (zc_misuse(e, "%s: (priv=PRIV,limit=NUMBER,action=ACTION) expected", list));
	out->priv = cmd_strdup(priv);
	out->limit = cmd_strdup(limit);
	out->action = cmd_strdup(action);
	return (CMD_OK);
}

static void
value_free(struct zrctl_value *v)
{
	free(v->priv);
	free(v->limit);
	free(v->action);
}

/* Where that value is in the rctl; nvalue when it is not there. */
static size_t
find_value(const struct zrctl *r, const struct zrctl_value *v)
{
	size_t i;

	for (i = 0; i < r->nvalue; i++) {
		if (strcmp(r->value[i].priv, v->priv) == 0 &&
		    strcmp(r->value[i].limit, v->limit) == 0 &&
		    strcmp(r->value[i].action, v->action) == 0)
			break;
	}
	return (i);
}

static int
rctl_add(struct zc_session *z, const char *list, const struct zc_value *in, struct err *e)
{
	struct zrctl *r = &z->work->rctl[z->index];
	struct zrctl_value v = { 0 };
	int status;

	if ((status = read_value(list, in, &v, e)) != CMD_OK)
		return (status);
	if (zrctl_check_value(&v, e) != 0)
		status = CMD_ERROR;
	else if (find_value(r, &v) < r->nvalue)
		status = zc_fail(e, "the rctl has this value already");
	else if (zrctl_value_add(r, v.priv, v.limit, v.action) != 0)
		cmd_no_memory();
	value_free(&v);
	return (status);
}

static int
rctl_remove(struct zc_session *z, const char *list, const struct zc_value *in, struct err *e)
{
	struct zrctl *r = &z->work->rctl[z->index];
	struct zrctl_value v = { 0 };
	size_t i;
	int status;

	if ((status = read_value(list, in, &v, e)) != CMD_OK)
		return (status);
	i = find_value(r, &v);
	value_free(&v);
	if (i == r->nvalue)
		return (zc_fail(e, "the rctl has no such value"));
	zrctl_value_remove(r, i);
	return (CMD_OK);
}

static int
rctl_check(const struct zc_session *z, struct err *e)
{
	const struct zrctl *r = &z->work->rctl[z->index];

	if (r->name[0] == '\0')
		return (zc_fail(e, "required property 'name' is not set"));
	if (r->nvalue == 0)
		return (zc_fail(e, "required property 'value' is not set"));
	for (size_t i = 0; i < z->work->nrctl; i++) {
		if (i != z->index && strcmp(z->work->rctl[i].name, r->name) == 0)
			return (zc_fail(e,
			    "an rctl resource with the name '%s' already exists (an alias "
			    "may have set it)",
			    r->name));
	}
	return (CMD_OK);
}

static bool
rctl_match(const struct zconf *c, size_t i, const char *name, const struct zc_value *want)
{
	const struct zrctl *r = &c->rctl[i];

	return (strcmp(name, "name") == 0 && want->type == VALUE_SIMPLE &&
	    strcmp(r->name, want->text) == 0);
}

static void
rctl_print(FILE *f, const struct zrctl *r, const char *before)
{
	for (size_t i = 0; i < r->nvalue; i++)
		(void)fprintf(f, "%s(priv=%s,limit=%s,action=%s)\n", before, r->value[i].priv,
		    r->value[i].limit, r->value[i].action);
}

static void
rctl_info(FILE *f, const struct zconf *c, size_t i)
{
	(void)fprintf(f, "\tname: %s\n", c->rctl[i].name);
	rctl_print(f, &c->rctl[i], "\tvalue: ");
}

static void
rctl_export(FILE *f, const struct zconf *c, size_t i)
{
	zc_print_set(f, "", "name", c->rctl[i].name);
	rctl_print(f, &c->rctl[i], "add value ");
}

static const char *const rctl_properties[] = { "name", "value", NULL };

const struct zc_resource zc_rctl = {
	.name = "rctl",
	.text = "a resource control; name and at least one value are required",
	.properties = rctl_properties,
	.count = rctl_count,
	.create = rctl_create,
	.destroy = rctl_destroy,
	.set = rctl_set,
	.clear = rctl_clear,
	.add = rctl_add,
	.remove = rctl_remove,
	.check = rctl_check,
	.match = rctl_match,
	.info = rctl_info,
	.export = rctl_export,
};

/* Whether the alias belongs to this resource and is set. */
static bool
capped_get(
    const struct zconf *c, const struct zrctl_alias *a, const char *resource, uint64_t *limit)
{
	return (a->resource != NULL && strcmp(a->resource, resource) == 0 &&
	    zrctl_alias_get(c, a, limit) == 0);
}

static size_t
capped_count(const struct zconf *c, const char *resource)
{
	uint64_t limit;

	for (const struct zrctl_alias *a = zrctl_aliases; a->name != NULL; a++) {
		if (capped_get(c, a, resource, &limit))
			return (1);
	}
	return (0);
}

static size_t
cpu_count(const struct zconf *c)
{
	return (capped_count(c, "capped-cpu"));
}

static size_t
memory_count(const struct zconf *c)
{
	return (capped_count(c, "capped-memory"));
}

static int
capped_create(struct zc_session *z, size_t *i, struct err *e)
{
	*i = 0;
	return (CMD_OK);
}

static void
capped_destroy(struct zconf *c, const char *resource)
{
	uint64_t limit;

	for (const struct zrctl_alias *a = zrctl_aliases; a->name != NULL; a++) {
		if (capped_get(c, a, resource, &limit))
			(void)zconf_rctl_clear(c, a->rctl);
	}
}

static void
cpu_destroy(struct zconf *c, size_t i)
{
	capped_destroy(c, "capped-cpu");
}

static void
memory_destroy(struct zconf *c, size_t i)
{
	capped_destroy(c, "capped-memory");
}

static int
capped_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	const struct zrctl_alias *a = zrctl_alias_find(z->res->name, name);

	return (zrctl_alias_set(z->work, a, value, e) != 0 ? CMD_ERROR : CMD_OK);
}

static int
capped_clear(struct zc_session *z, const char *name, struct err *e)
{
	(void)zconf_rctl_clear(z->work, zrctl_alias_find(z->res->name, name)->rctl);
	return (CMD_OK);
}

static int
capped_check(const struct zc_session *z, struct err *e)
{
	if (capped_count(z->work, z->res->name) != 0)
		return (CMD_OK);
	if (z->res == &zc_capped_cpu)
		return (zc_fail(e, "required property 'ncpus' is not set"));
	return (zc_fail(e, "at least one of physical, swap and locked must be set"));
}

/* Tell `one` each alias of the resource that is set, and its value. */
static void
capped_each(FILE *f, const struct zconf *c, const char *resource,
    void (*one)(FILE *f, const char *name, const char *value))
{
	char text[ZRCTL_TEXT_MAX];
	uint64_t limit;

	for (const struct zrctl_alias *a = zrctl_aliases; a->name != NULL; a++) {
		if (!capped_get(c, a, resource, &limit))
			continue;
		zrctl_alias_format(a, limit, text);
		one(f, a->name, text);
	}
}

static void
info_one(FILE *f, const char *name, const char *value)
{
	(void)fprintf(f, "\t[%s: %s]\n", name, value);
}

static void
export_one(FILE *f, const char *name, const char *value)
{
	zc_print_set(f, "", name, value);
}

static void
cpu_info(FILE *f, const struct zconf *c, size_t i)
{
	capped_each(f, c, "capped-cpu", info_one);
}

static void
memory_info(FILE *f, const struct zconf *c, size_t i)
{
	capped_each(f, c, "capped-memory", info_one);
}

static void
cpu_export(FILE *f, const struct zconf *c, size_t i)
{
	capped_each(f, c, "capped-cpu", export_one);
}

static void
memory_export(FILE *f, const struct zconf *c, size_t i)
{
	capped_each(f, c, "capped-memory", export_one);
}

static const char *const cpu_properties[] = { "ncpus", NULL };
static const char *const memory_properties[] = { "physical", "swap", "locked", NULL };

const struct zc_resource zc_capped_cpu = {
	.name = "capped-cpu",
	.text = "the most cpu time the zone gets; ncpus (1.5) is required",
	.properties = cpu_properties,
	.count = cpu_count,
	.create = capped_create,
	.destroy = cpu_destroy,
	.set = capped_set,
	.clear = capped_clear,
	.check = capped_check,
	.info = cpu_info,
	.export = cpu_export,
};

const struct zc_resource zc_capped_memory = {
	.name = "capped-memory",
	.text = "the most memory the zone gets; one of physical, swap, locked (2g) is required",
	.properties = memory_properties,
	.count = memory_count,
	.create = capped_create,
	.destroy = memory_destroy,
	.set = capped_set,
	.clear = capped_clear,
	.check = capped_check,
	.info = memory_info,
	.export = memory_export,
};
