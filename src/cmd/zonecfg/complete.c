/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the prompt offers for a word that is begun: subcommands, and by the subcommand resources,
 * properties or topics of help, of the scope that the session is in. Made from the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "cmd/zonecfg/zonecfg.h"
#include "zone/zconf_field.h"
#include "zone/zconf_rctl.h"

/* Counting down: the candidate that is asked for is the one at which `left` comes to 0. */
struct search {
	const char *text; /* how it begins */
	const char *end;  /* put after it: "" or "=" */
	unsigned left;
	char *found;
};

static void
offer(struct search *s, const char *name)
{
	if (s->found != NULL || strncmp(name, s->text, strlen(s->text)) != 0 || s->left-- > 0)
		return;
	s->found = cmd_alloc(strlen(name) + strlen(s->end) + 1, 1);
	(void)stpcpy(stpcpy(s->found, name), s->end);
}

static void
offer_commands(struct search *s, const struct zc_session *z)
{
	for (const struct zc_command *c = zc_commands; c->name != NULL; c++) {
		if ((z->res != NULL ? c->in_resource : c->in_global) != NULL)
			offer(s, c->name);
	}
}

static void
offer_resources(struct search *s)
{
	for (size_t i = 0; zc_resources[i] != NULL; i++)
		offer(s, zc_resources[i]->name);
}

static void
offer_globals(struct search *s)
{
	offer(s, "autoboot");
	offer(s, "uuid");
	for (const struct zfield *f = zconf_fields; f->name != NULL; f++)
		offer(s, f->name);
	for (const struct zrctl_alias *a = zrctl_aliases; a->name != NULL; a++) {
		if (a->resource == NULL)
			offer(s, a->name);
	}
}

static void
offer_properties(struct search *s, const struct zc_resource *r)
{
	for (size_t i = 0; r->properties[i] != NULL; i++)
		offer(s, r->properties[i]);
}

static void
offer_topics(struct search *s, const struct zc_session *z)
{
	static const char *const topics[] = { "usage", "syntax", "subcommands", "resources",
		"properties" };

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		offer(s, topics[i]);
	offer_commands(s, z);
	offer_resources(s);
}

static bool
is(const char *word, size_t len, const char *name)
{
	return (strlen(name) == len && strncmp(word, name, len) == 0);
}

/* The word that begins at `p`; its length. */
static size_t
word_at(const char **p, const char *end)
{
	while (*p < end && strchr(" \t", **p) != NULL)
		(*p)++;
	return (MIN(strcspn(*p, " \t"), (size_t)(end - *p)));
}

char *
zc_candidate(
    const struct zc_session *z, const char *line, size_t start, const char *text, unsigned n)
{
	struct search s = { .text = text, .end = "", .left = n };
	const char *verb = line, *word, *end = line + start;
	const struct zc_resource *r;
	size_t verb_len, len;
	struct err e;

	for (const char *p = line; p < end; p++) {
		if (*p == ';')
			verb = p + 1;
	}
	verb_len = word_at(&verb, end);
	word = verb + verb_len;
	len = word_at(&word, end); /* 0: the word that is begun is the second */
	if (verb_len == 0) {
		offer_commands(&s, z);
	} else if (is(verb, verb_len, "help")) {
		offer_topics(&s, z);
	} else if (is(verb, verb_len, "set") || is(verb, verb_len, "clear")) {
		s.end = is(verb, verb_len, "set") ? "=" : "";
		if (z->res != NULL)
			offer_properties(&s, z->res);
		else
			offer_globals(&s);
	} else if (z->res != NULL) {
		offer_properties(&s, z->res); /* add, remove */
	} else if (len == 0) {
		if (is(verb, verb_len, "info"))
			offer_globals(&s);
		if (is(verb, verb_len, "info") || is(verb, verb_len, "add") ||
		    is(verb, verb_len, "remove") || is(verb, verb_len, "select"))
			offer_resources(&s);
	} else { /* a filter of select, info, remove */
		char *name = cmd_strndup(word, len);

		s.end = "=";
		if (zc_resource_find(name, &r, &e) == CMD_OK && r->match != NULL)
			offer_properties(&s, r);
		free(name);
	}
	return (s.found);
}
