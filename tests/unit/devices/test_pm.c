/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI fixed hardware: events and the SCI, S5, reset, the timer's rate and wrap, the power
 * button.
 */
#include "devices/pm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static struct pm pm;
static bool sci;
static unsigned events;
static enum machine_event last_event;
static uint64_t now;

static void
set_sci(void *ctx, unsigned gsi, bool level)
{
	assert_int_equal(gsi, 9);
	assert_true(level != sci);
	sci = level;
}

static void
on_event(void *ctx, enum machine_event ev, const char *why)
{
	events++;
	last_event = ev;
}

static uint64_t
get_ns(void *ctx)
{
	return (now);
}

static int
setup(void **state)
{
	const struct irq_line line = { .set = set_sci, .gsi = 9 };
	const struct machine_ctl ctl = { .event = on_event };
	const struct clock clock = { .now_ns = get_ns };

	sci = false;
	events = 0;
	now = 0;
	pm_init(&pm, &line, &ctl, &clock);
	return (0);
}

static uint32_t
in(unsigned port, unsigned size)
{
	return ((uint32_t)pm_ops.read(&pm, port - PM_PORT_BASE, size));
}

static void
out(unsigned port, unsigned size, uint64_t val)
{
	pm_ops.write(&pm, port - PM_PORT_BASE, size, val);
}

static void
acpi_on(void)
{
	pm_smi_ops.write(&pm, 0, 1, 0xA0);
}

static void
test_smi_command(void **state)
{
	assert_int_equal(in(PM_PORT_CNT, 2), 0);
	pm_smi_ops.write(&pm, 0, 1, 0x55);
	assert_int_equal(in(PM_PORT_CNT, 2), 0);
	acpi_on();
	assert_int_equal(in(PM_PORT_CNT, 2), 1);
	out(PM_PORT_CNT, 2, 0); /* the guest cannot clear SCI_EN here */
	assert_int_equal(in(PM_PORT_CNT, 2), 1);
	pm_smi_ops.write(&pm, 0, 1, 0xA1);
	assert_int_equal(in(PM_PORT_CNT, 2), 0);
}

static void
test_enable_mask(void **state)
{
	out(PM_PORT_EVT + 2, 2, 0xffff);
	assert_int_equal(in(PM_PORT_EVT + 2, 2), 0x0520);
	out(PM_PORT_EVT + 2, 1, 0);
	assert_int_equal(in(PM_PORT_EVT + 2, 2), 0x0500);
	out(PM_PORT_EVT + 3, 1, 0x01);
	assert_int_equal(in(PM_PORT_EVT, 4), 0x01000000);
	out(PM_PORT_GPE0 + 2, 2, 0xffff);
	assert_int_equal(in(PM_PORT_GPE0, 4), 0x00010000);
}

static void
test_power_button(void **state)
{
	assert_false(pm_power_button(&pm)); /* nobody listens, but the bit is there */
	assert_int_equal(in(PM_PORT_EVT, 2), 0x0100);
	assert_false(sci);
	acpi_on();
	out(PM_PORT_EVT + 2, 2, 0x0100);
	assert_true(sci);
	assert_false(pm_power_button(&pm)); /* the first press stands */
	out(PM_PORT_EVT, 2, 0x00ff);
	assert_true(sci);
	out(PM_PORT_EVT, 2, 0x0100);
	assert_false(sci);
	assert_true(pm_power_button(&pm));
	assert_true(sci);
	out(PM_PORT_EVT + 1, 1, 0x01); /* cleared through the upper byte */
	assert_false(sci);
}

static void
test_gpe(void **state)
{
	acpi_on();
	out(PM_PORT_GPE0 + 2, 2, 1);
	pm_gpe_raise(&pm, 5); /* there is no such event */
	assert_false(sci);
	pm_gpe_raise(&pm, PM_GPE_VMGENC);
	assert_true(sci);
	out(PM_PORT_GPE0, 2, 1);
	assert_false(sci);
}

