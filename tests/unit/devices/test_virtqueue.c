/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtqueues with drivers that keep the rules and drivers that do not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vq_guest.h"

#define RAM  (1u << 20)
#define RING 0x10000u
#define DATA 0x80000u

struct fix {
	uint8_t *ram;
	struct gmem gm;
	struct virtq q;
	struct vq_chain c;
	struct vq_guest g;
};

static struct fix f;

static int
setup_size(uint16_t max, uint16_t size)
{
	f.ram = aligned_alloc(4096, RAM);
	memset(f.ram, 0xa5, RAM);
	gmem_wrap(&f.gm, f.ram, RAM);
	assert_int_equal(virtq_init(&f.q, &f.gm, max), 0);
	assert_int_equal(vq_chain_init(&f.c, &f.q), 0);
	g_init(&f.g, f.ram, RING, size);
	f.q.indirect = true;
	return (g_attach(&f.g, &f.q));
}

static int
setup(void **state)
{
	return (setup_size(8, 8));
}

static int
teardown(void **state)
{
	vq_chain_destroy(&f.c);
	virtq_destroy(&f.q);
	free(f.ram);
	return (0);
}

static void
expect_broken(const char *word)
{
	assert_int_equal(virtq_pop(&f.q, &f.c), -EPROTO);
	assert_non_null(f.q.broken);
	assert_non_null(strstr(f.q.broken, word));
	/* And it stays so, whatever comes after. */
	g_desc(&f.g, 0, DATA, 16, 0, 0);
	g_offer(&f.g, 0);
	assert_int_equal(virtq_pop(&f.q, &f.c), -EPROTO);
	assert_false(virtq_has_work(&f.q));
}

static void
test_round_trip(void **state)
{
	uint32_t len;

	assert_int_equal(virtq_pop(&f.q, &f.c), 0);
	g_desc(&f.g, 3, DATA, 16, G_NEXT, 5);
	g_desc(&f.g, 5, DATA + 100, 32, G_NEXT | G_WRITE, 1);
	g_desc(&f.g, 1, DATA + 500, 1, G_WRITE, 0);
	g_offer(&f.g, 3);
	assert_true(virtq_has_work(&f.q));
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	assert_int_equal(f.c.head, 3);
	assert_int_equal(f.c.nread, 1);
	assert_int_equal(f.c.nwrite, 2);
	assert_int_equal(f.c.read_len, 16);
	assert_int_equal(f.c.write_len, 33);
	assert_ptr_equal(f.c.iov[1].iov_base, f.ram + DATA + 100);
	assert_int_equal(f.c.iov[2].iov_len, 1);
	virtq_push(&f.q, 3, 33);
	assert_int_equal(g_take(&f.g, &len), -1); /* not shown yet */
	assert_true(virtq_publish(&f.q));
	assert_false(virtq_publish(&f.q));
	assert_int_equal(g_take(&f.g, &len), 3);
	assert_int_equal(len, 33);
	assert_int_equal(f.q.inflight, 0);
}

/* Far more chains than the 16-bit indices count, with a ring of one entry too. */
static void
test_wrap(void **state)
{
	uint32_t len;

	for (unsigned i = 0; i < 200000; i++) {
		uint16_t head = (uint16_t)(i % f.g.size);

		g_desc(&f.g, head, DATA + i % 1000, 1 + i % 7, G_WRITE, 0);
		g_offer(&f.g, head);
		assert_int_equal(virtq_pop(&f.q, &f.c), 1);
		assert_int_equal(f.c.head, head);
		assert_int_equal(f.c.write_len, 1 + i % 7);
		virtq_push(&f.q, head, i % 7);
		(void)virtq_publish(&f.q);
		assert_int_equal(g_take(&f.g, &len), head);
		assert_int_equal(len, i % 7);
	}
}

static void
test_unpop(void **state)
{
	g_desc(&f.g, 2, DATA, 16, 0, 0);
	g_offer(&f.g, 2);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	virtq_unpop(&f.q, &f.c);
	assert_int_equal(f.q.inflight, 0);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	assert_int_equal(f.c.head, 2);
	assert_int_equal(virtq_pop(&f.q, &f.c), 0);
}

