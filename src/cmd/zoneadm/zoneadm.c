/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zoneadm: administers zones (zones.md 7). Reads arguments, makes the checks common to all
 * subcommands, and leaves the rest to the zone's zoneadmd (zone/client.h). Runs as root, except for
 * list, help and verify.
 */
#include "cmd/zoneadm/zoneadm.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "base/parse.h"

const struct subcommand subcommands[] = {
	{ "apply", "", "Give a running zone the limits that its configuration has by now.",
	    cmd_apply, false, false },
	{ "autoboot", "[-d] [-s [-t seconds]]",
	    "Boot all zones that have autoboot set, in their order; -s: shut all zones down; -d: "
	    "the "
	    "zones' cgroups go below this process's own.",
	    cmd_autoboot, true, false },
	{ "attach", "[-F] | -n path",
	    "Install a detached zone's folder that was brought to the zone path; -F: whatever it "
	    "is; -n: only say whether path describes a zone that can be one here.",
	    cmd_attach, false, false, .looks_itself = true },
	{ "boot", "[-X] [-- boot_arguments]",
	    "Start the zone's machine; makes the zone ready first.", cmd_boot, false, false },
	{ "clone", "[-m copy] [-s snapshot] source",
	    "Install the zone with copies of another's disks, as they are or were at a snapshot.",
	    cmd_clone, false, false },
	{ "detach", "[-n]",
	    "Leave the zone path with a description of the zone, to be attached elsewhere; -n: "
	    "only print it.",
	    cmd_detach, false, false },
	{ "events", "[-n count] [-s number]",
	    "Print what happens to the zone, or to all zones, as JSON lines; -s: from this event "
	    "on; -n: "
	    "so many.",
	    cmd_events, true, true },
	{ "halt", "[-X]", "End the zone at once and give back everything it had.", cmd_halt, false,
	    false },
	{ "help", "[subcommand]", "Say what there is, or what one subcommand takes.", cmd_help,
	    true, true },
	{ "install", "[-x nodataset] [brand options]", "Make the zone path of a configured zone.",
	    cmd_install, false, false },
	{ "list", "[-cinpv]",
	    "List running zones; -i: installed ones too; -c: all configured; -n: not the host; "
	    "-v: with details; -p: for programs.",
	    cmd_list, true, true },
	{ "mark", "incomplete", "Mark the zone incomplete, so that it can only be uninstalled.",
	    cmd_mark, false, false },
	{ "metrics", "", "Print what the zone uses, or all zones, in Prometheus's text format.",
	    cmd_metrics, true, false },
	{ "move", "path", "Refused with what does it: a zone path follows the zone's name.",
	    cmd_move, false, false },
	{ "ready", "[-X]", "Make everything the zone needs, and start nothing.", cmd_ready, false,
	    false },
	{ "reboot", "[-X] [-- boot_arguments]", "End the zone at once and boot it again.",
	    cmd_reboot, false, false },
	{ "shutdown", "[-r] [-- boot_arguments]",
	    "Press the power button and wait for the guest to power off; -r: then boot again.",
	    cmd_shutdown, false, false },
	{ "stat", "[--json] [interval [count]]",
	    "Print what the zone uses, or all zones: CPU, memory, I/O, exits, dropped frames; each "
	    "so many "
	    "seconds, then rates.",
	    cmd_stat, true, false },
	{ "uninstall", "[-F]", "Remove the zone path with all it holds; -F: without a question.",
	    cmd_uninstall, false, false },
	{ "verify", "", "Check that the configuration can work on this host.", cmd_verify, false,
	    true },
};
const size_t nsubcommands = NITEMS(subcommands);

static int
usage(void)
{
	(void)fprintf(
	    stderr, "usage:\tzoneadm help\n\tzoneadm [-z <zone> | -u <uuid>] list [-cinpv]\n");
	for (size_t i = 0; i < nsubcommands; i++) {
		if (!subcommands[i].no_zone)
			(void)fprintf(stderr, "\tzoneadm {-z <zone> | -u <uuid>} %s %s\n",
			    subcommands[i].name, subcommands[i].usage);
	}
	return (EXIT_USAGE);
}

int
usage_of(const struct subcommand *sc)
{
	(void)fprintf(stderr, "usage:\tzoneadm %s%s %s\n\t%s\n",
	    sc->no_zone ? "" : "{-z <zone> | -u <uuid>} ", sc->name, sc->usage, sc->help);
	return (EXIT_USAGE);
}

