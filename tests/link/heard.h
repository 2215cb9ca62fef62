/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames that a guest has heard, by a name that tests/link/guest reckons too. Freestanding: for tests/guest/frames.c and
 * linux_guest.c.
 */
#ifndef ZHYVE_TESTS_LINK_HEARD_H
#define ZHYVE_TESTS_LINK_HEARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEARD_MAX 64u

struct heard {
	uint32_t name[HEARD_MAX];
	size_t n;
};

/* FNV-1a of the first 64 bytes: enough to tell the classes apart, and in a payload every instruction counts. */
static inline uint32_t
frame_name(const uint8_t *frame, size_t len)
{
	uint32_t h = 0x811c9dc5;

	for (size_t i = 0; i < len && i < 64; i++)
		h = (h ^ frame[i]) * 0x01000193;
	return (h);
}

/* Is that one to be told? Not a second time, and not after HEARD_MAX different ones. */
static inline bool
heard_first(struct heard *h, uint32_t name)
{
	for (size_t i = 0; i < h->n; i++) {
		if (h->name[i] == name)
			return (false);
	}
	if (h->n == HEARD_MAX)
		return (false);
	h->name[h->n++] = name;
	return (true);
}

#endif
