/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm events: what happens to a zone, or to all, one JSON object a line. */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/zoneadm/zoneadm.h"

struct printing {
	bool counted;
	uint32_t left; /* lines, when they are counted */
};

static bool
print_line(const char *json, void *arg)
{
	struct printing *p = arg;

	(void)printf("%s\n", json);
	if (fflush(stdout) != 0) /* nobody reads any more: main says so */
		return (false);
	return (!p->counted || --p->left > 0);
}

int
cmd_events(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct printing p = { .counted = false };
	struct err e = { 0 };
	uint64_t from = 0;
	bool has_from = false;
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 's' && parse_u64(optarg, &from) == 0 && from <= INT64_MAX)
			has_from = true;
		else if (c == 'n' && parse_u32(optarg, 1, UINT32_MAX, &p.left) == 0)
			p.counted = true;
		else
			return (usage_of(sc));
	}
	if (optind != argc)
		return (usage_of(sc));
	/* Those of a zone that is not live are known to its zoneadmd only; who may only look cannot start one. */
	if (zone != NULL && geteuid() == 0 && zone_attend(zone, &e) != 0)
		return (zone_fails(zone, &e));
	if (zone_events_follow(zone, has_from ? (int64_t)from : -1, print_line, &p, &e) == 0)
		return (EXIT_DONE);
	(void)fprintf(stderr, "zoneadm: %s\n", e.text);
	return (EXIT_FAILED);
}
