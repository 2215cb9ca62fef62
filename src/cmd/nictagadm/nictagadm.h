/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nictagadm: what its files share. One file per subcommand, one row per subcommand in main.c.
 */
#ifndef ZHYVE_CMD_NICTAGADM_H
#define ZHYVE_CMD_NICTAGADM_H

#include "base/err.h"
#include "cmd/common/cmd.h"
#include "cmd/common/subcommand.h"

/* The subcommands; their exit codes are those of cmd.h. */
command_fn nictagadm_add, nictagadm_delete, nictagadm_exists, nictagadm_list, nictagadm_update,
    nictagadm_vms;

/* "Error: TEXT" on stderr; returns CMD_ERROR. */
int report(const struct err *e);
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The text on stdout, the usage on stderr, as SmartOS's does; returns CMD_USAGE. NULL: no text. */
int usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
