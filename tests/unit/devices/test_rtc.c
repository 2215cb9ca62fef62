/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RTC: formats, roll-overs, update in progress, periodic, alarm and update interrupts, hostile
 * values.
 */
#include "devices/rtc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/checked.h"

#define NS_PER_S 1000000000ull

static struct rtc rtc;
static uint64_t now, armed;
static uint64_t step; /* what passes with each look at the clock */
static int64_t wall;
static bool line;
static unsigned edges;

static uint64_t
get_ns(void *ctx)
{
	now += step;
	return (now);
}

static int64_t
get_wall(void *ctx)
{
	return (wall);
}

static void
set_line(void *ctx, unsigned gsi, bool level)
{
	assert_true(level != line);
	line = level;
	edges += level;
}

static void
arm(void *ctx, uint64_t at_ns)
{
	armed = at_ns;
}

static struct dev_timer timer = { .arm = arm };

static int
setup(void **state)
{
	const struct irq_line irq = { .set = set_line, .gsi = 8 };
	const struct clock clock = { .now_ns = get_ns, .wall_s = get_wall };

	now = 5 * NS_PER_S + 123;
	wall = 1795348678; /* 2026-11-22 11:57:58 UTC, a Sunday */
	armed = step = 0;
	line = false;
	edges = 0;
	rtc_init(&rtc, &irq, &clock, &timer, 0, 2048 * MIB, 6 * GIB);
	return (0);
}

static uint8_t
in(uint8_t reg)
{
	rtc_ops.write(&rtc, 0, 1, reg);
	return ((uint8_t)rtc_ops.read(&rtc, 1, 1));
}

static void
set(uint8_t reg, uint8_t val)
{
	rtc_ops.write(&rtc, 0, 1, reg);
	rtc_ops.write(&rtc, 1, 1, val);
}

/* Let time pass, firing the timer when it is due. Returns the number of firings. */
static unsigned
run(uint64_t ns)
{
	uint64_t end = now + ns;
	unsigned fired = 0;

	while (armed != 0 && armed <= end) {
		now = MAX(now, armed);
		armed = 0;
		timer.fire(timer.dev);
		fired++;
	}
	now = end;
	return (fired);
}

static void
expect_time(uint8_t h, uint8_t m, uint8_t s)
{
	assert_int_equal(in(4), h);
	assert_int_equal(in(2), m);
	assert_int_equal(in(0), s);
}

static void
expect_date(uint8_t century, uint8_t y, uint8_t m, uint8_t d, uint8_t wday)
{
	assert_int_equal(in(0x32), century);
	assert_int_equal(in(9), y);
	assert_int_equal(in(8), m);
	assert_int_equal(in(7), d);
	assert_int_equal(in(6), wday);
}

static void
test_starts_with_host_time(void **state)
{
	struct tm tm;
	time_t t = (time_t)wall;

	assert_non_null(gmtime_r(&t, &tm));
	assert_int_equal(in(0x0b), 0x02);
	assert_int_equal(in(0x0d), 0x80);
	expect_time(0x11, 0x57, 0x58);
	assert_int_equal(tm.tm_hour, 11);
	assert_int_equal(tm.tm_min, 57);
	expect_date(0x20, 0x26, 0x11, 0x22, 1);
	set(0x0b, 0x06); /* the same in binary */
	expect_time(11, 57, 58);
	expect_date(20, 26, 11, 22, 1);
	now += 3 * NS_PER_S;
	expect_time(11, 58, 1);
}

static void
test_local_offset(void **state)
{
	const struct irq_line irq = { .set = set_line };
	const struct clock clock = { .now_ns = get_ns, .wall_s = get_wall };

	rtc_init(&rtc, &irq, &clock, NULL, -12 * 3600, 0, 0);
	expect_time(0x23, 0x57, 0x58);
	expect_date(0x20, 0x26, 0x11, 0x21, 7);
	set(0x0b, 0x72); /* without a timer nothing is armed */
	assert_int_equal(armed, 0);
}

/* Against the C library, over 400 years. */
static void
test_calendar(void **state)
{
	const struct irq_line irq = { .set = set_line };
	const struct clock clock = { .now_ns = get_ns, .wall_s = get_wall };
	struct tm tm;

	for (wall = 0; wall < 400ll * 366 * 86400; wall += 86400 * 13 + 86399) {
		time_t t = (time_t)wall;

		rtc_init(&rtc, &irq, &clock, NULL, 0, 0, 0);
		set(0x0b, 0x06);
		assert_non_null(gmtime_r(&t, &tm));
		expect_time((uint8_t)tm.tm_hour, (uint8_t)tm.tm_min, (uint8_t)tm.tm_sec);
		expect_date((uint8_t)((tm.tm_year + 1900) / 100), (uint8_t)(tm.tm_year % 100),
		    (uint8_t)(tm.tm_mon + 1), (uint8_t)tm.tm_mday, (uint8_t)(tm.tm_wday + 1));
	}
}

