/* SPDX-License-Identifier: BSD-2-Clause */
/* pvpanic: which events are understood and reported. */
#include "devices/pvpanic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static unsigned reports;
static uint8_t last;

static void
report(void *ctx, uint8_t events)
{
	assert_ptr_equal(ctx, &reports);
	reports++;
	last = events;
}

static void
test_events(void **state)
{
	struct pvpanic p;
	const struct bus_ops *bar = &pci_bar_ops[0];

	pvpanic_init(&p, report, &reports);
	assert_int_equal(bar->read(&p.pci, 0, 1), 3);
	assert_int_equal(bar->read(&p.pci, 0, 4), 3);
	assert_int_equal(bar->read(&p.pci, 1, 1), 0);
	bar->write(&p.pci, 0, 1, 0);
	bar->write(&p.pci, 0, 1, 0xfc);
	bar->write(&p.pci, 1, 1, 1);
	bar->write(&p.pci, 8, 8, 0x0101010101010101);
	assert_int_equal(reports, 0);
	bar->write(&p.pci, 0, 1, PVPANIC_PANICKED);
	assert_int_equal(reports, 1);
	assert_int_equal(last, PVPANIC_PANICKED);
	bar->write(&p.pci, 0, 4, 0xffffff06);
	assert_int_equal(reports, 2);
	assert_int_equal(last, PVPANIC_CRASHLOADED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_events) };

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
