/* SPDX-License-Identifier: BSD-2-Clause */
/* The stream of a device's state, with a toy structure: what is saved is loaded, all else is refused. */
#include "devices/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"

/* As state.c lays a stream out. */
#define HEADER    32u
#define SECTION   32u
#define S_VERSION 16u
#define S_FLAGS   18u
#define S_UNIT    19u
#define S_COUNT   20u
#define S_LEN     24u
#define S_LAYOUT  28u

struct tip {
	uint8_t deep;
	void *own;
	bool set;
};

#define TIP_STATE(F, T)      \
	F(T, deep, SAVED, 5) \
	F(T, own, OWN, 0)    \
	F(T, set, SAVED, 1)
STATE_TYPE(tip_type, struct tip, TIP_STATE, "tip", 1);

struct toy {
	uint8_t small;
	bool on;
	uint16_t middle;
	uint32_t large;
	uint64_t huge;
	int16_t less;
	const char *name;
	uint32_t list[3];
	uint8_t raw[2][5];
	struct tip tip, tips[2];
	unsigned ports;
	struct {
		int a, b;
	} scratch;
};

#define TOY_STATE(F, T)                \
	F(T, small, SAVED, 9)          \
	F(T, on, SAVED, STATE_ANY)     \
	F(T, middle, SAVED, STATE_ANY) \
	F(T, large, SAVED, STATE_ANY)  \
	F(T, huge, SAVED, STATE_ANY)   \
	F(T, less, SAVED, STATE_ANY)   \
	F(T, name, OWN, 0)             \
	F(T, list, ARRAY, 100)         \
	F(T, raw, BYTES, 0)            \
	F(T, tip, PART, tip_type)      \
	F(T, tips, PARTS, tip_type)    \
	F(T, ports, SAME, STATE_ANY)   \
	F(T, scratch, OWNS, 0)
STATE_TYPE(toy_type, struct toy, TOY_STATE, "toy", 3);
#define TOY_BYTES (1 + 1 + 2 + 4 + 8 + 2 + 12 + 10 + 3 * 2 + 4)

static const struct toy full = {
	.small = 9,
	.on = true,
	.middle = 0xffee,
	.large = 0xdeadbeef,
	.huge = 0x0123456789abcdefull,
	.less = -2,
	.name = "first",
	.list = { 1, 50, 100 },
	.raw = { { 1, 2, 3, 4, 5 }, { 6, 7, 8, 9, 10 } },
	.tip = { 1, NULL, true },
	.tips = { { 2, NULL, false }, { 5, NULL, true } },
	.ports = 7,
	.scratch = { 11, 12 },
};

static uint8_t stream[1024];
static size_t stream_len;
static struct err why;

/* Two toys in a row, and some bytes. */
static int
toys_state(struct state *st, struct toy *two, uint8_t *bytes)
{
	state_structs(st, &toy_type, two, 2);
	return (state_bytes(st, "bytes", bytes, 6));
}

static void
save(void)
{
	struct toy two[2] = { full, full };
	uint8_t bytes[6] = "hello";
	struct state st;

	two[1].small = 4;
	state_save(&st, "toys", stream, sizeof(stream), &why);
	assert_int_equal(toys_state(&st, two, bytes), 0);
	assert_int_equal(state_end(&st, &stream_len), 0);
	assert_int_equal(stream_len, HEADER + SECTION + 2 * TOY_BYTES + SECTION + 6);
}

static int
load_len(struct toy *two, size_t len)
{
	uint8_t bytes[6] = { 0 };
	struct state st;
	size_t out = 0;
	int rc;

	err_clear(&why);
	for (unsigned i = 0; i < 2; i++)
		two[i] = (struct toy){ .name = "second", .ports = 7, .scratch = { 21, 22 } };
	if (state_load(&st, "toys", stream, len, &why) == 0)
		(void)toys_state(&st, two, bytes);
	if ((rc = state_end(&st, &out)) == 0) {
		assert_int_equal(out, len);
		assert_string_equal(bytes, "hello");
	}
	return (rc);
}

/* It is refused, with these words. */
static void
refused(const char *words)
{
	struct toy two[2];

	assert_int_equal(load_len(two, stream_len), -EINVAL);
	if (strstr(why.text, words) == NULL)
		fail_msg("refused as \"%s\", not as \"%s\"", why.text, words);
}

static int
setup(void **state)
{
	err_clear(&why);
	save();
	return (0);
}

static uint8_t *
section(unsigned n)
{
	uint8_t *s = stream + HEADER;

	while (n-- > 0)
		s += SECTION + le32_get(s + S_LEN);
	return (s);
}

