/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio balloon: which memory is discarded, and what the guest is told. */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "saved.h"
#include "vd_guest.h"

#define RAM  (4u << 20)
#define LIST 0x80000u
#define HEAP 0x100000u

static uint8_t *ram;
static struct gmem gm;
static struct virtio_balloon b;
static struct vq_guest q[5];
static unsigned calls;
static struct {
	size_t at, len;
} gone[32];
static int result;

static int
discard(void *ctx, void *p, size_t len)
{
	size_t at = (size_t)((uint8_t *)p - ram);

	assert_true(at % 4096 == 0 && len % 4096 == 0 && len > 0 && range_ok(at, len, RAM));
	gone[calls % 32].at = at;
	gone[calls++ % 32].len = len;
	return (result);
}

static void
bring_up(uint64_t features)
{
	vd_up(&b.vd, features, q, NITEMS(q), ram, 16);
}

static int
setup(void **state)
{
	ram = vd_ram(&gm, RAM);
	calls = 0;
	result = 0;
	assert_int_equal(virtio_balloon_init(&b, &gm, discard, NULL), 0);
	vd_listen(&b.vd);
	return (0);
}

static int
teardown(void **state)
{
	virtio_balloon_destroy(&b);
	free(ram);
	return (0);
}

static void
give(unsigned queue, const uint32_t *pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		le32_put(ram + LIST + i * 4, pages[i]);
	g_desc(&q[queue], 0, LIST, n * 4, 0, 0);
	g_offer(&q[queue], 0);
	virtio_notify(&b.vd, queue);
	assert_int_equal(g_take(&q[queue], NULL), 0);
}

static void
test_inflate(void **state)
{
	static const uint32_t pages[] = { 0x100, 0x101, 0x102, 0x203, 0x202, 0x201, 0x300, 0x400,
		0xfee00, 0xffffffff, 0x3ff };

	bring_up(0);
	give(0, pages, NITEMS(pages));
	assert_int_equal(calls, 4); /* up, down, alone; what is no RAM between does not count */
	assert_int_equal(gone[0].at, 0x100000);
	assert_int_equal(gone[0].len, 0x3000);
	assert_int_equal(gone[1].at, 0x201000);
	assert_int_equal(gone[1].len, 0x3000);
	assert_int_equal(gone[2].at, 0x300000);
	assert_int_equal(gone[3].at, 0x3ff000);
	give(1, pages, NITEMS(pages)); /* deflating asks for nothing */
	assert_int_equal(calls, 4);
	result = -EIO;
	give(0, pages, 1);
	assert_int_equal(b.vd.status, 0xf); /* the host's trouble, not the guest's */
}

static void
test_long_list(void **state)
{
	bring_up(0);
	g_desc(&q[0], 0, HEAP, 65536, G_NEXT, 1);
	g_desc(&q[0], 1, HEAP, 4, 0, 0);
	g_offer(&q[0], 0);
	virtio_notify(&b.vd, 0);
	assert_int_equal(b.vd.status, 0xf | VIRTIO_STATUS_NEEDS_RESET);
	assert_int_equal(calls, 0);
}

/* In the queue where the specification has it, and where Linux does. */
static void
test_report(void **state)
{
	static const struct {
		uint64_t features;
		unsigned queue, calls;
	} ways[] = {
		{ VIRTIO_BALLOON_F_REPORTING, 2, 1 },
		{ VIRTIO_BALLOON_F_REPORTING, 4, 1 },
		{ VIRTIO_BALLOON_F_REPORTING | VIRTIO_BALLOON_F_STATS_VQ, 3, 1 },
		{ VIRTIO_BALLOON_F_REPORTING | VIRTIO_BALLOON_F_STATS_VQ, 4, 1 },
		{ VIRTIO_BALLOON_F_STATS_VQ, 4, 0 },
		{ VIRTIO_BALLOON_F_REPORTING | VIRTIO_BALLOON_F_PAGE_POISON, 4, 1 },
	};

	for (unsigned i = 0; i < NITEMS(ways); i++) {
		struct vq_guest *g = &q[ways[i].queue];

		bring_up(ways[i].features);
		calls = 0;
		g_desc(g, 0, HEAP + 100, 4096 * 3, G_WRITE | G_NEXT, 1);
		g_desc(g, 1, HEAP + 0x10000 + 1, 4096, G_WRITE, 0); /* not a whole page */
		g_offer(g, 0);
		virtio_notify(&b.vd, ways[i].queue);
		assert_int_equal(g_take(g, NULL), 0);
		assert_int_equal(calls, ways[i].calls);
		if (calls != 0) {
			assert_int_equal(gone[0].at, HEAP + 4096);
			assert_int_equal(gone[0].len, 8192);
		}
		virtio_set_status(&b.vd, 0);
	}
}

static void
config_write(uint32_t off, uint32_t val, uint32_t len)
{
	uint8_t v[4];

	le32_put(v, val);
	b.vd.ops->config_write(&b.vd, off, v, len);
}

static void
test_poison(void **state)
{
	bring_up(VIRTIO_BALLOON_F_REPORTING | VIRTIO_BALLOON_F_PAGE_POISON);
	config_write(12, 0xaa, 4);
	g_desc(&q[4], 0, HEAP, 4096, G_WRITE, 0);
	g_offer(&q[4], 0);
	virtio_notify(&b.vd, 4);
	assert_int_equal(g_take(&q[4], NULL), 0);
	assert_int_equal(calls, 0); /* its pattern would be lost */
}

