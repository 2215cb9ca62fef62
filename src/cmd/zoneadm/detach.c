/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm detach and attach: a zone path that goes to another host. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/zoneadm/zoneadm.h"
#include "zone/brand.h"
#include "zone/zstate.h"

/* Disks that stand elsewhere do not come along: the operator should know. */
static void
tell_disks(const char *zone)
{
	struct err e = { 0 };
	struct zconf *c;
	size_t len;

	if (zconf_load(zone, &c, &e) != 0)
		return;
	len = c->zonepath != NULL ? strlen(c->zonepath) : 0;
	for (size_t i = 0; i < c->ndevice; i++) {
		const char *match = c->device[i].match;

		if (!brand_is_passthru(&c->device[i]) &&
		    (strncmp(match, c->zonepath, len) != 0 || match[len] != '/'))
			(void)fprintf(stderr,
			    "zoneadm: zone '%s': WARNING: disk '%s' is not in the zone path: it "
			    "does not go with it\n",
			    zone, match);
	}
	zconf_free(c);
}

int
cmd_detach(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	bool dry_run = false;
	char *text;
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "n")) != -1) {
		if (c != 'n')
			return (usage_of(sc));
		dry_run = true;
	}
	if (optind != argc)
		return (usage_of(sc));
	if (zone_detach(zone, dry_run, &text, &e) != 0)
		return (zone_fails(zone, &e));
	tell_disks(zone);
	if (dry_run)
		(void)fputs(text, stdout);
	free(text);
	return (EXIT_DONE);
}

/* There is nowhere to move it to: the refusal says what an operator can do. */
int
cmd_move(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct zone_status st;
	struct err e = { 0 };

	if (argc != 2)
		return (usage_of(sc));
	if (zone_status_get(zone, &st, &e) == 0)
		(void)zone_state_check(ZCMD_MOVE, st.state, &e);
	return (zone_fails(zone, &e));
}

/* -n: could a zone path of this description be a zone here? */
static int
try_description(const char *zone, const char *path)
{
	struct err e = { 0 };
	struct zconf *c;
	int rc;

	if ((rc = zconf_name_check(zone, &e)) == 0 &&
	    (rc = zone_detached_read(path, zone, &c, &e)) == 0) {
		rc = zconf_verify(c, &e);
		zconf_free(c);
	}
	return (rc == 0 ? EXIT_DONE : zone_fails(zone, &e));
}

int
cmd_attach(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	const char *path = NULL;
	struct err e = { 0 };
	bool force = false;
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "Fn:")) != -1) {
		if (c == 'F')
			force = true;
		else if (c == 'n')
			path = optarg;
		else
			return (usage_of(sc));
	}
	if (optind != argc || (force && path != NULL))
		return (usage_of(sc));
	if (path != NULL)
		return (try_description(zone, path));
	if (exists(zone) != 0)
		return (EXIT_FAILED);
	return (zone_attach(zone, force, &e) == 0 ? EXIT_DONE : zone_fails(zone, &e));
}
