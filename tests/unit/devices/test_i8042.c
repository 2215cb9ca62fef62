/* SPDX-License-Identifier: BSD-2-Clause */
/* The keyboard controller with keyboard and mouse: what drivers do, and what nobody should. */
#include "devices/i8042.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define KEY_A     30
#define KEY_F7    65
#define KEY_PAUSE 119
#define KEY_HOME  102
#define KEY_RCTRL 97

static struct i8042 c;
static bool level[16];
static unsigned rises[16], resets;

static void
set_line(void *ctx, unsigned gsi, bool l)
{
	(void)ctx;
	if (l && !level[gsi])
		rises[gsi]++;
	level[gsi] = l;
}

static void
on_event(void *ctx, enum machine_event ev, const char *why)
{
	(void)ctx;
	assert_int_equal(ev, MACHINE_RESET);
	assert_non_null(why);
	resets++;
}

static int
setup(void **state)
{
	const struct irq_line kbd = { set_line, NULL, I8042_IRQ_KBD };
	const struct irq_line aux = { set_line, NULL, I8042_IRQ_AUX };
	const struct machine_ctl ctl = { on_event, NULL };

	(void)state;
	rises[1] = rises[12] = resets = 0;
	level[1] = level[12] = false;
	i8042_init(&c, &kbd, &aux, &ctl);
	return (0);
}

static uint8_t
status(void)
{
	return ((uint8_t)i8042_cmd_ops.read(&c, 0, 1));
}

static uint8_t
in(void)
{
	return ((uint8_t)i8042_data_ops.read(&c, 0, 1));
}

static void
cmd(uint8_t v)
{
	i8042_cmd_ops.write(&c, 0, 1, v);
}

static void
data(uint8_t v)
{
	i8042_data_ops.write(&c, 0, 1, v);
}

static void
expect(unsigned n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(status() & 1, 1);
		assert_int_equal(in(), va_arg(ap, int));
	}
	va_end(ap);
	assert_int_equal(status() & 1, 0);
}

static void
aux_send(uint8_t v)
{
	cmd(0xd4);
	data(v);
}

static void
test_probe(void **state)
{
	(void)state;
	cmd(0xaa);
	expect(1, 0x55);
	cmd(0xab);
	expect(1, 0);
	cmd(0xa9);
	expect(1, 0);
	cmd(0x60);
	data(0x47);
	cmd(0x20);
	expect(1, 0x47);
	data(0xff); /* reset of the keyboard */
	expect(2, 0xfa, 0xaa);
	data(0xf2);
	expect(3, 0xfa, 0xab, 0x41); /* translated, as on every PC */
	aux_send(0xff);
	assert_int_equal(status() & 0x21, 0x21);
	expect(3, 0xfa, 0xaa, 0);
	aux_send(0xf2);
	expect(2, 0xfa, 0);
	cmd(0xd3);
	data(0x5a);
	assert_int_equal(status() & 0x21, 0x21);
	expect(1, 0x5a);
}

static void
test_keys_set2(void **state)
{
	(void)state;
	i8042_key(&c, KEY_A, true);
	assert_true(level[1]);
	i8042_key(&c, KEY_A, false);
	expect(3, 0x1c, 0xf0, 0x1c);
	assert_int_equal(rises[1], 3);
	assert_false(level[1]);
	i8042_key(&c, KEY_RCTRL, true);
	i8042_key(&c, KEY_RCTRL, false);
	expect(5, 0xe0, 0x14, 0xe0, 0xf0, 0x14);
	i8042_key(&c, KEY_PAUSE, true);
	i8042_key(&c, KEY_PAUSE, false);
	expect(8, 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77);
	i8042_key(&c, 84, true); /* no such key */
	expect(0);
}

static void
test_keys_translated(void **state)
{
	(void)state;
	cmd(0x60);
	data(0x45); /* keyboard interrupt, translation */
	for (unsigned key = 1; key <= 83; key++) {
		i8042_key(&c, key, true);
		i8042_key(&c, key, false);
		expect(2, key, key | 0x80);
	}
	i8042_key(&c, KEY_HOME, true);
	i8042_key(&c, KEY_HOME, false);
	expect(4, 0xe0, 0x47, 0xe0, 0xc7);
	/* Set 1 by the keyboard itself gives the same without translation. */
	cmd(0x60);
	data(0x05);
	data(0xf0);
	data(0x01);
	expect(2, 0xfa, 0xfa);
	i8042_key(&c, KEY_F7, true);
	i8042_key(&c, KEY_F7, false);
	expect(2, 0x41, 0xc1);
	data(0xf0);
	data(0);
	expect(3, 0xfa, 0xfa, 1);
}

static void
test_keyboard_commands(void **state)
{
	(void)state;
	data(0xed);
	data(0x05);
	expect(2, 0xfa, 0xfa);
	assert_int_equal(c.kbd.leds, 5);
	data(0xee);
	expect(1, 0xee);
	data(0xf5);
	expect(1, 0xfa);
	i8042_key(&c, KEY_A, true); /* scanning is off */
	expect(0);
	data(0xf4);
	expect(1, 0xfa);
	data(0xfe);
	expect(1, 0xfa);
	data(0xf0);
	data(3);
	expect(2, 0xfa, 0xfe);
	data(0x00);
	expect(1, 0xfe);
	/* Disabled, the keyboard keeps its bytes; written to, it is enabled again. */
	cmd(0xad);
	i8042_key(&c, KEY_A, true);
	expect(0);
	cmd(0xae);
	expect(1, 0x1c);
}

