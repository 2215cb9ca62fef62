/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgadm pool: list says where images and volumes are, by which driver, with how much room, and what a clone
 * costs there; create and delete set a pool up and take it away; mount has it there (at boot).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/parse.h"
#include "cmd/imgadm/imgadm.h"
#include "zone/pool.h"
#include "zone/volume.h"

#define FULL MIB /* with less than this nothing more can be done */

/* What a pool can be in the way of those who write to it. */
static const char *
health(const struct volume_pool *pool)
{
	if (pool->problem[0] != '\0')
		return (pool->problem);
	return (pool->readonly ? "read-only" : pool->free < FULL ? "full" : "ok");
}

static int
unknown_option(void)
{
	return (fail("UnknownOption", "unknown option: \"-%c\"", optopt));
}

static int
no_operands(int argc, char **argv)
{
	return (optind == argc ? EXIT_OK : fail("Usage", "unexpected args: %s", argv[optind]));
}

static int
list(int argc, char **argv)
{
	bool header = true, parsable = false;
	struct volume_pool pool;
	struct err e;
	int c, rc;

	while ((c = getopt(argc, argv, "+Hp")) != -1) {
		if (c == '?')
			return (unknown_option());
		header = false;
		parsable = parsable || c == 'p';
	}
	if ((rc = no_operands(argc, argv)) != EXIT_OK)
		return (rc);
	if (pool_ready(&e) != 0 || volume_pool_get(&pool, &e) != 0)
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

static int
create(int argc, char **argv)
{
	struct pool_wish w = { .driver = "file" };
	const char *where;
	struct err e;
	int c;

	while ((c = getopt(argc, argv, "+d:fs:")) != -1) {
		switch (c) {
		case 'd':
			w.driver = optarg;
			break;
		case 'f':
			w.force = true;
			break;
		case 's':
			if (parse_size(optarg, MIB, &w.size) != 0 || w.size == 0)
				return (fail("Usage", "-s wants a size, as in 50g"));
			break;
		default:
			return (unknown_option());
		}
	}
	where = optind < argc ? argv[optind++] : NULL;
	if (optind != argc || (where != NULL) == (w.size != 0))
		return (fail("Usage",
		    "one of these is wanted: -s SIZE, for a pool in a file; a block device; with "
		    "-d zfs, a dataset that is to be made, as in tank/vm"));
	if (where != NULL && where[0] == '/')
		w.device = where;
	else if (where != NULL && strcmp(w.driver, "zfs") == 0)
		w.dataset = where;
	else if (where != NULL)
		return (fail("Usage",
		    "the device wants its whole path, as in /dev/disk/by-id/...; a dataset of "
		    "zfs's wants -d zfs"));
	if (pool_create(&w, &e) != 0)
		return (fail_with(&e));
	(void)printf("Created pool " POOL " (%s)\n", w.driver);
	return (EXIT_OK);
}

/* Those without an operand or an option. */
static int
simple(int argc, char **argv, int (*fn)(struct err *e), const char *done)
{
	struct err e;
	int rc;

	if (getopt(argc, argv, "+") != -1)
		return (unknown_option());
	if ((rc = no_operands(argc, argv)) != EXIT_OK)
		return (rc);
	if (fn(&e) != 0)
		return (fail_with(&e));
	if (done != NULL)
		(void)puts(done);
	return (EXIT_OK);
}

int
imgadm_pool(int argc, char **argv)
{
	const char *name = argc < 2 ? "" : argv[1];

	optind = 2;
	if (strcmp(name, "list") == 0)
		return (list(argc, argv));
	if (strcmp(name, "create") == 0)
		return (create(argc, argv));
	if (strcmp(name, "delete") == 0)
		return (simple(argc, argv, pool_delete, "Deleted pool " POOL));
	if (strcmp(name, "mount") == 0)
		return (simple(argc, argv, pool_ready, NULL));
	return (fail("Usage", "one subcommand is wanted: list, create, delete, mount"));
}
