/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio entropy device; and that a driver which never stops asking does not keep the thread. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vd_guest.h"

#define RAM  (1u << 20)
#define DATA 0x80000u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_rng rng;
static struct vq_guest g;
static unsigned calls;
static long limit;
static bool greedy;

/* A greedy driver makes the buffer available again each time it is filled. */
static long
fill(void *ctx, void *buf, size_t len)
{
	long n = limit < 0 ? limit : (long)MIN(len, (size_t)limit);

	calls++;
	if (n > 0)
		memset(buf, 0x5a, (size_t)n);
	if (greedy) {
		g_desc(&g, calls % 8, DATA, 64, G_WRITE, 0);
		g_offer(&g, (uint16_t)(calls % 8));
	}
	return (n);
}

static int
setup(void **state)
{
	ram = vd_ram(&gm, RAM);
	calls = 0;
	limit = 1 << 20;
	greedy = false;
	assert_int_equal(virtio_rng_init(&rng, &gm, fill, NULL), 0);
	vd_listen(&rng.vd);
	vd_up(&rng.vd, 0, &g, 1, ram, 8);
	return (0);
}

static int
teardown(void **state)
{
	virtio_rng_destroy(&rng);
	free(ram);
	return (0);
}

static void
test_fill(void **state)
{
	uint32_t len = 0;

	g_desc(&g, 0, DATA, 10, G_WRITE | G_NEXT, 1);
	g_desc(&g, 1, DATA + 100, 20, G_WRITE, 0);
	g_offer(&g, 0);
	virtio_notify(&rng.vd, 0);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(len, 30);
	assert_int_equal(ram[DATA + 9], 0x5a);
	assert_int_equal(ram[DATA + 10], 0);
	assert_int_equal(ram[DATA + 119], 0x5a);
	assert_int_equal(told.interrupts[0], 1);
}

static void
test_short(void **state)
{
	uint32_t len = 1;

	limit = 7;
	g_desc(&g, 0, DATA, 10, G_WRITE | G_NEXT, 1);
	g_desc(&g, 1, DATA + 100, 20, G_WRITE, 0);
	g_offer(&g, 0);
	virtio_notify(&rng.vd, 0);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(len, 7);
	limit = -EAGAIN; /* no entropy yet: the buffer comes back empty */
	g_offer(&g, 0);
	virtio_notify(&rng.vd, 0);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(len, 0);
}

static void
test_large(void **state)
{
	uint32_t len = 0;

	g_desc(&g, 0, DATA, 0x10000, G_WRITE, 0);
	g_offer(&g, 0);
	virtio_notify(&rng.vd, 0);
	assert_int_equal(g_take(&g, &len), 0);
	assert_int_equal(len, 4096);
}

static void
test_greedy(void **state)
{
	greedy = true;
	g_desc(&g, 0, DATA, 64, G_WRITE, 0);
	g_offer(&g, 0);
	virtio_notify(&rng.vd, 0);
	assert_int_equal(told.again[0], 1);
	assert_true(calls <= 8 * VIRTIO_ROUNDS);
	/* The next turn goes on where this one ended. */
	greedy = false;
	virtio_notify(&rng.vd, 0);
	assert_int_equal(told.again[0], 1);
	assert_int_equal(g_used_idx(&g), calls);
	assert_false(virtq_has_work(&rng.vd.queue[0]));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_fill),
		T(test_short),
		T(test_large),
		T(test_greedy),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
