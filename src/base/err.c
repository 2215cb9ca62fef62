/* SPDX-License-Identifier: BSD-2-Clause */
/* Error objects of the control plane: see err.h. Runs in every process; allocates nothing. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

static int
code_of(int errnum)
{
	if (errnum < 0)
		errnum = -errnum;
	return (errnum == 0 ? EIO : errnum);
}

int
err_set(struct err *e, int errnum, const char *fmt, ...)
{
	int saved = errno, code = code_of(errnum);
	size_t len;
	va_list ap;

	if (e != NULL) {
		e->errnum = code;
		va_start(ap, fmt);
		(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		len = strlen(e->text);
		(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(code));
		text_clean(e->text);
	}
	errno = saved;
	return (-code);
}

int
err_say(struct err *e, int errnum, const char *fmt, ...)
{
	int saved = errno, code = code_of(errnum);
	va_list ap;

	if (e != NULL) {
		e->errnum = code;
		va_start(ap, fmt);
		(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
		text_clean(e->text);
	}
	errno = saved;
	return (-code);
}

int
err_ctx(struct err *e, const char *fmt, ...)
{
	char inner[ERR_TEXT_MAX];
	size_t len;
	va_list ap;

	if (e == NULL)
		return (-EIO);
	memcpy(inner, e->text, sizeof(inner));
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	len = strlen(e->text);
	(void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", inner);
	text_clean(e->text);
	return (-code_of(e->errnum));
}

void
err_clear(struct err *e)
{
	if (e != NULL) {
		e->errnum = 0;
		e->text[0] = '\0';
	}
}
