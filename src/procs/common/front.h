/* SPDX-License-Identifier: BSD-2-Clause */
/* How a device process meets the one front end that it serves: the options -s, -c and -l. */
#ifndef ZHYVE_PROCS_COMMON_FRONT_H
#define ZHYVE_PROCS_COMMON_FRONT_H

#include <stdbool.h>

#include "base/err.h"

#define FRONT_OPTIONS "s:c:l:" /* for getopt */

struct front {
	int sock;                     /* -s fd:N, or once it is there; -1: not yet */
	const char *connect, *listen; /* -c PATH, -l PATH */
};

#define FRONT_INIT ((struct front){ .sock = -1 })

/* One of FRONT_OPTIONS as getopt gave it. 0 or -EINVAL. */
int front_option(struct front *f, int opt, const char *arg);
/* Is it said how, and once? */
bool front_given(const struct front *f);
/* Connect, or wait for it: f->sock is it. 0 or -errno. */
int front_meet(struct front *f, struct err *e);

#endif
