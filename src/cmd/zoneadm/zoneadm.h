/* SPDX-License-Identifier: BSD-2-Clause */
/* zoneadm's own: the table of subcommands and what they share. */
#ifndef ZHYVE_CMD_ZONEADM_H
#define ZHYVE_CMD_ZONEADM_H

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "zone/client.h"
#include "zone/zconf.h"
#include "zone/zonestat.h"

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct subcommand {
	const char *name;
	const char *usage; /* after the name */
	const char *help;
	/*
	 * argv[0] is the name; `zone` is checked to exist (NULL for list and help). An exit status.
	 */
	int (*run)(const struct subcommand *sc, const char *zone, int argc, char **argv);
	bool no_zone;      /* -z is not needed */
	bool unprivileged; /* anybody may */
	bool looks_itself; /* whether the zone is configured */
};
extern const struct subcommand subcommands[];
extern const size_t nsubcommands;

int cmd_apply(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_autoboot(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_attach(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_boot(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_clone(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_detach(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_events(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_halt(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_help(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_install(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_list(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_move(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_mark(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_metrics(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_ready(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_reboot(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_shutdown(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_stat(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_uninstall(const struct subcommand *sc, const char *zone, int argc, char **argv);
int cmd_verify(const struct subcommand *sc, const char *zone, int argc, char **argv);

/* The subcommand's usage on standard error; EXIT_USAGE. */
int usage_of(const struct subcommand *sc);
/* Whether the zone is configured: EXIT_DONE, or EXIT_FAILED after saying that it is not. */
int exists(const char *zone);
/* "zoneadm: zone 'Z': text" on standard error; EXIT_FAILED. */
int zone_fails(const char *zone, const struct err *e);

/* ---- layout.c: pure ---- */

struct list_entry {
	int64_t id; /* -1: not live */
	const char *name, *state, *path, *uuid, *brand;
	bool exclusive_ip;
	uint32_t did;
};
void list_header(FILE *out);
void list_verbose(FILE *out, const struct list_entry *le);
void list_parsable(FILE *out, const struct list_entry *le);

/* ---- stat_layout.c: pure ---- */

void stat_header(FILE *out);
/* Totals, or rates since `before` (NULL: none). */
void stat_line(FILE *out, const struct zone_stat *s, const struct zone_stat *before);
/* The totals; the caller's. */
json_t *stat_json(const struct zone_stat *s);
/* Prometheus's text format. */
void metrics_print(FILE *out, const struct zone_stat *s, size_t n);

#endif