static void
test_every_set2_code_has_its_key(void **state)
{
	(void)state;
	for (unsigned key = 1; key <= INPUT_KEY_MAX; key++) {
		uint8_t set1 = ps2kbd_set1(key), set2;

		if (set1 == 0)
			continue;
		for (set2 = 1; ps2kbd_translate(set2) != (set1 & 0x7f); set2++)
			assert_int_not_equal(set2, 0xff);
		assert_int_equal(ps2kbd_key_of_set2(set2, (set1 & 0x80) != 0), key);
	}
	assert_int_equal(ps2kbd_key_of_set2(0, false), 0);
	assert_int_equal(ps2kbd_key_of_set2(0xff, true), 0);
}

static void
test_mouse(void **state)
{
	struct input_pointer p = { .px = 100, .py = 100 };

	(void)state;
	i8042_pointer(&c, &p);
	expect(0);
	assert_false(i8042_mouse_ready(&c));
	aux_send(0xf4);
	expect(1, 0xfa);
	assert_true(i8042_mouse_ready(&c));
	p.px = 105;
	p.py = 98;
	p.buttons = INPUT_LEFT;
	i8042_pointer(&c, &p);
	assert_true(level[12]);
	expect(3, 0x09, 5, 2);
	p.px = 0;
	p.py = 400;
	p.buttons = INPUT_RIGHT | INPUT_MIDDLE;
	i8042_pointer(&c, &p);
	expect(6, 0x3e, 256 - 105, 1, 0x2e, 0, 256 - 47);
	p.wheel = 1; /* nobody has asked for a wheel */
	i8042_pointer(&c, &p);
	expect(0);
}

static void
test_wheel(void **state)
{
	static const uint8_t knock[] = { 200, 100, 80 };
	struct input_pointer p = { .wheel = 1 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		aux_send(0xf3);
		aux_send(knock[i]);
		expect(2, 0xfa, 0xfa);
	}
	aux_send(0xf2);
	expect(2, 0xfa, 3);
	aux_send(0xf4);
	expect(1, 0xfa);
	i8042_pointer(&c, &p);
	expect(4, 0x08, 0, 0, 0xff);
	aux_send(0xe9);
	expect(4, 0xfa, 0x20, 2, 80);
	aux_send(0xf0); /* remote: only when asked */
	expect(1, 0xfa);
	p.px = 10;
	i8042_pointer(&c, &p);
	expect(0);
	aux_send(0xeb);
	expect(5, 0xfa, 0x08, 10, 0, 0xff);
}

static void
test_overrun(void **state)
{
	struct input_pointer p = { 0 };
	unsigned n;

	(void)state;
	aux_send(0xf4);
	expect(1, 0xfa);
	for (unsigned i = 0; i < 1000; i++) {
		p.px = (uint16_t)(i * 13 % 800);
		i8042_pointer(&c, &p);
		i8042_key(&c, KEY_HOME, i % 2 == 0);
	}
	/* Whole sequences only, and bounded. */
	for (n = 0; (status() & 1) != 0 && n < 1000; n++)
		(void)in();
	assert_in_range(n, 60, 200);
	assert_int_equal(c.mouse.dx, 0);
}

static void
test_reset_lines(void **state)
{
	(void)state;
	cmd(0xfe);
	assert_int_equal(resets, 1);
	cmd(0xff);
	assert_int_equal(resets, 1);
	cmd(0xd1);
	data(0xfe);
	assert_int_equal(resets, 2);
	cmd(0xd1);
	data(0xdf);
	assert_int_equal(resets, 2);
	cmd(0xd0);
	expect(1, 0x03);
}

static void
test_random_accesses(void **state)
{
	struct input_pointer p = { 0 };

	(void)state;
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		int r = rand();

		switch (r & 7) {
		case 0:
			cmd((uint8_t)(r >> 8));
			break;
		case 1:
		case 2:
			data((uint8_t)(r >> 8));
			break;
		case 3:
			i8042_key(&c, (unsigned)(r >> 8) & INPUT_KEY_MAX, (r & 0x80) != 0);
			break;
		case 4:
			p.px = (uint16_t)(r >> 8);
			p.py = (uint16_t)(r >> 10);
			p.wheel = (int8_t)(r >> 8);
			i8042_pointer(&c, &p);
			break;
		default:
			(void)in();
			(void)status();
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_probe, setup),
		cmocka_unit_test_setup(test_keys_set2, setup),
		cmocka_unit_test_setup(test_keys_translated, setup),
		cmocka_unit_test_setup(test_keyboard_commands, setup),
		cmocka_unit_test_setup(test_every_set2_code_has_its_key, setup),
		cmocka_unit_test_setup(test_mouse, setup),
		cmocka_unit_test_setup(test_wheel, setup),
		cmocka_unit_test_setup(test_overrun, setup),
		cmocka_unit_test_setup(test_reset_lines, setup),
		cmocka_unit_test_setup(test_random_accesses, setup),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
