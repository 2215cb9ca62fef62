/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zonecfg's inside: the session (what is being edited), the table of subcommands, the table of
 * resources. One thread, no daemon: everything happens on a copy of the configuration in memory
 * until commit (or delete).
 *
 * Functions that carry out a subcommand return CMD_OK, CMD_ERROR or CMD_USAGE, the latter two with
 * the error object filled; the caller prints it.
 */
#ifndef ZHYVE_CMD_ZONECFG_ZONECFG_H
#define ZHYVE_CMD_ZONECFG_ZONECFG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "cmd/common/cmd.h"
#include "cmd/zonecfg/parse.h"
#include "zone/zconf.h"

struct zc_resource;

struct zc_session {
	char name[ZONENAME_MAX];
	struct zconf *saved; /* as last loaded or committed; NULL: not in the store */
	struct zconf *work;  /* as edited; NULL: neither loaded nor created */

	/* The resource scope, between add or select and end or cancel. */
	const struct zc_resource *res; /* NULL: global scope */
	size_t index;                  /* which of its kind in `work` */
	unsigned given;                /* ZC_GIVEN_… : properties of it that are set */
	struct zconf *backup;          /* `work` before the scope was entered, for cancel */

	/* Where the present subcommand stands. */
	const char *file; /* NULL: command line or prompt; "-": standard input */
	unsigned line;
	bool tty; /* a person answers */

	bool leave;   /* exit was said */
	bool discard; /* exit -F: without commit */
};

/* attr's three properties have no "unset" in the model. */
#define ZC_GIVEN_NAME  (1u << 0)
#define ZC_GIVEN_TYPE  (1u << 1)
#define ZC_GIVEN_VALUE (1u << 2)

