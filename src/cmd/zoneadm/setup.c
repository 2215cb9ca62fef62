/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm install, uninstall, mark: what stands on the disk. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/zoneadm/zoneadm.h"
#include "zone/zstate.h"

int
cmd_install(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	int c;

	/*
	 * Options of the SmartOS brand's installer that its tools pass; a zone here has no dataset,
	 * template or quota.
	 */
	optind = 1;
	while ((c = getopt(argc, argv, "x:t:q:U:R:")) != -1) {
		if (c == '?')
			return (usage_of(sc));
		if (c == 'x' && strcmp(optarg, "nodataset") != 0)
			return (usage_of(sc));
	}
	if (optind != argc)
		return (usage_of(sc));
	return (zone_install(zone, &e) == 0 ? EXIT_DONE : zone_fails(zone, &e));
}

/* True when the person at the terminal says yes. */
static bool
asked(const char *zone)
{
	char line[16];

	(void)fprintf(stderr, "Are you sure you want to uninstall zone %s (y/[n])? ", zone);
	return (fgets(line, sizeof(line), stdin) != NULL && (line[0] == 'y' || line[0] == 'Y'));
}

int
cmd_uninstall(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	bool force = false;
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "F")) != -1) {
		if (c != 'F')
			return (usage_of(sc));
		force = true;
	}
	if (optind != argc)
		return (usage_of(sc));
	if (!force && !isatty(STDIN_FILENO)) {
		(void)err_say(&e, EINVAL,
		    "input is not a terminal: use uninstall -F to uninstall without a question");
		return (zone_fails(zone, &e));
	}
	if (!force && !asked(zone))
		return (EXIT_DONE);
	return (zone_uninstall(zone, &e) == 0 ? EXIT_DONE : zone_fails(zone, &e));
}

int
cmd_mark(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct zone_status st;
	struct err e = { 0 };

	if (argc != 2 || strcmp(argv[1], "incomplete") != 0)
		return (usage_of(sc));
	if (zone_status_get(zone, &st, &e) != 0)
		return (zone_fails(zone, &e));
	if (zone_state_check(ZCMD_MARK, st.state, &e) != 0)
		return (zone_fails(zone, &e));
	return (zconf_set_state(zone, ZONE_STATE_INCOMPLETE, &e) == 0 ? EXIT_DONE
								      : zone_fails(zone, &e));
}
