/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the command-line tools share: allocation that ends the program, the question whether this is
 * root. No daemon and nothing in a jail uses this.
 */
#ifndef ZHYVE_CMD_COMMON_CMD_H
#define ZHYVE_CMD_COMMON_CMD_H

#include <stdbool.h>
#include <stddef.h>

/* Exit codes of zonecfg, zoneadm, zlogin (zones.md 1, 7, 9). */
enum {
	CMD_OK = 0,
	CMD_ERROR = 1,
	CMD_USAGE = 2,
};

/*
 * Zeroed memory, a grown array, a copy of text: never NULL; short of memory the program ends with
 * status 1.
 */
void *cmd_alloc(size_t n, size_t size);
void *cmd_grow(void *array, size_t n, size_t size);
char *cmd_strdup(const char *s);
char *cmd_strndup(const char *s, size_t n);
/* What they do when there is none. */
void cmd_no_memory(void) __attribute__((noreturn));

/*
 * May this process change the system's zones? Root, or anyone who works below a root of his own
 * (ZHYVE_ROOT, as the tests do): there the files' own permissions decide.
 */
bool cmd_privileged(void);

#endif
