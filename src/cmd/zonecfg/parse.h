/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's parser: the tokens of one subcommand to a statement. It knows the shape of the language
 * (words, options, NAME=VALUE; simple, complex and list values; zones.md 2) and no subcommand.
 * Pure.
 */
#ifndef ZHYVE_CMD_ZONECFG_PARSE_H
#define ZHYVE_CMD_ZONECFG_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "cmd/zonecfg/lex.h"

struct zc_pair {
	char *name;
	char *value;
};

struct zc_value {
	enum zc_value_type {
		VALUE_SIMPLE,  /* text */
		VALUE_COMPLEX, /* pair[0..n): (name=value,…) */
		VALUE_LIST,    /* item[0..n): [v,…] */
	} type;
	char *text;
	struct zc_pair *pair;
	struct zc_value *item;
	size_t n;
};

/* A word (name NULL) or NAME=VALUE. */
struct zc_arg {
	char *name;
	struct zc_value value;
	bool quoted; /* a word that stood in quotes */
};

struct zc_stmt {
	char *verb;
	struct zc_arg *arg;
	size_t n;
};

/*
 * Parse one subcommand from token `*at` on, up to its TOK_END; *at is left after it. 0, or -EINVAL
 * with where. The caller frees the statement, also after a failure.
 */
int zc_parse(const struct zc_tokens *t, size_t *at, struct zc_stmt *out, struct err *e);
void zc_stmt_free(struct zc_stmt *s);

/* The value of the pair, or NULL. */
const char *zc_pair_get(const struct zc_value *v, const char *name);

#endif
