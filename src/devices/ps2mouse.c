/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PS/2 mouse: see ps2.h. It tells differences of where the client's pointer is, in pixels;
 * scaling and resolution are remembered and change nothing. Pure; runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "devices/ps2.h"

enum mouse_command {
	MOUSE_SCALE1 = 0xE6,
	MOUSE_SCALE2 = 0xE7,
	MOUSE_RESOLUTION = 0xE8,
	MOUSE_STATUS = 0xE9,
	MOUSE_STREAM = 0xEA,
	MOUSE_READ = 0xEB,
	MOUSE_UNWRAP = 0xEC,
	MOUSE_WRAP = 0xEE,
	MOUSE_REMOTE = 0xF0,
	MOUSE_IDENTIFY = 0xF2,
	MOUSE_RATE = 0xF3,
	MOUSE_ENABLE = 0xF4,
	MOUSE_DISABLE = 0xF5,
	MOUSE_DEFAULTS = 0xF6,
	MOUSE_RESEND = 0xFE,
	MOUSE_RESET = 0xFF
};

#define MOUSE_ACK      0xFA
#define MOUSE_NAK      0xFE
#define MOUSE_SELFTEST 0xAA
#define ID_WHEEL       3
#define STEP_MAX       255 /* of a packet: nine bits with sign, no overflow */
#define WHEEL_MAX      7

static void
put1(struct ps2mouse *m, uint8_t val)
{
	(void)ps2_put(&m->out, &val, 1);
}

static void
defaults(struct ps2mouse *m)
{
	m->rate = 100;
	m->resolution = 2;
	m->streaming = true;
	m->enabled = m->scaling = m->wrap = false;
	m->command = 0;
	m->dx = m->dy = m->dz = 0;
}

void
ps2mouse_reset(struct ps2mouse *m)
{
	memset(m, 0, sizeof(*m));
	defaults(m);
}

static int32_t
take(int32_t *pending, int32_t max)
{
	int32_t step = MAX(-max, MIN(*pending, max));

	*pending -= step;
	return (step);
}

/* One packet of what has not been told. False: no room. */
static bool
put_packet(struct ps2mouse *m)
{
	unsigned len = m->id == ID_WHEEL ? 4 : 3;
	int32_t dx, dy, dz;
	uint8_t p[4];

	if (len > PS2_QUEUE - m->out.n)
		return (false);
	dx = take(&m->dx, STEP_MAX);
	dy = -take(&m->dy, STEP_MAX); /* upward is positive to the mouse */
	dz = -take(&m->dz, WHEEL_MAX);
	p[0] = (uint8_t)(0x08 | m->buttons | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0));
	p[1] = (uint8_t)dx;
	p[2] = (uint8_t)dy;
	p[3] = (uint8_t)dz;
	m->sent = m->buttons;
	return (ps2_put(&m->out, p, len));
}

/* Tell the guest, as far as it reads. */
static void
report(struct ps2mouse *m)
{
	if (m->id != ID_WHEEL)
		m->dz = 0;
	while (m->enabled && m->streaming && m->command == 0 && m->out.n < PS2_QUEUE / 4 &&
	    (m->dx != 0 || m->dy != 0 || m->dz != 0 || m->buttons != m->sent)) {
		if (!put_packet(m))
			break;
	}
}

/* The knock: three sample rates in a row. */
static void
set_rate(struct ps2mouse *m, uint8_t rate)
{
	static const uint8_t knock[3] = { 200, 100, 80 };

	m->rate = rate;
	m->rates[0] = m->rates[1];
	m->rates[1] = m->rates[2];
	m->rates[2] = rate;
	if (memcmp(m->rates, knock, sizeof(knock)) == 0)
		m->id = ID_WHEEL;
}

