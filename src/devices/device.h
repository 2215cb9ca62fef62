/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every device model has in common, and how it reaches the outside.
 *
 * Devices are pure state machines (DESIGN 3.1): no system call, no thread, no clock of their own.
 * They are driven by calls: register access, "queue has work", "I/O completed", "time is". They
 * reach the world through small tables of functions that their owner gives: interrupt lines
 * (struct irq_line), message interrupts (struct pci_host_ops), backends (block.h, net.h,
 * chardev.h), the clock (struct clock), timers (struct dev_timer) and the machine (struct
 * machine_ctl).
 *
 * A device is entered by one thread at a time: its owner holds the device's lock around every
 * call; devices do not see the lock. Runs in zhyve (and, moved out, in device processes); in
 * tests and fuzzers without any of them.
 */
#ifndef ZHYVE_DEVICES_DEVICE_H
#define ZHYVE_DEVICES_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A level or edge line into the interrupt controllers (a GSI). `set` may be called from any
 * thread.
 */
struct irq_line {
	void (*set)(void *ctx, unsigned gsi, bool level);
	void *ctx;
	unsigned gsi;
};

static inline void
irq_set(const struct irq_line *l, bool level)
{
	if (l->set != NULL)
		l->set(l->ctx, l->gsi, level);
}

static inline void
irq_pulse(const struct irq_line *l)
{
	irq_set(l, true);
	irq_set(l, false);
}

/* Time for devices: nanoseconds of the host's monotonic clock; seconds since 1970 for the RTC. */
struct clock {
	uint64_t (*now_ns)(void *ctx);
	int64_t (*wall_s)(void *ctx);
	void *ctx;
};

/*
 * A timer that a device may ask for; `arm` with 0 disarms, and an armed timer is armed anew. The
 * owner fills arm and ctx, the device fire and dev. Once the time has come the owner calls `fire`
 * with the device's lock held. A time in the past fires as soon as possible.
 */
struct dev_timer {
	void (*arm)(void *ctx, uint64_t at_ns); /* absolute, of clock.now_ns */
	void *ctx;
	void (*fire)(void *dev);
	void *dev;
};

static inline void
dev_timer_arm(const struct dev_timer *t, uint64_t at_ns)
{
	if (t != NULL && t->arm != NULL)
		t->arm(t->ctx, at_ns);
}

/* Why the machine is to stop: what a device asks of the machine through struct machine_ctl. */
enum machine_event {
	MACHINE_RESET,    /* 0xCF9, keyboard controller, ACPI reset register */
	MACHINE_POWEROFF, /* S5 */
	MACHINE_HALT,     /* every vCPU halted with interrupts off */
	MACHINE_TRIPLE_FAULT,
	MACHINE_PANIC, /* the guest said so (pvpanic) */
	MACHINE_ERROR, /* the VMM cannot go on */
};

struct machine_ctl {
	void (*event)(void *ctx, enum machine_event ev, const char *why);
	void *ctx;
};

static inline void
machine_event(const struct machine_ctl *m, enum machine_event ev, const char *why)
{
	if (m->event != NULL)
		m->event(m->ctx, ev, why);
}

struct lock; /* base/lock.h; NULL in tests */

#endif
