/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared interrupt lines: the OR of their devices, also when many threads change it at once. */
#include "devices/irq_share.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define THREADS 4
#define ROUNDS  20000

static bool level; /* read and written atomically: any thread drives it */

static void
set_level(void *ctx, unsigned gsi, bool up)
{
	if (gsi == 4)
		__atomic_store_n(&level, up, __ATOMIC_SEQ_CST);
}

static void
test_or(void **state)
{
	struct irq_share s = { .out = { .set = set_level, .gsi = 4 } };
	struct irq_line a = irq_share_line(&s), b = irq_share_line(&s);

	irq_set(&a, true);
	assert_true(level);
	irq_set(&b, true);
	irq_set(&a, false);
	assert_true(level);
	irq_set(&b, false);
	assert_false(level);
	irq_share_hold(&s);
	assert_true(level);
	irq_share_release(&s);
	assert_false(level);
}

static void *
toggle(void *arg)
{
	struct irq_line line = irq_share_line(arg);

	for (unsigned i = 0; i < ROUNDS; i++) {
		irq_set(&line, true);
		if (i % 64 == 0)
			(void)sched_yield();
		irq_set(&line, false);
	}
	irq_set(&line, true);
	return (NULL);
}

/* In the end all hold it, whatever the order was; then none does. */
static void
test_many_threads(void **state)
{
	struct irq_share s = { .out = { .set = set_level, .gsi = 4 } };
	pthread_t t[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&t[i], NULL, toggle, &s), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	assert_true(level);
	assert_int_equal(s.holders, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		irq_share_release(&s);
	assert_false(level);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_or),
		cmocka_unit_test(test_many_threads),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
