/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zoneadm autoboot: at the host's start and end. Boots the zones that are to be booted with it, in
 * their order; or shuts all zones down, at once, and halts those that do not in time.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/zoneadm/notify.h"
#include "cmd/zoneadm/zoneadm.h"
#include "zone/cgroup.h"

#define TIMEOUT_S 120

/* ---- which zones ---- */

struct entry {
	char name[ZONENAME_MAX];
	int rank; /* 0 first */
	uint32_t did;
};

static int
by_rank(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->rank != y->rank ? x->rank - y->rank : (x->did > y->did) - (x->did < y->did));
}

/* Attr boot-priority: high, default, low; another word is taken for default, and said so. */
static int
rank_of(const struct zconf *c)
{
	static const char *const words[] = { "high", "default", "low" };
	const char *text = zconf_attr(c, "boot-priority");

	for (int i = 0; text != NULL && i < 3; i++) {
		if (strcmp(text, words[i]) == 0)
			return (i);
	}
	if (text != NULL)
		(void)fprintf(stderr,
		    "zoneadm: zone '%s': attr boot-priority: '%s' is none of high, default, low\n",
		    c->name, text);
	return (1);
}

static bool
is_wanted(const char *name, bool stop, struct entry *out, int *status)
{
	struct zone_status st;
	struct err e = { 0 };
	struct zconf *c = NULL;
	bool wanted = false;

	if (zconf_load(name, &c, &e) != 0 || zone_status_get(name, &st, &e) != 0) {
		*status = zone_fails(name, &e);
	} else {
		(void)strcpy(out->name, c->name);
		out->rank = rank_of(c);
		out->did = c->did;
		wanted = stop ? st.state > ZONE_STATE_INSTALLED
			      : c->autoboot && st.state == ZONE_STATE_INSTALLED;
	}
	zconf_free(c);
	return (wanted);
}

/* The zones to boot, or to stop, in their order; *n of them. NULL: there is an error, or none. */
static struct entry *
zones(bool stop, size_t *n, int *status)
{
	struct entry *list = NULL;
	struct err e = { 0 };
	char **names;
	size_t all;

	*n = 0;
	if (zone_reconcile_all(&e) != 0 || zconf_list(&names, &all, &e) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		*status = EXIT_FAILED;
		return (NULL);
	}
	list = calloc(all + 1, sizeof(*list));
	for (size_t i = 0; list != NULL && i < all; i++)
		*n += is_wanted(names[i], stop, &list[*n], status);
	zconf_list_free(names, all);
	if (list != NULL)
		qsort(list, *n, sizeof(*list), by_rank);
	return (list);
}

/* ---- up ---- */

static int
boot_all(void)
{
	int status = EXIT_DONE;
	struct err e = { 0 };
	size_t n, booted = 0;
	struct entry *list = zones(false, &n, &status);

	for (size_t i = 0; i < n; i++) {
		notify("STATUS=booting zone %s, %zu of %zu", list[i].name, i + 1, n);
		if (zone_boot(list[i].name, &e) == 0)
			booted++;
		else
			status = zone_fails(list[i].name, &e);
	}
	notify("READY=1\nSTATUS=booted %zu of %zu zones", booted, n);
	free(list);
	return (status);
}

/* ---- down ---- */

/* In a process of its own. */
static int
stop_one(const char *zone, unsigned timeout_s)
{
	struct err e = { 0 };
	int rc = zone_shutdown(zone, timeout_s, &e);

	if (rc == 0)
		return (EXIT_DONE);
	/* What zoneadmd says of it, that it still runs, is true only now. */
	if (rc == -ETIMEDOUT)
		(void)fprintf(stderr,
		    "zoneadm: zone '%s': the guest did not power off in %u s: it is halted\n", zone,
		    timeout_s);
	/* It does not know a power button, or is not that far: it is halted. */
	err_clear(&e);
	return (zone_halt(zone, &e) == 0 ? EXIT_DONE : zone_fails(zone, &e));
}

static int
stop_all(unsigned timeout_s)
{
	int status = EXIT_DONE, one;
	size_t n;
	struct entry *list = zones(true, &n, &status);
	pid_t pid;

	notify("STOPPING=1\nSTATUS=shutting %zu zones down, which have %u s", n, timeout_s);
	for (size_t i = 0; i < n; i++) {
		if ((pid = fork()) == 0)
			_exit(stop_one(list[i].name, timeout_s));
		if (pid < 0 && stop_one(list[i].name, timeout_s) != EXIT_DONE)
			status = EXIT_FAILED;
	}
	while ((pid = waitpid(-1, &one, 0)) > 0 || (pid < 0 && errno == EINTR)) {
		if (pid > 0 && (!WIFEXITED(one) || WEXITSTATUS(one) != EXIT_DONE))
			status = EXIT_FAILED;
	}
	free(list);
	return (status);
}

int
cmd_autoboot(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	uint32_t timeout_s = TIMEOUT_S;
	bool stop = false, delegated = false;
	struct err e = { 0 };
	int c;

	optind = 1;
	while ((c = getopt(argc, argv, "dst:")) != -1) {
		if (c == 's')
			stop = true;
		else if (c == 'd')
			delegated = true;
		else if (c != 't' || parse_u32(optarg, 1, 86400, &timeout_s) != 0)
			return (usage_of(sc));
	}
	if (optind != argc || zone != NULL)
		return (usage_of(sc));
	if (delegated && cgroup_delegated(&e) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		return (EXIT_FAILED);
	}
	return (stop ? stop_all(timeout_s) : boot_all());
}
