/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard controller: see i8042.h. Its memory beyond the command byte, and passwords, it does
 * not have. Pure; runs in zhyve.
 */
#include "devices/i8042.h"
#include "devices/state.h"

#include <errno.h>
#include <string.h>

/* Status, port 0x64. */
#define ST_OUT      0x01 /* the output buffer is full */
#define ST_SYSTEM   0x04 /* self test passed */
#define ST_COMMAND  0x08 /* the last write was to 0x64 */
#define ST_UNLOCKED 0x10
#define ST_AUX      0x20 /* what is in the output buffer came from the mouse */

/* Command byte. */
#define MODE_KBD_IRQ   0x01
#define MODE_AUX_IRQ   0x02
#define MODE_SYSTEM    0x04
#define MODE_KBD_OFF   0x10
#define MODE_AUX_OFF   0x20
#define MODE_TRANSLATE 0x40

enum i8042_command {
	CMD_READ_MODE = 0x20,
	CMD_WRITE_MODE = 0x60,
	CMD_AUX_OFF = 0xA7,
	CMD_AUX_ON = 0xA8,
	CMD_TEST_AUX = 0xA9,
	CMD_SELF_TEST = 0xAA,
	CMD_TEST_KBD = 0xAB,
	CMD_KBD_OFF = 0xAD,
	CMD_KBD_ON = 0xAE,
	CMD_READ_IN = 0xC0,
	CMD_READ_OUT = 0xD0,
	CMD_WRITE_OUT = 0xD1,
	CMD_WRITE_KBD_BUF = 0xD2,
	CMD_WRITE_AUX_BUF = 0xD3,
	CMD_WRITE_AUX = 0xD4,
	CMD_PULSE = 0xF0
};
#define SELF_TEST_OK 0x55
#define IN_PORT      0x80 /* keyboard not locked */
#define OUT_NO_RESET 0x01
#define OUT_A20      0x02
#define OUT_KBD_IRQ  0x10
#define OUT_AUX_IRQ  0x20
#define BREAK        0xF0

static void
set_line(const struct irq_line *line, bool *is, bool level)
{
	if (*is != level) {
		*is = level;
		irq_set(line, level);
	}
}

/* The lines follow the output buffer. */
static void
update_irq(struct i8042 *c)
{
	bool full = (c->status & ST_OUT) != 0, aux = (c->status & ST_AUX) != 0;

	set_line(&c->irq_kbd, &c->kbd_up, full && !aux && (c->mode & MODE_KBD_IRQ) != 0);
	set_line(&c->irq_aux, &c->aux_up, full && aux && (c->mode & MODE_AUX_IRQ) != 0);
}

/* The keyboard's next byte as the guest is to see it, or -1. */
static int
kbd_byte(struct i8042 *c)
{
	int val;

	if ((c->mode & MODE_KBD_OFF) != 0)
		return (-1);
	val = ps2kbd_read(&c->kbd);
	if (val < 0 || (c->mode & MODE_TRANSLATE) == 0)
		return (val);
	if (val == BREAK) {
		c->released = true;
		val = ps2kbd_read(&c->kbd);
		if (val < 0)
			return (-1); /* it follows */
	}
	val = ps2kbd_translate((uint8_t)val);
	if (c->released)
		val |= 0x80;
	c->released = false;
	return (val);
}

/* Move one byte into the output buffer, if it is empty. */
static void
fill(struct i8042 *c)
{
	bool aux = false;
	int val;

	if ((c->status & ST_OUT) != 0)
		return;
	if ((val = c->answer) >= 0) {
		c->answer = -1;
		aux = c->answer_aux;
	} else if ((val = kbd_byte(c)) < 0 && (c->mode & MODE_AUX_OFF) == 0) {
		val = ps2mouse_read(&c->mouse);
		aux = true;
	}
	if (val >= 0) {
		c->out = (uint8_t)val;
		c->status = (uint8_t)((c->status & ~ST_AUX) | ST_OUT | (aux ? ST_AUX : 0));
	}
	update_irq(c);
}

/* The controller speaks itself: that comes before what the devices have. */
static void
answer(struct i8042 *c, uint8_t val, bool aux)
{
	c->answer = val;
	c->answer_aux = aux;
}

