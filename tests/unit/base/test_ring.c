/* SPDX-License-Identifier: BSD-2-Clause */
/* The byte ring: as a queue, as a history with readers that fall behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ring.h"

static void
test_queue(void **state)
{
	uint8_t store[8];
	char out[16];
	struct ring r;

	ring_init(&r, store, sizeof(store));
	for (int round = 0; round < 5; round++) { /* wraps in every position */
		assert_int_equal(ring_put(&r, "abcde", 5), 5);
		assert_int_equal(ring_put(&r, "fghij", 5), 3);
		assert_int_equal(ring_free(&r), 0);
		assert_int_equal(ring_get(&r, out, 3), 3);
		assert_memory_equal(out, "abc", 3);
		assert_int_equal(ring_get(&r, out, sizeof(out)), 5);
		assert_memory_equal(out, "defgh", 5);
		assert_int_equal(ring_used(&r), 0);
	}
}

/* Everything a reader can still see, from its position on. */
static size_t
follow(const struct ring *r, uint64_t *pos, char *out)
{
	size_t total = 0, run;
	const uint8_t *p;

	while (p = ring_peek(r, pos, &run), run > 0) {
		memcpy(out + total, p, run);
		total += run;
		*pos += run;
	}
	return (total);
}

static void
test_history(void **state)
{
	uint8_t store[8];
	char out[16];
	uint64_t early = 0, late;
	struct ring r;

	ring_init(&r, store, sizeof(store));
	ring_put_over(&r, "0123", 4);
	assert_int_equal(follow(&r, &early, out), 4);
	ring_put_over(&r, "456789ab", 8); /* early is 4 behind, 8 kept: it lost nothing */
	assert_int_equal(follow(&r, &early, out), 8);
	assert_memory_equal(out, "456789ab", 8);
	ring_put_over(&r, "cdefghijklmno", 13); /* more than the ring holds */
	assert_int_equal(follow(&r, &early, out), 8);
	assert_memory_equal(out, "hijklmno", 8);
	late = 0;
	assert_int_equal(follow(&r, &late, out), 8);
	assert_memory_equal(out, "hijklmno", 8);
	assert_int_equal(late, early);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queue),
		cmocka_unit_test(test_history),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
