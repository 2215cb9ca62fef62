/* SPDX-License-Identifier: BSD-2-Clause */
/* zonecfg's lexer: see lex.h. */
#include "cmd/zonecfg/lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/common/cmd.h"

#define BLANKS   " \t\r\n"
#define PUNCT    "()[],="
#define SPECIALS BLANKS PUNCT "{};\""

static struct zc_token *
append(struct zc_tokens *t, enum zc_token_type type)
{
	if ((t->n & (t->n - 1)) == 0) /* at 0, 1, 2, 4, …: twice the room */
		t->token = cmd_grow(t->token, t->n > 0 ? 2 * t->n : 1, sizeof(*t->token));
	t->token[t->n] = (struct zc_token){ .type = type };
	return (&t->token[t->n++]);
}

/* The end of a subcommand; nothing when there is none. */
static void
append_end(struct zc_tokens *t)
{
	if (t->n > 0 && t->token[t->n - 1].type != TOK_END)
		(void)append(t, TOK_END);
}

/* A quoted word; *s is at the opening quote and left after the closing one. */
static int
lex_quoted(const char **s, struct zc_tokens *t, struct err *e)
{
	const char *p = *s + 1;
	char *text = cmd_alloc(strlen(p) + 1, 1);
	size_t n = 0;
	struct zc_token *token;

	for (; *p != '"'; p++) {
		if (p[0] == '\\' && (p[1] == '"' || p[1] == '\\'))
			p++;
		if (*p == '\0' || *p == '\n') {
			free(text);
			return (err_say(e, EINVAL, "syntax error: '\"' without an end"));
		}
		text[n++] = *p;
	}
	token = append(t, TOK_WORD);
	token->text = text;
	token->quoted = true;
	*s = p + 1;
	return (0);
}

int
zc_lex(const char *s, struct zc_tokens *t, struct err *e)
{
	bool after_equals = false; /* in the value of NAME=VALUE */
	int depth = 0;             /* open brackets of either kind */
	size_t len;
	int rc;

	*t = (struct zc_tokens){ 0 };
	for (;;) {
		s += strspn(s, BLANKS);
		if (*s == '\0' || *s == '#')
			break;
		if (*s == ';') {
			append_end(t);
			after_equals = false;
			depth = 0;
			s++;
		} else if (*s == '"') {
			if ((rc = lex_quoted(&s, t, e)) != 0)
				return (rc);
		} else if (strchr(PUNCT, *s) != NULL) {
			after_equals |= *s == '=';
			depth += (*s == '(' || *s == '[') - (*s == ')' || *s == ']');
			append(t, TOK_PUNCT)->punct = *s++;
		} else if (*s == '{' || *s == '}') {
			return (err_say(e, EINVAL, "syntax error at '%c': it must be quoted", *s));
		} else {
			len = strcspn(s, SPECIALS);
			while (after_equals && depth <= 0 && s[len] == ',')
				len += 1 + strcspn(s + len + 1, SPECIALS);
			append(t, TOK_WORD)->text = cmd_strndup(s, len);
			s += len;
		}
	}
	append_end(t);
	return (0);
}

void
zc_tokens_free(struct zc_tokens *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->token[i].text);
	free(t->token);
	*t = (struct zc_tokens){ 0 };
}

char *
zc_quote(const char *value)
{
	char *out, *p;

	if (*value != '\0' && *value != '#' && value[strcspn(value, SPECIALS "\\")] == '\0')
		return (cmd_strdup(value));
	p = out = cmd_alloc(2 * strlen(value) + 3, 1);
	*p++ = '"';
	for (; *value != '\0'; value++) {
		if (*value == '"' || *value == '\\')
			*p++ = '\\';
		*p++ = *value;
	}
	*p = '"';
	return (out);
}