static uint64_t
data_read(void *dev, uint64_t off, unsigned size)
{
	struct i8042 *c = dev;
	uint8_t val = c->out;

	(void)off;
	(void)size;
	c->status &= (uint8_t)~ST_OUT;
	update_irq(c); /* the line goes down even when there is more */
	fill(c);
	return (val);
}

static void
write_out_port(struct i8042 *c, uint8_t val)
{
	if ((val & OUT_NO_RESET) == 0)
		machine_event(&c->ctl, MACHINE_RESET, "keyboard controller output port");
}

static void
data_write(void *dev, uint64_t off, unsigned size, uint64_t v)
{
	struct i8042 *c = dev;
	uint8_t command = c->command, val = (uint8_t)v;

	(void)off;
	(void)size;
	c->command = 0;
	c->status &= (uint8_t)~ST_COMMAND;
	switch (command) {
	case CMD_WRITE_MODE:
		c->mode = val;
		c->status = (uint8_t)((c->status & ~ST_SYSTEM) | (val & MODE_SYSTEM));
		break;
	case CMD_WRITE_OUT:
		write_out_port(c, val);
		break;
	case CMD_WRITE_KBD_BUF:
	case CMD_WRITE_AUX_BUF:
		answer(c, val, command == CMD_WRITE_AUX_BUF);
		break;
	case CMD_WRITE_AUX:
		ps2mouse_write(&c->mouse, val);
		break;
	default:
		/* To the keyboard; that also lets it send again. */
		c->mode &= (uint8_t)~MODE_KBD_OFF;
		c->released = false;
		ps2kbd_write(&c->kbd, val);
		break;
	}
	update_irq(c);
	fill(c);
}

static uint64_t
status_read(void *dev, uint64_t off, unsigned size)
{
	const struct i8042 *c = dev;

	(void)off;
	(void)size;
	return (c->status);
}

static uint8_t
out_port(const struct i8042 *c)
{
	bool full = (c->status & ST_OUT) != 0, aux = (c->status & ST_AUX) != 0;

	return (uint8_t)(OUT_NO_RESET | OUT_A20 | (full && !aux ? OUT_KBD_IRQ : 0) |
	    (full && aux ? OUT_AUX_IRQ : 0));
}

static void
command_write(void *dev, uint64_t off, unsigned size, uint64_t v)
{
	struct i8042 *c = dev;
	uint8_t val = (uint8_t)v;

	(void)off;
	(void)size;
	c->status |= ST_COMMAND;
	c->command = 0;
	switch (val) {
	case CMD_READ_MODE:
		answer(c, c->mode, false);
		break;
	case CMD_WRITE_MODE:
	case CMD_WRITE_OUT:
	case CMD_WRITE_KBD_BUF:
	case CMD_WRITE_AUX_BUF:
	case CMD_WRITE_AUX:
		c->command = val;
		break;
	case CMD_AUX_OFF:
	case CMD_AUX_ON:
		c->mode =
		    (uint8_t)((c->mode & ~MODE_AUX_OFF) | (val == CMD_AUX_OFF ? MODE_AUX_OFF : 0));
		break;
	case CMD_KBD_OFF:
	case CMD_KBD_ON:
		c->mode =
		    (uint8_t)((c->mode & ~MODE_KBD_OFF) | (val == CMD_KBD_OFF ? MODE_KBD_OFF : 0));
		break;
	case CMD_TEST_AUX:
	case CMD_TEST_KBD:
		answer(c, 0, false);
		break;
	case CMD_SELF_TEST:
		c->status |= ST_SYSTEM;
		c->mode |= MODE_SYSTEM;
		answer(c, SELF_TEST_OK, false);
		break;
	case CMD_READ_IN:
		answer(c, IN_PORT, false);
		break;
	case CMD_READ_OUT:
		answer(c, out_port(c), false);
		break;
	default:
		/* Pulse the lines whose bits in 3:0 are low; line 0 resets. */
		if ((val & CMD_PULSE) == CMD_PULSE && (val & OUT_NO_RESET) == 0)
			machine_event(&c->ctl, MACHINE_RESET, "keyboard controller");
		break;
	}
	fill(c);
}

const struct bus_ops i8042_data_ops = { data_read, data_write };
const struct bus_ops i8042_cmd_ops = { status_read, command_write };

void
i8042_key(void *dev, unsigned key, bool down)
{
	struct i8042 *c = dev;

	ps2kbd_key(&c->kbd, key, down);
	fill(c);
}

