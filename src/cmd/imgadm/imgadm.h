/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm: what its files share. One file per subcommand, one row per name of one in main.c.
 */
#ifndef ZHYVE_CMD_IMGADM_H
#define ZHYVE_CMD_IMGADM_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "cmd/common/subcommand.h"
#include "zone/image.h"
#include "zone/image_convert.h"

enum {
	EXIT_OK = 0,
	EXIT_ERROR = 1,
	EXIT_NOT_INSTALLED = 3
};

#define POOL "zones" /* the only one there is */

/* The subcommands. */
command_fn imgadm_avail, imgadm_build, imgadm_create, imgadm_delete, imgadm_export, imgadm_get,
    imgadm_import, imgadm_list, imgadm_pool, imgadm_show;

/* "imgadm SUBCOMMAND: error (CODE): TEXT" on stderr; returns EXIT_ERROR. */
int fail(const char *code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for an error object; the code and the status follow from it. */
int fail_with(const struct err *e);

/*
 * The options of a subcommand that has at most -P POOL, and its one argument, a UUID (lower case
 * in `uuid`). 0 or an exit status, told.
 */
int take_uuid(int argc, char **argv, char uuid[UUID_TEXT_LEN + 1]);
/* The operand alone, at argv[optind]; at most `more` others follow it. */
int take_uuid_operand(int argc, char **argv, int more, char uuid[UUID_TEXT_LEN + 1]);
/* -P: 0 or an exit status, told. */
int take_pool(const char *name);
/* The text of a stored manifest, to be freed. 0 or an exit status, told. */
int load_text(const char *uuid, char **out);
/* A stored manifest; the caller's reference. 0 or an exit status, told. */
int load_manifest(const char *uuid, json_t **out);
/* What create and export have in common: -c, -o, -q. One option; 0 or an exit status, told. */
struct output {
	enum image_packed packed;
	const char *where; /* folder, or begin of the files' names */
	bool quiet;
};
int take_output(int option, struct output *out);
/* Print JSON as imgadm does. */
void print_json(const json_t *j);

#endif
