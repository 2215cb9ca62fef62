/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm list: the zones of this host, in the three layouts of zones.md 8. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/zoneadm/zoneadm.h"

static const struct list_entry global = {
	.id = 0, .name = "global", .state = "running", .path = "/", .uuid = "", .brand = "liveimg"
};

struct options {
	bool verbose, parsable, no_global;
	enum zone_state least;
	bool header_done;
};

static void
show(struct options *o, const struct list_entry *le)
{
	if (o->verbose && !o->header_done)
		list_header(stdout);
	o->header_done = true;
	if (o->verbose)
		list_verbose(stdout, le);
	else if (o->parsable)
		list_parsable(stdout, le);
	else
		(void)printf("%s\n", le->name);
}

/* One zone, when its state is high enough. */
static int
show_zone(struct options *o, const char *name)
{
	struct zone_status st;
	struct err e = { 0 };
	struct zconf *c;
	int rc;

	if ((rc = zconf_load(name, &c, &e)) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		return (EXIT_FAILED);
	}
	rc = EXIT_DONE;
	if (zone_status_get(name, &st, &e) != 0) { /* the rest of the list is of use all the same */
		(void)zone_fails(name, &e);
		rc = EXIT_FAILED;
		st = (struct zone_status){ .state = c->state, .zoneid = -1 };
	}
	if (st.state >= o->least) {
		struct list_entry le = {
			.id = st.zoneid,
			.name = c->name,
			.state = zone_state_name(st.state),
			.path = c->zonepath,
			.uuid = c->uuid,
			.brand = c->brand,
			.exclusive_ip = c->ip_type != NULL && strcmp(c->ip_type, "exclusive") == 0,
			.did = c->did,
		};
		show(o, &le);
	}
	zconf_free(c);
	return (rc);
}

static int
show_all(struct options *o)
{
	struct err e = { 0 };
	int rc = EXIT_DONE;
	char **names;
	size_t n;

	if (geteuid() == 0 && zone_reconcile_all(&e) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		rc = EXIT_FAILED;
	}
	if (zconf_list(&names, &n, &e) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		return (EXIT_FAILED);
	}
	if (!o->no_global)
		show(o, &global);
	for (size_t i = 0; i < n; i++) {
		if (show_zone(o, names[i]) != EXIT_DONE)
			rc = EXIT_FAILED;
	}
	zconf_list_free(names, n);
	return (rc);
}

int
cmd_list(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct options o = { .least = ZONE_STATE_RUNNING };
	bool wider = false;
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "cinpv")) != -1) {
		if (c == 'v')
			o.verbose = true;
		else if (c == 'p')
			o.parsable = true;
		else if (c == 'n')
			o.no_global = true;
		else if (c == 'i' || c == 'c')
			wider = true;
		else
			return (usage_of(sc));
		if (c == 'c')
			o.least = ZONE_STATE_CONFIGURED;
		else if (c == 'i' && o.least > ZONE_STATE_INSTALLED)
			o.least = ZONE_STATE_INSTALLED;
	}
	if (optind != argc)
		return (usage_of(sc));
	if (o.verbose && o.parsable) {
		(void)fprintf(stderr, "zoneadm: list -p and -v are mutually exclusive.\n");
		return (EXIT_FAILED);
	}
	if (zone == NULL)
		return (show_all(&o));
	if (wider) {
		(void)fprintf(stderr, "zoneadm: -z and -u cannot be used with -c or -i\n");
		return (usage_of(sc));
	}
	if (strcmp(zone, "global") == 0) {
		show(&o, &global);
		return (EXIT_DONE);
	}
	o.least = ZONE_STATE_CONFIGURED;
	return (show_zone(&o, zone));
}
