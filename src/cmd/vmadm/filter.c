/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VMs, in which order: filters and sort keys of list and lookup, over VM objects
 * (vmadm.md 16). Regular expressions are POSIX extended ones, without case. See vmadm.h.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"
#include "cmd/common/cmd.h"
#include "cmd/vmadm/vmadm.h"
#include "zone/vmprop.h"

struct filter {
	char *key;
	char *value;
	bool is_regex;
	regex_t regex;
};

/* ---- fields ---- */

/* Objects whose members may be named freely. */
static const char *const open_objects[] = { "tags", "customer_metadata", "internal_metadata" };

/* Length of the first step of a path. */
static size_t
step(const char *path)
{
	return (strcspn(path, "."));
}

static bool
is_step(const char *path, const char *name)
{
	return (step(path) == strlen(name) && strncmp(path, name, strlen(name)) == 0);
}

bool
field_known(const char *path)
{
	const struct vmprop *p;
	const char *second, *third;

	if (path[step(path)] == '\0') {
		p = vmprop_find(NULL, path);
		return (p != NULL && (p->flags & VMF_COLUMN) != 0);
	}
	second = path + step(path) + 1;
	for (size_t i = 0; i < NITEMS(open_objects); i++)
		if (is_step(path, open_objects[i]))
			return (*second != '\0');
	if (!is_step(path, "disks") && !is_step(path, "nics"))
		return (false);
	if (!is_step(second, "*") && strspn(second, "0123456789") != step(second))
		return (false);
	if (second[step(second)] == '\0' || step(second) == 0)
		return (false);
	third = second + step(second) + 1;
	p = vmprop_find(is_step(path, "disks") ? "disks" : "nics", third);
	return (p != NULL && (p->flags & VMF_COLUMN) != 0);
}

/* The element or member that the first step of the path names; "*" is the first element. */
static const json_t *
descend(const json_t *v, const char *path)
{
	char name[80];
	uint32_t i = 0;

	if (step(path) >= sizeof(name))
		return (NULL);
	memcpy(name, path, step(path));
	name[step(path)] = '\0';
	if (!json_is_array(v))
		return (json_object_get(v, name));
	if (strcmp(name, "*") != 0 && parse_u32(name, 0, UINT32_MAX, &i) < 0)
		return (NULL);
	return (json_array_get(v, i));
}

const json_t *
field_value(const json_t *vm, const char *path)
{
	const json_t *v = vm;

	for (;;) {
		const json_t *whole = json_object_get(v, path);

		/* Names of tags and metadata may hold dots. */
		if (whole != NULL || v == NULL)
			return (whole);
		v = descend(v, path);
		if (path[step(path)] == '\0')
			return (v);
		path += step(path) + 1;
	}
}

/* Elements with commas between, as JavaScript prints an array. */
static char *
array_text(const json_t *v)
{
	char *text = NULL;
	size_t i, len = 0;
	const json_t *x;
	FILE *f = open_memstream(&text, &len);

	if (f == NULL)
		return (cmd_strdup(""));
	json_array_foreach (v, i, x) {
		CLEANUP_FREE char *one = value_text(x);

		(void)fprintf(f, "%s%s", i > 0 ? "," : "", one != NULL ? one : "");
	}
	(void)fclose(f);
	return (text);
}

char *
value_text(const json_t *v)
{
	char *text;

	if (v == NULL || json_is_null(v))
		return (NULL);
	if (json_is_string(v))
		return (cmd_strdup(json_string_value(v)));
	if (json_is_object(v))
		return (cmd_strdup("[object Object]"));
	if (json_is_array(v))
		return (array_text(v));
	text = json_dumps(v, JSON_ENCODE_ANY);
	return (text != NULL ? text : cmd_strdup(""));
}

/* ---- filters ---- */

/* Hardware addresses compare in one way of writing. */
static char *
normal_value(const char *key, const char *value)
{
	const char *leaf = strrchr(key, '.');
	char mac[MAC_TEXT_LEN + 1];
	uint8_t octets[6];

	if (strncmp(key, "nics.", 5) == 0 && leaf != NULL && strcmp(leaf, ".mac") == 0 &&
	    parse_mac(value, octets) == 0) {
		format_mac(octets, mac);
		return (cmd_strdup(mac));
	}
	return (cmd_strdup(value));
}

