/* SPDX-License-Identifier: BSD-2-Clause */
/* get, list and lookup: what is said about VMs, on stdout. See vmadm.h, vmadm.md 16 and 17. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/parse.h"
#include "cmd/common/cmd.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/vmprop.h"

#define DEFAULT_COLUMNS "uuid,type,ram,state,alias"
#define DEFAULT_SORT    "ram,uuid"
#define OTHER_WIDTH     20 /* of columns without a row of their own in the table */

static int
get_run(int argc, char **argv)
{
	struct err e = { 0 };
	const char *uuid;
	struct vm vm;
	json_t *o = NULL;
	int rc;

	if (getopt(argc, argv, "+") != -1)
		return (usage_error("Invalid option for get: %s", argv[optind - 1]));
	if ((uuid = uuid_operand(argc, argv, 0)) == NULL)
		return (EXIT_USAGE);
	if (vm_load(uuid, &vm, &e) < 0)
		return (fail(&e));
	if ((rc = vm_object(&vm, &o, &e)) == 0)
		vm_disks_tell(o);
	rc = rc < 0 ? fail(&e) : print_json(o);
	json_decref(o);
	vm_free(&vm);
	return (rc);
}

/*
 * The VMs that match, sorted by `keys` (NULL: as the store has them). EXIT_DONE or an exit
 * status after a message.
 */
static int
choose(int argc, char **argv, const char *what, const char *keys, json_t **out)
{
	struct filters f;
	struct err e = { 0 };
	json_t *all = NULL, *vm;
	size_t i;
	int rc;

	if ((rc = filters_parse(argc - optind, argv + optind, what, &f)) == EXIT_DONE &&
	    vm_objects(&all, &e) < 0)
		rc = fail(&e);
	if (rc == EXIT_DONE) {
		*out = json_array();
		json_array_foreach (all, i, vm)
			if (filters_match(&f, vm))
				(void)json_array_append(*out, vm);
		if (keys != NULL)
			vms_sort(*out, keys);
	}
	json_decref(all);
	filters_free(&f);
	return (rc);
}

/* ---- fields ---- */

/*
 * Each name in a comma list, with `skip` characters in front left out, must be a field; `kind`
 * is order or sort.
 */
static int
check_fields(const char *list, const char *skip, const char *kind)
{
	char name[128];

	for (const char *p = list; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
		const char *start = p + (strchr(skip, *p) != NULL);

		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(start, ","), start);
		if (field_known(name))
			continue;
		if (strncmp(name, "disks.", 6) == 0 || strncmp(name, "nics.", 5) == 0)
			(void)fprintf(stderr, "Invalid %s key: \"%s\"\n", kind, name);
		else
			(void)fprintf(stderr, "invalid %s field: %s\n", kind, name);
		return (EXIT_FAILED);
	}
	return (EXIT_DONE);
}

/* ---- list ---- */

struct columns {
	const char *fields; /* with commas */
	bool parsable;
	bool header;
};

/* The next field of the list into name; false at its end. */
static bool
next_field(const char **list, char *name, size_t size)
{
	if (**list == '\0')
		return (false);
	(void)snprintf(name, size, "%.*s", (int)strcspn(*list, ","), *list);
	*list += strcspn(*list, ",");
	*list += **list == ',';
	return (true);
}

static void
trim_and_print(char *line)
{
	size_t n = strlen(line);

	while (n > 0 && line[n - 1] == ' ')
		n--;
	(void)printf("%.*s\n", (int)n, line);
}

/*
 * Add one cell to the line: padded to its width, two blanks between; with -p bare, a colon
 * between.
 */
static void
add_cell(FILE *line, const struct columns *c, bool first, const char *text, int width)
{
	if (c->parsable)
		(void)fprintf(line, "%s%s", first ? "" : ":", text);
	else
		(void)fprintf(line, "%s%-*s", first ? "" : "  ", width, text);
}

static const char *
header_of(const char *field, char *buf, size_t size, int *width)
{
	const struct vmprop *p = vmprop_find(NULL, field);
	size_t i;

	*width = p != NULL && p->header != NULL ? p->width : OTHER_WIDTH;
	if (p != NULL && p->header != NULL)
		return (p->header);
	for (i = 0; field[i] != '\0' && i + 1 < size; i++)
		buf[i] = (char)toupper((unsigned char)field[i]);
	buf[i] = '\0';
	return (buf);
}

/* Aliases and tags are anybody's words: no new lines in a table, nothing that steers a terminal. */
static void
one_line(char *cell)
{
	text_clean(cell);
	for (; *cell != '\0'; cell++)
		if (*cell == '\n' || *cell == '\t')
			*cell = '?';
}

