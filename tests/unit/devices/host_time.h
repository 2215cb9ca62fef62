/* SPDX-License-Identifier: BSD-2-Clause */
/* For the tests of devices with a timer: a clock that stands until the test moves it. */
#ifndef ZHYVE_TESTS_HOST_TIME_H
#define ZHYVE_TESTS_HOST_TIME_H

#include "devices/device.h"

static uint64_t now, armed; /* ns; when the timer is due, 0: never */

static inline uint64_t
host_now(void *ctx)
{
	(void)ctx;
	return (now);
}

static inline void
host_arm(void *ctx, uint64_t at)
{
	(void)ctx;
	armed = at;
}

/* Let time pass, the timer firing whenever it is due. How often it did; it stops after `most`. */
static inline uint64_t
host_pass(struct dev_timer *t, uint64_t ns, uint64_t most)
{
	uint64_t end = now + ns, fired = 0;

	while (armed != 0 && armed <= end && fired < most) {
		now = armed > now ? armed : now;
		armed = 0;
		t->fire(t->dev);
		fired++;
	}
	now = end;
	return (fired);
}

#endif
