/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm apply, boot, halt, shutdown, reboot, ready: changes of a live zone, through its zoneadmd. */
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "cmd/zoneadm/zoneadm.h"

#define SHUTDOWN_TIMEOUT_S 180

/*
 * Options that are taken and mean nothing to this brand: -X (tracing of hooks), -f, and, but for
 * cmd_boot, boot arguments after "--".
 */
static bool
only_ignored(int argc, char **argv, const char *options, bool *r)
{
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, options)) != -1) {
		if (c == '?')
			return (false);
		if (c == 'r' && r != NULL)
			*r = true;
	}
	return (
	    optind == argc || (argv[optind - 1] != NULL && strcmp(argv[optind - 1], "--") == 0));
}

static int
done(const char *zone, int rc, const struct err *e)
{
	return (rc == 0 ? EXIT_DONE : zone_fails(zone, e));
}

int
cmd_boot(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	int n = 0;

	if (!only_ignored(argc, argv, "Xf", NULL))
		return (usage_of(sc));
	/* Boot arguments that are no options of a start (startopts.h) are for other brands. */
	for (int i = optind; i < argc; i++)
		if (strchr(argv[i], '=') != NULL)
			argv[n++] = argv[i];
	return (done(zone, zone_boot_with(zone, (size_t)n, argv, &e), &e));
}

int
cmd_apply(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	json_t *later = NULL, *name;
	size_t i;
	int rc;

	if (argc != 1)
		return (usage_of(sc));
	rc = zone_apply(zone, &later, &e);
	json_array_foreach (later, i, name)
		(void)fprintf(stderr,
		    "zoneadm: zone '%s': %s has effect from the next boot on: the guest has more "
		    "memory now\n",
		    zone, json_string_value(name));
	json_decref(later);
	return (done(zone, rc, &e));
}

int
cmd_ready(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };

	if (!only_ignored(argc, argv, "X", NULL) || optind != argc)
		return (usage_of(sc));
	return (done(zone, zone_ready(zone, &e), &e));
}

int
cmd_halt(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };

	if (!only_ignored(argc, argv, "X", NULL) || optind != argc)
		return (usage_of(sc));
	return (done(zone, zone_halt(zone, &e), &e));
}

int
cmd_reboot(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };

	if (!only_ignored(argc, argv, "X", NULL))
		return (usage_of(sc));
	return (done(zone, zone_reboot(zone, &e), &e));
}

int
cmd_shutdown(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	bool again = false;
	int rc;

	if (!only_ignored(argc, argv, "r", &again))
		return (usage_of(sc));
	rc = zone_shutdown(zone, SHUTDOWN_TIMEOUT_S, &e);
	if (rc == 0 && again)
		rc = zone_boot(zone, &e);
	return (done(zone, rc, &e));
}
