/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts that are answered by clearing up rather than by dying on the spot, for tools that make
 * something in several steps. Long loops ask interrupt_pending() between their pieces; where nobody
 * watches it is always 0. Tools.
 */
#ifndef ZHYVE_BASE_INTERRUPT_H
#define ZHYVE_BASE_INTERRUPT_H

#include <stdbool.h>

/*
 * From now on SIGINT, SIGTERM and SIGHUP are only noted. With `restart` system calls that they
 * interrupt go on, else they fail with EINTR. SIGXFSZ is ignored: the write fails with EFBIG.
 */
void interrupt_watch(bool restart);

/* The signal that came, or 0. */
int interrupt_pending(void);

#endif