/* zonecfg.c */
int zc_fail(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int zc_misuse(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ask a person: "QUESTION (y/[n])? ". False where there is none. */
bool zc_ask(const struct zc_session *z, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* commands.c: the table and what all subcommands need. */
struct zc_command {
	const char *name;
	unsigned flags;
	int (*in_global)(struct zc_session *, const struct zc_stmt *, struct err *);
	int (*in_resource)(struct zc_session *, const struct zc_stmt *, struct err *);
	const char *usage; /* lines */
	const char *text;
};
#define ZC_NEEDS_ZONE (1u << 0)               /* not before create */
#define ZC_CHANGES    (1u << 1)               /* root only */
extern const struct zc_command zc_commands[]; /* ends with name NULL */
const struct zc_command *zc_command_find(const char *name);
int zc_execute(struct zc_session *z, const struct zc_stmt *s, struct err *e);

struct zc_options {
	bool flag[128];
	const char *value[128];
	size_t first; /* the first argument that is not an option */
};
/*
 * Leading "-x" words by getopt's kind of letters ("Ft:"). CMD_USAGE for one that is not among them.
 */
int zc_options(const struct zc_stmt *s, const char *letters, struct zc_options *o, struct err *e);
/* How the subcommand is to be used, as an error. */
int zc_usage(const struct zc_stmt *s, struct err *e);
/* The one NAME=VALUE (simple) argument of set. */
int zc_assignment(const struct zc_stmt *s, const char **name, const char **value, struct err *e);

/* session.c: between memory and store. */
int zc_open(struct zc_session *z, struct err *e); /* CMD_OK also when there is no such zone */
void zc_close(struct zc_session *z);
bool zc_changed(const struct zc_session *z);
int zc_commit(struct zc_session *z, struct err *e);
/* Another name, from the next commit on. */
int zc_rename(struct zc_session *z, const char *name, struct err *e);
int zc_no_zone(const struct zc_session *z, struct err *e);
/* CMD_ERROR when the zone is installed (or half so): `what` is then fixed. */
int zc_not_installed(const struct zc_session *z, const char *what, struct err *e);
int zc_do_create(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_delete(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_commit(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_revert(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_verify(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_exit(struct zc_session *z, const struct zc_stmt *s, struct err *e);

/* global.c: the simple properties. */
int zc_do_set(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_clear(struct zc_session *z, const struct zc_stmt *s, struct err *e);
bool zc_global_known(const char *name);
/* One "name: value" line. */
void zc_global_info(FILE *f, const struct zconf *c, const char *name);
void zc_global_info_all(FILE *f, const struct zconf *c);
/* The set commands that give them, but for the rctls' aliases: those come after all rctls. */
void zc_global_export(FILE *f, const struct zconf *c);
void zc_alias_export(FILE *f, const struct zconf *c);

/* scope.c: resources as a whole. */
int zc_do_add(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_select(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_remove(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_end(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_cancel(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_res_add(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_res_remove(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_res_set(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_res_clear(struct zc_session *z, const struct zc_stmt *s, struct err *e);
/* CMD_OK with *match; CMD_USAGE for a filter that the resource does not have. */
int zc_match(const struct zc_resource *r, const struct zconf *c, size_t i, const struct zc_stmt *s,
    size_t first, bool *match, struct err *e);

/* show.c */
int zc_do_info(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_res_info(struct zc_session *z, const struct zc_stmt *s, struct err *e);
int zc_do_export(struct zc_session *z, const struct zc_stmt *s, struct err *e);

/*
 * complete.c: the n-th of what can stand at `start` of the line and begins with `text`, malloc'ed;
 * NULL: there are not so many.
 */
char *zc_candidate(
    const struct zc_session *z, const char *line, size_t start, const char *text, unsigned n);

/* help.c */
int zc_do_help(struct zc_session *z, const struct zc_stmt *s, struct err *e);
void zc_print_usage(FILE *f);
int zc_print_help(FILE *f, const char *topic, struct err *e);

/*
 * A kind of resource. Functions that may be NULL say so. set, clear, add and remove change element
 * i of `work`; the resource scope makes them undoable.
 */
struct zc_resource {
	const char *name;
	const char *text;              /* one line for help */
	const char *const *properties; /* names, NULL at the end */
	size_t (*count)(const struct zconf *c);
	int (*create)(struct zc_session *z, size_t *i, struct err *e);
	void (*destroy)(struct zconf *c, size_t i);
	int (*set)(struct zc_session *z, const char *name, const char *value, struct err *e);
	int (*clear)(struct zc_session *z, const char *name, struct err *e);
	/* List-valued properties; NULL: it has none. */
	int (*add)(struct zc_session *z, const char *name, const struct zc_value *v, struct err *e);
	int (*remove)(
	    struct zc_session *z, const char *name, const struct zc_value *v, struct err *e);
	/* Is everything there, and no other alike? The rest is verify's. */
	int (*check)(const struct zc_session *z, struct err *e);
	/* Does property `name` of element i have this value? NULL: single instance, no filters. */
	bool (*match)(const struct zconf *c, size_t i, const char *name, const struct zc_value *v);
	void (*info)(FILE *f, const struct zconf *c, size_t i);
	void (*export)(FILE *f, const struct zconf *c, size_t i);
};
extern const struct zc_resource zc_net, zc_device, zc_attr, zc_rctl, zc_dedicated_cpu,
    zc_capped_cpu, zc_capped_memory, zc_fs, zc_dataset, zc_admin, zc_security_flags;
extern const struct zc_resource *const zc_resources[]; /* in info's order; NULL at the end */
/* CMD_USAGE for one that is not known. */
int zc_resource_find(const char *name, const struct zc_resource **out, struct err *e);
bool zc_has_property(const struct zc_resource *r, const char *name);
/* "	set NAME=VALUE", quoted where needed. */
void zc_print_set(FILE *f, const char *indent, const char *name, const char *value);
/* "	NAME: VALUE", or "	NAME not specified". */
void zc_print_field(FILE *f, const char *name, const char *value);

#endif
