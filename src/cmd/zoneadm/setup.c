/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm install, uninstall, mark, verify: what stands on the disk. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/zoneadm/zoneadm.h"
#include "zone/brand.h"
#include "zone/image.h"
#include "zone/link.h"
#include "zone/paths.h"
#include "zone/volume.h"
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

/* ---- verify ---- */

/* The zone path, when it is there: a missing one is for install to make. */
static int
verify_path(const char *zone, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (lstat(path_zones(path, "%s", zone), &st) != 0) {
		(void)fprintf(stderr,
		    "zoneadm: WARNING: %s does not exist, so it could not be verified.\n"
		    "When 'zoneadm install' is run, 'install' will try to create\n%s.\n",
		    path, path);
		return (0);
	}
	if (!S_ISDIR(st.st_mode))
		return (err_say(e, ENOTDIR, "%s is not a directory.", path));
	if (st.st_uid != 0)
		return (err_say(e, EPERM, "%s is not owned by root.", path));
	if ((st.st_mode & 07777) != 0700)
		return (err_say(e, EPERM, "%s must have mode 0700.", path));
	return (0);
}

static int
verify_things(const struct zconf *c, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < c->nnet && rc == 0; i++) {
		struct nictag tag;
		if (c->net[i].global_nic != NULL)
			rc = nictag_get(c->net[i].global_nic, &tag, e);
	}
	for (size_t i = 0; i < c->ndevice && rc == 0; i++) {
		uint64_t size;
		if (brand_is_passthru(&c->device[i]))
			continue; /* whether it is there, and free, shows at boot */
		rc = volume_stat(c->device[i].match, &size, e); /* the zone may run on it */
	}
	return (rc);
}

/* The same plan as boot would make. */
static int
verify_machine(const struct zconf *c, struct err *e)
{
	const char *uuid = brand_boot_image(c);
	struct image *image = NULL;
	struct brand_plan *plan;
	int rc = 0;

	if (uuid != NULL && zconf_attr(c, "kernel") == NULL) {
		if ((image = calloc(1, sizeof(*image))) == NULL)
			return (err_set(e, ENOMEM, "cannot read image %s", uuid));
		rc = image_get(uuid, image, e);
	}
	if (rc == 0 && (rc = brand_plan_make(c, image, 3, &plan, e)) == 0)
		brand_plan_free(plan);
	free(image);
	return (rc);
}

int
cmd_verify(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct err e = { 0 };
	struct zconf *c;
	int rc;

	if (argc != 1)
		return (usage_of(sc));
	if (zconf_load(zone, &c, &e) != 0)
		return (zone_fails(zone, &e));
	if ((rc = zone_state_check(ZCMD_VERIFY, c->state, &e)) == 0 &&
	    (rc = zconf_verify(c, &e)) == 0 && (rc = verify_path(zone, &e)) == 0 &&
	    (rc = verify_things(c, &e)) == 0)
		rc = verify_machine(c, &e);
	zconf_free(c);
	return (rc == 0 ? EXIT_DONE : zone_fails(zone, &e));
}
