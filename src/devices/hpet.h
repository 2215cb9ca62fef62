/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The High Precision Event Timer (IA-PC HPET specification 1.0a) as bhyve has it: one 32-bit
 * counter of 2^24 Hz and eight comparators, each one-shot or periodic, by message (FSB) or by an
 * input of the I/O APIC. There is no legacy replacement: IRQ 0 stays the PIT's and IRQ 8 the RTC's.
 *
 * The counter is computed when it is read; one timer wakes the device for the nearest comparator.
 * A period shorter than HPET_PERIOD_MIN ticks is kept as written but fires no more often than that,
 * and periods that were missed fire once. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_HPET_H
#define ZHYVE_DEVICES_HPET_H

#include "devices/bus.h"
#include "devices/device.h"

#define HPET_BASE       0xFED00000ull
#define HPET_LEN        0x400
#define HPET_TIMERS     8
#define HPET_HZ         (1u << 24)
#define HPET_ROUTES     (1u << 5 | 1u << 10 | 1u << 11) /* inputs that nobody else has */
#define HPET_PERIOD_MIN (HPET_HZ / 8192)
/* The lower half of the capabilities, which ACPI's table repeats: 8086, timers, revision 1. */
#define HPET_ID (0x8086u << 16 | (HPET_TIMERS - 1) << 8 | 1)

struct hpet_ops {
	void (*line)(void *ctx, unsigned gsi, bool level);
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	void *ctx;
};

struct hpet {
	struct hpet_ops ops;
	struct clock clock;
	struct dev_timer *timer;
	bool enabled;
	uint64_t base;    /* the counter's value, never wrapping, at ... */
	uint64_t base_ns; /* ... this instant; while it stands: its value */
	uint32_t status, lines;
	struct hpet_timer {
		uint32_t config; /* what may be written of it */
		uint32_t cmp, period;
		uint64_t fsb;
		uint64_t target; /* of the never wrapping counter */
	} t[HPET_TIMERS];
};

/* `timer` stays the caller's and gets fire and dev set. */
void hpet_init(
    struct hpet *h, const struct hpet_ops *ops, const struct clock *clock, struct dev_timer *timer);
/* Counter stopped and zero, interrupts off. */
void hpet_reset(struct hpet *h);

/* The registers, HPET_LEN bytes. `dev` is the struct hpet. */
extern const struct bus_ops hpet_ops;

struct state;
/* Save or load it (state.h): the counter goes on from where it was. */
int hpet_state(struct hpet *h, struct state *st);

#endif
