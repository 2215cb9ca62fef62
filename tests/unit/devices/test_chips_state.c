/* SPDX-License-Identifier: BSD-2-Clause */
/* The small chips of the board saved and loaded: lines, waiting bytes, counters go on. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/hpet.h"
#include "devices/i8042.h"
#include "devices/ioapic.h"
#include "devices/pflash.h"
#include "devices/pm.h"
#include "devices/rtc.h"
#include "devices/uart.h"
#include "host_time.h"
#include "saved.h"

#define S   1000000000ull
#define LEN (2 * PFLASH_BLOCK)

static bool level[32];
static unsigned messages, mode_changes, ntaken;
static uint8_t taken[64];
static size_t room, granted;
static uint32_t watched;

static void
set_line(void *ctx, unsigned gsi, bool up)
{
	level[gsi] = up;
}

static const struct irq_line line4 = { .set = set_line, .gsi = 4 };
static const struct irq_line line9 = { .set = set_line, .gsi = 9 };
static const struct clock clock_now = { .now_ns = host_now };

static int
setup(void **state)
{
	memset(level, 0, sizeof(level));
	messages = mode_changes = ntaken = 0;
	room = granted = 0;
	watched = 0;
	now = 7 * S;
	armed = 0;
	return (0);
}

/* What is saved is loaded into a fresh one, which then saves the same; junk was there before. */
#define REPLACE(fn, chip, init)                               \
	do {                                                  \
		assert_int_equal(saved_from(fn, &(chip)), 0); \
		memset(level, 0, sizeof(level));              \
		memset(&(chip), 0xa5, sizeof(chip));          \
		init;                                         \
		saved_goes_into(fn, &(chip));                 \
	} while (0)

/* --- UART --- */

static size_t
chr_write(struct chardev *c, const uint8_t *buf, size_t len)
{
	size_t n = MIN(len, room);

	memcpy(taken + ntaken, buf, n);
	ntaken += (unsigned)n;
	room -= n;
	return (n);
}

static void
chr_room(struct chardev *c, size_t n)
{
	granted = n;
}

static const struct chardev_ops chr_ops = { chr_write, chr_room };

static int
uart_fn(void *u, struct state *st)
{
	return (uart_state(u, st));
}

static void
test_uart(void **state)
{
	struct chardev chr = { .ops = &chr_ops };
	struct uart u;

	uart_init(&u, &line4, &chr);
	uart_ops.write(&u, 2, 1, 1); /* FIFOs */
	uart_ops.write(&u, 1, 1, 1); /* an interrupt for bytes */
	chr.rx(chr.dev, (const uint8_t *)"xy", 2);
	room = 1;
	for (const char *p = "abc"; *p != '\0'; p++)
		uart_ops.write(&u, 0, 1, (uint8_t)*p);
	assert_int_equal(ntaken, 1);
	assert_true(level[4]);
	granted = 0;
	REPLACE(uart_fn, u, uart_init(&u, &line4, &chr));
	assert_true(level[4]);
	assert_int_equal(granted, UART_FIFO_SIZE - 2);
	assert_int_equal(uart_ops.read(&u, 0, 1), 'x');
	assert_int_equal(uart_ops.read(&u, 0, 1), 'y');
	assert_false(level[4]);
	assert_int_equal(ntaken, 1);
	room = 10;
	uart_resume(&u);
	assert_int_equal(ntaken, 3);
	assert_memory_equal(taken, "abc", 3);
	u.rx_count = 2;
	u.fcr = 0; /* without FIFOs there is room for one */
	assert_int_equal(saved_from(uart_fn, &u), 0);
	uart_init(&u, &line4, &chr);
	assert_int_equal(saved_into(uart_fn, &u), -EINVAL);
}

/* --- keyboard controller --- */

static int
i8042_fn(void *c, struct state *st)
{
	return (i8042_state(c, st));
}

