/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors of the control plane.
 *
 * A function that can fail returns 0 or -errno. Where a person will read the reason it also takes a
 * `struct err *` (NULL if the caller does not care): it is filled once, where the failure happened,
 * and given context on the way up:
 *
 *	if (fd < 0)
 *		return (err_set(e, errno, "cannot open disk '%s'", path));
 *	...
 *	if ((rc = volume_open(v, e)) < 0)
 *		return (err_ctx(e, "zone '%s'", name));
 *
 * gives "zone 'z1': cannot open disk '/x': No such file or directory". The text names the object,
 * what was tried, why it failed, and what to do about it when that is not obvious. Used by every
 * process; allocates nothing.
 */
#ifndef ZHYVE_BASE_ERR_H
#define ZHYVE_BASE_ERR_H

#include <stdarg.h>

#define ERR_TEXT_MAX 1024

struct err {
	int errnum;              /* positive errno; 0: no error */
	char text[ERR_TEXT_MAX]; /* without trailing newline */
};

/*
 * Record a failure: the formatted text, then ": strerror(errnum)". Replaces what was there. Names
 * that are quoted in it may be anybody's: what could steer a terminal is replaced (text_clean).
 * Returns -errnum (-EIO for an errnum of 0), so that it can be the operand of return. Keeps errno.
 */
int err_set(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, but the text says everything: no strerror is appended. */
int err_say(struct err *e, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put "context: " before the text of a recorded failure. Returns -errnum of it. */
int err_ctx(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forget a recorded failure. */
void err_clear(struct err *e);

#endif
