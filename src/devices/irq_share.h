/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An interrupt line with several devices on it (PCI's INTx, COM1 and COM3): it is up while any of
 * them holds it up. The devices may be entered by different threads, each with its own lock. Pure;
 * runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_IRQ_SHARE_H
#define ZHYVE_DEVICES_IRQ_SHARE_H

#include "devices/device.h"

struct irq_share {
	struct irq_line out;
	unsigned holders; /* changed by atomic operations only */
};

/* One more, or one less, device holds the line up. Any thread. */
void irq_share_hold(struct irq_share *s);
void irq_share_release(struct irq_share *s);

/*
 * The end of the line for one device, which must tell changes only, beginning with up (uart.h
 * does). `s` outlives it.
 */
struct irq_line irq_share_line(struct irq_share *s);

#endif
