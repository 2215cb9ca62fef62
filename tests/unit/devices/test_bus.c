/* SPDX-License-Identifier: BSD-2-Clause */
/* Address decoding: order, overlaps, lookups at the edges. */
#include "devices/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct bus bus;

static int
add(uint64_t base, uint64_t len)
{
	struct bus_region r = { .base = base, .len = len, .name = "test" };

	return (bus_add(&bus, &r));
}

static int
setup(void **state)
{
	bus.nregions = 0;
	return (0);
}

static void
test_sorted_whatever_the_order(void **state)
{
	assert_int_equal(add(0x3f8, 8), 0);
	assert_int_equal(add(0x2f8, 8), 0);
	assert_int_equal(add(0x70, 2), 0);
	assert_int_equal(add(0xcf8, 8), 0);
	assert_int_equal(bus.nregions, 4);
	for (unsigned i = 1; i < bus.nregions; i++)
		assert_true(bus.region[i - 1].base < bus.region[i].base);
	assert_int_equal(bus_find(&bus, 0x2f8, 1)->base, 0x2f8);
	assert_int_equal(bus_find(&bus, 0x2ff, 1)->base, 0x2f8);
	assert_int_equal(bus_find(&bus, 0xcfc, 4)->base, 0xcf8);
	assert_null(bus_find(&bus, 0x300, 1));
	assert_null(bus_find(&bus, 0x6f, 1));
	assert_null(bus_find(&bus, 0, 1));
}

static void
test_access_must_fit(void **state)
{
	assert_int_equal(add(0x70, 2), 0);
	assert_non_null(bus_find(&bus, 0x70, 2));
	assert_null(bus_find(&bus, 0x71, 2));
	assert_null(bus_find(&bus, 0x6f, 2));
	assert_null(bus_find(&bus, 0x70, 4));
}

static void
test_overlaps_refused(void **state)
{
	assert_int_equal(add(0x100, 0x10), 0);
	assert_int_equal(add(0x100, 0x10), -EEXIST);
	assert_int_equal(add(0x10f, 1), -EEXIST);
	assert_int_equal(add(0xff, 2), -EEXIST);
	assert_int_equal(add(0, 0x1000), -EEXIST);
	assert_int_equal(add(0x110, 1), 0);
	assert_int_equal(add(0xff, 1), 0);
	assert_int_equal(bus.nregions, 3);
}

static void
test_top_of_the_address_space(void **state)
{
	assert_int_equal(add(0, 0), -EINVAL);
	assert_int_equal(add(UINT64_MAX, 2), -EINVAL);
	assert_int_equal(add(UINT64_MAX - 7, 8), 0);
	assert_non_null(bus_find(&bus, UINT64_MAX, 1));
	assert_null(bus_find(&bus, UINT64_MAX, 2));
	assert_int_equal(add(UINT64_MAX, 1), -EEXIST);
}

static void
test_remove(void **state)
{
	assert_int_equal(add(0x100, 0x10), 0);
	assert_int_equal(add(0x200, 0x10), 0);
	assert_int_equal(bus_remove(&bus, 0x108), -ENOENT);
	assert_int_equal(bus_remove(&bus, 0), -ENOENT);
	assert_int_equal(bus_remove(&bus, 0x100), 0);
	assert_null(bus_find(&bus, 0x100, 1));
	assert_non_null(bus_find(&bus, 0x200, 1));
	assert_int_equal(add(0x108, 0x10), 0);
}

static void
test_full(void **state)
{
	for (unsigned i = 0; i < BUS_REGIONS_MAX; i++)
		assert_int_equal(add(i * 16ull, 16), 0);
	assert_int_equal(add(BUS_REGIONS_MAX * 16ull, 16), -ENOSPC);
	assert_int_equal(bus_remove(&bus, 32), 0);
	assert_int_equal(add(32, 16), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_sorted_whatever_the_order, setup),
		cmocka_unit_test_setup(test_access_must_fit, setup),
		cmocka_unit_test_setup(test_overlaps_refused, setup),
		cmocka_unit_test_setup(test_top_of_the_address_space, setup),
		cmocka_unit_test_setup(test_remove, setup),
		cmocka_unit_test_setup(test_full, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
