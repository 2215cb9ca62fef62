/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The outline of a tool "PROGRAM [-hv] SUBCOMMAND ...": its options, which subcommand, whether
 * this is root, whether the output arrived. How each tool words its errors and which status they
 * have is its own.
 */
#ifndef ZHYVE_CMD_COMMON_SUBCOMMAND_H
#define ZHYVE_CMD_COMMON_SUBCOMMAND_H

#include <stddef.h>

typedef int command_fn(int argc, char **argv);

struct subcommand {
	const char *name;
	command_fn *run;      /* argv[0] is the name; returns the exit status */
	const char *synopsis; /* NULL: another name of the row above */
	const char *text;     /* may be NULL */
};

enum subcommand_error {
	SUBCOMMAND_OPTION,  /* `what`: the option's letter */
	SUBCOMMAND_MISSING, /* no subcommand was named; `what` is NULL */
	SUBCOMMAND_UNKNOWN, /* `what`: its name */
	SUBCOMMAND_NOT_ROOT,
	SUBCOMMAND_OUTPUT /* standard output cannot be written; `what`: why */
};

struct subcommand_tool {
	const char *program;
	const struct subcommand *rows;
	size_t nrows;
	int (*help)(void); /* -h and "help"; returns the exit status */
	/* Says what is wrong; returns the exit status. */
	int (*error)(enum subcommand_error error, const char *what);
	const char **current; /* set to the subcommand's name, for messages; may be NULL */
};

/* main() of such a tool. Returns the exit status. */
int subcommand_main(const struct subcommand_tool *tool, int argc, char **argv);

#endif
