/* SPDX-License-Identifier: BSD-2-Clause */
/* The escape sequence of a console session: see escape.h. Pure. */
#include "cmd/zlogin/escape.h"

#include <string.h>

void
escape_init(struct escape *es, int c)
{
	*es = (struct escape){ .c = c, .eof = -1, .line_start = true };
}

static bool
ends_line(const struct escape *es, char c)
{
	return (c == '\r' || c == '\n' || memchr(es->breaks, c, es->nbreaks) != NULL);
}

bool
escape_feed(struct escape *es, const char *in, size_t len, char *out, size_t *n, char *last)
{
	*n = 0;
	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)in[i];

		if (es->pending) {
			es->pending = false;
			if (c == '.' || c == es->eof) {
				*last = in[i];
				return (true);
			}
		} else if (es->line_start && c == es->c) {
			es->pending = true;
			es->line_start = false;
			continue;
		}
		out[(*n)++] = in[i];
		es->line_start = ends_line(es, in[i]);
	}
	return (false);
}

int
escape_parse(const char *arg)
{
	int v = 0;

	if (arg[0] != '\0' && arg[1] == '\0')
		return ((unsigned char)arg[0]);
	if (arg[0] != '\\' || strlen(arg) != 4)
		return (-1);
	for (const char *p = arg + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '7')
			return (-1);
		v = v * 8 + (*p - '0');
	}
	return (v <= 0xff ? v : -1);
}
