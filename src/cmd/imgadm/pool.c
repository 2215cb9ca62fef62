/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm pool list: where images and volumes are, by which driver, with how much room, and what a clone
 * costs there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/volume.h"

/* What a pool can be in the way of those who write to it. */
static const char *
health(const struct volume_pool *pool)
{
	return (pool->readonly ? "read-only" : pool->free == 0 ? "full" : "ok");
}

int
imgadm_pool(int argc, char **argv)
{
	bool header = true, parsable = false;
	struct volume_pool pool;
	struct err e;
	int c;

	if (argc < 2 || strcmp(argv[1], "list") != 0)
		return (fail("Usage", "one subcommand is wanted: list"));
	optind = 2;
	while ((c = getopt(argc, argv, "+Hp")) != -1) {
		if (c == '?')
			return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
		header = false;
		parsable = parsable || c == 'p';
	}
	if (optind != argc)
		return (fail("Usage", "unexpected args: %s", argv[optind]));
	if (volume_pool_get(&pool, &e) != 0)
		return (fail_with(&e));
	if (header)
		(void)printf("%-10s  %-6s  %10s  %10s  %-6s  %s\n", "NAME", "DRIVER", "SIZE",
		    "FREE", "CLONES", "HEALTH");
	(void)printf(
	    parsable ? "%s:%s:%llu:%llu:%s:%s\n" : "%-10s  %-6s  %10llu  %10llu  %-6s  %s\n", POOL,
	    pool.driver, (unsigned long long)(pool.size / MIB),
	    (unsigned long long)(pool.free / MIB), pool.instant ? "shared" : "copied",
	    health(&pool));
	return (EXIT_OK);
}