static void
test_there_and_back(void **state)
{
	struct toy two[2];

	assert_int_equal(load_len(two, stream_len), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(two[i].small, i == 0 ? 9 : 4);
		assert_true(two[i].on);
		assert_int_equal(two[i].middle, full.middle);
		assert_int_equal(two[i].large, full.large);
		assert_int_equal(two[i].huge, full.huge);
		assert_int_equal(two[i].less, -2);
		assert_memory_equal(two[i].list, full.list, sizeof(full.list));
		assert_memory_equal(two[i].raw, full.raw, sizeof(full.raw));
		assert_true(two[i].tip.deep == 1 && two[i].tip.set);
		assert_true(two[i].tips[0].deep == 2 && !two[i].tips[0].set);
		assert_true(two[i].tips[1].deep == 5 && two[i].tips[1].set);
		/* What is its own is as it was. */
		assert_string_equal(two[i].name, "second");
		assert_int_equal(two[i].scratch.b, 22);
	}
}

static void
test_cut(void **state)
{
	struct toy two[2];

	for (size_t len = 0; len < stream_len; len++) {
		assert_int_equal(load_len(two, len), -EINVAL);
		if (len < HEADER)
			continue;
		/* Also when the header has been made to agree. */
		le32_put(stream + 8, (uint32_t)len);
		assert_int_equal(load_len(two, len), -EINVAL);
		assert_non_null(strstr(why.text, "it ends within section"));
		le32_put(stream + 8, (uint32_t)stream_len);
	}
	le32_put(stream + 8, (uint32_t)stream_len + 1);
	assert_int_equal(load_len(two, stream_len + 1), -EINVAL);
	assert_non_null(strstr(why.text, "1 bytes are behind its last section"));
}

static void
test_header(void **state)
{
	stream[7] = '2';
	refused("it is not the state of a device");
	save();
	memcpy(stream + 16, "boys", 4);
	refused("it is another device's");
	save();
	memset(stream + 16, 'x', 16); /* a name without an end */
	refused("it is another device's");
	save();
	le32_put(stream + 12, 1);
	refused("behind its last section");
	save();
	le32_put(stream + 12, STATE_SECTIONS_MAX + 1);
	refused("it has 65 sections");
}

static void
test_sections(void **state)
{
	le16_put(section(0) + S_VERSION, 4);
	refused("section 'toy' is of version 4 instead of 3");
	save();
	le32_put(section(0) + S_LAYOUT, le32_get(section(0) + S_LAYOUT) + 1);
	refused("section 'toy' has other fields than it has here");
	save();
	le32_put(section(0) + S_COUNT, 1);
	refused("section 'toy' is 1 times");
	save();
	le32_put(section(1) + S_LEN, 7);
	refused("it ends within section 2");
	save();
	memset(section(0), 0, 16);
	refused("section 1 has no name");
	save();
	section(0)[2] = 27; /* what is written to a terminal is no name */
	refused("section 1 has no name");
	save();
	memset(section(0), 'x', 16);
	refused("section 1 has no name");
	save();
	memcpy(section(1), "toy\0\0", 5);
	refused("section 'toy' is there twice");
	save();
	memcpy(section(1), "other", 5);
	refused("it has no section 'bytes'");
	save();
	section(1)[S_FLAGS] = 2;
	refused("section 'bytes' has flags that nobody knows");
}

/* Another section comes to be behind the others. */
static void
append(uint8_t flags)
{
	uint8_t *s = stream + stream_len;

	memset(s, 0, SECTION + 8);
	memcpy(s, "news", 4);
	s[S_FLAGS] = flags;
	le32_put(s + S_LEN, 8);
	stream_len += SECTION + 8;
	le32_put(stream + 8, (uint32_t)stream_len);
	le32_put(stream + 12, 3);
}

static void
test_unknown(void **state)
{
	struct toy two[2];

	append(0);
	refused("nobody knows its section 'news'");
	save();
	append(1);
	assert_int_equal(load_len(two, stream_len), 0);
}

static void
test_order(void **state)
{
	uint8_t turned[sizeof(stream)];
	size_t first = SECTION + 2 * TOY_BYTES, second = SECTION + 6;
	struct toy two[2];

	memcpy(turned, stream + HEADER + first, second);
	memcpy(turned + second, stream + HEADER, first);
	memcpy(stream + HEADER, turned, first + second);
	assert_int_equal(load_len(two, stream_len), 0);
	assert_int_equal(two[1].small, 4);
}

