/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's parser: see parse.h. */
#include "cmd/zonecfg/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/cmd.h"

struct parser {
	const struct zc_tokens *t;
	size_t at;
	struct err *e;
};

static const struct zc_token *
peek(const struct parser *p)
{
	return (&p->t->token[p->at]); /* the last one is TOK_END, which nobody goes beyond */
}

static bool
at_punct(const struct parser *p, char c)
{
	return (peek(p)->type == TOK_PUNCT && peek(p)->punct == c);
}

static int
unexpected(const struct parser *p, const char *wanted)
{
	const struct zc_token *t = peek(p);

	if (t->type == TOK_END)
		return (err_say(p->e, EINVAL, "syntax error at the end: %s expected", wanted));
	if (t->type == TOK_PUNCT)
		return (
		    err_say(p->e, EINVAL, "syntax error at '%c': %s expected", t->punct, wanted));
	return (err_say(p->e, EINVAL, "syntax error at '%s': %s expected", t->text, wanted));
}

static int
take(struct parser *p, char c, const char *wanted)
{
	if (!at_punct(p, c))
		return (unexpected(p, wanted));
	p->at++;
	return (0);
}

static int
take_word(struct parser *p, const char *wanted, char **out)
{
	if (peek(p)->type != TOK_WORD)
		return (unexpected(p, wanted));
	*out = cmd_strdup(peek(p)->text);
	p->at++;
	return (0);
}

/* A word, or two with '=' between: (…,action=signal=SIGTERM). */
static int
take_pair_value(struct parser *p, char **out)
{
	char *left, *right;
	int rc;

	if ((rc = take_word(p, "a value", out)) != 0 || !at_punct(p, '='))
		return (rc);
	p->at++;
	if ((rc = take_word(p, "a value", &right)) != 0)
		return (rc);
	left = *out;
	*out = cmd_alloc(strlen(left) + strlen(right) + 2, 1);
	(void)stpcpy(stpcpy(stpcpy(*out, left), "="), right);
	free(left);
	free(right);
	return (0);
}

/* (name=value,name=value) */
static int
parse_complex(struct parser *p, struct zc_value *v)
{
	struct zc_pair *pair;
	int rc;

	v->type = VALUE_COMPLEX;
	p->at++;
	for (;;) {
		v->pair = cmd_grow(v->pair, v->n + 1, sizeof(*v->pair));
		pair = &v->pair[v->n++];
		*pair = (struct zc_pair){ 0 };
		if ((rc = take_word(p, "a name", &pair->name)) != 0 ||
		    (rc = take(p, '=', "'='")) != 0 || (rc = take_pair_value(p, &pair->value)) != 0)
			return (rc);
		if (!at_punct(p, ','))
			return (take(p, ')', "',' or ')'"));
		p->at++;
	}
}

static int
parse_simple_or_complex(struct parser *p, struct zc_value *v)
{
	if (at_punct(p, '('))
		return (parse_complex(p, v));
	v->type = VALUE_SIMPLE;
	return (take_word(p, "a value", &v->text));
}

/* [v,v,…]; lists do not stand in lists. */
static int
parse_list(struct parser *p, struct zc_value *v)
{
	int rc;

	v->type = VALUE_LIST;
	p->at++;
	for (;;) {
		v->item = cmd_grow(v->item, v->n + 1, sizeof(*v->item));
		v->item[v->n] = (struct zc_value){ 0 };
		if ((rc = parse_simple_or_complex(p, &v->item[v->n++])) != 0)
			return (rc);
		if (!at_punct(p, ','))
			return (take(p, ']', "',' or ']'"));
		p->at++;
	}
}

static int
parse_value(struct parser *p, struct zc_value *v)
{
	return (at_punct(p, '[') ? parse_list(p, v) : parse_simple_or_complex(p, v));
}

static int
parse_arg(struct parser *p, struct zc_arg *a)
{
	bool word = peek(p)->type == TOK_WORD;
	int rc;

	a->quoted = word && peek(p)->quoted;
	if ((rc = parse_value(p, &a->value)) != 0)
		return (rc);
	if (!word || !at_punct(p, '='))
		return (0);
	p->at++;
	a->name = a->value.text;
	a->value = (struct zc_value){ 0 };
	return (parse_value(p, &a->value));
}

int
zc_parse(const struct zc_tokens *t, size_t *at, struct zc_stmt *out, struct err *e)
{
	struct parser p = { t, *at, e };
	struct zc_arg *a;
	int rc;

	*out = (struct zc_stmt){ 0 };
	if ((rc = take_word(&p, "a subcommand", &out->verb)) != 0)
		return (rc);
	while (peek(&p)->type != TOK_END) {
		out->arg = cmd_grow(out->arg, out->n + 1, sizeof(*out->arg));
		a = &out->arg[out->n++];
		*a = (struct zc_arg){ 0 };
		if ((rc = parse_arg(&p, a)) != 0)
			return (rc);
	}
	*at = p.at + 1;
	return (0);
}

static void
value_free(struct zc_value *v)
{
	free(v->text);
	for (size_t i = 0; i < v->n; i++) {
		if (v->type == VALUE_COMPLEX) {
			free(v->pair[i].name);
			free(v->pair[i].value);
		} else {
			free(v->item[i].text);
			for (size_t j = 0; j < v->item[i].n; j++) {
				free(v->item[i].pair[j].name);
				free(v->item[i].pair[j].value);
			}
			free(v->item[i].pair);
		}
	}
	free(v->pair);
	free(v->item);
}

void
zc_stmt_free(struct zc_stmt *s)
{
	free(s->verb);
	for (size_t i = 0; i < s->n; i++) {
		free(s->arg[i].name);
		value_free(&s->arg[i].value);
	}
	free(s->arg);
	*s = (struct zc_stmt){ 0 };
}

const char *
zc_pair_get(const struct zc_value *v, const char *name)
{
	for (size_t i = 0; v->type == VALUE_COMPLEX && i < v->n; i++) {
		if (strcmp(v->pair[i].name, name) == 0)
			return (v->pair[i].value);
	}
	return (NULL);
}
