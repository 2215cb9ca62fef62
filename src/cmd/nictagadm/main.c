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
#include "base/fd.h"
#include "base/log.h"
#include "cmd/nictagadm/nictagadm.h"

static const struct command {
	const char *name;
	command_fn *run;
	const char *synopsis;
} commands[] = {
	{ "add", nictagadm_add, "add [-f] [-p PROP=VALUE,...] NAME MAC-or-INTERFACE" },
	{ "add", nictagadm_add, "add -l [-p ip=ADDRESS/BITS] NAME" },
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
	return (EXIT_ERROR);
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
	return (EXIT_ERROR);
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
	return (EXIT_USAGE);
}

static int
dispatch(int argc, char **argv)
{
	size_t i;

	for (i = 0; i < NITEMS(commands); i++) {
		if (strcmp(argv[0], commands[i].name) != 0)
			continue;
		/* Tests work below a root, and in a network namespace, of their own. */
		if (geteuid() != 0 && secure_getenv("ZHYVE_ROOT") == NULL)
			return (complain("nictagadm must be run as root"));
		optind = 1;
		return (commands[i].run(argc, argv));
	}
	return (usage("unknown subcommand: %s", argv[0]));
}

int
main(int argc, char **argv)
{
	int c, rc;

	fd_std_hold();
	log_open("nictagadm", 2, LOG_LVL_WARN);
	opterr = 0;
	while ((c = getopt(argc, argv, "+hv")) != -1) {
		switch (c) {
		case 'h':
			print_usage(stdout);
			return (EXIT_OK);
		case 'v':
			log_open("nictagadm", 2, LOG_LVL_DEBUG);
			break;
		default:
			return (usage("unknown option: -%c", optopt));
		}
	}
	if (optind == argc)
		return (usage(NULL));
	if (strcmp(argv[optind], "help") == 0) {
		print_usage(stdout);
		return (EXIT_OK);
	}
	rc = dispatch(argc - optind, argv + optind);
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == EXIT_OK && errno != EPIPE)
		return (complain("cannot write the output: %s", strerror(errno)));
	return (rc);
}
