/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of devices that can be saved: the stream, and the way of all such tests. Include after
 * cmocka.h.
 */
#ifndef ZHYVE_TESTS_SAVED_H
#define ZHYVE_TESTS_SAVED_H

#include <string.h>

#include "devices/state.h"
#include "devices/virtio/virtio.h"

typedef int saved_fn(void *dev, struct state *st);

static uint8_t saved[1 << 18];
static size_t saved_len;
static struct err saved_why;

static inline int
saved_from(saved_fn *fn, void *dev)
{
	struct state st;

	err_clear(&saved_why);
	state_save(&st, "device", saved, sizeof(saved), &saved_why);
	(void)fn(dev, &st);
	return (state_end(&st, &saved_len));
}

static inline int
saved_into(saved_fn *fn, void *dev)
{
	struct state st;
	size_t len;

	err_clear(&saved_why);
	if (state_load(&st, "device", saved, saved_len, &saved_why) == 0)
		(void)fn(dev, &st);
	return (state_end(&st, &len));
}

/* It is loaded, and what it would save now is what was loaded. */
static inline void
saved_goes_into(saved_fn *fn, void *dev)
{
	static uint8_t before[sizeof(saved)];
	size_t len = saved_len;

	if (saved_into(fn, dev) != 0)
		fail_msg("%s", saved_why.text);
	memcpy(before, saved, len);
	assert_int_equal(saved_from(fn, dev), 0);
	assert_int_equal(saved_len, len);
	assert_memory_equal(saved, before, len);
}

/* A virtio device without its transport. */
static inline int
saved_virtio(void *vd, struct state *st)
{
	return (virtio_state(vd, st));
}

#endif