static void
test_target(void **state)
{
	virtio_balloon_set_target(&b, RAM - (1u << 20));
	assert_int_equal(told.configs, 0);
	assert_int_equal(le32_get(b.vd.config), 256);
	bring_up(0);
	virtio_balloon_set_target(&b, RAM - (2u << 20));
	assert_int_equal(told.configs, 1);
	assert_int_equal(le32_get(b.vd.config), 512);
	assert_int_equal(virtio_balloon_memory(&b), RAM);
	config_write(4, 512, 4);
	assert_int_equal(virtio_balloon_memory(&b), 2u << 20);
	config_write(4, 0xffffffff, 4); /* it says so */
	assert_int_equal(virtio_balloon_memory(&b), 0);
	config_write(0, 7, 4); /* the target is not the driver's */
	config_write(2, 7, 4);
	config_write(8, 7, 4);
	assert_int_equal(le32_get(b.vd.config), 512);
	assert_int_equal(le32_get(b.vd.config + 8), 0);
	virtio_balloon_set_target(&b, 1ull << 40);
	assert_int_equal(le32_get(b.vd.config), 0);
}

static void
put_stat(unsigned i, uint16_t tag, uint64_t v)
{
	le16_put(ram + LIST + i * 10, tag);
	le64_put(ram + LIST + i * 10 + 2, v);
}

static void
test_stats(void **state)
{
	bring_up(VIRTIO_BALLOON_F_STATS_VQ);
	virtio_balloon_ask_stats(&b); /* nothing is there to ask with */
	put_stat(0, VIRTIO_BALLOON_STAT_FREE, 1000);
	put_stat(1, 77, 1);
	put_stat(2, VIRTIO_BALLOON_STAT_TOTAL, 5000);
	g_desc(&q[2], 0, LIST, 33, 0, 0);
	g_offer(&q[2], 0);
	virtio_notify(&b.vd, 2);
	assert_int_equal(g_take(&q[2], NULL), -1);
	assert_int_equal(b.stats[VIRTIO_BALLOON_STAT_FREE], 1000);
	assert_int_equal(b.stats[VIRTIO_BALLOON_STAT_TOTAL], 5000);
	assert_int_equal(b.stats_valid, 1 << 4 | 1 << 5);
	virtio_balloon_ask_stats(&b);
	assert_int_equal(g_take(&q[2], NULL), 0);
	virtio_balloon_ask_stats(&b); /* once is enough */
	assert_int_equal(g_take(&q[2], NULL), -1);
	for (uint16_t i = 0; i < 2; i++) { /* two at a time: the older comes back */
		g_desc(&q[2], i, LIST, 10, 0, 0);
		g_offer(&q[2], i);
	}
	virtio_notify(&b.vd, 2);
	assert_int_equal(g_take(&q[2], NULL), 0);
	assert_int_equal(b.stats_valid, 1 << 4);
	virtio_set_status(&b.vd, 0);
	virtio_balloon_ask_stats(&b);
	assert_int_equal(b.stats_valid, 0);
}

static void
test_noise(void **state)
{
	uint32_t seed = 99;

	for (unsigned round = 0; round < 2000; round++) {
		unsigned i = g_random(&seed) % 5;

		if (b.vd.status != 0xf) {
			virtio_set_status(&b.vd, 0);
			bring_up(round % 3 == 0
				? 0
				: VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_REPORTING);
		}
		le32_put(ram + HEAP + g_random(&seed) % 0x10000, g_random(&seed) >> 20);
		g_noise(&q[i], 12, i < 3 ? 0 : G_WRITE, HEAP, 0x100000, &seed);
		virtio_notify(&b.vd, i);
		virtio_balloon_ask_stats(&b);
	}
}

/* The guest's buffer for statistics is here again when they are asked for. */
static void
test_saved(void **state)
{
	uint32_t given = 7;

	bring_up(VIRTIO_BALLOON_F_STATS_VQ);
	b.vd.ops->config_write(&b.vd, 4, &given, 4);
	le16_put(ram + LIST, VIRTIO_BALLOON_STAT_FREE);
	le64_put(ram + LIST + 2, 12345);
	g_desc(&q[2], 5, LIST, 10, 0, 0);
	g_offer(&q[2], 5);
	virtio_notify(&b.vd, 2);
	assert_int_equal(saved_from(saved_virtio, &b.vd), 0);
	virtio_balloon_destroy(&b);
	memset(&b, 0xa5, sizeof(b));
	assert_int_equal(virtio_balloon_init(&b, &gm, discard, NULL), 0);
	vd_listen(&b.vd);
	saved_goes_into(saved_virtio, &b.vd);
	assert_int_equal(b.stats[VIRTIO_BALLOON_STAT_FREE], 12345);
	assert_int_equal(virtio_balloon_memory(&b), RAM - 7 * 4096);
	virtio_resume(&b.vd);
	virtio_balloon_ask_stats(&b);
	assert_int_equal(g_take(&q[2], NULL), 5);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_inflate),
		T(test_long_list),
		T(test_report),
		T(test_poison),
		T(test_target),
		T(test_stats),
		T(test_noise),
		T(test_saved),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
