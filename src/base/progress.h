/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How far a long piece of work is, for somebody who looks at a terminal. Loops that copy tell where they are;
 * nothing is drawn unless the tool asked for it, and standard error is a terminal. Tools.
 */
#ifndef ZHYVE_BASE_PROGRESS_H
#define ZHYVE_BASE_PROGRESS_H

#include <stddef.h>
#include <stdint.h>

/* From now on it is drawn, where somebody can see it. */
void progress_watch(void);
/* A piece of work of `total` bytes begins, is at `done` of them, has ended: the line is wiped. */
void progress_start(const char *what, uint64_t total);
void progress_at(uint64_t done);
void progress_end(void);

/*
 * The line that is drawn, of at most `size` bytes with its end: what, a bar, percent, MiB, MiB a second. For
 * the above and its test.
 */
void progress_line(
    char *out, size_t size, const char *what, uint64_t done, uint64_t total, uint64_t ms);

#endif
