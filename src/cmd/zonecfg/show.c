/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's info and export. */
#include <errno.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_rctl.h"

static void
info_one(const struct zc_resource *r, const struct zconf *c, size_t i)
{
	(void)printf("%s:\n", r->name);
	r->info(stdout, c, i);
}

static int
info_resource(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zc_resource *r;
	bool match, any = false;
	int status;

	if ((status = zc_resource_find(s->arg[0].value.text, &r, e)) != CMD_OK)
		return (status);
	for (size_t i = 0; i < r->count(z->work); i++) {
		if ((status = zc_match(r, z->work, i, s, 1, &match, e)) != CMD_OK)
			return (status);
		if (match)
			info_one(r, z->work, i);
		any |= match;
	}
	return (any || s->n == 1 ? CMD_OK : zc_fail(e, "no such %s resource", r->name));
}

int
zc_do_info(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	if (s->n == 0) {
		zc_global_info_all(stdout, z->work);
		for (size_t k = 0; zc_resources[k] != NULL; k++) {
			for (size_t i = 0; i < zc_resources[k]->count(z->work); i++)
				info_one(zc_resources[k], z->work, i);
		}
		return (CMD_OK);
	}
	if (s->arg[0].name != NULL || s->arg[0].value.type != VALUE_SIMPLE)
		return (zc_usage(s, e));
	if (!zc_global_known(s->arg[0].value.text))
		return (info_resource(z, s, e));
	if (s->n != 1)
		return (zc_usage(s, e));
	zc_global_info(stdout, z->work, s->arg[0].value.text);
	return (CMD_OK);
}

int
zc_res_info(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	if (s->n != 0)
		return (zc_usage(s, e));
	info_one(z->res, z->work, z->index);
	return (CMD_OK);
}

/* An rctl that an alias gives exactly is exported as that. */
static bool
by_alias(const struct zconf *c, const struct zrctl *r)
{
	const struct zrctl_alias *a = zrctl_alias_of(r->name);
	uint64_t limit;

	return (a != NULL && zrctl_alias_get(c, a, &limit) == 0);
}

static void export(FILE *f, const struct zconf *c)
{
	const struct zc_resource *r;

	(void)fprintf(f, "create -b\n");
	zc_global_export(f, c);
	for (size_t k = 0; (r = zc_resources[k]) != NULL; k++) {
		for (size_t i = 0; i < r->count(c); i++) {
			if (r == &zc_rctl && by_alias(c, &c->rctl[i]))
				continue;
			(void)fprintf(f, "add %s\n", r->name);
			r->export(f, c, i);
			(void)fprintf(f, "end\n");
		}
	}
	zc_alias_export(f, c);
}

int
zc_do_export(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const char *path;
	struct zc_options o;
	FILE *f = stdout;
	int status, bad;

	if ((status = zc_options(s, "f:", &o, e)) != CMD_OK)
		return (status);
	if (o.first != s->n)
		return (zc_usage(s, e));
	path = o.value['f'];
	if (path != NULL && (f = fopen(path, "we")) == NULL)
		return (zc_fail(e, "cannot write '%s': %s", path, strerror(errno)));
	export(f, z->work);
	if (path == NULL)
		return (CMD_OK);
	bad = ferror(f);
	if (fclose(f) != 0 || bad)
		return (zc_fail(e, "cannot write '%s': %s", path, strerror(errno)));
	return (CMD_OK);
}
