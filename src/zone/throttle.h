/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How much of a jailed process's output zoneadmd takes per time: a process that has been taken over
 * must not be able to keep zoneadmd (or the disk its logs are on) busy. Header only, pure;
 * zoneadmd.
 */
#ifndef ZHYVE_ZONE_THROTTLE_H
#define ZHYVE_ZONE_THROTTLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define THROTTLE_WINDOW_NS (100 * 1000 * 1000ll)

struct throttle {
	size_t budget; /* bytes per window */
	int64_t start;
	size_t used;
};

/*
 * Count `len` bytes taken at `now`. True when the budget is used up: take no more before the window
 * ends.
 */
static inline bool
throttle_take(struct throttle *t, size_t len, int64_t now)
{
	if (now - t->start >= THROTTLE_WINDOW_NS) {
		t->start = now;
		t->used = 0;
	}
	t->used += len;
	return (t->used >= t->budget);
}

#endif