static void
test_i8042(void **state)
{
	const struct machine_ctl ctl = { 0 };
	struct i8042 c;

	i8042_init(&c, &line4, &line9, &ctl);
	i8042_data_ops.write(&c, 0, 1, 0xf4); /* scan */
	assert_int_equal(i8042_data_ops.read(&c, 0, 1), 0xfa);
	i8042_key(&c, 30, true);
	i8042_key(&c, 30, false);
	assert_true(level[4]);
	REPLACE(i8042_fn, c, i8042_init(&c, &line4, &line9, &ctl));
	assert_true(level[4]);
	assert_int_equal(i8042_data_ops.read(&c, 0, 1), 0x1c);
	assert_int_equal(i8042_data_ops.read(&c, 0, 1), 0xf0);
	assert_int_equal(i8042_data_ops.read(&c, 0, 1), 0x1c);
	c.mouse.dx = PS2_PENDING_MAX + 1;
	assert_int_equal(saved_from(i8042_fn, &c), 0);
	i8042_init(&c, &line4, &line9, &ctl);
	assert_int_equal(saved_into(i8042_fn, &c), -EINVAL);
}

/* --- ACPI --- */

static int
pm_fn(void *pm, struct state *st)
{
	return (pm_state(pm, st));
}

static void
test_pm(void **state)
{
	const struct machine_ctl ctl = { 0 };
	struct pm pm;

	pm_init(&pm, &line9, &ctl, &clock_now);
	pm.pm1_cnt = 1;
	pm.pm1_en = 0x100;
	assert_true(pm_power_button(&pm));
	assert_true(level[9]);
	REPLACE(pm_fn, pm, pm_init(&pm, &line9, &ctl, &clock_now));
	assert_true(level[9]);
	pm.pm1_sts = 0x8000 | 1; /* the bus master's, which it has not */
	pm.pm1_sts |= 0x10;
	assert_int_equal(saved_from(pm_fn, &pm), 0);
	pm_init(&pm, &line9, &ctl, &clock_now);
	assert_int_equal(saved_into(pm_fn, &pm), -EINVAL);
}

/* --- I/O APIC --- */

static void
io_msi(void *ctx, uint64_t addr, uint32_t data)
{
	messages++;
}

static void
io_watch(void *ctx, unsigned pin, uint64_t addr, uint32_t data)
{
	if (pin == 5)
		watched = data;
}

static int
ioapic_fn(void *io, struct state *st)
{
	return (ioapic_state(io, st));
}

static void
test_ioapic(void **state)
{
	const struct ioapic_ops ops = { .msi = io_msi, .watch = io_watch };
	struct ioapic io;

	ioapic_init(&io, &ops);
	io.entry[5] = 0x41 | 1u << 15; /* level */
	ioapic_set(&io, 5, true);
	assert_int_equal(messages, 1);
	REPLACE(ioapic_fn, io, ioapic_init(&io, &ops));
	assert_int_equal(watched & 0xff, 0x41);
	/* The device behind it drives its line again: that is no news. */
	ioapic_set(&io, 5, true);
	assert_int_equal(messages, 1);
	ioapic_eoi(&io, 0x41);
	assert_int_equal(messages, 2);
	io.entry[5] |= 1ull << 20;
	assert_int_equal(saved_from(ioapic_fn, &io), 0);
	ioapic_init(&io, &ops);
	assert_int_equal(saved_into(ioapic_fn, &io), -EINVAL);
}

/* --- flash --- */

static void
on_mode(void *ctx, bool array)
{
	mode_changes++;
}

static int
on_store(void *ctx, uint32_t off, uint32_t len)
{
	return (0);
}

static int
pflash_fn(void *f, struct state *st)
{
	return (pflash_state(f, st));
}

static void
test_pflash(void **state)
{
	static uint8_t mem[LEN];
	const struct pflash_ops ops = { on_mode, on_store, NULL };
	struct pflash f;

	memset(mem, 0xff, sizeof(mem));
	pflash_init(&f, mem, LEN, &ops);
	pflash_bus_ops.write(&f, 16, 1, 0xe8);
	pflash_bus_ops.write(&f, 16, 1, 3);
	pflash_bus_ops.write(&f, 16, 4, 0x44332211);
	mode_changes = 0;
	REPLACE(pflash_fn, f, pflash_init(&f, mem, LEN, &ops));
	assert_int_equal(mode_changes, 1); /* the owner takes the array from the guest's reach */
	pflash_bus_ops.write(&f, 16, 1, 0xd0);
	assert_int_equal(mem[19], 0x44);
	assert_int_equal(saved_from(pflash_fn, &f), -EBUSY);
	pflash_bus_ops.write(&f, 16, 1, 0xff);
	f.buf_start = LEN - 1;
	assert_int_equal(saved_from(pflash_fn, &f), 0);
	pflash_init(&f, mem, LEN, &ops);
	assert_int_equal(saved_into(pflash_fn, &f), -EINVAL);
}

