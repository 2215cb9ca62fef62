/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's help, made from its tables. */
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"
#include "zone/zconf_rctl.h"

static const char usage[] =
    "usage: zonecfg {-z ZONE | -u UUID}                     interactive\n"
    "       zonecfg {-z ZONE | -u UUID} SUBCOMMAND[; ...]   these\n"
    "       zonecfg {-z ZONE | -u UUID} -f FILE             those in a file\n"
    "       zonecfg help [TOPIC]\n";

static const char syntax[] =
    "Subcommands are divided by ';' or newlines; '#' begins a comment.\n"
    "A value is one of\n"
    "  simple   word, or \"...\" when it has blanks or any of ( ) [ ] { } , = ;\n"
    "           (in quotes \\\" and \\\\ stand for \" and \\)\n"
    "  complex  (name=value,name=value)\n"
    "  list     [value,value]; one bare value is a list of one\n"
    "add and select enter a resource, end and cancel leave it. Nothing is stored before\n"
    "commit or the end; the first failure of a script ends it and stores nothing.\n";

void
zc_print_usage(FILE *f)
{
	(void)fputs(usage, f);
}

static void
help_command(FILE *f, const struct zc_command *c)
{
	(void)fprintf(f, "%s\n\n%s\n", c->usage, c->text);
}

static void
help_commands(FILE *f)
{
	for (const struct zc_command *c = zc_commands; c->name != NULL; c++)
		(void)fprintf(f, "  %-8s %s\n", c->name, c->text);
}

static void
help_resource(FILE *f, const struct zc_resource *r)
{
	(void)fprintf(f, "%s: %s\nproperties:", r->name, r->text);
	for (size_t i = 0; r->properties[i] != NULL; i++)
		(void)fprintf(f, " %s", r->properties[i]);
	(void)fprintf(f, "\n");
}

static void
help_resources(FILE *f)
{
	for (size_t i = 0; zc_resources[i] != NULL; i++)
		(void)fprintf(f, "  %-14s %s\n", zc_resources[i]->name, zc_resources[i]->text);
}

/* One property, or all of them (name NULL). False when there is none of that name. */
static bool
help_properties(FILE *f, const char *name)
{
	static const struct {
		const char *name, *value, *text;
	} others[] = {
		{ "zonename", "name",
		    "as given to -z; another one renames the zone, unless it is live" },
		{ "autoboot", "true | false", "boot with the host" },
		{ "uuid", "uuid", "generated at the first commit; fixed once installed" },
	};
	bool any = false;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (name != NULL && strcmp(name, others[i].name) != 0)
			continue;
		(void)fprintf(
		    f, "  %-16s %s (%s)\n", others[i].name, others[i].text, others[i].value);
		any = true;
	}
	for (const struct zfield *p = zconf_fields; p->name != NULL; p++) {
		if (name != NULL && strcmp(name, p->name) != 0)
			continue;
		(void)fprintf(f, "  %-16s %s (%s)\n", p->name, p->text, p->value);
		any = true;
	}
	for (const struct zrctl_alias *a = zrctl_aliases; a->name != NULL; a++) {
		if (a->resource != NULL || (name != NULL && strcmp(name, a->name) != 0))
			continue;
		(void)fprintf(f, "  %-16s %s (rctl %s)\n", a->name, a->text, a->rctl);
		any = true;
	}
	return (any);
}

int
zc_print_help(FILE *f, const char *topic, struct err *e)
{
	const struct zc_command *c;
	const struct zc_resource *r;
	struct err why;

	if (topic == NULL || strcmp(topic, "usage") == 0)
		(void)fputs(usage, f);
	if (topic != NULL && strcmp(topic, "usage") == 0)
		return (CMD_OK);
	if (topic == NULL || strcmp(topic, "subcommands") == 0)
		help_commands(f);
	else if (strcmp(topic, "syntax") == 0)
		(void)fputs(syntax, f);
	else if (strcmp(topic, "resources") == 0)
		help_resources(f);
	else if (strcmp(topic, "properties") == 0)
		(void)help_properties(f, NULL);
	else if ((c = zc_command_find(topic)) != NULL)
		help_command(f, c);
	else if (zc_resource_find(topic, &r, &why) == CMD_OK)
		help_resource(f, r);
	else if (!help_properties(f, topic))
		return (zc_misuse(e,
		    "no help on '%s'; topics: usage, syntax, subcommands, resources, properties, "
		    "or "
		    "the name of one",
		    topic));
	return (CMD_OK);
}

int
zc_do_help(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	if (s->n > 1 || (s->n == 1 && (s->arg[0].name || s->arg[0].value.type != VALUE_SIMPLE)))
		return (zc_usage(s, e));
	return (zc_print_help(stdout, s->n == 1 ? s->arg[0].value.text : NULL, e));
}
