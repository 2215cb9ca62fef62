/* SPDX-License-Identifier: BSD-2-Clause */
/* The copy of the guest's picture: what is told as changed, and modes that come and go. */
#include "procs/vnc/picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VRAM (1u << 20)

static uint8_t *mem;
static struct picture p;
static unsigned calls, at_x1, at_y1, at_x2, at_y2;

static void
dirty(void *ctx, unsigned left, unsigned top, unsigned right, unsigned bottom)
{
	(void)ctx;
	calls++;
	at_x1 = left;
	at_y1 = top;
	at_x2 = right;
	at_y2 = bottom;
}

static bool
refresh(void)
{
	calls = 0;
	return (picture_refresh(&p, dirty, NULL));
}

static int
follow(uint32_t w, uint32_t h, uint32_t stride, uint32_t offset)
{
	const struct display_mode m = { w, h, stride, offset };
	uint32_t *old = NULL;
	int rc;

	display_page_put((struct display_page *)(void *)(mem + VRAM), &m);
	rc = picture_follow(&p, &old);
	if (rc == 1)
		free(old);
	return (rc);
}

static uint32_t *
pixel(uint32_t x, uint32_t y)
{
	return ((uint32_t *)(void *)(mem + p.mode.offset + y * p.mode.stride) + x);
}

static int
setup(void **state)
{
	(void)state;
	mem = calloc(1, VRAM + DISPLAY_PAGE_LEN);
	assert_non_null(mem);
	return (picture_init(&p, mem, VRAM));
}

static int
teardown(void **state)
{
	(void)state;
	free(p.pixels);
	free(mem);
	return (0);
}

static void
test_changes(void **state)
{
	(void)state;
	assert_int_equal(follow(320, 100, 1280, 4096), 1);
	assert_false(refresh());
	*pixel(10, 17) = 0x123456;
	*pixel(300, 20) = 0x654321;
	assert_true(refresh());
	assert_int_equal(calls, 1);
	assert_int_equal(at_x1, 10);
	assert_int_equal(at_x2, 301);
	assert_int_equal(at_y1, 16);
	assert_int_equal(at_y2, 32);
	assert_int_equal(p.pixels[17 * 320 + 10], 0x123456);
	assert_false(refresh());
	*pixel(319, 99) = 1; /* the last band is a short one */
	assert_true(refresh());
	assert_int_equal(at_y1, 96);
	assert_int_equal(at_y2, 100);
	*pixel(0, 0) = *pixel(0, 50) = 1;
	assert_true(refresh());
	assert_int_equal(calls, 2);
}

static void
test_modes(void **state)
{
	(void)state;
	assert_int_equal(p.mode.width, PICTURE_BLANK_WIDTH);
	assert_false(refresh());
	assert_int_equal(follow(128, 64, 512, 0), 1);
	*pixel(5, 5) = 7;
	assert_true(refresh());
	/* Another page of the same size is no new size. */
	assert_int_equal(follow(128, 64, 512, 512 * 64), 0);
	assert_true(refresh());
	assert_int_equal(p.pixels[5 * 128 + 5], 0);
	*pixel(5, 5) = 7;
	assert_true(refresh());
	/* Without a mode the picture is black, and as large as before. */
	assert_int_equal(follow(0, 0, 0, 0), 0);
	assert_true(refresh());
	assert_int_equal(p.mode.width, 128);
	assert_int_equal(p.pixels[5 * 128 + 5], 0);
	assert_false(refresh());
	/* One that lies is none. */
	assert_int_equal(follow(3840, 2160, 15360, 0), 0);
	assert_int_equal(p.mode.width, 128);
	assert_int_equal(follow(256, 64, 1024, 0), 1);
	assert_int_equal(p.mode.width, 256);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
