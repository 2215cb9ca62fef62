/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's resources that are kept and mean nothing here: fs, dataset, admin, security-flags
 * (zone/zconf_kept.h). One set of functions serves all; the table's functions only name the kind.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_kept.h"

static enum zkept_kind
kind_of(const struct zc_session *z)
{
	size_t kind = 0;

	while (kind < ZKEPT_KINDS - 1 && strcmp(zkept_info[kind].name, z->res->name) != 0)
		kind++;
	return ((enum zkept_kind)kind);
}

static struct zkept *
element(const struct zc_session *z)
{
	return (&z->work->kept[kind_of(z)].one[z->index]);
}

static bool
is_list(const struct zc_session *z, const char *name)
{
	const char *list = zkept_info[kind_of(z)].list;

	return (list != NULL && strcmp(list, name) == 0);
}

static int
create(struct zc_session *z, enum zkept_kind kind, size_t *i)
{
	if (zconf_kept_add(z->work, kind) == NULL)
		cmd_no_memory();
	*i = z->work->kept[kind].n - 1;
	return (CMD_OK);
}

static int
kept_set(struct zc_session *z, const char *name, const char *value, struct err *e)
{
	if (is_list(z, name))
		return (zc_misuse(e, "%s: use add and remove", name));
	if (zkept_set(element(z), name, value) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
kept_clear(struct zc_session *z, const char *name, struct err *e)
{
	const struct zkept_info *info = &zkept_info[kind_of(z)];

	for (size_t i = 0; i < info->nrequired; i++) {
		if (strcmp(info->props[i], name) == 0)
			return (zc_fail(e, "%s is required: it cannot be cleared", name));
	}
	(void)zkept_set(element(z), name, NULL);
	return (CMD_OK);
}

/* One word of a list. */
static int
list_word(struct zc_session *z, const char *name, const struct zc_value *v, struct err *e)
{
	if (!is_list(z, name))
		return (zc_misuse(e, "property '%s' is not a list: use set", name));
	if (v->type != VALUE_SIMPLE || *v->text == '\0' || strchr(v->text, ',') != NULL)
		return (zc_misuse(e, "%s: a word, or [word,word]", name));
	return (CMD_OK);
}

static int
kept_add(struct zc_session *z, const char *name, const struct zc_value *v, struct err *e)
{
	int status = list_word(z, name, v, e);

	if (status != CMD_OK)
		return (status);
	if (zkept_list_has(element(z), name, v->text))
		return (zc_fail(e, "%s has '%s' already", name, v->text));
	if (zkept_list_add(element(z), name, v->text) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
kept_remove(struct zc_session *z, const char *name, const struct zc_value *v, struct err *e)
{
	int status = list_word(z, name, v, e);

	if (status != CMD_OK)
		return (status);
	if (!zkept_list_has(element(z), name, v->text))
		return (zc_fail(e, "%s has no '%s'", name, v->text));
	if (zkept_list_remove(element(z), name, v->text) != 0)
		cmd_no_memory();
	return (CMD_OK);
}

static int
kept_check(const struct zc_session *z, struct err *e)
{
	return (zkept_check(z->work, kind_of(z), z->index, e) != 0 ? CMD_ERROR : CMD_OK);
}

/* A list matches when it has all the words that are asked for. */
static bool
match(const struct zconf *c, enum zkept_kind kind, size_t i, const char *name,
    const struct zc_value *want)
{
	const struct zkept *k = &c->kept[kind].one[i];
	const char *is = zkept_get(k, name), *list = zkept_info[kind].list;

	if (list == NULL || strcmp(list, name) != 0)
		return (
		    want->type == VALUE_SIMPLE && strcmp(is != NULL ? is : "", want->text) == 0);
	if (want->type == VALUE_SIMPLE)
		return (zkept_list_has(k, name, want->text));
	for (size_t j = 0; want->type == VALUE_LIST && j < want->n; j++) {
		if (want->item[j].type != VALUE_SIMPLE ||
		    !zkept_list_has(k, name, want->item[j].text))
			return (false);
	}
	return (want->type == VALUE_LIST);
}

static void
info(FILE *f, const struct zconf *c, enum zkept_kind kind, size_t i)
{
	const struct zkept_info *t = &zkept_info[kind];
	const struct zkept *k = &c->kept[kind].one[i];

	for (size_t p = 0; p < ZKEPT_PROPS_MAX && t->props[p] != NULL; p++) {
		const char *value = zkept_get(k, t->props[p]);

		if (t->list != NULL && strcmp(t->list, t->props[p]) == 0)
			(void)fprintf(f, "\t%s: [%s]\n", t->props[p], value != NULL ? value : "");
		else
			zc_print_field(f, t->props[p], value);
	}
}

static void
export_list(FILE *f, const char *name, const char *words)
{
	char *copy = cmd_strdup(words), *save = NULL, *quoted;

	for (char *w = strtok_r(copy, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
		quoted = zc_quote(w);
		(void)fprintf(f, "add %s %s\n", name, quoted);
		free(quoted);
	}
	free(copy);
}

static void export(FILE *f, const struct zconf *c, enum zkept_kind kind, size_t i)
{
	const struct zkept_info *t = &zkept_info[kind];

	for (size_t p = 0; p < ZKEPT_PROPS_MAX && t->props[p] != NULL; p++) {
		const char *value = zkept_get(&c->kept[kind].one[i], t->props[p]);

		if (value == NULL)
			continue;
		if (t->list != NULL && strcmp(t->list, t->props[p]) == 0)
			export_list(f, t->props[p], value);
		else
			zc_print_set(f, "", t->props[p], value);
	}
}

/* What the table of resources wants, for one kind. */
#define KEPT_FUNCTIONS(prefix, kind)                                               \
	static size_t prefix##_count(const struct zconf *c)                        \
	{                                                                          \
		return (c->kept[kind].n);                                          \
	}                                                                          \
	static int prefix##_create(struct zc_session *z, size_t *i, struct err *e) \
	{                                                                          \
		return (create(z, kind, i));                                       \
	}                                                                          \
	static void prefix##_destroy(struct zconf *c, size_t i)                    \
	{                                                                          \
		zconf_kept_remove(c, kind, i);                                     \
	}                                                                          \
	static void prefix##_info(FILE *f, const struct zconf *c, size_t i)        \
	{                                                                          \
		info(f, c, kind, i);                                               \
	}                                                                          \
	static void prefix##_export(FILE *f, const struct zconf *c, size_t i)      \
	{                                                                          \
		export(f, c, kind, i);                                             \
	}
/* A filter; security-flags, of which there is one, has none. */
#define KEPT_MATCH(prefix, kind)                                                            \
	static bool prefix##_match(                                                         \
	    const struct zconf *c, size_t i, const char *name, const struct zc_value *want) \
	{                                                                                   \
		return (match(c, kind, i, name, want));                                     \
	}
#define KEPT_RESOURCE(prefix)                                                            \
	.count = prefix##_count, .create = prefix##_create, .destroy = prefix##_destroy, \
	.set = kept_set, .clear = kept_clear, .add = kept_add, .remove = kept_remove,    \
	.check = kept_check, .info = prefix##_info, .export = prefix##_export

KEPT_FUNCTIONS(fs, ZKEPT_FS)
KEPT_MATCH(fs, ZKEPT_FS)
KEPT_FUNCTIONS(dataset, ZKEPT_DATASET)
KEPT_MATCH(dataset, ZKEPT_DATASET)
KEPT_FUNCTIONS(admin, ZKEPT_ADMIN)
KEPT_MATCH(admin, ZKEPT_ADMIN)
KEPT_FUNCTIONS(flags, ZKEPT_SECURITY_FLAGS)

const struct zc_resource zc_fs = {
	.name = "fs",
	.text = "a file system in the zone; kept, without effect here",
	.properties = zkept_info[ZKEPT_FS].props,
	.match = fs_match,
	KEPT_RESOURCE(fs),
};
const struct zc_resource zc_dataset = {
	.name = "dataset",
	.text = "a delegated ZFS dataset; kept, without effect here",
	.properties = zkept_info[ZKEPT_DATASET].props,
	.match = dataset_match,
	KEPT_RESOURCE(dataset),
};
const struct zc_resource zc_admin = {
	.name = "admin",
	.text = "a user who may administer the zone; kept, without effect here",
	.properties = zkept_info[ZKEPT_ADMIN].props,
	.match = admin_match,
	KEPT_RESOURCE(admin),
};
const struct zc_resource zc_security_flags = {
	.name = "security-flags",
	.text = "security flags of processes; kept, without effect here",
	.properties = zkept_info[ZKEPT_SECURITY_FLAGS].props,
	KEPT_RESOURCE(flags),
};
