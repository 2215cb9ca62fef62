/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zhyve's command line, which is bhyve(8)'s: options become configuration variables
 * (vmm/config.h), from left to right. Runs in zhyve, first thing.
 */
#ifndef ZHYVE_PROCS_ZHYVE_OPTIONS_H
#define ZHYVE_PROCS_ZHYVE_OPTIONS_H

#include "vmm/config.h"

/* Exit statuses of bhyve besides those of a stopped guest (enum wire_stop). */
#define ZHYVE_EXIT_USAGE     1
#define ZHYVE_EXIT_START     4
#define ZHYVE_EXIT_BAD_VALUE 64 /* EX_USAGE: a malformed -m, -c, -l, -B, -o */
#define ZHYVE_EXIT_OS        71 /* EX_OSERR */

/* Results of options_parse that are no exit status. */
#define OPTIONS_GO_ON       (-1)
#define OPTIONS_DUMP        (-2) /* --dump: print the configuration once it has been checked */
#define OPTIONS_CONFIG_DUMP (-3) /* config.dump: the same, with bhyve's exit status 1 */

/*
 * Fill `root` and expand it. OPTIONS_..., or the status to exit with: what there was to say
 * has been said (help on stdout, errors on stderr).
 */
int options_parse(struct config_node *root, int argc, char **argv);

/* For options_parse and its tests. 0, or -errno with the error filled. */
int options_slot(struct config_node *root, const char *arg, struct err *e);   /* -s */
int options_lpc(struct config_node *root, const char *arg, struct err *e);    /* -l */
int options_smbios(struct config_node *root, const char *arg, struct err *e); /* -B */
int options_fwcfg(struct config_node *root, const char *arg, struct err *e);  /* -f */
int options_cpus(struct config_node *root, const char *arg, struct err *e);   /* -c */
int options_pin(struct config_node *root, const char *arg, struct err *e);    /* -p, in cpus.c */
int options_gdb(struct config_node *root, const char *arg, struct err *e);    /* -G, in gdb.c */

#endif
