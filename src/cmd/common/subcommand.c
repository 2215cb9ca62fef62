/* SPDX-License-Identifier: BSD-2-Clause */
/* The outline of a tool with subcommands: see subcommand.h. */
#include "cmd/common/subcommand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "cmd/common/cmd.h"

static int
dispatch(const struct subcommand_tool *tool, int argc, char **argv)
{
	for (size_t i = 0; i < tool->nrows; i++) {
		if (strcmp(argv[0], tool->rows[i].name) != 0)
			continue;
		if (tool->current != NULL)
			*tool->current = argv[0];
		if (!cmd_privileged())
			return (tool->error(SUBCOMMAND_NOT_ROOT, NULL));
		optind = 1;
		return (tool->rows[i].run(argc, argv));
	}
	return (tool->error(SUBCOMMAND_UNKNOWN, argv[0]));
}

int
subcommand_main(const struct subcommand_tool *tool, int argc, char **argv)
{
	char letter[2] = "";
	int c, rc;

	fd_std_hold();
	log_open(tool->program, STDERR_FILENO, LOG_LVL_WARN);
	opterr = 0;
	while ((c = getopt(argc, argv, "+hv")) != -1) {
		switch (c) {
		case 'h':
			return (tool->help());
		case 'v':
			log_open(tool->program, STDERR_FILENO, LOG_LVL_DEBUG);
			break;
		default:
			letter[0] = (char)optopt;
			return (tool->error(SUBCOMMAND_OPTION, letter));
		}
	}
	if (optind == argc)
		return (tool->error(SUBCOMMAND_MISSING, NULL));
	if (strcmp(argv[optind], "help") == 0)
		return (tool->help());
	rc = dispatch(tool, argc - optind, argv + optind);
	/* Output that nobody reads any more is no failure; output that cannot be written is one. */
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == CMD_OK && errno != EPIPE)
		return (tool->error(SUBCOMMAND_OUTPUT, strerror(errno)));
	return (rc);
}
