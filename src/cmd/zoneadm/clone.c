/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm clone: a configured zone is installed with copies of another's disks. */
#include <getopt.h>
#include <string.h>

#include "cmd/zoneadm/zoneadm.h"

int
cmd_clone(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	const char *snapshot = NULL;
	struct err e = { 0 };
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "m:s:")) != -1) {
		if (c == 's')
			snapshot = optarg;
		else if (c != 'm' || strcmp(optarg, "copy") != 0)
			return (usage_of(sc));
	}
	if (optind + 1 != argc)
		return (usage_of(sc));
	return (
	    zone_clone(zone, argv[optind], snapshot, &e) == 0 ? EXIT_DONE : zone_fails(zone, &e));
}
