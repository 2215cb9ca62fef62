/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm list, the images of this host, and avail, those of a folder: a table (UUID NAME VERSION OS TYPE
 * PUB), fields for programs (-p) or JSON (-j).
 * Columns are as wide as what stands in them; what is missing is "-", and nothing with -p.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/image_folder.h"
#include "zone/paths.h"
#include "zone/usage.h"

#define FIELDS_MAX     16
#define TEXT_MAX       160
#define DEFAULT_OUTPUT "uuid,name,version,os,type,pub"
#define DEFAULT_SORT   "published_at,name"

typedef void field_fn(const struct image *img, char out[TEXT_MAX]);

#define STRING_FIELD(member)                                                   \
	static void member##_text(const struct image *img, char out[TEXT_MAX]) \
	{                                                                      \
		(void)snprintf(out, TEXT_MAX, "%s", img->member);              \
	}
STRING_FIELD(uuid)
STRING_FIELD(name)
STRING_FIELD(version)
STRING_FIELD(os)
STRING_FIELD(type)
STRING_FIELD(published)

/* The date alone. */
static void
pub_text(const struct image *img, char out[TEXT_MAX])
{
	(void)snprintf(out, TEXT_MAX, "%.10s", img->published);
}

static void
size_text(const struct image *img, char out[TEXT_MAX])
{
	(void)snprintf(out, TEXT_MAX, "%llu", (unsigned long long)(img->size / MIB));
}

static void
zpool_text(const struct image *img, char out[TEXT_MAX])
{
	(void)img;
	(void)snprintf(out, TEXT_MAX, "%s", POOL);
}

static const struct field {
	const char *name, *header;
	field_fn *text;
	bool number;
} fields[] = {
	{ "uuid", "UUID", uuid_text, false },
	{ "name", "NAME", name_text, false },
	{ "version", "VERSION", version_text, false },
	{ "os", "OS", os_text, false },
	{ "type", "TYPE", type_text, false },
	{ "pub", "PUB", pub_text, false },
	{ "published", "PUBLISHED", published_text, false },
	{ "published_at", "PUBLISHED_AT", published_text, false },
	{ "image_size", "IMAGE_SIZE", size_text, true },
	{ "zpool", "ZPOOL", zpool_text, false },
};

struct columns {
	const struct field *field[FIELDS_MAX];
	bool reverse[FIELDS_MAX]; /* sort keys only: "-name" */
	size_t n;
};

static struct columns sort_keys; /* for qsort */

static int
take_fields(const char *list, bool keys, struct columns *out)
{
	char copy[256], *p, *save = NULL;
	size_t i;

	out->n = 0;
	if ((size_t)snprintf(copy, sizeof(copy), "%s", list) >= sizeof(copy))
		return (fail("Usage", "too many fields"));
	for (p = strtok_r(copy, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save)) {
		if (out->n == FIELDS_MAX)
			return (fail("Usage", "too many fields"));
		out->reverse[out->n] = keys && *p == '-';
		p += out->reverse[out->n];
		for (i = 0; i < NITEMS(fields) && strcmp(fields[i].name, p) != 0; i++)
			continue;
		if (i == NITEMS(fields))
			return (fail("Usage", "invalid field: \"%s\"", p));
		out->field[out->n++] = &fields[i];
	}
	return (out->n > 0 ? 0 : fail("Usage", "no fields"));
}

static int
compare(const void *a, const void *b)
{
	char x[TEXT_MAX], y[TEXT_MAX];
	size_t i;
	int c = 0;

	for (i = 0; i < sort_keys.n && c == 0; i++) {
		sort_keys.field[i]->text(a, x);
		sort_keys.field[i]->text(b, y);
		if (sort_keys.field[i]->number) /* the longer one is more */
			c = (int)(strlen(x) > strlen(y)) - (int)(strlen(x) < strlen(y));
		if (c == 0)
			c = strcmp(x, y);
		if (sort_keys.reverse[i])
			c = -c;
	}
	return (c);
}

static void
print_parseable(const struct columns *cols, const struct image *img)
{
	char text[TEXT_MAX];
	size_t i;

	for (i = 0; i < cols->n; i++) {
		cols->field[i]->text(img, text);
		(void)printf("%s%s", i > 0 ? ":" : "", text);
	}
	(void)putchar('\n');
}

/* One cell; the last is not padded. */
static void
print_cell(const struct columns *cols, size_t i, const size_t width[], const char *text)
{
	if (i + 1 < cols->n)
		(void)printf("%-*s  ", (int)width[i], text);
	else
		(void)printf("%s\n", text);
}

