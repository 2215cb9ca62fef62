/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts that are noted: see interrupt.h. Tools; does nothing in the handler but note. */
#include "base/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "base/checked.h"

static volatile sig_atomic_t came;

static void
note(int sig)
{
	came = sig;
}

void
interrupt_watch(bool restart)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = note, .sa_flags = restart ? SA_RESTART : 0 };

	for (size_t i = 0; i < NITEMS(signals); i++)
		(void)sigaction(signals[i], &sa, NULL);
	(void)signal(SIGXFSZ, SIG_IGN);
}

int
interrupt_pending(void)
{
	return (came);
}
