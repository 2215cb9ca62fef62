/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running a tool of src/cmd from a test: its exit status, what it wrote on stdout and on stderr.
 * Header only.
 */
#ifndef ZHYVE_TESTS_TOOL_H
#define ZHYVE_TESTS_TOOL_H

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char tool_out[8192], tool_err[8192];

static inline void
tool_slurp(FILE *f, char *buf, size_t size)
{
	size_t n;

	rewind(f);
	n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	(void)fclose(f);
}

/* `argv` ends with NULL. Returns the exit status, or -1. */
static inline int
tool_run(const char *path, const char *const argv[])
{
	FILE *out = tmpfile(), *err = tmpfile();
	char *args[32];
	int status = -1, i;
	pid_t pid;

	if (out == NULL || err == NULL)
		return (-1);
	for (i = 0; i < 31 && argv[i] != NULL; i++)
		args[i] = strdup(argv[i]);
	args[i] = NULL;
	if ((pid = fork()) == 0) {
		(void)dup2(fileno(out), 1);
		(void)dup2(fileno(err), 2);
		(void)execv(path, args);
		_exit(127);
	}
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	while (i > 0)
		free(args[--i]);
	tool_slurp(out, tool_out, sizeof(tool_out));
	tool_slurp(err, tool_err, sizeof(tool_err));
	return (WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* Run TOOL with these words; TOOL is defined by the build. */
#define RUN(...) tool_run(TOOL, (const char *const[]){ TOOL, ##__VA_ARGS__, NULL })

#endif
