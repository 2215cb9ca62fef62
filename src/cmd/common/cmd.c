/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command-line tools share: see cmd.h. */
#include "cmd/common/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
cmd_no_memory(void)
{
	(void)fprintf(stderr, "%s: out of memory\n", program_invocation_short_name);
	exit(CMD_ERROR);
}

static void *
checked(void *p)
{
	if (p == NULL)
		cmd_no_memory();
	return (p);
}

void *
cmd_alloc(size_t n, size_t size)
{
	return (checked(calloc(n, size)));
}

void *
cmd_grow(void *array, size_t n, size_t size)
{
	return (checked(reallocarray(array, n, size)));
}

char *
cmd_strdup(const char *s)
{
	return (checked(strdup(s)));
}

char *
cmd_strndup(const char *s, size_t n)
{
	return (checked(strndup(s, n)));
}

bool
cmd_privileged(void)
{
	return (geteuid() == 0 || secure_getenv("ZHYVE_ROOT") != NULL);
}