int
zone_fails(const char *zone, const struct err *e)
{
	(void)fprintf(stderr, "zoneadm: zone '%s': %s\n", zone, e->text);
	return (EXIT_FAILED);
}

static const struct subcommand *
find(const char *name)
{
	for (size_t i = 0; i < nsubcommands; i++) {
		if (strcmp(subcommands[i].name, name) == 0)
			return (&subcommands[i]);
	}
	return (NULL);
}

int
cmd_help(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	const struct subcommand *which;

	if (argc > 2)
		return (usage_of(sc));
	if (argc == 2) {
		if ((which = find(argv[1])) == NULL) {
			(void)fprintf(stderr, "zoneadm: %s: unknown subcommand\n", argv[1]);
			return (usage());
		}
		(void)printf("%s %s\n\t%s\n", which->name, which->usage, which->help);
		return (EXIT_DONE);
	}
	(void)printf("usage: zoneadm {-z <zone> | -u <uuid>} <subcommand> [options] [arguments]\n");
	for (size_t i = 0; i < nsubcommands; i++)
		(void)printf("\t%s %s\n\t\t%s\n", subcommands[i].name, subcommands[i].usage,
		    subcommands[i].help);
	return (EXIT_DONE);
}

/* The checks before any subcommand, in their order. 0, or an exit status after saying why. */
static int
check(const struct subcommand *sc, const char *zone)
{
	if (!sc->unprivileged && geteuid() != 0)
		(void)fprintf(stderr, "zoneadm: only a privileged user may %s a zone.\n", sc->name);
	else if (zone == NULL && !sc->no_zone)
		(void)fprintf(stderr, "zoneadm: no zone specified\n");
	else if (zone != NULL && !sc->no_zone && strcmp(zone, "global") == 0)
		(void)fprintf(
		    stderr, "zoneadm: %s operation is invalid for the global zone.\n", sc->name);
	else if (zone != NULL && strncmp(zone, "SUNW", 4) == 0)
		(void)fprintf(stderr,
		    "zoneadm: %s operation is invalid for zones starting with SUNW.\n", sc->name);
	else
		return (0);
	return (EXIT_FAILED);
}

/* The zone must be in the store. */
int
exists(const char *zone)
{
	struct err e = { 0 };
	struct zconf *c;
	int rc;

	if (zone == NULL || strcmp(zone, "global") == 0)
		return (0);
	if ((rc = zconf_name_check(zone, &e)) == 0 && (rc = zconf_load(zone, &c, &e)) == 0)
		zconf_free(c);
	if (rc == -EACCES && geteuid() != 0)
		return (0); /* who may not read configurations may still look at what lives */
	if (rc != 0)
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
	return (rc == 0 ? 0 : EXIT_FAILED);
}

static int
zone_of_uuid(const char *uuid, char name[ZONENAME_MAX])
{
	uint8_t bytes[16];
	struct err e = { 0 };
	struct zconf *c;
	int rc;

	rc = parse_uuid(uuid, bytes) != 0 ? err_say(&e, EINVAL, "%s: not a uuid", uuid)
					  : zconf_load_uuid(uuid, &c, &e);
	if (rc != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		return (EXIT_FAILED);
	}
	(void)snprintf(name, ZONENAME_MAX, "%s", c->name);
	zconf_free(c);
	return (0);
}

int
main(int argc, char **argv)
{
	const char *zone = NULL, *uuid = NULL;
	const struct subcommand *sc;
	char name[ZONENAME_MAX];
	int c, rc;

	fd_std_hold();
	while ((c = getopt(argc, argv, "+z:u:")) != -1) {
		if (c == 'z' && zone == NULL && uuid == NULL)
			zone = optarg;
		else if (c == 'u' && zone == NULL && uuid == NULL)
			uuid = optarg;
		else
			return (usage());
	}
	argc -= optind;
	argv += optind;
	if (argc == 0 || (sc = find(argv[0])) == NULL) {
		if (argc > 0)
			(void)fprintf(stderr, "zoneadm: %s: unknown subcommand\n", argv[0]);
		return (usage());
	}
	if (uuid != NULL) {
		if ((rc = zone_of_uuid(uuid, name)) != 0)
			return (rc);
		zone = name;
	}
	if ((rc = check(sc, zone)) != 0 || (!sc->looks_itself && (rc = exists(zone)) != 0))
		return (rc);
	rc = sc->run(sc, zone, argc, argv);
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == EXIT_DONE) {
		(void)fprintf(stderr, "zoneadm: cannot write the output: %s\n", strerror(errno));
		return (EXIT_FAILED);
	}
	return (rc);
}