/* One line: the header (vm NULL) or a VM's. */
static void
print_line(const struct columns *c, const json_t *vm)
{
	const char *list = c->fields, *header;
	char name[128], upper[128], *text = NULL;
	size_t len;
	FILE *line = open_memstream(&text, &len);
	int width;

	if (line == NULL)
		return;
	for (bool first = true; next_field(&list, name, sizeof(name)); first = false) {
		const json_t *v = vm != NULL ? field_value(vm, name) : NULL;
		CLEANUP_FREE char *cell = json_is_false(v) ? NULL : value_text(v);

		if (cell != NULL)
			one_line(cell);

		header = header_of(name, upper, sizeof(upper), &width);
		if (vm == NULL)
			add_cell(line, c, first, header, width);
		else if (cell == NULL || *cell == '\0')
			add_cell(line, c, first, c->parsable ? "" : "-", width);
		else
			add_cell(line, c, first, cell, width);
	}
	(void)fclose(line);
	if (c->parsable)
		(void)puts(text);
	else
		trim_and_print(text);
	free(text);
}

static int
list_run(int argc, char **argv)
{
	struct columns c = { .fields = DEFAULT_COLUMNS, .header = true };
	const char *sort = DEFAULT_SORT;
	json_t *vms = NULL, *vm;
	bool no_header = false;
	size_t i;
	int opt, rc;

	while ((opt = getopt(argc, argv, "pHho:s:")) != -1) {
		switch (opt) {
		case 'p':
			c.parsable = true;
			c.header = false;
			break;
		case 'H':
			no_header = true;
			break;
		case 'h':
			c.header = true;
			no_header = false;
			break;
		case 'o':
			c.fields = optarg;
			break;
		case 's':
			sort = optarg;
			break;
		default:
			return (usage_error("Invalid option for list: -%c", optopt));
		}
	}
	if ((rc = check_fields(c.fields, "", "order")) != EXIT_DONE ||
	    (rc = check_fields(sort, "+-", "sort")) != EXIT_DONE ||
	    (rc = choose(argc, argv, "filter", sort, &vms)) != EXIT_DONE)
		return (rc);
	if (c.header && !no_header)
		print_line(&c, NULL);
	json_array_foreach (vms, i, vm)
		print_line(&c, vm);
	json_decref(vms);
	return (EXIT_DONE);
}

/* ---- lookup ---- */

/* The members of -o of each VM; VMs of which nothing is left are dropped. */
static json_t *
narrowed(const json_t *vms, const char *fields)
{
	json_t *out = json_array();
	const json_t *vm;
	char name[128];
	size_t i;

	json_array_foreach (vms, i, vm) {
		json_t *o = json_object();
		const char *list = fields;

		while (next_field(&list, name, sizeof(name))) {
			const json_t *v = field_value(vm, name);

			if (v != NULL)
				(void)json_object_set_new(o, name, json_deep_copy(v));
		}
		if (json_object_size(o) > 0)
			(void)json_array_append(out, o);
		json_decref(o);
	}
	return (out);
}

static int
print_found(const json_t *vms, bool as_json, const char *fields)
{
	const json_t *vm;
	json_t *some;
	size_t i;
	int rc;

	if (!as_json) {
		json_array_foreach (vms, i, vm)
			(void)puts(json_string_value(json_object_get(vm, "uuid")));
		return (EXIT_DONE);
	}
	if (fields == NULL)
		return (print_json(vms));
	some = narrowed(vms, fields);
	rc = print_json(some);
	json_decref(some);
	return (rc);
}

/* Members of the VM object may all be asked for, columns or not. */
static int
check_members(const char *list)
{
	char name[128];

	while (next_field(&list, name, sizeof(name)))
		if (!field_known(name) && vmprop_find(NULL, name) == NULL) {
			(void)fprintf(stderr, "invalid order field: %s\n", name);
			return (EXIT_FAILED);
		}
	return (EXIT_DONE);
}

static int
lookup_run(int argc, char **argv)
{
	const char *fields = NULL;
	bool as_json = false, one = false;
	json_t *vms = NULL;
	int opt, rc;

	while ((opt = getopt(argc, argv, "j1o:")) != -1) {
		switch (opt) {
		case 'j':
			as_json = true;
			break;
		case '1':
			one = true;
			break;
		case 'o':
			fields = optarg;
			break;
		default:
			return (usage_error("Invalid option for lookup: -%c", optopt));
		}
	}
	if (fields != NULL && !as_json) {
		(void)fprintf(stderr, "Cannot specify -o without -j\n");
		return (EXIT_FAILED);
	}
	if ((fields != NULL && (rc = check_members(fields)) != EXIT_DONE) ||
	    (rc = choose(argc, argv, "lookup", NULL, &vms)) != EXIT_DONE)
		return (rc);
	if (one && json_array_size(vms) != 1) {
		(void)fprintf(stderr, "Requested unique lookup but found %zu results.\n",
		    json_array_size(vms));
		rc = EXIT_FAILED;
	} else {
		rc = print_found(vms, as_json, fields);
	}
	json_decref(vms);
	return (rc);
}

const struct subcommand query_commands[] = {
	{ "get", "json", "<uuid>", get_run },
	{ "list", NULL, "[-pHh] [-o field,...] [-s [+-]field,...] [key=value ...]", list_run },
	{ "lookup", NULL, "[-j [-o field,...]] [-1] [key=value ...]", lookup_run },
	{ NULL },
};
