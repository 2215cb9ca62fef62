/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests in flight, taken up by another after the one who had them ended at any moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vq_guest.h"

#define RAM   (1u << 20)
#define RING  0x10000u
#define DATA  0x80000u
#define SIZE  8u
#define HEADS 8u

struct fix {
	uint8_t *ram, *region;
	struct gmem gm;
	struct vq_guest g;
	struct virtq q;
	struct vq_chain c;
	struct virtq_inflight track;
	uint16_t again[SIZE];
};

static struct fix f;

/* A process takes the queue up: its own virtq, the same ring, the same memory. */
static void
begin(uint16_t base)
{
	uint16_t used;

	assert_int_equal(virtq_init(&f.q, &f.gm, SIZE), 0);
	assert_int_equal(vq_chain_init(&f.c, &f.q), 0);
	assert_int_equal(g_attach(&f.g, &f.q), 0);
	assert_int_equal(gmem_load16(&f.gm, f.g.used + 2, &used), 0);
	virtq_inflight_open(&f.track, f.region, SIZE, used, f.again);
	virtq_resume(&f.q, base, &f.track);
}

/* It ends, wherever it was. */
static void
crash(void)
{
	vq_chain_destroy(&f.c);
	virtq_destroy(&f.q);
}

static int
setup(void **state)
{
	f.ram = aligned_alloc(4096, RAM);
	memset(f.ram, 0, RAM);
	f.region = calloc(1, virtq_inflight_len(SIZE));
	gmem_wrap(&f.gm, f.ram, RAM);
	g_init(&f.g, f.ram, RING, SIZE);
	for (uint16_t i = 0; i < SIZE; i++)
		g_desc(&f.g, i, DATA + i * 512u, 512, G_WRITE, 0);
	begin(0);
	return (0);
}

static int
teardown(void **state)
{
	crash();
	free(f.region);
	free(f.ram);
	return (0);
}

static uint16_t
pop(void)
{
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	return (f.c.head);
}

static void
test_nothing_lost(void **state)
{
	static const uint16_t heads[] = { 5, 2, 7, 0 };

	for (unsigned i = 0; i < 4; i++)
		g_offer(&f.g, heads[i]);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(pop(), heads[i]);
	/* The second is done and shown; the first and third are not. */
	virtq_push(&f.q, 2, 512);
	(void)virtq_publish(&f.q);
	crash();
	begin(1); /* whatever the base: used ring and memory say more */
	assert_true(virtq_has_work(&f.q));
	assert_int_equal(pop(), 5);
	assert_int_equal(pop(), 7);
	assert_int_equal(pop(), 0);
	assert_int_equal(virtq_pop(&f.q, &f.c), 0);
	virtq_push(&f.q, 0, 512);
	virtq_push(&f.q, 5, 512);
	virtq_push(&f.q, 7, 512);
	(void)virtq_publish(&f.q);
	assert_int_equal(g_used_idx(&f.g), 4);
	crash();
	begin(4);
	assert_false(virtq_has_work(&f.q));
}

/* Put into the used ring, but the driver was not shown: it is done again. */
static void
test_pushed_not_shown(void **state)
{
	g_offer(&f.g, 1);
	g_offer(&f.g, 3);
	(void)pop();
	(void)pop();
	virtq_push(&f.q, 3, 512);
	crash();
	begin(0);
	assert_int_equal(pop(), 1);
	assert_int_equal(pop(), 3);
	assert_int_equal(g_used_idx(&f.g), 0);
}

/* Shown, but the marks are still there: it is not done again. */
static void
test_shown_not_cleared(void **state)
{
	uint8_t before[1024];

	assert_true(virtq_inflight_len(SIZE) <= sizeof(before));
	for (uint16_t i = 0; i < 4; i++)
		g_offer(&f.g, i);
	for (uint16_t i = 0; i < 4; i++)
		(void)pop();
	virtq_push(&f.q, 1, 512);
	virtq_push(&f.q, 3, 512);
	virtq_push(&f.q, 0, 512);
	memcpy(before, f.region, virtq_inflight_len(SIZE));
	(void)virtq_publish(&f.q);
	crash();
	memcpy(f.region, before, virtq_inflight_len(SIZE)); /* as if it had ended right after */
	begin(0);
	assert_int_equal(pop(), 2);
	assert_int_equal(virtq_pop(&f.q, &f.c), 0);
}

/* The order is that in which they were taken, also around the ring. */
static void
test_order(void **state)
{
	static const uint16_t heads[] = { 6, 1, 4, 3, 0, 7, 2, 5 };

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < SIZE; i++)
			g_offer(&f.g, heads[i]);
		for (unsigned i = 0; i < SIZE; i++)
			(void)pop();
		crash();
		begin(0);
		for (unsigned i = 0; i < SIZE; i++)
			assert_int_equal(pop(), heads[i]);
		crash(); /* and once more, before any is done */
		begin(0);
		for (unsigned i = 0; i < SIZE; i++)
			assert_int_equal(pop(), heads[i]);
		for (unsigned i = 0; i < SIZE; i++)
			virtq_push(&f.q, heads[i], 0);
		(void)virtq_publish(&f.q);
	}
}

/* A front end that writes into the memory harms its own guest's queue, nothing else. */
static void
test_hostile_memory(void **state)
{
	size_t len = virtq_inflight_len(SIZE);
	uint32_t seed = 1;

	for (unsigned round = 0; round < 2000; round++) {
		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245u + 12345u;
			f.region[i] = (uint8_t)(seed >> 16);
		}
		le16_put(f.region + 8, 1);
		le16_put(f.region + 10, SIZE);
		crash();
		begin((uint16_t)seed);
		for (unsigned i = 0; i < SIZE + 2 && virtq_pop(&f.q, &f.c) == 1; i++)
			virtq_push(&f.q, f.c.head, 0);
		(void)virtq_publish(&f.q);
	}
}

/* Of a ring that is smaller than the memory allows for: heads beyond it do not exist. */
static void
test_smaller_ring(void **state)
{
	crash();
	assert_int_equal(virtq_init(&f.q, &f.gm, SIZE), 0);
	assert_int_equal(vq_chain_init(&f.c, &f.q), 0);
	g_init(&f.g, f.ram, RING, 4);
	assert_int_equal(g_attach(&f.g, &f.q), 0);
	memset(f.region + 16, 0, virtq_inflight_len(SIZE) - 16);
	f.region[16 + 6 * 16] = 1;
	virtq_inflight_open(&f.track, f.region, SIZE, 0, f.again);
	virtq_resume(&f.q, 0, &f.track);
	assert_int_equal(virtq_pop(&f.q, &f.c), -71 /* EPROTO */);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pushed_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shown_not_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hostile_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_smaller_ring, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
