/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nictagadm: the nic tags of this host. SmartOS's command with its messages and exit codes: 0, 1
 * (an error, "Error: ..." on stderr), 2 (usage). Runs as root in the host's network namespace.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cmd/nictagadm/nictagadm.h"

static const struct subcommand commands[] = {
	{ "add", nictagadm_add, "add [-f] [-p PROP=VALUE,...] NAME MAC-or-INTERFACE" },
	{ "add", nictagadm_add, "add -l [-p ip=ADDRESS/BITS] NAME" },
	{ "add", nictagadm_add, "add -N NAME NETWORK/BITS" },
	{ "update", nictagadm_update, "update [-f] [-p PROP=VALUE,...] NAME [MAC-or-INTERFACE]" },
	{ "delete", nictagadm_delete, "delete [-f] NAME" },
	{ "exists", nictagadm_exists, "exists [-l] NAME..." },
	{ "list", nictagadm_list, "list [-l | -L] [-p [-d DELIMITER]]" },
	{ "vms", nictagadm_vms, "vms NAME" },
};

static void
print_usage(FILE *f)
{
	size_t i;

	(void)fprintf(f, "usage: nictagadm [-v] SUBCOMMAND [ARGUMENTS]\n");
	for (i = 0; i < NITEMS(commands); i++)
		(void)fprintf(f, "       nictagadm %s\n", commands[i].synopsis);
	(void)fprintf(f, "properties of add: mac, mtu, ip (nictagadm(8))\n");
}

int
report(const struct err *e)
{
	(void)fprintf(stderr, "Error: %s\n", e->text);
	return (CMD_ERROR);
}

int
complain(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("Error: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return (CMD_ERROR);
}

int
usage(const char *fmt, ...)
{
	va_list ap;

	if (fmt != NULL) {
		va_start(ap, fmt);
		(void)vprintf(fmt, ap);
		va_end(ap);
		(void)putchar('\n');
		(void)fflush(stdout);
	}
	print_usage(stderr);
	return (CMD_USAGE);
}

static int
print_help(void)
{
	print_usage(stdout);
	return (CMD_OK);
}

static int
bad_call(enum subcommand_error error, const char *what)
{
	switch (error) {
	case SUBCOMMAND_OPTION:
		return (usage("unknown option: -%s", what));
	case SUBCOMMAND_UNKNOWN:
		return (usage("unknown subcommand: %s", what));
	case SUBCOMMAND_NOT_ROOT:
		return (complain("nictagadm must be run as root"));
	case SUBCOMMAND_OUTPUT:
		return (complain("cannot write the output: %s", what));
	case SUBCOMMAND_MISSING:
		break;
	}
	return (usage(NULL));
}

int
main(int argc, char **argv)
{
	/* Tests work below a root, and in a network namespace, of their own. */
	static const struct subcommand_tool tool = {
		.program = "nictagadm",
		.rows = commands,
		.nrows = NITEMS(commands),
		.help = print_help,
		.error = bad_call,
	};

	return (subcommand_main(&tool, argc, argv));
}
