/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's table of subcommands, and how one is carried out. */
#include <errno.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"

const struct zc_command zc_commands[] = {
	{ "add", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_add, zc_res_add,
	    "add RESOURCE\n(in a resource) add PROPERTY VALUE",
	    "begin a new resource; in one, add a value to a list" },
	{ "cancel", ZC_NEEDS_ZONE, NULL, zc_do_cancel, "cancel",
	    "leave the resource; it stays as it was" },
	{ "clear", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_clear, zc_res_clear, "clear PROPERTY",
	    "set a property back to its default" },
	{ "commit", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_commit, NULL, "commit",
	    "verify the configuration and store it" },
	{ "create", ZC_CHANGES, zc_do_create, NULL, "create [-F] [-b | -t TEMPLATE | -a PATH]",
	    "begin a configuration: blank (-b), from SYSbhyve (default), from another zone (-t), "
	    "from a detached zone's folder or an XML file (-a); -F: in place of the present one" },
	{ "delete", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_delete, NULL, "delete [-F]",
	    "remove the configuration from the store, at once" },
	{ "end", ZC_NEEDS_ZONE | ZC_CHANGES, NULL, zc_do_end, "end",
	    "the resource is complete: back to the global scope" },
	{ "exit", 0, zc_do_exit, NULL, "exit [-F]",
	    "commit what has been changed and leave; -F: leave without committing" },
	{ "export", ZC_NEEDS_ZONE, zc_do_export, NULL, "export [-f FILE]",
	    "print the subcommands that give this configuration" },
	{ "help", 0, zc_do_help, zc_do_help, "help [TOPIC]",
	    "explain a subcommand, a resource, or: usage, syntax, subcommands, resources, "
	    "properties" },
	{ "info", ZC_NEEDS_ZONE, zc_do_info, zc_res_info,
	    "info [PROPERTY | RESOURCE [PROPERTY=VALUE]...]", "show the configuration" },
	{ "remove", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_remove, zc_res_remove,
	    "remove [-F] RESOURCE [PROPERTY=VALUE]...\n(in a resource) remove PROPERTY VALUE",
	    "remove resources; in one, remove a value from a list" },
	{ "revert", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_revert, NULL, "revert [-F]",
	    "back to what is stored" },
	{ "select", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_select, NULL,
	    "select RESOURCE PROPERTY=VALUE...", "change the one resource that matches" },
	{ "set", ZC_NEEDS_ZONE | ZC_CHANGES, zc_do_set, zc_res_set, "set PROPERTY=VALUE",
	    "set a property" },
	{ "verify", ZC_NEEDS_ZONE, zc_do_verify, NULL, "verify",
	    "is the configuration complete and consistent?" },
	{ NULL },
};

const struct zc_command *
zc_command_find(const char *name)
{
	const struct zc_command *c;

	for (c = zc_commands; c->name != NULL; c++) {
		if (strcmp(c->name, name) == 0)
			return (c);
	}
	return (NULL);
}

int
zc_execute(struct zc_session *z, const struct zc_stmt *s, struct err *e)
{
	const struct zc_command *c = zc_command_find(s->verb);

	if (c == NULL)
		return (zc_misuse(e, "unknown subcommand '%s' (see: zonecfg help)", s->verb));
	if ((c->flags & ZC_CHANGES) != 0 && !cmd_privileged())
		return (zc_fail(e,
		    "%s: only a privileged user may change a zone: run zonecfg as root", s->verb));
	if ((c->flags & ZC_NEEDS_ZONE) != 0 && z->work == NULL)
		return (zc_no_zone(z, e));
	if (z->res != NULL && c->in_resource == NULL)
		return (zc_fail(
		    e, "%s: not inside resource '%s': end or cancel first", s->verb, z->res->name));
	if (z->res == NULL && c->in_global == NULL)
		return (zc_fail(e, "%s: only inside a resource: add or select one first", s->verb));
	return ((z->res != NULL ? c->in_resource : c->in_global)(z, s, e));
}

int
zc_usage(const struct zc_stmt *s, struct err *e)
{
	const struct zc_command *c = zc_command_find(s->verb);

	return (zc_misuse(e, "usage: %s", c->usage));
}

int
zc_options(const struct zc_stmt *s, const char *letters, struct zc_options *o, struct err *e)
{
	const struct zc_arg *a;
	const char *p, *known;

	*o = (struct zc_options){ 0 };
	for (; o->first < s->n; o->first++) {
		a = &s->arg[o->first];
		if (a->name != NULL || a->quoted || a->value.type != VALUE_SIMPLE ||
		    a->value.text[0] != '-' || a->value.text[1] == '\0')
			break;
		for (p = a->value.text + 1; *p != '\0'; p++) {
			known = *p == ':' ? NULL : strchr(letters, *p);
			if (known == NULL)
				return (zc_misuse(e, "%s: unknown option -%c; usage: %s", s->verb,
				    *p, zc_command_find(s->verb)->usage));
			o->flag[(unsigned char)*known] = true;
			if (known[1] != ':')
				continue;
			if (p[1] == '\0' &&
			    (o->first + 1 == s->n || s->arg[o->first + 1].name ||
				s->arg[o->first + 1].value.type != VALUE_SIMPLE))
				return (zc_usage(s, e));
			o->value[(unsigned char)*known] =
			    p[1] != '\0' ? p + 1 : s->arg[++o->first].value.text;
			break;
		}
	}
	return (CMD_OK);
}

int
zc_assignment(const struct zc_stmt *s, const char **name, const char **value, struct err *e)
{
	if (s->n != 1 || s->arg[0].name == NULL)
		return (zc_usage(s, e));
	if (s->arg[0].value.type == VALUE_LIST && s->arg[0].value.n == 1 &&
	    s->arg[0].value.item[0].type == VALUE_SIMPLE)
		*value = s->arg[0].value.item[0].text;
	else if (s->arg[0].value.type == VALUE_SIMPLE)
		*value = s->arg[0].value.text;
	else
		return (zc_misuse(e, "set: property '%s' takes a simple value", s->arg[0].name));
	*name = s->arg[0].name;
	return (CMD_OK);
}
