/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of the host that do a part of the work (nft, dnsmasq, lvm, zfs, mkfs): run without a shell, in an
 * environment of their own, with no descriptor of ours. Only what we made or checked ourselves may be among
 * their arguments. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_PROGRAM_H
#define ZHYVE_ZONE_PROGRAM_H

#include <sys/types.h>

#include "base/err.h"

#define PROGRAM_OUTPUT_MAX (8u << 20)

/*
 * Run a program (argv[0]: its path) to its end, `input` on its standard input. *output (may be NULL) is what
 * it wrote to its standard output, at most PROGRAM_OUTPUT_MAX; the caller's (free). What it writes goes to
 * files without a name: one that goes on in the background does not keep us. -ENOENT when it is not there;
 * -EIO when it fails, with the first line of its complaint; -EFBIG.
 */
int program_run(const char *const argv[], const char *input, char **output, struct err *e);
/*
 * The same with a descriptor as its standard input, which it reads as far as it wants: what is left is the caller's.
 * It may take long: an interrupt (base/interrupt.h) ends it. -EINTR.
 */
int program_feed(const char *const argv[], int in, struct err *e);

/* One that runs beside us, and is killed when the thread that started it ends. */
struct program {
	const char *name; /* its path, as given */
	pid_t pid;        /* 0: there is none */
	int complaints;   /* a file without a name */
};
/* Start one with nothing on its standard input, whose output is of no interest. 0 or -errno. */
int program_start(const char *const argv[], struct program *p, struct err *e);
/* Wait for its end. 0, or why it failed as of program_run. */
int program_end(struct program *p, struct err *e);
/* Kill it, should it still be there, and wait for that. */
void program_stop(struct program *p);

#endif