static void
test_indirect(void **state)
{
	g_desc(&f.g, 4, DATA, 10, G_NEXT, 0);
	g_desc(
	    &f.g, 0, 0x40000, 3 * 16, G_INDIRECT | G_WRITE, 0); /* the write flag means nothing */
	g_desc_at(&f.g, 0x40000, 0, DATA + 64, 20, G_NEXT, 2);
	g_desc_at(&f.g, 0x40000, 2, DATA + 128, 30, G_WRITE, 0);
	g_offer(&f.g, 4);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	assert_int_equal(f.c.nread, 2);
	assert_int_equal(f.c.nwrite, 1);
	assert_int_equal(f.c.read_len, 30);
	assert_int_equal(f.c.write_len, 30);
}

static void
test_head_twice(void **state)
{
	g_desc(&f.g, 2, DATA, 16, 0, 0);
	g_offer(&f.g, 2);
	g_offer(&f.g, 2);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	expect_broken("in flight");
}

static void
test_index_ahead(void **state)
{
	g_desc(&f.g, 0, DATA, 16, 0, 0);
	g_set_avail_idx(&f.g, 9);
	expect_broken("ahead");
}

/* A full ring is fine; then nothing more may come before something has been given back. */
static void
test_index_full(void **state)
{
	for (uint16_t i = 0; i < 8; i++) {
		g_desc(&f.g, i, DATA, 16, 0, 0);
		g_offer(&f.g, i);
	}
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	g_offer(&f.g, 7);
	expect_broken("in flight");
}

static void
test_head_range(void **state)
{
	g_offer(&f.g, 8);
	expect_broken("head out of range");
}

static void
test_next_range(void **state)
{
	g_desc(&f.g, 0, DATA, 16, G_NEXT, 8);
	g_offer(&f.g, 0);
	expect_broken("index out of range");
}

static void
test_loop(void **state)
{
	g_desc(&f.g, 0, DATA, 16, G_NEXT, 1);
	g_desc(&f.g, 1, DATA, 16, G_NEXT, 0);
	g_offer(&f.g, 0);
	expect_broken("loops");
}

static void
test_indirect_loop(void **state)
{
	g_desc(&f.g, 0, 0x40000, 2 * 16, G_INDIRECT, 0);
	g_desc_at(&f.g, 0x40000, 0, DATA, 1, G_NEXT, 1);
	g_desc_at(&f.g, 0x40000, 1, DATA, 1, G_NEXT, 1);
	g_offer(&f.g, 0);
	expect_broken("loops");
}

static void
test_write_before_read(void **state)
{
	g_desc(&f.g, 0, DATA, 16, G_WRITE | G_NEXT, 1);
	g_desc(&f.g, 1, DATA, 16, 0, 0);
	g_offer(&f.g, 0);
	expect_broken("after a writable");
}

static void
test_zero_length(void **state)
{
	g_desc(&f.g, 0, DATA, 0, 0, 0);
	g_offer(&f.g, 0);
	expect_broken("length zero");
}

static void
test_not_ram(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ RAM, 1 },
		{ RAM - 1, 2 },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 15, 32 },
		{ 0xfee00000, 4 },
		{ 0, UINT32_MAX },
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		virtq_reset(&f.q);
		g_init(&f.g, f.ram, RING, 8);
		assert_int_equal(g_attach(&f.g, &f.q), 0);
		g_desc(&f.g, 0, bad[i].addr, bad[i].len, G_WRITE, 0);
		g_offer(&f.g, 0);
		expect_broken("outside of RAM");
	}
}

static void
test_indirect_misshapen(void **state)
{
	static const struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags;
		const char *word;
	} bad[] = {
		{ 0x40000, 0, G_INDIRECT, "impossible size" },
		{ 0x40000, 17, G_INDIRECT, "impossible size" },
		{ 0x40000, 9 * 16, G_INDIRECT, "impossible size" },
		{ 0x40000, 16, G_INDIRECT | G_NEXT, "with a next" },
		{ RAM - 8, 16, G_INDIRECT, "table outside" },
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		virtq_reset(&f.q);
		f.q.indirect = true;
		g_init(&f.g, f.ram, RING, 8);
		assert_int_equal(g_attach(&f.g, &f.q), 0);
		g_desc(&f.g, 0, bad[i].addr, bad[i].len, bad[i].flags, 1);
		g_offer(&f.g, 0);
		expect_broken(bad[i].word);
	}
}