/* --- HPET --- */

static void
hpet_line(void *ctx, unsigned gsi, bool up)
{
	level[gsi] = up;
}

static void
hpet_msi(void *ctx, uint64_t addr, uint32_t data)
{
	messages++;
}

static int
hpet_fn(void *h, struct state *st)
{
	return (hpet_state(h, st));
}

static void
test_hpet(void **state)
{
	const struct hpet_ops ops = { .line = hpet_line, .msi = hpet_msi };
	struct dev_timer timer = { .arm = host_arm };
	struct hpet h;
	uint64_t count;

	hpet_init(&h, &ops, &clock_now, &timer);
	hpet_ops.write(&h, 0x10, 8, 1);
	hpet_ops.write(&h, 0x108, 8, HPET_HZ);
	hpet_ops.write(&h, 0x100, 8, 1u << 14 | 1u << 2); /* in a second, by message */
	(void)host_pass(&timer, S / 2, 10);
	count = hpet_ops.read(&h, 0xf0, 8);
	assert_int_equal(saved_from(hpet_fn, &h), 0);
	now = 1000 * S; /* another machine's clock */
	armed = 0;
	memset(&h, 0xa5, sizeof(h));
	hpet_init(&h, &ops, &clock_now, &timer);
	saved_goes_into(hpet_fn, &h);
	assert_int_equal(hpet_ops.read(&h, 0xf0, 8), count);
	(void)host_pass(&timer, S / 2 - 1000, 10);
	assert_int_equal(messages, 0);
	(void)host_pass(&timer, 2000, 10);
	assert_int_equal(messages, 1);
	h.t[3].target = UINT64_MAX / 2;
	assert_int_equal(saved_from(hpet_fn, &h), 0);
	hpet_init(&h, &ops, &clock_now, &timer);
	assert_int_equal(saved_into(hpet_fn, &h), -EINVAL);
}

/* --- clock --- */

static int64_t
wall(void *ctx)
{
	return (1000000000);
}

static int
rtc_fn(void *r, struct state *st)
{
	return (rtc_state(r, st));
}

static uint8_t
cmos(struct rtc *r, uint8_t at)
{
	rtc_ops.write(r, 0, 1, at);
	return ((uint8_t)rtc_ops.read(r, 1, 1));
}

static void
test_rtc(void **state)
{
	const struct clock clock = { .now_ns = host_now, .wall_s = wall };
	struct dev_timer timer = { .arm = host_arm };
	struct rtc r;

	rtc_init(&r, &line4, &clock, &timer, 0, 0, 0);
	rtc_cmos_put(&r, 0x50, 99);
	rtc_ops.write(&r, 0, 1, 0x0b);
	rtc_ops.write(&r, 1, 1, 0x12); /* an interrupt each second */
	(void)host_pass(&timer, S / 4, 10);
	assert_int_equal(cmos(&r, 0), 0x40); /* 01:46:40 */
	assert_int_equal(saved_from(rtc_fn, &r), 0);
	now = 100 * S; /* another machine's clock */
	armed = 0;
	memset(&r, 0xa5, sizeof(r));
	rtc_init(&r, &line4, &clock, &timer, 5000, 0, 0);
	saved_goes_into(rtc_fn, &r);
	assert_int_equal(cmos(&r, 0), 0x40);
	assert_int_equal(cmos(&r, 0x50), 99);
	assert_false(level[4]);
	(void)host_pass(&timer, S / 2, 10);
	assert_false(level[4]);
	(void)host_pass(&timer, S / 4, 10);
	assert_true(level[4]);
	assert_int_equal(cmos(&r, 0), 0x41);
	REPLACE(rtc_fn, r, rtc_init(&r, &line4, &clock, &timer, 0, 0, 0));
	assert_true(level[4]);
	r.base_s = INT64_MAX - 10;
	assert_int_equal(saved_from(rtc_fn, &r), 0);
	rtc_init(&r, &line4, &clock, &timer, 0, 0, 0);
	assert_int_equal(saved_into(rtc_fn, &r), -EINVAL);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(test_uart),
		T(test_i8042),
		T(test_pm),
		T(test_ioapic),
		T(test_pflash),
		T(test_hpet),
		T(test_rtc),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