static void
set_clock(uint8_t b, const uint8_t v[8])
{
	static const uint8_t reg[] = { 0x32, 9, 8, 7, 6, 4, 2, 0 };

	set(0x0b, 0x80 | b);
	for (unsigned i = 0; i < sizeof(reg); i++)
		set(reg[i], v[i]);
	set(0x0b, b);
}

static void
test_noon_12_hours_bcd(void **state)
{
	const uint8_t v[] = { 0x20, 0x24, 0x02, 0x28, 4, 0x11, 0x59, 0x59 };

	set_clock(0x00, v);
	expect_time(0x11, 0x59, 0x59);
	now += NS_PER_S;
	expect_time(0x92, 0x00, 0x00);
	now += 3600 * NS_PER_S;
	expect_time(0x81, 0x00, 0x00);
	now += 11 * 3600 * NS_PER_S;
	expect_time(0x12, 0x00, 0x00);
	expect_date(0x20, 0x24, 0x02, 0x29, 5); /* a leap day */
}

static void
test_century_rolls_over(void **state)
{
	const uint8_t v[] = { 20, 99, 12, 31, 5, 23, 59, 59 };

	set_clock(0x06, v);
	now += NS_PER_S;
	expect_time(0, 0, 0);
	expect_date(21, 0, 1, 1, 6);
}

static void
test_set_freezes(void **state)
{
	set(0x0b, 0x82);
	now += 100 * NS_PER_S;
	expect_time(0x11, 0x57, 0x58);
	set(0, 0x10);
	assert_int_equal(in(0x0a) & 0x80, 0);
	set(0x0b, 0x02);
	expect_time(0x11, 0x57, 0x10);
	/* A clock register may also be written while the clock runs. */
	set(2, 0x30);
	expect_time(0x11, 0x30, 0x10);
}

static void
test_update_in_progress(void **state)
{
	uint64_t start = now;

	assert_int_equal(in(0x0a), 0x26);
	now = start + NS_PER_S - 244000 - 1;
	assert_int_equal(in(0x0a) & 0x80, 0);
	now = start + NS_PER_S - 244000;
	assert_int_equal(in(0x0a) & 0x80, 0x80);
	assert_int_equal(in(0), 0x58);
	now = start + NS_PER_S;
	assert_int_equal(in(0x0a) & 0x80, 0);
	assert_int_equal(in(0), 0x59);
}

static void
test_divider(void **state)
{
	set(0x0a, 0x76);
	now += 10 * NS_PER_S;
	expect_time(0x11, 0x57, 0x58);
	set(0x0a, 0x26);
	in(0x0c);
	now += NS_PER_S / 2 - 1;
	assert_int_equal(in(0x0c) & 0x10, 0);
	now += 1;
	assert_int_equal(in(0x0c) & 0x10, 0x10);
	expect_time(0x11, 0x57, 0x59);
	now += NS_PER_S;
	assert_int_equal(in(0x0c) & 0x10, 0x10);
}

/* 512 Hz gives 256 periods until the first update, 128 Hz 128 a second. */
static void
test_periodic_by_irq(void **state)
{
	unsigned n = 0;

	set(0x0a, 0x70);
	set(0x0b, 0x42);
	set(0x0a, 0x27);
	in(0x0c);
	while (run(NS_PER_S / 4096), n < 1000) {
		if (!line)
			continue;
		n++;
		if ((in(0x0c) & 0x10) != 0)
			break;
	}
	assert_int_equal(n, 256);
	set(0x0a, 0x29);
	edges = 0;
	for (unsigned i = 0; i < 4096 * 4; i++) {
		run(NS_PER_S / 4096);
		if (line)
			assert_int_equal(in(0x0c) & 0xc0, 0xc0);
	}
	assert_in_range(edges, 511, 513);
}

static void
test_periodic_rates(void **state)
{
	static const unsigned hz[] = { 0, 256, 128, 8192, 4096, 2048, 1024, 512, 256, 128, 64, 32,
		16, 8, 4, 2 };

	for (uint8_t rate = 1; rate < 16; rate++) {
		unsigned n = 0;

		set(0x0a, 0x20 | rate);
		set(0x0b, 0x42);
		in(0x0c);
		for (unsigned i = 0; i < 32768; i++) {
			now += NS_PER_S / 32768;
			n += (in(0x0c) & 0x40) != 0;
		}
		assert_in_range(n, hz[rate] - 1, hz[rate] + 1);
	}
	set(0x0a, 0x20);
	in(0x0c);
	run(NS_PER_S);
	assert_int_equal(in(0x0c) & 0x40, 0);
}