static void
print_table(const struct columns *cols, const struct image *list, size_t n, bool header)
{
	size_t width[FIELDS_MAX], i, row;
	char text[TEXT_MAX];

	for (i = 0; i < cols->n; i++) {
		width[i] = header ? strlen(cols->field[i]->header) : 1;
		for (row = 0; row < n; row++) {
			cols->field[i]->text(&list[row], text);
			width[i] = MAX(width[i], strlen(text));
		}
	}
	for (i = 0; i < cols->n && header; i++)
		print_cell(cols, i, width, cols->field[i]->header);
	for (row = 0; row < n; row++) {
		for (i = 0; i < cols->n; i++) {
			cols->field[i]->text(&list[row], text);
			print_cell(cols, i, width, text[0] != '\0' ? text : "-");
		}
	}
}

static int
print_all_json(const struct image *list, size_t n)
{
	json_t *all = json_array(), *manifest;
	struct err e;
	size_t i, users;
	int rc = 0;

	for (i = 0; i < n && rc == 0; i++) {
		if ((rc = load_manifest(list[i].uuid, &manifest)) != 0)
			break;
		if (usage_image(list[i].uuid, NULL, NULL, &users, &e) != 0)
			rc = fail_with(&e);
		(void)json_array_append_new(all,
		    json_pack("{s:o,s:s,s:I}", "manifest", manifest, "zpool", POOL, "clones",
			(json_int_t)users));
	}
	if (rc == 0)
		print_json(all);
	json_decref(all);
	return (rc);
}

struct options {
	bool header, json, parseable;
	const char *folder; /* avail only */
	struct columns cols;
};

static int
take_options(struct options *o, const char *letters, int argc, char **argv)
{
	const char *output = DEFAULT_OUTPUT, *sort = DEFAULT_SORT;
	int c, rc;

	while ((c = getopt(argc, argv, letters)) != -1) {
		switch (c) {
		case 'd':
			o->folder = optarg;
			break;
		case 'H':
			o->header = false;
			break;
		case 'j':
			o->json = true;
			break;
		case 'o':
			output = optarg;
			break;
		case 'p':
			o->parseable = true;
			break;
		case 's':
			sort = optarg;
			break;
		default:
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		}
	}
	if (optind != argc)
		return (fail("Usage", "unexpected args: %s", argv[optind]));
	if ((rc = take_fields(output, false, &o->cols)) != 0)
		return (rc);
	return (take_fields(sort, true, &sort_keys));
}

static void
print_text(const struct options *o, const struct image *list, size_t n)
{
	for (size_t i = 0; o->parseable && i < n; i++)
		print_parseable(&o->cols, &list[i]);
	if (!o->parseable)
		print_table(&o->cols, list, n, o->header);
}

int
imgadm_list(int argc, char **argv)
{
	CLEANUP_FREE struct image *list = NULL;
	struct options o = { .header = true };
	struct err e;
	size_t n;
	int rc;

	if ((rc = take_options(&o, "+Hjo:ps:", argc, argv)) != 0)
		return (rc);
	if (image_list(&list, &n, &e) != 0)
		return (fail_with(&e));
	qsort(list, n, sizeof(*list), compare);
	if (o.json)
		return (print_all_json(list, n));
	print_text(&o, list, n);
	return (EXIT_OK);
}

/* The manifests of a folder, as -j prints them. */
static int
print_available_json(const struct image_available *list, size_t n)
{
	json_t *all = json_array(), *manifest;

	for (size_t i = 0; i < n; i++) {
		manifest = json_load_file(list[i].manifest, JSON_REJECT_DUPLICATES, NULL);
		if (manifest != NULL)
			(void)json_array_append_new(all,
			    json_pack(
				"{s:o,s:s}", "manifest", manifest, "path", list[i].image.path));
	}
	print_json(all);
	json_decref(all);
	return (EXIT_OK);
}

int
imgadm_avail(int argc, char **argv)
{
	CLEANUP_FREE struct image_available *list = NULL;
	CLEANUP_FREE struct image *images = NULL;
	struct options o = { .header = true };
	char path[PATH_MAX];
	struct err e;
	size_t n;
	int rc;

	if ((rc = take_options(&o, "+Hd:jo:ps:", argc, argv)) != 0)
		return (rc);
	if (o.folder == NULL)
		o.folder = path_zones(path, "%s", IMAGE_FOLDER);
	if (image_folder_list(o.folder, &list, &n, &e) != 0)
		return (fail_with(&e));
	qsort(list, n, sizeof(*list), compare); /* each begins with its image */
	if (o.json)
		return (print_available_json(list, n));
	if ((images = calloc(n + 1, sizeof(*images))) == NULL)
		return (fail("InternalError", "out of memory"));
	for (size_t i = 0; i < n; i++)
		images[i] = list[i].image;
	print_text(&o, images, n);
	return (EXIT_OK);
}
