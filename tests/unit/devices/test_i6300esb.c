/* SPDX-License-Identifier: BSD-2-Clause */
/* The i6300esb watchdog: the unlock sequence, both stages, lock, free running, the interrupt. */
#include "devices/i6300esb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "host_time.h"
#include "pci_host.h"

#define MS   1000000ull
#define BDF  PCI_BDF(0, 3, 0)
#define CONF 0x60
#define LOCK 0x68

static struct pci_bus *pci;
static struct i6300esb dev;
static struct dev_timer timer;
static unsigned expired;

static void
on_expired(void *ctx)
{
	expired++;
}

static int
setup(void **state)
{
	const struct clock clock = { .now_ns = host_now };

	now = 1;
	armed = 0;
	expired = 0;
	timer = (struct dev_timer){ .arm = host_arm };
	pci = host_bus();
	i6300esb_init(&dev, &clock, &timer, on_expired, NULL);
	dev.pci.bdf = BDF;
	assert_int_equal(pci_attach(pci, &dev.pci, NULL), 0);
	return (0);
}

static int
teardown(void **state)
{
	pci_bus_destroy(pci);
	return (0);
}

static void
reg_write(unsigned off, unsigned size, uint32_t val)
{
	pci_bar_ops[0].write(&dev.pci, off, size, val);
}

static uint32_t
reg_read(unsigned off, unsigned size)
{
	return ((uint32_t)pci_bar_ops[0].read(&dev.pci, off, size));
}

static void
unlocked(unsigned off, uint32_t val)
{
	reg_write(0x0c, 2, 0x80);
	reg_write(0x0c, 2, 0x86);
	reg_write(off, off == 0x0c ? 2 : 4, val);
}

/* Let time pass; the timer fires as the owner's would. */
static void
pass(uint64_t ns)
{
	uint64_t end = now + ns;

	while (armed != 0 && armed <= end) {
		now = armed;
		armed = 0;
		timer.fire(timer.dev);
	}
	now = end;
}

/* Both stages of 1,000 ticks, 993 ms each. */
static void
start(uint16_t config, uint8_t lock)
{
	pci_cfg_write(pci, BDF, CONF, 2, config);
	unlocked(0, 1000);
	unlocked(4, 1000);
	pci_cfg_write(pci, BDF, LOCK, 1, lock);
}

static void
test_unlock(void **state)
{
	reg_write(0, 4, 5);
	assert_int_equal(reg_read(0, 4), 0xfffff);
	reg_write(0x0c, 2, 0x86); /* the wrong way round */
	reg_write(0x0c, 2, 0x80);
	reg_write(0, 4, 5);
	assert_int_equal(reg_read(0, 4), 0xfffff);
	unlocked(0, 0xabcdef12);
	assert_int_equal(reg_read(0, 4), 0xdef12); /* 20 bits */
	reg_write(4, 4, 7);                        /* one write only */
	assert_int_equal(reg_read(4, 4), 0xfffff);
}

static void
test_two_stages(void **state)
{
	start(3, 2);
	pass(1900 * MS);
	assert_int_equal(expired, 0);
	assert_int_equal(reg_read(0x0c, 2), 0);
	unlocked(0x0c, 0x100);
	pass(1900 * MS);
	assert_int_equal(expired, 0);
	reg_write(0x0c, 2, 0x100); /* without the sequence */
	pass(200 * MS);
	assert_int_equal(expired, 1);
	assert_false(line);
	assert_int_equal(reg_read(0x0c, 2), 0x200);
	unlocked(0x0c, 0x200);
	assert_int_equal(reg_read(0x0c, 2), 0);
	pass(10000 * MS); /* it stands still */
	assert_int_equal(expired, 1);
}

static void
test_interrupt(void **state)
{
	start(0, 2);
	pass(1100 * MS);
	assert_true(line);
	assert_int_equal(reg_read(8, 4), 1);
	reg_write(8, 4, 1);
	assert_false(line);
	assert_int_equal(reg_read(8, 4), 0);
	assert_int_equal(expired, 0);
}

static void
test_output_off(void **state)
{
	start(3 | 0x20, 2 | 4); /* free running, and nobody is told */
	pass(10000 * MS);
	assert_int_equal(expired, 0);
	assert_int_equal(reg_read(0x0c, 2), 0x200);
	pci_cfg_write(pci, BDF, CONF, 2, 3);
	pass(2000 * MS);
	assert_int_equal(expired, 1);
	pass(2000 * MS);
	assert_int_equal(expired, 2);
}

static void
test_fast_clock(void **state)
{
	start(3 | 4, 2); /* 1,001 ticks of 0.97 us, but no less than a millisecond */
	pass(1 * MS);
	assert_int_equal(expired, 0);
	pass(1 * MS);
	assert_int_equal(expired, 1);
}

static void
test_lock(void **state)
{
	start(3, 2);
	pci_cfg_write(pci, BDF, LOCK, 1, 0);
	pass(10000 * MS);
	assert_int_equal(expired, 0);
	pci_cfg_write(pci, BDF, LOCK, 1, 3);
	pci_cfg_write(pci, BDF, LOCK, 1, 0); /* locked: no effect */
	assert_int_equal(pci_cfg_read(pci, BDF, LOCK, 1), 3);
	pass(2000 * MS);
	assert_int_equal(expired, 1);
	pci_reset(pci);
	assert_int_equal(pci_cfg_read(pci, BDF, LOCK, 1), 0);
	assert_int_equal(armed, 0);
	pci_cfg_write(pci, BDF, LOCK, 1, 2);
	assert_int_not_equal(armed, 0);
}

/* The timer had fired when the guest reloaded. */
static void
test_late_fire(void **state)
{
	start(3, 2);
	now = armed;
	unlocked(0x0c, 0x100);
	timer.fire(timer.dev);
	assert_int_equal(dev.stage, 1);
	assert_int_equal(armed, dev.deadline);
	pass(1900 * MS);
	assert_int_equal(expired, 0);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_unlock),
		T(test_two_stages),
		T(test_interrupt),
		T(test_output_off),
		T(test_fast_clock),
		T(test_lock),
		T(test_late_fire),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