/* A guest that never reads register C costs one interrupt and one timer. */
static void
test_unread_is_quiet(void **state)
{
	set(0x0a, 0x23);
	set(0x0b, 0x72);
	assert_true(run(60 * NS_PER_S) <= 2);
	assert_int_equal(edges, 1);
	assert_int_equal(armed, 0);
	assert_int_equal(in(0x0c) & 0xc0, 0xc0);
	assert_false(line);
	assert_true(armed != 0);
}

/* An event during the reading of register C is an edge of its own: the line falls in between. */
static void
test_event_during_read(void **state)
{
	set(0x0a, 0x26);
	set(0x0b, 0x42);
	in(0x0c);
	assert_int_equal(run(NS_PER_S / 1000), 1);
	assert_true(line);
	assert_int_equal(edges, 1);
	step = NS_PER_S / 1000;
	assert_int_equal(in(0x0c) & 0xc0, 0xc0);
	assert_true(line);
	assert_int_equal(edges, 2);
	step = 0;
	assert_int_equal(in(0x0c) & 0xc0, 0xc0);
	assert_false(line);
}

static void
test_update_interrupt(void **state)
{
	set(0x0b, 0x12);
	assert_int_equal(run(NS_PER_S), 1);
	assert_true(line);
	assert_int_equal(in(0x0c), 0xd0);
	assert_int_equal(in(0x0c), 0x00);
	set(0x0b, 0x92); /* SET clears UIE */
	assert_int_equal(in(0x0b), 0x82);
	assert_int_equal(run(10 * NS_PER_S), 0);
}

static void
test_alarm(void **state)
{
	set(1, 0x03);
	set(3, 0x58);
	set(5, 0x11);
	in(0x0c);
	set(0x0b, 0x22);
	run(4 * NS_PER_S);
	assert_false(line);
	run(NS_PER_S);
	assert_true(line);
	assert_int_equal(in(0x0c) & 0xa0, 0xa0);
	run(60 * NS_PER_S);
	assert_false(line);
	set(3, 0xff); /* every hour and minute at :03 */
	set(5, 0xc0);
	run(60 * NS_PER_S);
	assert_true(line);
	assert_int_equal(in(0x0c) & 0x20, 0x20);
	/* Polled after a long time. */
	set(0x0b, 0x02);
	in(0x0c);
	now += 1000000 * NS_PER_S;
	assert_int_equal(in(0x0c) & 0x30, 0x30);
}

static void
test_memory_sizes(void **state)
{
	assert_int_equal(in(0x34) | in(0x35) << 8, (2048 - 16) * 16);
	assert_int_equal(in(0x5b) | in(0x5c) << 8 | in(0x5d) << 16, 6 * 1024 * 16);
	set(0x7f, 0xaa); /* and plain memory beside them; bit 7 of the index is not part of it */
	rtc_ops.write(&rtc, 0, 1, 0xff);
	assert_int_equal(rtc_ops.read(&rtc, 0, 2), 0xaa7f);
	rtc_ops.write(&rtc, 0, 2, 0x5540);
	assert_int_equal(in(0x40), 0x55);
	rtc_reset(&rtc);
	assert_int_equal(in(0x40), 0x55);
}

/* Garbage in every register, in every mode: no trap, and time goes on. */
static void
test_garbage(void **state)
{
	unsigned seed = 3;

	for (unsigned i = 0; i < 200000; i++) {
		set((uint8_t)rand_r(&seed) % 0x40, (uint8_t)rand_r(&seed));
		(void)in((uint8_t)rand_r(&seed) % 0x40);
		run((uint64_t)rand_r(&seed) % NS_PER_S);
	}
	rtc_reset(&rtc);
	assert_false(line);
	set(0x0a, 0x26);
	set(0x0b, 0x02);
	now += NS_PER_S;
	assert_true((in(0) & 0xf) < 10);
	assert_int_equal(in(0x0d), 0x80);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_starts_with_host_time),
		T(test_local_offset),
		T(test_calendar),
		T(test_noon_12_hours_bcd),
		T(test_century_rolls_over),
		T(test_set_freezes),
		T(test_update_in_progress),
		T(test_divider),
		T(test_periodic_by_irq),
		T(test_periodic_rates),
		T(test_unread_is_quiet),
		T(test_event_during_read),
		T(test_update_interrupt),
		T(test_alarm),
		T(test_memory_sizes),
		T(test_garbage),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
