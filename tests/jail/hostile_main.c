/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile: executed in a jail by jailer.c; makes every attempt, and tells each on a descriptor:
 * GROUP, NAME, LAYERS, FILTER, how it ended, number; or "call" ("eperm"), FILTER, NUMBER for a system
 * call that a filter lets through (refuses with an error).
 *
 *   hostile report=N lent=N kvm=N pid=N port=N highest=N {full | once | all}
 *
 * full: with each filter and without. once: without, but for what only a filter stops. all: that too.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostile.h"

static int report = 2;

static void
tell(const struct attempt_group *g, const struct attempt *a, enum hostile_filter filter,
    enum hostile_end end, int number)
{
	static const char *const ends[] = { "refused", "killed", "done", "other" };

	(void)dprintf(report, "%s\t%s\t%#x\t%s\t%s\t%d\n", g->name, a->name, a->layers,
	    hostile_filter_names[filter], ends[end], number);
}

static void
let(enum hostile_filter filter, long nr, bool refused)
{
	(void)dprintf(
	    report, "%s\t%s\t%ld\n", refused ? "eperm" : "call", hostile_filter_names[filter], nr);
}

static void
full(void)
{
	for (int f = FILTER_NONE; f < FILTER_COUNT; f++)
		hostile_try((enum hostile_filter)f, false, tell);
	for (int f = FILTER_NONE + 1; f < FILTER_COUNT; f++)
		hostile_calls((enum hostile_filter)f, let);
}

int
main(int argc, char **argv)
{
	const struct {
		const char *name;
		int *to;
	} numbers[] = { { "report=", &report }, { "lent=", &bait.lent }, { "kvm=", &bait.kvm },
		{ "pid=", &bait.pid }, { "port=", &bait.port }, { "highest=", &bait.highest } };

	if (argc < 2)
		return (0); /* executed by an attempt */
	(void)signal(SIGPIPE, SIG_IGN);
	for (int i = 1; i < argc; i++) {
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			size_t len = strlen(numbers[k].name);
			if (strncmp(argv[i], numbers[k].name, len) == 0)
				*numbers[k].to = atoi(argv[i] + len);
		}
	}
	if (strcmp(argv[argc - 1], "full") == 0)
		full();
	else
		hostile_try(FILTER_NONE, strcmp(argv[argc - 1], "all") == 0, tell);
	(void)dprintf(report, "end\n");
	return (0);
}