static void
test_indirect_nested(void **state)
{
	g_desc(&f.g, 0, 0x40000, 16, G_INDIRECT, 0);
	g_desc_at(&f.g, 0x40000, 0, 0x40000, 16, G_INDIRECT, 0);
	g_offer(&f.g, 0);
	expect_broken("where none may be");
}

static void
test_indirect_not_negotiated(void **state)
{
	f.q.indirect = false;
	g_desc(&f.g, 0, 0x40000, 16, G_INDIRECT, 0);
	g_offer(&f.g, 0);
	expect_broken("where none may be");
}

static void
test_too_much(void **state)
{
	g_desc(&f.g, 0, 0, RAM, 0, 0);
	/* 1 MiB a piece never adds up to 4 GiB in this queue: the longest chain passes ... */
	for (uint16_t i = 0; i < 8; i++)
		g_desc(&f.g, i, 0, RAM, i < 7 ? G_NEXT : 0, (uint16_t)(i + 1));
	g_offer(&f.g, 0);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	assert_int_equal(f.c.nread, 8);
	/* ... and direct descriptors with a full indirect table behind them are one too many. */
	g_desc(&f.g, 1, DATA, 1, G_NEXT, 2);
	g_desc(&f.g, 2, 0x40000, 8 * 16, G_INDIRECT, 0);
	for (uint16_t i = 0; i < 8; i++)
		g_desc_at(&f.g, 0x40000, i, DATA, 1, i < 7 ? G_NEXT : 0, (uint16_t)(i + 1));
	g_offer(&f.g, 1);
	expect_broken("longer than the queue");
}

static void
test_enable(void **state)
{
	static const struct {
		uint16_t size;
		uint64_t desc, avail, used;
	} bad[] = {
		{ 0, 0x10000, 0x20000, 0x30000 },
		{ 3, 0x10000, 0x20000, 0x30000 },
		{ 16, 0x10000, 0x20000, 0x30000 },
		{ 0x8008, 0x10000, 0x20000, 0x30000 },
		{ 8, 0x10008, 0x20000, 0x30000 },
		{ 8, 0x10000, 0x20001, 0x30000 },
		{ 8, 0x10000, 0x20000, 0x30002 },
		{ 8, RAM - 112, 0x20000, 0x30000 },
		{ 8, 0x10000, RAM - 20, 0x30000 },
		{ 8, 0x10000, 0x20000, RAM - 68 },
		{ 8, 0xfffffffffffffff0, 0x20000, 0x30000 },
	};

	for (unsigned i = 0; i < NITEMS(bad); i++) {
		virtq_reset(&f.q);
		f.q.size = bad[i].size;
		f.q.desc = bad[i].desc;
		f.q.avail = bad[i].avail;
		f.q.used = bad[i].used;
		assert_int_equal(virtq_enable(&f.q), -EINVAL);
		assert_non_null(f.q.broken);
		assert_false(f.q.enabled);
		assert_int_equal(virtq_pop(&f.q, &f.c), -EPROTO);
	}
	assert_int_equal(virtq_init(&f.q, &f.gm, 3), -EINVAL);
	assert_int_equal(virtq_init(&f.q, &f.gm, 0), -EINVAL);
	virtq_destroy(&f.q);
	assert_int_equal(virtq_init(&f.q, &f.gm, 8), 0);
}

/* One that was never enabled gives nothing and breaks nothing. */
static void
test_disabled(void **state)
{
	virtq_reset(&f.q);
	g_offer(&f.g, 0);
	assert_false(virtq_has_work(&f.q));
	assert_int_equal(virtq_pop(&f.q, &f.c), 0);
	assert_false(virtq_kick_on(&f.q));
	virtq_kick_off(&f.q);
}

