/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared interrupt lines: see irq_share.h. Pure; runs in zhyve. */
#include "devices/irq_share.h"

/*
 * Two threads may drive the line in the opposite order of their changes to the count. So we look
 * again after driving it: whoever drives last has seen the last count, and the line stays as that
 * says.
 */
static void
change(struct irq_share *s, int by)
{
	bool level, now;

	now = __atomic_add_fetch(&s->holders, (unsigned)by, __ATOMIC_SEQ_CST) != 0;
	do {
		level = now;
		irq_set(&s->out, level);
		now = __atomic_load_n(&s->holders, __ATOMIC_SEQ_CST) != 0;
	} while (now != level);
}

void
irq_share_hold(struct irq_share *s)
{
	change(s, 1);
}

void
irq_share_release(struct irq_share *s)
{
	change(s, -1);
}

static void
set(void *ctx, unsigned gsi, bool level)
{
	change(ctx, level ? 1 : -1);
}

struct irq_line
irq_share_line(struct irq_share *s)
{
	return ((struct irq_line){ .set = set, .ctx = s, .gsi = s->out.gsi });
}
