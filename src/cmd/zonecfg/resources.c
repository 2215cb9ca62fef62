/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's table of resources, and what their files share. */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"

/*
 * info and export go in this order. rctls are named by name only, so their aliases come after
 * (global.c).
 */
const struct zc_resource *const zc_resources[] = {
	&zc_fs,
	&zc_net,
	&zc_device,
	&zc_dedicated_cpu,
	&zc_capped_cpu,
	&zc_capped_memory,
	&zc_attr,
	&zc_dataset,
	&zc_security_flags,
	&zc_admin,
	&zc_rctl,
	NULL,
};

int
zc_resource_find(const char *name, const struct zc_resource **out, struct err *e)
{
	for (size_t i = 0; zc_resources[i] != NULL; i++) {
		if (strcmp(zc_resources[i]->name, name) == 0) {
			*out = zc_resources[i];
			return (CMD_OK);
		}
	}
	return (zc_misuse(e, "unknown resource '%s' (see: help resources)", name));
}

bool
zc_has_property(const struct zc_resource *r, const char *name)
{
	for (size_t i = 0; r->properties[i] != NULL; i++) {
		if (strcmp(r->properties[i], name) == 0)
			return (true);
	}
	return (false);
}

void
zc_print_set(FILE *f, const char *indent, const char *name, const char *value)
{
	char *quoted = zc_quote(value);

	(void)fprintf(f, "%sset %s=%s\n", indent, name, quoted);
	free(quoted);
}

void
zc_print_field(FILE *f, const char *name, const char *value)
{
	if (value != NULL && *value != '\0')
		(void)fprintf(f, "\t%s: %s\n", name, value);
	else
		(void)fprintf(f, "\t%s not specified\n", name);
}
