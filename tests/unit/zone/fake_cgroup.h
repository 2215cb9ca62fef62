/* SPDX-License-Identifier: BSD-2-Clause */
/* A folder in the place of a cgroup, or of /proc and /sys. Include after cmocka.h; one test program each. */
#ifndef ZHYVE_TESTS_FAKE_CGROUP_H
#define ZHYVE_TESTS_FAKE_CGROUP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"

static char dir[] = "/tmp/zhyve-fake-cgroup.XXXXXX";

static inline int
make_dir(void **state)
{
	(void)state;
	return (mkdtemp(dir) != NULL ? 0 : -1);
}

static inline int
remove_dir(void **state)
{
	char command[64];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	return (system(command));
}

/* Writes the file, and makes the folders above it; its path, until the next call. */
static inline char *
put(const char *name, const char *text)
{
	static char path[256];
	char folder[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	(void)snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	assert_int_equal(dir_make(folder, 0755, NULL), 0);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, NULL), 0);
	return (path);
}

#endif