static void
test_sleep(void **state)
{
	for (unsigned typ = 0; typ < 8; typ++) {
		if (typ != PM_SLP_TYP_S5)
			out(PM_PORT_CNT, 2, 0x2000 | typ << 10);
	}
	out(PM_PORT_CNT, 2, PM_SLP_TYP_S5 << 10);
	assert_int_equal(events, 0);
	assert_int_equal(in(PM_PORT_CNT, 2), PM_SLP_TYP_S5 << 10);
	out(PM_PORT_CNT, 2, 0x2000 | PM_SLP_TYP_S5 << 10);
	assert_int_equal(events, 1);
	assert_int_equal(last_event, MACHINE_POWEROFF);
	assert_int_equal(in(PM_PORT_CNT, 2) & 0x2000, 0);
	out(PM_PORT_CNT + 1, 1, 0x20 | PM_SLP_TYP_S5 << 2);
	assert_int_equal(events, 2);
	/* As boot ROMs do it. */
	pm.for_rom = true;
	out(PM_PORT_CNT, 2, 0x2000 | 1 << 10);
	assert_int_equal(events, 2);
	out(PM_PORT_CNT, 2, 0x2000);
	assert_int_equal(events, 3);
}

static void
test_reset_register(void **state)
{
	pm_reset_ops.write(&pm, 0, 1, 0x02);
	assert_int_equal(pm_reset_ops.read(&pm, 0, 1), 0x02);
	pm_reset_ops.write(&pm, 0, 1, 0xfb);
	assert_int_equal(events, 0);
	pm_reset_ops.write(&pm, 0, 1, PM_RESET_VALUE);
	assert_int_equal(events, 1);
	assert_int_equal(last_event, MACHINE_RESET);
	pm_reset_ops.write(&pm, 0, 1, 0x04);
	assert_int_equal(events, 2);
}

static void
test_timer_rate(void **state)
{
	uint32_t a, b;

	now = 123456789;
	a = in(PM_PORT_TMR, 4);
	now += 100000000; /* 1/10 s */
	b = in(PM_PORT_TMR, 4);
	assert_in_range(b - a, 357954, 357955);
	now = 86400ull * 365 * 1000000000; /* a year */
	assert_int_equal(in(PM_PORT_TMR, 4), (uint32_t)(86400ull * 365 * PM_TIMER_HZ));
}

static void
test_timer_wraps_and_parts(void **state)
{
	uint32_t before, after;

	/* 2^32 ticks are 1,199.864 s and a bit. */
	now = 1199864030000ull;
	before = in(PM_PORT_TMR, 4);
	now += 1000000000;
	after = in(PM_PORT_TMR, 4);
	assert_true(after < before);
	assert_in_range(after - before, PM_TIMER_HZ - 1, PM_TIMER_HZ + 1);
	assert_int_equal(in(PM_PORT_TMR, 2), after & 0xffff);
	assert_int_equal(in(PM_PORT_TMR + 2, 2), after >> 16);
	assert_int_equal(in(PM_PORT_TMR + 3, 1), after >> 24);
	out(PM_PORT_TMR, 4, 0);
	assert_int_equal(in(PM_PORT_TMR, 4), after);
}

static void
test_any_access(void **state)
{
	unsigned seed = 7;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned size = 1u << (unsigned)rand_r(&seed) % 4;
		unsigned off = (unsigned)rand_r(&seed) % (PM_PORT_LEN - size + 1);

		pm_ops.write(&pm, off, size, (uint64_t)(unsigned)rand_r(&seed) << 8);
		(void)pm_ops.read(&pm, off, size);
	}
	assert_int_equal(in(PM_PORT_CNT, 2) & 1, 0);
	pm_reset(&pm);
	assert_false(sci);
	assert_int_equal(in(PM_PORT_EVT, 4), 0);
	assert_int_equal(in(PM_PORT_BASE + 6, 2), 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_smi_command),
		T(test_enable_mask),
		T(test_power_button),
		T(test_gpe),
		T(test_sleep),
		T(test_reset_register),
		T(test_timer_rate),
		T(test_timer_wraps_and_parts),
		T(test_any_access),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
