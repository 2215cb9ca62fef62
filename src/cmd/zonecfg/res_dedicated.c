/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's resource dedicated-cpu: how many CPUs the zone has alone. One at most. */
#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"

static size_t
dedicated_count(const struct zconf *c)
{
	return (c->dedicated_ncpus != NULL || c->dedicated_importance != NULL);
}

static int
dedicated_create(struct zc_session *z, size_t *i, struct err *e)
{
	*i = 0;
	return (CMD_OK);
}

static void
dedicated_destroy(struct zconf *c, size_t i)
{
	zfield_clear_all(zdedicated_fields, c);
}

static int
put(struct zc_session *z, const char *name, const char *value)
{
	if (zfield_set(zfield_find(zdedicated_fields, name), z->work, value) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
dedicated_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	return (put(z, name, value));
}

static int
dedicated_clear(struct zc_session *z, const char *name, struct err *e)
{
	return (put(z, name, NULL));
}

static int
dedicated_check(const struct zc_session *z, struct err *e)
{
	unsigned min, max;

	if (z->work->dedicated_ncpus == NULL)
		return (zc_fail(e, "required property 'ncpus' is not set"));
	return (zconf_dedicated_get(z->work, &min, &max, e) != 0 ? CMD_ERROR : CMD_OK);
}

static void
dedicated_info(FILE *f, const struct zconf *c, size_t i)
{
	for (const struct zfield *p = zdedicated_fields; p->name != NULL; p++)
		zc_print_field(f, p->name, zfield_get(p, c));
}

static void
dedicated_export(FILE *f, const struct zconf *c, size_t i)
{
	const char *value;

	for (const struct zfield *p = zdedicated_fields; p->name != NULL; p++) {
		if ((value = zfield_get(p, c)) != NULL)
			zc_print_set(f, "", p->name, value);
	}
}

static const char *const dedicated_properties[] = { "ncpus", "importance", NULL };

const struct zc_resource zc_dedicated_cpu = {
	.name = "dedicated-cpu",
	.text = "CPUs that the zone has alone; ncpus (2 or 2-4) is required",
	.properties = dedicated_properties,
	.count = dedicated_count,
	.create = dedicated_create,
	.destroy = dedicated_destroy,
	.set = dedicated_set,
	.clear = dedicated_clear,
	.check = dedicated_check,
	.info = dedicated_info,
	.export = dedicated_export,
};
