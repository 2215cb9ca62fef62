/* SPDX-License-Identifier: BSD-2-Clause */
/* Resources that are kept and mean nothing here: see zconf_kept.h. Pure; tools and zoneadmd. */
#include "zone/zconf_kept.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

const struct zkept_info zkept_info[ZKEPT_KINDS] = {
	[ZKEPT_FS] = { "fs", { "dir", "special", "type", "raw", "options" }, 3, 1, "options" },
	[ZKEPT_DATASET] = { "dataset", { "name" }, 1, 1, NULL },
	[ZKEPT_ADMIN] = { "admin", { "user", "auths" }, 2, 1, NULL },
	[ZKEPT_SECURITY_FLAGS] = { "security-flags", { "lower", "default", "upper" }, 0, 0, NULL },
};

bool
zkept_has(enum zkept_kind kind, const char *prop)
{
	for (size_t i = 0; i < ZKEPT_PROPS_MAX && zkept_info[kind].props[i] != NULL; i++) {
		if (strcmp(zkept_info[kind].props[i], prop) == 0)
			return (true);
	}
	return (false);
}

const char *
zkept_get(const struct zkept *k, const char *prop)
{
	return (zprop_get(k->prop, k->nprop, prop));
}

int
zkept_set(struct zkept *k, const char *prop, const char *value)
{
	if (value != NULL && *value == '\0')
		value = NULL;
	return (zprop_set(&k->prop, &k->nprop, prop, value));
}

/* ---- lists: words divided by commas ---- */

/* Where the word stands in the list, or NULL. */
static const char *
find_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list != NULL && *list != '\0') {
		size_t n = strcspn(list, ",");

		if (n == len && strncmp(list, word, n) == 0)
			return (list);
		list += n + (list[n] == ',');
	}
	return (NULL);
}

bool
zkept_list_has(const struct zkept *k, const char *prop, const char *word)
{
	return (find_word(zkept_get(k, prop), word) != NULL);
}

int
zkept_list_add(struct zkept *k, const char *prop, const char *word)
{
	const char *now = zkept_get(k, prop);
	char *text;
	int rc;

	if (now == NULL)
		return (zkept_set(k, prop, word));
	if ((text = malloc(strlen(now) + strlen(word) + 2)) == NULL)
		return (-ENOMEM);
	(void)stpcpy(stpcpy(stpcpy(text, now), ","), word);
	rc = zkept_set(k, prop, text);
	free(text);
	return (rc);
}

int
zkept_list_remove(struct zkept *k, const char *prop, const char *word)
{
	const char *now = zkept_get(k, prop), *at = find_word(now, word), *after;
	char *text;
	size_t before;
	int rc;

	if (at == NULL)
		return (0);
	if ((text = strdup(now)) == NULL)
		return (-ENOMEM);
	after = at + strlen(word);
	after += *after == ',';
	before = (size_t)(at - now);
	if (*after == '\0' && before > 0)
		before--; /* the comma before the last one */
	(void)strcpy(text + before, after);
	rc = zkept_set(k, prop, text);
	free(text);
	return (rc);
}

/* ---- in the configuration ---- */

struct zkept *
zconf_kept_add(struct zconf *c, enum zkept_kind kind)
{
	struct zkept_list *l = &c->kept[kind];
	struct zkept *p = reallocarray(l->one, l->n + 1, sizeof(*p));

	if (p == NULL)
		return (NULL);
	l->one = p;
	p[l->n] = (struct zkept){ .prop = NULL };
	return (&p[l->n++]);
}

static void
kept_fini(struct zkept *k)
{
	while (k->nprop > 0)
		(void)zprop_set(&k->prop, &k->nprop, k->prop[0].name, NULL);
	free(k->prop);
}

void
zconf_kept_remove(struct zconf *c, enum zkept_kind kind, size_t i)
{
	struct zkept_list *l = &c->kept[kind];

	kept_fini(&l->one[i]);
	memmove(&l->one[i], &l->one[i + 1], (l->n - i - 1) * sizeof(*l->one));
	l->n--;
}

void
zconf_kept_free(struct zconf *c)
{
	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		for (size_t i = 0; i < c->kept[kind].n; i++)
			kept_fini(&c->kept[kind].one[i]);
		free(c->kept[kind].one);
	}
}

int
zconf_kept_copy(struct zconf *to, const struct zconf *from)
{
	struct zkept *k;

	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		for (size_t i = 0; i < from->kept[kind].n; i++) {
			const struct zkept *f = &from->kept[kind].one[i];

			if ((k = zconf_kept_add(to, (enum zkept_kind)kind)) == NULL)
				return (-ENOMEM);
			for (size_t j = 0; j < f->nprop; j++) {
				if (zkept_set(k, f->prop[j].name, f->prop[j].value) != 0)
					return (-ENOMEM);
			}
		}
	}
	return (0);
}

