/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of vmm/iobus.c: who gets an access, what nobody gets, regions that go while they
 * are entered.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/lock.h"
#include "vmm/iobus.h"

static struct iobus bus;
static uint64_t last_off, last_val;
static unsigned calls;

static uint64_t
dev_read(void *dev, uint64_t off, unsigned size)
{
	(void)dev;
	(void)size;
	calls++;
	last_off = off;
	return (0x8877665544332211ull >> 8 * off);
}

static void
dev_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	(void)dev;
	(void)size;
	calls++;
	last_off = off;
	last_val = val;
}

static const struct bus_ops ops = { .read = dev_read, .write = dev_write };

static int
setup(void **state)
{
	(void)state;
	memset(&bus, 0, sizeof(bus));
	iobus_init(&bus);
	calls = 0;
	return (0);
}

static void
test_ports(void **state)
{
	const struct bus_region r = { .base = 0x3f8, .len = 8, .ops = &ops, .name = "com1" };
	uint32_t v = 0x41;

	(void)state;
	assert_int_equal(iobus_add(&bus, true, &r), 0);
	assert_true(iobus_port(&bus, 0x3f9, true, 1, &v));
	assert_int_equal(last_off, 1);
	assert_int_equal(last_val, 0x41);
	assert_true(iobus_port(&bus, 0x3f8, false, 4, &v));
	assert_int_equal(v, 0x44332211);
	assert_true(iobus_port(&bus, 0x400, false, 4, &v));
	assert_int_equal(v, 0xffffffff);
	assert_true(iobus_port(&bus, 0x3fe, false, 4, &v)); /* half of it: nobody's */
	assert_int_equal(v, 0xffffffff);
	assert_int_equal(calls, 2);
	bus.strict = true;
	assert_false(iobus_port(&bus, 0x400, false, 1, &v));
	assert_true(iobus_port(&bus, 0x3f8, false, 1, &v));
	assert_int_equal(iobus_remove(&bus, true, 0x3f8), 0);
	assert_false(iobus_port(&bus, 0x3f8, false, 1, &v));
}

static void
test_memory(void **state)
{
	const struct bus_region r = {
		.base = 0xd0000000, .len = 0x1000, .ops = &ops, .name = "bar"
	};
	uint8_t data[8];

	(void)state;
	assert_int_equal(iobus_add(&bus, false, &r), 0);
	memset(data, 0, sizeof(data));
	assert_true(iobus_mem(&bus, 0xd0000000, false, 8, data));
	assert_int_equal(data[7], 0x88);
	assert_int_equal(calls, 1);
	memset(data, 0, sizeof(data));
	assert_true(iobus_mem(&bus, 0xd0000000, false, 3, data)); /* as bytes */
	assert_int_equal(data[2], 0x33);
	assert_int_equal(data[3], 0);
	assert_int_equal(calls, 4);
	memset(data, 0, sizeof(data));
	assert_false(iobus_mem(&bus, 0xd0001000, false, 4, data));
	assert_int_equal(data[3], 0xff);
	assert_int_equal(data[4], 0);
	data[0] = 0x5a;
	assert_true(iobus_mem(&bus, 0xd0000010, true, 1, data));
	assert_int_equal(last_val, 0x5a);
	assert_int_equal(last_off, 0x10);
}

/*
 * A handler that takes its own region away and puts another in: what a guest does when it moves
 * a BAR through it.
 */
static void
moving_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct bus_region r = { .base = val, .len = 16, .ops = dev, .dev = dev, .name = "moving" };

	(void)off;
	(void)size;
	assert_int_equal(iobus_remove(&bus, false, last_val), 0);
	assert_int_equal(iobus_add(&bus, false, &r), 0);
	last_val = val;
}

static void
test_moves_itself(void **state)
{
	static const struct bus_ops moving = { .read = dev_read, .write = moving_write };
	struct bus_ops copy = moving;
	struct lock lock = LOCK_INIT;
	struct bus_region r = {
		.base = 0x1000, .len = 16, .ops = &copy, .dev = &copy, .lock = &lock
	};
	uint32_t to = 0x2000;
	uint8_t data[4];

	(void)state;
	last_val = 0x1000;
	assert_int_equal(iobus_add(&bus, false, &r), 0);
	memcpy(data, &to, 4);
	assert_true(iobus_mem(&bus, 0x1000, true, 4, data));
	assert_false(iobus_mem(&bus, 0x1000, false, 4, data));
	assert_true(iobus_mem(&bus, 0x2000, false, 4, data));
}

static _Atomic bool stop;
static _Atomic unsigned bad;

static void *
reader(void *arg)
{
	uint8_t data[4];

	(void)arg;
	while (!atomic_load(&stop)) {
		if (iobus_mem(&bus, 0x9000, false, 4, data) && data[0] != 0x11)
			atomic_fetch_add(&bad, 1);
	}
	return (NULL);
}

static void
test_changes_beside_lookups(void **state)
{
	struct lock lock = LOCK_INIT;
	const struct bus_region r = {
		.base = 0x9000, .len = 16, .ops = &ops, .lock = &lock, .name = "x"
	};
	pthread_t th[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&th[i], NULL, reader, NULL), 0);
	for (unsigned i = 0; i < 20000; i++) {
		assert_int_equal(iobus_add(&bus, false, &r), 0);
		assert_int_equal(iobus_remove(&bus, false, 0x9000), 0);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++)
		(void)pthread_join(th[i], NULL);
	assert_int_equal(atomic_load(&bad), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ports, setup),
		cmocka_unit_test_setup(test_memory, setup),
		cmocka_unit_test_setup(test_moves_itself, setup),
		cmocka_unit_test_setup(test_changes_beside_lookups, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