void
i8042_pointer(void *dev, const struct input_pointer *p)
{
	struct i8042 *c = dev;

	ps2mouse_pointer(&c->mouse, p);
	fill(c);
}

bool
i8042_mouse_ready(void *dev)
{
	const struct i8042 *c = dev;

	return (c->mouse.enabled);
}

void
i8042_init(struct i8042 *c, const struct irq_line *kbd, const struct irq_line *aux,
    const struct machine_ctl *ctl)
{
	memset(c, 0, sizeof(*c));
	c->irq_kbd = *kbd;
	c->irq_aux = *aux;
	c->ctl = *ctl;
	c->status = ST_UNLOCKED;
	c->mode = MODE_KBD_IRQ | MODE_AUX_IRQ;
	c->answer = -1;
	ps2kbd_reset(&c->kbd);
	ps2mouse_reset(&c->mouse);
}

/* --- state --- */

STATE_TYPE(queue_type, struct ps2_queue, PS2_QUEUE_STATE, "ps2-queue", 1);

#define KBD_STATE(F, T)                 \
	F(T, out, PART, queue_type)     \
	F(T, command, SAVED, STATE_ANY) \
	F(T, set, SAVED, 2)             \
	F(T, leds, SAVED, STATE_ANY)    \
	F(T, scanning, SAVED, 1)        \
	F(T, last, SAVED, STATE_ANY)
STATE_TYPE(kbd_type, struct ps2kbd, KBD_STATE, "ps2-keyboard", 1);

#define MOUSE_STATE(F, T)                  \
	F(T, out, PART, queue_type)        \
	F(T, command, SAVED, STATE_ANY)    \
	F(T, id, SAVED, 3)                 \
	F(T, rates, ARRAY, STATE_ANY)      \
	F(T, rate, SAVED, STATE_ANY)       \
	F(T, resolution, SAVED, STATE_ANY) \
	F(T, streaming, SAVED, 1)          \
	F(T, enabled, SAVED, 1)            \
	F(T, scaling, SAVED, 1)            \
	F(T, wrap, SAVED, 1)               \
	F(T, buttons, SAVED, STATE_ANY)    \
	F(T, sent, SAVED, STATE_ANY)       \
	F(T, dx, SAVED, STATE_ANY)         \
	F(T, dy, SAVED, STATE_ANY)         \
	F(T, dz, SAVED, STATE_ANY)         \
	F(T, placed, SAVED, 1)             \
	F(T, px, SAVED, STATE_ANY)         \
	F(T, py, SAVED, STATE_ANY)         \
	F(T, last, SAVED, STATE_ANY)
STATE_TYPE(mouse_type, struct ps2mouse, MOUSE_STATE, "ps2-mouse", 1);

/* The lines follow the output buffer. */
#define I8042_STATE(F, T)               \
	F(T, irq_kbd, OWNS, 0)          \
	F(T, irq_aux, OWNS, 0)          \
	F(T, ctl, OWNS, 0)              \
	F(T, kbd, PART, kbd_type)       \
	F(T, mouse, PART, mouse_type)   \
	F(T, status, SAVED, STATE_ANY)  \
	F(T, mode, SAVED, STATE_ANY)    \
	F(T, command, SAVED, STATE_ANY) \
	F(T, out, SAVED, STATE_ANY)     \
	F(T, answer, SAVED, STATE_ANY)  \
	F(T, answer_aux, SAVED, 1)      \
	F(T, kbd_up, OWN, 0)            \
	F(T, aux_up, OWN, 0)            \
	F(T, released, SAVED, 1)
STATE_TYPE(i8042_type, struct i8042, I8042_STATE, "i8042", 1);

static bool
moved_ok(int32_t d)
{
	return (d >= -PS2_PENDING_MAX && d <= PS2_PENDING_MAX);
}

int
i8042_state(struct i8042 *c, struct state *st)
{
	const struct ps2mouse *m = &c->mouse;

	if (state_struct(st, &i8042_type, c) < 0 || !st->loading)
		return (st->rc);
	if (c->answer < -1 || c->answer > 0xff || c->kbd.set < 1 || !moved_ok(m->dx) ||
	    !moved_ok(m->dy) || !moved_ok(m->dz))
		return (state_refuse(st, EINVAL, "a byte or a way that cannot be"));
	update_irq(c);
	return (0);
}