static int
parse_one(const char *operand, const char *what, struct filter *f)
{
	const char *eq = strchr(operand, '=');
	char why[128];
	int rc;

	if (eq == NULL)
		return (usage_error("\"%s\" is not of the form key=value or key=~regex", operand));
	f->key = cmd_strndup(operand, (size_t)(eq - operand));
	if (!field_known(f->key)) {
		(void)fprintf(stderr, "Invalid %s key: \"%s\"\n", what, f->key);
		return (EXIT_FAILED);
	}
	if (eq[1] != '~') {
		f->value = normal_value(f->key, eq + 1);
		return (EXIT_DONE);
	}
	rc = regcomp(&f->regex, eq + 2, REG_EXTENDED | REG_ICASE | REG_NOSUB);
	if (rc != 0) {
		(void)regerror(rc, &f->regex, why, sizeof(why));
		(void)fprintf(stderr, "Invalid regular expression for \"%s\": %s\n", f->key, why);
		return (EXIT_FAILED);
	}
	f->is_regex = true;
	return (EXIT_DONE);
}

int
filters_parse(int n, char **operands, const char *what, struct filters *out)
{
	int rc = EXIT_DONE;

	*out = (struct filters){ .list = cmd_alloc((size_t)n + 1, sizeof(*out->list)) };
	for (int i = 0; i < n && rc == EXIT_DONE; i++)
		rc = parse_one(operands[i], what, &out->list[out->n++]);
	return (rc);
}

static bool
value_matches(const struct filter *f, const json_t *v)
{
	CLEANUP_FREE char *text = value_text(v);

	if (text == NULL)
		return (false);
	return (
	    f->is_regex ? regexec(&f->regex, text, 0, NULL, 0) == 0 : strcmp(text, f->value) == 0);
}

/* "nics.*.ip" holds when it does for any nic. */
static bool
filter_matches(const struct filter *f, const json_t *vm)
{
	const char *star = strstr(f->key, ".*.");
	char array[16];
	const json_t *o;
	size_t i;

	if (star == NULL || (size_t)(star - f->key) >= sizeof(array))
		return (value_matches(f, field_value(vm, f->key)));
	memcpy(array, f->key, (size_t)(star - f->key));
	array[star - f->key] = '\0';
	json_array_foreach (json_object_get(vm, array), i, o)
		if (value_matches(f, json_object_get(o, star + 3)))
			return (true);
	return (false);
}

bool
filters_match(const struct filters *f, const json_t *vm)
{
	for (size_t i = 0; i < f->n; i++)
		if (!filter_matches(&f->list[i], vm))
			return (false);
	return (true);
}

void
filters_free(struct filters *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if (f->list[i].is_regex)
			regfree(&f->list[i].regex);
		free(f->list[i].key);
		free(f->list[i].value);
	}
	free(f->list);
	*f = (struct filters){ 0 };
}

/* ---- order ---- */

struct sort_item {
	json_t *vm;
	size_t index;
	const char *keys;
};

static bool
falsy(const json_t *v)
{
	return (v == NULL || json_is_null(v) || json_is_false(v) ||
	    (json_is_number(v) && json_number_value(v) == 0) ||
	    (json_is_string(v) && *json_string_value(v) == '\0'));
}

/* Numbers as numbers, all else as text; what is unset comes after what is set. */
static int
compare_values(const json_t *a, const json_t *b)
{
	CLEANUP_FREE char *x = NULL;
	CLEANUP_FREE char *y = NULL;

	if (json_is_number(a) && json_is_number(b)) {
		double d = json_number_value(a) - json_number_value(b);

		return (d < 0 ? -1 : d > 0);
	}
	if (falsy(a) || falsy(b))
		return ((int)falsy(a) - (int)falsy(b));
	x = value_text(a);
	y = value_text(b);
	return (strcmp(x, y));
}

static int
compare_items(const void *pa, const void *pb)
{
	const struct sort_item *a = pa, *b = pb;
	char key[128];

	for (const char *p = a->keys; *p != '\0'; p += strcspn(p, ","), p += *p == ',') {
		bool down = *p == '-';
		int c;

		if (*p == '+' || *p == '-')
			p++;
		(void)snprintf(key, sizeof(key), "%.*s", (int)strcspn(p, ","), p);
		c = compare_values(field_value(a->vm, key), field_value(b->vm, key));
		if (c != 0)
			return (down ? -c : c);
	}
	return (a->index < b->index ? -1 : a->index > b->index);
}

void
vms_sort(json_t *vms, const char *keys)
{
	size_t n = json_array_size(vms);
	CLEANUP_FREE struct sort_item *items = cmd_alloc(n + 1, sizeof(*items));

	for (size_t i = 0; i < n; i++)
		items[i] = (struct sort_item){ json_incref(json_array_get(vms, i)), i, keys };
	qsort(items, n, sizeof(*items), compare_items);
	(void)json_array_clear(vms);
	for (size_t i = 0; i < n; i++)
		(void)json_array_append_new(vms, items[i].vm);
}
