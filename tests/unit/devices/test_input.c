/* SPDX-License-Identifier: BSD-2-Clause */
/* The input router: who gets keys and pointers, and that nothing stays pressed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "devices/input.h"

struct seen {
	unsigned keys, downs, pointers;
	unsigned last_key;
	bool last_down;
	struct input_pointer last;
	bool ready;
};

static void
on_key(void *dev, unsigned key, bool down)
{
	struct seen *s = dev;

	s->keys++;
	s->downs += down;
	s->last_key = key;
	s->last_down = down;
}

static void
on_pointer(void *dev, const struct input_pointer *p)
{
	struct seen *s = dev;

	s->pointers++;
	s->last = *p;
}

static bool
is_ready(void *dev)
{
	return (((struct seen *)dev)->ready);
}

static struct seen mouse, tablet, keyboard;
static const struct input_sink mouse_sink = { "mouse", NULL, on_pointer, NULL, &mouse, NULL,
	INPUT_PRIORITY_PS2 };
static const struct input_sink tablet_sink = { "tablet", NULL, on_pointer, is_ready, &tablet, NULL,
	INPUT_PRIORITY_USB };
static const struct input_sink keyboard_sink = { "keyboard", on_key, NULL, NULL, &keyboard, NULL,
	INPUT_PRIORITY_PS2 };

static void
fresh(struct input_router *r)
{
	memset(r, 0, sizeof(*r));
	memset(&mouse, 0, sizeof(mouse));
	memset(&tablet, 0, sizeof(tablet));
	memset(&keyboard, 0, sizeof(keyboard));
	assert_int_equal(input_add(r, &mouse_sink), 0);
	assert_int_equal(input_add(r, &tablet_sink), 0);
	assert_int_equal(input_add(r, &keyboard_sink), 0);
}

static void
test_the_tablet_once_it_is_ready(void **state)
{
	struct input_pointer p = { .x = 5, .y = 6, .buttons = INPUT_LEFT };
	struct input_router r;

	(void)state;
	fresh(&r);
	input_pointer(&r, &p);
	assert_int_equal(mouse.pointers, 1);
	tablet.ready = true;
	input_pointer(&r, &p);
	/* The mouse let go of its button, the tablet has it now. */
	assert_int_equal(mouse.pointers, 2);
	assert_int_equal(mouse.last.buttons, 0);
	assert_int_equal(tablet.pointers, 1);
	assert_int_equal(tablet.last.buttons, INPUT_LEFT);
	p.x = INPUT_ABS_MAX + 1;
	input_pointer(&r, &p);
	assert_int_equal(tablet.pointers, 1);
}

static void
test_keys(void **state)
{
	struct input_router r;

	(void)state;
	fresh(&r);
	input_key(&r, 30, false); /* was never down */
	input_key(&r, 0, true);
	input_key(&r, INPUT_KEY_MAX + 1, true);
	assert_int_equal(keyboard.keys, 0);
	input_key(&r, 30, true);
	input_key(&r, 30, true);
	assert_int_equal(keyboard.downs, 2);
	input_key(&r, 30, false);
	assert_int_equal(keyboard.keys, 3);
	assert_false(keyboard.last_down);
}

static void
test_release_all(void **state)
{
	struct input_pointer p = { .buttons = INPUT_RIGHT };
	struct input_router r;

	(void)state;
	fresh(&r);
	input_key(&r, 42, true);
	input_key(&r, INPUT_KEY_MAX, true);
	input_pointer(&r, &p);
	input_release_all(&r);
	assert_int_equal(keyboard.keys, 4);
	assert_int_equal(keyboard.downs, 2);
	assert_int_equal(mouse.last.buttons, 0);
	input_release_all(&r);
	assert_int_equal(keyboard.keys, 4);
	assert_int_equal(mouse.pointers, 2);
}

static void
test_nobody(void **state)
{
	struct input_router r = { .nsinks = 0 };
	struct input_pointer p = { .buttons = 1 };

	(void)state;
	input_key(&r, 30, true);
	input_pointer(&r, &p);
	input_release_all(&r);
	for (unsigned i = 0; i < INPUT_SINKS_MAX; i++)
		assert_int_equal(input_add(&r, &mouse_sink), 0);
	assert_true(input_add(&r, &mouse_sink) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tablet_once_it_is_ready),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_release_all),
		cmocka_unit_test(test_nobody),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
