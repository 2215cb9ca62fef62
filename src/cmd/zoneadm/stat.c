/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm stat and zoneadm metrics: what zones use, for people and for programs. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/parse.h"
#include "cmd/zoneadm/zoneadm.h"

struct sample {
	struct zone_stat *zone;
	size_t n;
};

static void
sample_free(struct sample *s)
{
	for (size_t i = 0; i < s->n; i++)
		zone_stat_free(&s->zone[i]);
	free(s->zone);
	*s = (struct sample){ .n = 0 };
}

/* Measure the zone, or all that are configured; one that is deleted meanwhile is left out. */
static int
take(const char *zone, struct sample *out, struct err *e)
{
	char **names = NULL;
	size_t n = 1;
	int rc = 0;

	*out = (struct sample){ .n = 0 };
	if (zone == NULL && (rc = zconf_list(&names, &n, e)) != 0)
		return (rc);
	if ((out->zone = calloc(n + 1, sizeof(*out->zone))) == NULL)
		rc = err_set(e, ENOMEM, "cannot measure the zones");
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = zone_stat_get(zone != NULL ? zone : names[i], &out->zone[out->n], e);
		if (rc == 0)
			out->n++;
		else if (rc == -ENOENT && zone == NULL)
			rc = 0;
	}
	if (names != NULL)
		zconf_list_free(names, n);
	if (rc != 0)
		sample_free(out);
	return (rc);
}

static const struct zone_stat *
of_zone(const struct sample *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->zone[i].name, name) == 0)
			return (&s->zone[i]);
	}
	return (NULL);
}

static void
print_json(const struct sample *s)
{
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < s->n; i++)
		(void)json_array_append_new(list, stat_json(&s->zone[i]));
	text = json_dumps(list, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (text != NULL)
		(void)printf("%s\n", text);
	free(text);
	json_decref(list);
}

static void
print(const struct sample *s, const struct sample *before, bool json)
{
	if (json) {
		print_json(s);
	} else {
		stat_header(stdout);
		for (size_t i = 0; i < s->n; i++)
			stat_line(stdout, &s->zone[i], of_zone(before, s->zone[i].name));
	}
}

struct wish {
	bool json;
	uint32_t interval; /* seconds; 0: once */
	uint32_t count;    /* 0: without end */
};

static int
repeat(const char *zone, const struct wish *w)
{
	struct sample now, before = { .n = 0 };
	struct timespec next;
	struct err e = { 0 };
	int rc;

	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	for (uint32_t i = 1;; i++) {
		if ((rc = take(zone, &now, &e)) != 0)
			break;
		print(&now, &before, w->json);
		sample_free(&before);
		before = now;
		if (fflush(stdout) != 0 || w->interval == 0 || i == w->count)
			break;
		next.tv_sec += w->interval;
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) == EINTR)
			continue;
	}
	sample_free(&before);
	if (rc == 0)
		return (EXIT_DONE);
	(void)fprintf(stderr, "zoneadm: %s\n", e.text);
	return (EXIT_FAILED);
}

int
cmd_stat(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 } };
	struct wish w = { .json = false };
	int c;

	optind = 0; /* glibc: a new line of options */
	while ((c = getopt_long(argc, argv, "+j", options, NULL)) != -1) {
		if (c != 'j')
			return (usage_of(sc));
		w.json = true;
	}
	if (argc - optind > 2 ||
	    (optind < argc && parse_u32(argv[optind], 1, 86400, &w.interval) != 0) ||
	    (optind + 1 < argc && parse_u32(argv[optind + 1], 1, UINT32_MAX, &w.count) != 0))
		return (usage_of(sc));
	return (repeat(zone, &w));
}

int
cmd_metrics(const struct subcommand *sc, const char *zone, int argc, char **argv)
{
	struct sample s;
	struct err e = { 0 };

	if (argc != 1)
		return (usage_of(sc));
	if (take(zone, &s, &e) != 0) {
		(void)fprintf(stderr, "zoneadm: %s\n", e.text);
		return (EXIT_FAILED);
	}
	metrics_print(stdout, s.zone, s.n);
	sample_free(&s);
	return (EXIT_DONE);
}
