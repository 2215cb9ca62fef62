/* SPDX-License-Identifier: BSD-2-Clause */
/* vmadm: which subcommand, who may run it, how messages look. See vmadm.h. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/log.h"
#include "cmd/common/cmd.h"
#include "cmd/vmadm/vmadm.h"

static const struct subcommand *const groups[] = { create_commands, update_commands,
	delete_commands, control_commands, snapshot_commands, carry_commands, info_commands,
	query_commands };

/*
 * SmartOS's subcommands that are not built yet: known, so that they are not taken for a typing
 * error.
 */
static const char *const later[] = { "install", "events" };

static void
usage(FILE *f)
{
	(void)fprintf(f, "Usage: vmadm <command> [options] [operands]\n\n");
	for (size_t g = 0; g < NITEMS(groups); g++)
		for (const struct subcommand *s = groups[g]; s->name != NULL; s++)
			(void)fprintf(f, "    vmadm %s %s\n", s->name, s->operands);
	(void)fprintf(f, "\nEvery command takes -v (verbose) and -d (debug). See vmadm(8).\n");
}

int
fail(const struct err *e)
{
	(void)fprintf(stderr, "%s\n", e->text);
	return (EXIT_FAILED);
}

int
usage_error(const char *fmt, ...)
{
	va_list ap;

	if (fmt != NULL) {
		va_start(ap, fmt);
		(void)vfprintf(stderr, fmt, ap);
		va_end(ap);
		(void)fputc('\n', stderr);
	}
	usage(stderr);
	return (EXIT_USAGE);
}

int
success(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return (EXIT_DONE);
}

const char *
uuid_operand(int argc, char **argv, int more)
{
	const char *s = optind < argc ? argv[optind] : "";

	if (strlen(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-') {
		(void)usage_error("Invalid or missing UUID for %s", argv[0]);
		return (NULL);
	}
	if (argc - optind - 1 > more) {
		(void)usage_error("Wrong number of parameters to \"%s\"", argv[0]);
		return (NULL);
	}
	return (s);
}

static const struct subcommand *
find(const char *name)
{
	for (size_t g = 0; g < NITEMS(groups); g++)
		for (const struct subcommand *s = groups[g]; s->name != NULL; s++)
			if (strcmp(s->name, name) == 0 ||
			    (s->alias != NULL && strcmp(s->alias, name) == 0))
				return (s);
	return (NULL);
}

static bool
is_later(const char *name)
{
	for (size_t i = 0; i < NITEMS(later); i++)
		if (strcmp(later[i], name) == 0)
			return (true);
	return (false);
}

/*
 * -d and -v may stand anywhere before "--" in any subcommand: take them out of the arguments.
 * Options that have a value (-f FILE, -t SECS, …) keep it, also when it looks like one of the
 * two.
 */
static int
take_verbosity(int argc, char **argv)
{
	static const char *const with_value[] = { "-f", "-o", "-s", "-t" };
	enum log_level level = LOG_LVL_WARN;
	bool operands = false, value = false;
	int n = 0;

	for (int i = 0; i < argc; i++) {
		const char *a = argv[i];

		if (!operands && !value && (strcmp(a, "-d") == 0 || strcmp(a, "--debug") == 0)) {
			level = LOG_LVL_DEBUG;
			continue;
		}
		if (!operands && !value && (strcmp(a, "-v") == 0 || strcmp(a, "--verbose") == 0)) {
			level = level < LOG_LVL_INFO ? LOG_LVL_INFO : level;
			continue;
		}
		operands = operands || (!value && strcmp(a, "--") == 0);
		value = false;
		for (size_t k = 0; k < NITEMS(with_value); k++)
			value = value || (!operands && strcmp(a, with_value[k]) == 0);
		argv[n++] = argv[i];
	}
	argv[n] = NULL;
	log_open("vmadm", STDERR_FILENO, level);
	return (n);
}

/* Output that nobody reads any more is no failure; output that can't be written is one. */
static int
flush_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return (status);
	if (errno == EPIPE)
		return (EXIT_DONE);
	(void)fprintf(stderr, "cannot write to standard output: %s\n", strerror(errno));
	return (EXIT_FAILED);
}

int
main(int argc, char **argv)
{
	const struct subcommand *s;
	const char *name;

	fd_std_hold();
	(void)signal(SIGPIPE, SIG_IGN);
	argc = take_verbosity(argc - 1, argv + 1);
	argv++;
	if (argc == 0)
		return (usage_error(NULL));
	name = argv[0];
	if (strcmp(name, "-h") == 0 || strcmp(name, "-?") == 0 || strcmp(name, "help") == 0 ||
	    strcmp(name, "--help") == 0) {
		usage(stdout);
		return (flush_output(EXIT_DONE));
	}
	if (is_later(name)) {
		(void)fprintf(stderr, "\"%s\" is not available in this version of zhyve.\n", name);
		return (EXIT_FAILED);
	}
	if ((s = find(name)) == NULL)
		return (usage_error("Invalid command: \"%s\".", name));
	if (!cmd_privileged()) {
		(void)fprintf(stderr, "FATAL: cannot run because: you are not root\n");
		return (EXIT_USAGE);
	}
	opterr = 0;
	return (flush_output(s->run(argc, argv)));
}
