/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The configuration of a machine: bhyve's variables (bhyve_config(5)), a tree of names joined
 * by dots with a value at the leaves. Filled from the command line and -k files from left to
 * right (a later setting replaces an earlier one), then expanded and frozen; everything else
 * reads it. Pure but for config_load. Runs in zhyve, before any guest code; memory is freed all
 * at once.
 */
#ifndef ZHYVE_VMM_CONFIG_H
#define ZHYVE_VMM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

#define CONFIG_NAME_MAX  256  /* bytes of a dotted name, end byte included */
#define CONFIG_VALUE_MAX 4096 /* bytes of a value, end byte included */

struct config_node {
	char *name;                                /* one component */
	char *value;                               /* NULL: none */
	struct config_node *parent, *child, *next; /* children in the order they were made */
	bool asked;                                /* somebody has asked for its value */
};

/* The root. NULL when memory is short. */
struct config_node *config_create(void);
void config_destroy(struct config_node *root);

/* The node of a dotted name below `at`; NULL when there is none. */
struct config_node *config_find(struct config_node *at, const char *name);
/*
 * The same, made where missing. NULL: memory is short, or the name is malformed (empty
 * component, too long).
 */
struct config_node *config_make(struct config_node *at, const char *name);

/*
 * Set a variable below `at`. 0, -EINVAL (name; a line's end in the value), -E2BIG (value),
 * -ENOMEM. Names are printable ASCII without blanks and '=', and do not begin with '#'.
 */
int config_set(struct config_node *at, const char *name, const char *value);
/* The node stays, its value goes. */
void config_unset(struct config_node *at, const char *name);
/* Its value, or NULL. */
const char *config_get(struct config_node *at, const char *name);

/*
 * As text with a default, boolean with a default, number within bounds. A value that is not of
 * the form: error naming the variable.
 */
const char *config_text(struct config_node *at, const char *name, const char *def);
int config_bool(struct config_node *at, const char *name, bool def, bool *out, struct err *e);
int config_number(struct config_node *at, const char *name, uint32_t min, uint32_t max,
    uint32_t def, uint32_t *out, struct err *e);
/* The place of its value among n words; `def` when it is not set. Error: none of them. */
int config_word(struct config_node *at, const char *name, const char *const *words, unsigned n,
    unsigned def, unsigned *out, struct err *e);

/* "name=value", as -o takes it. */
int config_assign(struct config_node *root, const char *assignment, struct err *e);

/*
 * Options of a device, as -s and -l take them: "a=1,b,c=2": sets below `at`; an option without
 * "=" is set to "true". When `first` is not NULL and the first option has no "=", it is the
 * value of that variable instead (the path of a disk).
 */
int config_options(struct config_node *at, const char *first, const char *options, struct err *e);

/*
 * Lines "name=value" of a text, which is cut up; blank lines and lines beginning with '#' are
 * skipped. The error names `what` and the line.
 */
int config_parse(struct config_node *root, const char *what, char *text, struct err *e);
/* The same of a regular file: a path, or fd:N. */
int config_load(struct config_node *root, const char *path, struct err *e);

/*
 * Replace %(variable) and %% in every value; at most 16 levels deep. Then config_sort:
 * a machine does not depend on the order in which it was described.
 */
int config_expand(struct config_node *root, struct err *e);
/* Put every node's children in order: numbers by their value, then names. */
void config_sort(struct config_node *root);

/*
 * Call `told` for every variable at and below `at` whose value nobody has asked for (config_get and
 * all that stands on it): its name is misspelt, or it has no effect here.
 */
void config_unasked(struct config_node *at, void (*told)(struct config_node *node));

/*
 * Write every variable of an expanded tree as name=value, one per line, as config_load reads it
 * ('%' doubled).
 */
void config_dump(const struct config_node *root, FILE *f);

/* The full name of a node, for messages. */
const char *config_path(const struct config_node *node, char buf[CONFIG_NAME_MAX]);

#endif