static void
test_ranges(void **state)
{
	section(0)[SECTION] = 10;
	refused("toy.small is 10, more than 9");
	save();
	section(0)[SECTION + 1] = 2;
	refused("toy.on is 2, more than 1");
	save();
	le32_put(section(0) + SECTION + 18 + 8, 101);
	refused("toy.list is 101, more than 100");
	save();
	section(0)[SECTION + TOY_BYTES - 4 - 2] = 6;
	refused("tip.deep is 6, more than 5");
	save();
	section(0)[SECTION + TOY_BYTES - 4 - 5] = 2;
	refused("tip.set is 2, more than 1");
	save();
	le32_put(section(0) + SECTION + TOY_BYTES - 4, 8);
	refused("toy.ports was 8 and is 7 here: not the same configuration");
	save();
	/* The second of them as well. */
	section(0)[SECTION + TOY_BYTES] = 10;
	refused("toy.small is 10, more than 9");
}

/* Any byte changed, to anything: it is refused, or what was loaded is in range. */
static void
test_any_byte(void **state)
{
	for (size_t at = 0; at < stream_len; at++) {
		for (unsigned v = 1; v < 256; v++) {
			uint8_t bytes[6];
			struct toy two[2] = { { .ports = 7 }, { .ports = 7 } };
			struct state st;
			size_t len;

			stream[at] ^= (uint8_t)v;
			if (state_load(&st, "toys", stream, stream_len, NULL) == 0)
				(void)toys_state(&st, two, bytes);
			if (state_end(&st, &len) == 0) {
				for (unsigned i = 0; i < 2; i++) {
					assert_true(two[i].small <= 9);
					for (unsigned k = 0; k < 3; k++)
						assert_true(two[i].list[k] <= 100);
				}
				/* Only content can be other, and whether one may pass over it. */
				assert_true(at >= HEADER + SECTION || at == HEADER + S_FLAGS);
			}
			stream[at] ^= (uint8_t)v;
		}
	}
}

static void
test_no_room(void **state)
{
	struct toy two[2] = { full, full };
	uint8_t bytes[6] = { 0 }, small[sizeof(stream)];
	struct state st;
	size_t len;

	for (size_t room = 0; room < stream_len; room++) {
		memset(small, 0x77, sizeof(small));
		state_save(&st, "toys", small, room, &why);
		(void)toys_state(&st, two, bytes);
		assert_int_equal(state_end(&st, &len), -ENOSPC);
		assert_int_equal(small[room], 0x77);
	}
}

/* Several alike: each has its own. */
static void
test_units(void **state)
{
	struct tip one = { .deep = 1 }, two = { .deep = 2, .set = true };
	struct state st;
	size_t len;

	state_save(&st, "tips", stream, sizeof(stream), &why);
	(void)state_struct(&st, &tip_type, &one);
	st.unit = 9;
	(void)state_struct(&st, &tip_type, &two);
	assert_int_equal(state_end(&st, &stream_len), 0);
	memset(&one, 0, sizeof(one));
	memset(&two, 0, sizeof(two));
	assert_int_equal(state_load(&st, "tips", stream, stream_len, &why), 0);
	st.unit = 9;
	(void)state_struct(&st, &tip_type, &two);
	st.unit = 0;
	(void)state_struct(&st, &tip_type, &one);
	assert_int_equal(state_end(&st, &len), 0);
	assert_int_equal(one.deep, 1);
	assert_int_equal(two.deep, 2);
	section(1)[S_UNIT] = 0;
	assert_int_equal(state_load(&st, "tips", stream, stream_len, &why), -EINVAL);
	assert_non_null(strstr(why.text, "section 'tip' is there twice"));
}

/* What could not be loaded is not saved, and the first reason stays. */
static void
test_saving_refused(void **state)
{
	struct toy two[2] = { full, full };
	uint8_t bytes[6] = { 0 };
	struct state st;
	size_t len;

	two[0].small = 10;
	state_save(&st, "toys", stream, sizeof(stream), &why);
	assert_int_equal(toys_state(&st, two, bytes), -EINVAL);
	assert_int_equal(state_refuse(&st, EBUSY, "too late"), -EINVAL);
	assert_int_equal(state_end(&st, &len), -EINVAL);
	assert_string_equal(
	    why.text, "toys: its state cannot be saved: toy.small is 10, more than 9");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		T(test_there_and_back),
		T(test_cut),
		T(test_header),
		T(test_sections),
		T(test_unknown),
		T(test_order),
		T(test_ranges),
		T(test_any_byte),
		T(test_no_room),
		T(test_units),
		T(test_saving_refused),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