/* The order in which properties were set means nothing. */
static bool
kept_equal(enum zkept_kind kind, const struct zkept *a, const struct zkept *b)
{
	for (size_t i = 0; i < ZKEPT_PROPS_MAX && zkept_info[kind].props[i] != NULL; i++) {
		const char *x = zkept_get(a, zkept_info[kind].props[i]),
			   *y = zkept_get(b, zkept_info[kind].props[i]);

		if (strcmp(x != NULL ? x : "", y != NULL ? y : "") != 0)
			return (false);
	}
	return (true);
}

bool
zconf_kept_equal(const struct zconf *a, const struct zconf *b)
{
	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		if (a->kept[kind].n != b->kept[kind].n)
			return (false);
		for (size_t i = 0; i < a->kept[kind].n; i++) {
			if (!kept_equal((enum zkept_kind)kind, &a->kept[kind].one[i],
				&b->kept[kind].one[i]))
				return (false);
		}
	}
	return (true);
}

/* ---- rules (zones.md 4) ---- */

static int
check_texts(const struct zkept_info *info, const struct zkept *k, struct err *e)
{
	for (size_t i = 0; i < k->nprop; i++) {
		for (const char *s = k->prop[i].value; *s != '\0'; s++) {
			if (iscntrl((unsigned char)*s) && *s != '\t')
				return (err_say(e, EINVAL,
				    "%s: %s: the value has a control character (%#04x)", info->name,
				    k->prop[i].name, (unsigned char)*s));
		}
	}
	return (0);
}

/* Comma list of login, manage, clonefrom. */
static int
check_auths(const char *list, struct err *e)
{
	static const char *const known[] = { "login", "manage", "clonefrom" };
	size_t n, i;

	for (;; list += n + 1) {
		n = strcspn(list, ",");
		for (i = 0; i < NITEMS(known); i++) {
			if (strlen(known[i]) == n && strncmp(known[i], list, n) == 0)
				break;
		}
		if (i == NITEMS(known))
			return (err_say(e, EINVAL,
			    "admin: auths '%.*s' is not one of login, manage, clonefrom", (int)n,
			    list));
		if (list[n] == '\0')
			return (0);
	}
}

static bool
same_key(const struct zkept_info *info, const struct zkept *a, const struct zkept *b)
{
	for (size_t i = 0; i < info->nkey; i++) {
		const char *x = zkept_get(a, info->props[i]), *y = zkept_get(b, info->props[i]);

		if (x == NULL || y == NULL || strcmp(x, y) != 0)
			return (false);
	}
	return (true);
}

int
zkept_check(const struct zconf *c, enum zkept_kind kind, size_t i, struct err *e)
{
	const struct zkept_info *info = &zkept_info[kind];
	const struct zkept *k = &c->kept[kind].one[i];

	for (size_t j = 0; j < info->nrequired; j++) {
		if (zkept_get(k, info->props[j]) == NULL)
			return (err_say(e, EINVAL, "%s: required property '%s' is not set",
			    info->name, info->props[j]));
	}
	if (k->nprop == 0)
		return (err_say(
		    e, EINVAL, "%s: at least one of its properties must be set", info->name));
	if (check_texts(info, k, e) != 0)
		return (-EINVAL);
	if (kind == ZKEPT_FS && zkept_get(k, "dir")[0] != '/')
		return (err_say(
		    e, EINVAL, "fs: dir '%s' is not an absolute path", zkept_get(k, "dir")));
	if (kind == ZKEPT_ADMIN && check_auths(zkept_get(k, "auths"), e) != 0)
		return (-EINVAL);
	for (size_t j = 0; j < c->kept[kind].n; j++) {
		if (j != i && same_key(info, k, &c->kept[kind].one[j]))
			return (info->nkey == 0
				? err_say(e, EINVAL, "%s: there is one at most", info->name)
				: err_say(e, EINVAL,
				      "a %s resource with the %s '%s' already exists", info->name,
				      info->props[0], zkept_get(k, info->props[0])));
	}
	return (0);
}

int
zconf_kept_check(const struct zconf *c, struct err *e)
{
	for (size_t kind = 0; kind < ZKEPT_KINDS; kind++) {
		for (size_t i = 0; i < c->kept[kind].n; i++) {
			if (zkept_check(c, (enum zkept_kind)kind, i, e) != 0)
				return (-EINVAL);
		}
	}
	return (0);
}
