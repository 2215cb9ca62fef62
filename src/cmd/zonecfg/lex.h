/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's lexer: one line of text to tokens. Subcommands end at ';' or with the line; '#' at the
 * start of a token begins a comment. In quotes everything is itself, but \" and \\ (an addition of
 * ours, so that export can write any value). Pure.
 */
#ifndef ZHYVE_CMD_ZONECFG_LEX_H
#define ZHYVE_CMD_ZONECFG_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum zc_token_type {
	TOK_WORD,
	TOK_PUNCT, /* one of ( ) [ ] , = */
	TOK_END,   /* ';' or the end of the line */
};

struct zc_token {
	enum zc_token_type type;
	char punct;  /* of a TOK_PUNCT */
	char *text;  /* of a TOK_WORD; malloc'ed */
	bool quoted; /* it stood in quotes: never an option */
};

struct zc_tokens {
	struct zc_token *token;
	size_t n;
};

/*
 * Cut `line` up. The last token is TOK_END; empty subcommands are left out. A comma belongs to the
 * word when it is outside brackets after a '=' (set limitpriv=default,sys_time). 0; -EINVAL for an
 * open quote or a character that must be quoted. The caller frees the tokens, also those of a
 * failure.
 */
int zc_lex(const char *line, struct zc_tokens *out, struct err *e);
void zc_tokens_free(struct zc_tokens *t);

/* Write `value` so that zc_lex reads it as one word: quoted where needed. malloc'ed. */
char *zc_quote(const char *value);

#endif
