/* SPDX-License-Identifier: BSD-2-Clause */
/* Unit tests of devices/hpet.c: the counter, comparators, lines and messages, hostile settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "devices/hpet.h"
#include "host_time.h"

#define S 1000000000ull

static struct {
	struct hpet h;
	struct dev_timer timer;
	unsigned edges, messages, level;
	uint64_t addr;
	uint32_t data;
} w;

static void
line(void *ctx, unsigned gsi, bool level)
{
	(void)ctx;
	assert_true((HPET_ROUTES >> gsi & 1) != 0);
	w.edges += level;
	w.level = (w.level & ~(1u << gsi)) | (unsigned)level << gsi;
}

static void
msi(void *ctx, uint64_t addr, uint32_t data)
{
	(void)ctx;
	w.messages++;
	w.addr = addr;
	w.data = data;
}

static int
setup(void **state)
{
	const struct hpet_ops ops = { .line = line, .msi = msi };
	const struct clock clock = { .now_ns = host_now };

	(void)state;
	memset(&w, 0, sizeof(w));
	armed = 0;
	now = 5 * S;
	w.timer.arm = host_arm;
	hpet_init(&w.h, &ops, &clock, &w.timer);
	return (0);
}

static void
pass(uint64_t ns)
{
	(void)host_pass(&w.timer, ns, UINT64_MAX);
}

static void
put(unsigned reg, uint64_t v)
{
	hpet_ops.write(&w.h, reg, 8, v);
}

static uint64_t
get(unsigned reg)
{
	return (hpet_ops.read(&w.h, reg, 8));
}

static void
test_counter(void **state)
{
	(void)state;
	assert_true(get(0) == (59604645ull << 32 | 0x80860701));
	put(0xf0, 100);
	pass(S);
	assert_int_equal(get(0xf0), 100);
	put(0x10, 1);
	pass(S / 2);
	assert_int_equal(get(0xf0), 100 + HPET_HZ / 2);
	put(0xf0, 7); /* running: not to be set */
	assert_int_equal(get(0xf0), 100 + HPET_HZ / 2);
	put(0x10, 0);
	pass(S);
	assert_int_equal(get(0xf0), 100 + HPET_HZ / 2);
	put(0x10, 1);
	pass(300 * S); /* wraps after 256 */
	assert_int_equal(get(0xf0), (uint32_t)(100 + HPET_HZ / 2 + 300ull * HPET_HZ));
	assert_int_equal(hpet_ops.read(&w.h, 4, 4), 59604645);
	assert_int_equal(hpet_ops.read(&w.h, 1, 4), 0); /* not at a multiple */
	hpet_reset(&w.h);
	assert_int_equal(get(0xf0), 0);
}

static void
test_once(void **state)
{
	(void)state;
	put(0x10, 1);
	hpet_ops.write(&w.h, 0x110, 4, 0x31);
	hpet_ops.write(&w.h, 0x114, 4, 0xfee01000);
	assert_true(get(0x110) == 0xfee0100000000031ull);
	put(0x108, HPET_HZ);
	put(0x100, 1u << 14 | 1u << 2);
	pass(S - 1000);
	assert_int_equal(w.messages, 0);
	pass(2000);
	assert_int_equal(w.messages, 1);
	assert_int_equal(w.addr, 0xfee01000);
	assert_int_equal(w.data, 0x31);
	pass(10 * S);
	assert_int_equal(w.messages, 1);
	pass(250 * S); /* the counter comes round */
	assert_int_equal(w.messages, 2);
	put(0x108, (uint32_t)get(0xf0)); /* now: at once */
	pass(1);
	assert_int_equal(w.messages, 3);
	put(0x100, 0);
	assert_int_equal(armed, 0);
}

static void
test_periodic(void **state)
{
	(void)state;
	put(0x10, 1);
	put(0x120, 10u << 9 | 1u << 6 | 1u << 3 | 1u << 2);
	put(0x128, HPET_HZ / 2);
	put(0x128, HPET_HZ / 10);
	pass(S / 2 + 1000);
	assert_int_equal(w.edges, 1);
	pass(S);
	assert_int_equal(w.edges, 11);
	assert_int_equal(w.level, 0);
	/* Missed periods come as one. */
	now += 3 * S;
	pass(1);
	assert_int_equal(w.edges, 12);
	/* A period of one tick is no storm. */
	put(0x120, 10u << 9 | 1u << 6 | 1u << 3 | 1u << 2);
	put(0x128, get(0xf0) + 1);
	put(0x128, 1);
	w.edges = 0;
	pass(S);
	assert_in_range(w.edges, 1, 8192 + 1);
	put(0x128, 0);
	pass(S);
	assert_in_range(w.edges, 1, 8192 + 2);
}

static void
test_level(void **state)
{
	(void)state;
	put(0x10, 1);
	for (unsigned n = 0; n < 2; n++) { /* two on one input */
		put(0x108 + 0x20 * n, HPET_HZ);
		put(0x100 + 0x20 * n, 11u << 9 | 1u << 2 | 1u << 1);
	}
	pass(S + 1000);
	assert_int_equal(w.level, 1u << 11);
	assert_int_equal(get(0x20), 3);
	put(0x20, 1);
	assert_int_equal(w.level, 1u << 11);
	put(0x120, 0);
	assert_int_equal(w.level, 0);
	put(0x20, 2);
	assert_int_equal(get(0x20), 0);
}

static void
test_hostile(void **state)
{
	(void)state;
	/* An input that it does not have is not taken. */
	put(0x100, 4u << 9 | 1u << 2);
	assert_int_equal(get(0x100) >> 9 & 31, 0);
	put(0x10, 1);
	put(0x108, HPET_HZ);
	pass(2 * S);
	assert_int_equal(w.edges, 0);
	for (unsigned off = 0; off <= HPET_LEN - 8; off += 4) {
		hpet_ops.write(&w.h, off, 8, ~0ull);
		hpet_ops.write(&w.h, off, 4, ~0u);
		(void)hpet_ops.read(&w.h, off, 4);
		pass(S / 100);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_counter, setup),
		cmocka_unit_test_setup(test_once, setup),
		cmocka_unit_test_setup(test_periodic, setup),
		cmocka_unit_test_setup(test_level, setup),
		cmocka_unit_test_setup(test_hostile, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
