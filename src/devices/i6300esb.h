/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The watchdog timer of Intel's 6300ESB I/O controller hub (data sheet 300641, chapter 16; PCI
 * 8086:25ab), for which Linux and Windows have drivers. Two stages: at the end of the first the
 * guest may be interrupted, at the end of the second the owner is told. Registers that matter
 * open for one write after the sequence 80h, 86h into the reload register.
 *
 * What the hardware keeps across a reset (that the watchdog was its cause) is not kept: a reset
 * is a new machine here. Its interrupt is the function's INTA where the guest asks for one; SMI
 * does nothing. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_I6300ESB_H
#define ZHYVE_DEVICES_I6300ESB_H

#include "devices/pci.h"

struct i6300esb {
	struct pci_dev pci; /* the caller sets bdf and lock and attaches it */
	struct clock clock;
	struct dev_timer *timer;
	/* The second stage ended and the guest has not switched the output off. With the lock. */
	void (*expired)(void *ctx);
	void *ctx;

	uint32_t preload[2]; /* 20 bits, of stage 1 and 2 */
	unsigned unlock;     /* 0 locked, 1 after 80h, 2 open for one write */
	unsigned stage;      /* 1 or 2; counts only while `running` */
	bool running;
	bool interrupt;    /* status of stage 1 */
	bool timed_out;    /* status of stage 2 */
	uint64_t deadline; /* of the present stage */
};

/* The timer's owner fills its arm before; fire and dev are set here. */
void i6300esb_init(struct i6300esb *w, const struct clock *clock, struct dev_timer *timer,
    void (*expired)(void *ctx), void *ctx);

#endif