static void
test_flags_suppress(void **state)
{
	g_desc(&f.g, 0, DATA, 16, 0, 0);
	le16_put(f.ram + f.g.avail, 1); /* no interrupts, please */
	g_offer(&f.g, 0);
	virtq_kick_off(&f.q);
	assert_int_equal(le16_get(f.ram + f.g.used), 1);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	assert_false(virtq_kick_on(&f.q));
	assert_int_equal(le16_get(f.ram + f.g.used), 0);
	virtq_push(&f.q, 0, 0);
	assert_false(virtq_publish(&f.q));
	/* Work that came in between is seen by kick_on. */
	virtq_kick_off(&f.q);
	g_offer(&f.g, 0);
	assert_true(virtq_kick_on(&f.q));
}

static void
push_one(uint16_t head)
{
	g_desc(&f.g, head, DATA, 16, 0, 0);
	g_offer(&f.g, head);
	assert_int_equal(virtq_pop(&f.q, &f.c), 1);
	virtq_push(&f.q, head, 0);
}

static void
test_event_idx(void **state)
{
	f.q.event_idx = true;
	g_set_used_event(&f.g, 1); /* interrupt once entry 1 is used */
	push_one(0);
	assert_false(virtq_publish(&f.q));
	push_one(1);
	assert_true(virtq_publish(&f.q));
	push_one(2);
	assert_false(virtq_publish(&f.q));
	/* A batch that passes the event in its middle interrupts once. */
	g_set_used_event(&f.g, 4);
	push_one(3);
	push_one(4);
	push_one(5);
	assert_true(virtq_publish(&f.q));
	assert_false(virtq_kick_on(&f.q));
	assert_int_equal(g_avail_event(&f.g), 6);
	/* Without an enabled event nothing is written while looking. */
	virtq_kick_off(&f.q);
	push_one(6);
	assert_int_equal(g_avail_event(&f.g), 6);
}

/*
 * Whatever lies in the rings: no crash, no chain outside RAM, never more in flight than the ring
 * holds.
 */
static void
test_noise(void **state)
{
	uint32_t x = 12345;

	for (unsigned round = 0; round < 20000; round++) {
		virtq_reset(&f.q);
		f.q.indirect = true;
		f.q.event_idx = round % 2;
		assert_int_equal(g_attach(&f.g, &f.q), 0);
		for (unsigned i = 0; i < 128; i += 4) {
			x = x * 1664525 + 1013904223;
			le32_put(f.ram + RING + i, (round & 4) != 0 ? x & 0xfff7 : x >> 16);
		}
		for (unsigned i = 0; i < 8; i++) {
			x = x * 1664525 + 1013904223;
			le16_put(f.ram + f.g.avail + 4 + i * 2u, (uint16_t)(x >> 28));
		}
		g_set_avail_idx(&f.g, (uint16_t)(x >> 13 & 7));
		while (virtq_pop(&f.q, &f.c) == 1) {
			assert_true(f.c.nread + f.c.nwrite <= f.c.max);
			for (unsigned i = 0; i < f.c.nread + f.c.nwrite; i++) {
				uint8_t *p = f.c.iov[i].iov_base;

				assert_true(p >= f.ram && f.c.iov[i].iov_len <= RAM &&
				    p + f.c.iov[i].iov_len <= f.ram + RAM);
			}
			assert_true(f.q.inflight <= 8);
			if ((x >> 5 & 1) != 0)
				virtq_push(&f.q, f.c.head, 1);
		}
		(void)virtq_publish(&f.q);
	}
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_round_trip),
		T(test_wrap),
		T(test_unpop),
		T(test_indirect),
		T(test_head_twice),
		T(test_index_ahead),
		T(test_index_full),
		T(test_head_range),
		T(test_next_range),
		T(test_loop),
		T(test_indirect_loop),
		T(test_write_before_read),
		T(test_zero_length),
		T(test_not_ram),
		T(test_indirect_misshapen),
		T(test_indirect_nested),
		T(test_indirect_not_negotiated),
		T(test_too_much),
		T(test_enable),
		T(test_disabled),
		T(test_flags_suppress),
		T(test_event_idx),
		T(test_noise),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