static void
put_status(struct ps2mouse *m)
{
	/* Buttons in the order right, middle, left. */
	uint8_t b =
	    (uint8_t)((m->buttons & 2) >> 1 | (m->buttons & 4) >> 1 | (m->buttons & 1) << 2);
	const uint8_t status[] = {
		MOUSE_ACK,
		(uint8_t)(b | (m->scaling ? 0x10 : 0) | (m->enabled ? 0x20 : 0) |
		    (m->streaming ? 0 : 0x40)),
		m->resolution,
		m->rate,
	};

	(void)ps2_put(&m->out, status, sizeof(status));
}

/* Commands that answer with more than that they were understood. True: it was one. */
static bool
command_answered(struct ps2mouse *m, uint8_t val)
{
	static const uint8_t passed[] = { MOUSE_ACK, MOUSE_SELFTEST, 0 };

	switch (val) {
	case MOUSE_STATUS:
		put_status(m);
		return (true);
	case MOUSE_READ:
		put1(m, MOUSE_ACK);
		(void)put_packet(m);
		return (true);
	case MOUSE_IDENTIFY:
		put1(m, MOUSE_ACK);
		put1(m, m->id);
		return (true);
	case MOUSE_RESEND:
		put1(m, m->last);
		return (true);
	case MOUSE_RESET:
		ps2mouse_reset(m);
		(void)ps2_put(&m->out, passed, sizeof(passed));
		return (true);
	default:
		return (false);
	}
}

static void
command(struct ps2mouse *m, uint8_t val)
{
	switch (val) {
	case MOUSE_SCALE1:
	case MOUSE_SCALE2:
		m->scaling = val == MOUSE_SCALE2;
		break;
	case MOUSE_RESOLUTION:
	case MOUSE_RATE:
		m->command = val;
		break;
	case MOUSE_STREAM:
	case MOUSE_REMOTE:
		m->streaming = val == MOUSE_STREAM;
		break;
	case MOUSE_WRAP:
	case MOUSE_UNWRAP:
		m->wrap = val == MOUSE_WRAP;
		break;
	case MOUSE_ENABLE:
	case MOUSE_DISABLE:
		m->enabled = val == MOUSE_ENABLE;
		break;
	case MOUSE_DEFAULTS:
		defaults(m);
		break;
	default:
		put1(m, MOUSE_NAK);
		return;
	}
	put1(m, MOUSE_ACK);
}

void
ps2mouse_write(struct ps2mouse *m, uint8_t val)
{
	uint8_t waiting = m->command;

	if (m->wrap && val != MOUSE_UNWRAP && val != MOUSE_RESET) {
		put1(m, val);
		return;
	}
	m->command = 0;
	m->out = (struct ps2_queue){ .n = 0 }; /* a command ends what was being sent */
	if (waiting != 0 && val < MOUSE_SCALE1) {
		if (waiting == MOUSE_RATE)
			set_rate(m, val);
		else
			m->resolution = val & 3;
		put1(m, MOUSE_ACK);
	} else if (!command_answered(m, val)) {
		command(m, val);
	}
	report(m);
}

int
ps2mouse_read(struct ps2mouse *m)
{
	int val = ps2_get(&m->out);

	if (val >= 0)
		m->last = (uint8_t)val;
	report(m);
	return (val);
}

static void
move(int32_t *pending, int32_t by)
{
	*pending = MAX(-PS2_PENDING_MAX, MIN(*pending + by, PS2_PENDING_MAX));
}

void
ps2mouse_pointer(struct ps2mouse *m, const struct input_pointer *p)
{
	if (m->placed) {
		move(&m->dx, p->px - m->px);
		move(&m->dy, p->py - m->py);
	}
	m->placed = true;
	m->px = p->px;
	m->py = p->py;
	move(&m->dz, p->wheel);
	m->buttons = (uint8_t)(((p->buttons & INPUT_LEFT) != 0 ? 1 : 0) |
	    ((p->buttons & INPUT_RIGHT) != 0 ? 2 : 0) | ((p->buttons & INPUT_MIDDLE) != 0 ? 4 : 0));
	report(m);
}
