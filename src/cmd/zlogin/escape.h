/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The escape sequence of a console session (zones.md 9): the escape character as the first byte of
 * a line is swallowed; a dot or the terminal's end-of-file character after it ends the session; any
 * other byte is sent alone, the escape before it is lost, and the escape twice sends one. Pure.
 */
#ifndef ZHYVE_CMD_ZLOGIN_ESCAPE_H
#define ZHYVE_CMD_ZLOGIN_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

struct escape {
	int c;          /* the character, -1: none */
	int eof;        /* the terminal's end-of-file character, -1: none */
	char breaks[5]; /* kill, end of line, suspend, interrupt: begin a line as CR and LF do */
	size_t nbreaks;
	bool line_start; /* true at first */
	bool pending;    /* the escape has been seen */
};

void escape_init(struct escape *es, int c);
/*
 * Pass input through: bytes to be sent go to out (room for len), their number to *n. True when the
 * session is to end; *last is then the byte that ended it.
 */
bool escape_feed(struct escape *es, const char *in, size_t len, char *out, size_t *n, char *last);
/* The argument of -e: one character, or \ooo. -1 when it is neither. */
int escape_parse(const char *arg);

#endif
