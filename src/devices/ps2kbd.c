/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The AT keyboard: see ps2.h. Scan code set 3, and what sets keys one by one, it does not have.
 * Pure; runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "devices/ps2.h"

enum kbd_command {
	KBD_LEDS = 0xED,
	KBD_ECHO = 0xEE,
	KBD_SET = 0xF0,
	KBD_IDENTIFY = 0xF2,
	KBD_RATE = 0xF3,
	KBD_ENABLE = 0xF4,
	KBD_DISABLE = 0xF5,
	KBD_DEFAULTS = 0xF6,
	KBD_RESEND = 0xFE,
	KBD_RESET = 0xFF
};

#define KBD_ACK      0xFA
#define KBD_NAK      0xFE
#define KBD_SELFTEST 0xAA
#define KBD_E0       0x80 /* in set1_high */
#define KBD_BREAK    0xF0 /* set 2 */
#define KEY_PAUSE    119

/* Keys above 83; those to there have their own number as code. */
static const struct {
	uint8_t key, code; /* KEY_*, set 1 with KBD_E0 */
} set1_high[] = {
	{ 85, 0x76 }, { 86, 0x56 }, { 87, 0x57 }, { 88, 0x58 }, /* Zenkaku, 102nd, F11, F12 */
	{ 89, 0x73 }, { 92, 0x79 }, { 93, 0x70 }, { 94, 0x7B }, /* Ro, Henkan, Kana, Muhenkan */
	{ 96, 0x9C }, { 97, 0x9D }, { 98, 0xB5 }, { 99, 0xB7 }, /* KP Enter, RCtrl, KP /, SysRq */
	{ 100, 0xB8 }, { 102, 0xC7 }, { 103, 0xC8 }, { 104, 0xC9 }, /* RAlt, Home, Up, PgUp */
	{ 105, 0xCB }, { 106, 0xCD }, { 107, 0xCF }, { 108, 0xD0 }, /* Left, Right, End, Down */
	{ 109, 0xD1 }, { 110, 0xD2 }, { 111, 0xD3 }, { 113, 0xA0 }, /* PgDn, Ins, Del, Mute */
	{ 114, 0xAE }, { 115, 0xB0 }, { 116, 0xDE }, { 117, 0x59 }, /* Vol-, Vol+, Power, KP = */
	{ 121, 0x7E }, { 124, 0x7D }, { 125, 0xDB }, { 126, 0xDC }, /* KP comma, Yen, Meta */
	{ 127, 0xDD }, { 142, 0xDF }, { 143, 0xE3 },                /* Menu, Sleep, Wake */
};

/* The set 2 code for each of set 1 (and so the controller's translation, backward). */
static const uint8_t set2_of[0x80] = {
	0x00,
	0x76,
	0x16,
	0x1E,
	0x26,
	0x25,
	0x2E,
	0x36,
	0x3D,
	0x3E,
	0x46,
	0x45,
	0x4E,
	0x55,
	0x66,
	0x0D,
	0x15,
	0x1D,
	0x24,
	0x2D,
	0x2C,
	0x35,
	0x3C,
	0x43,
	0x44,
	0x4D,
	0x54,
	0x5B,
	0x5A,
	0x14,
	0x1C,
	0x1B,
	0x23,
	0x2B,
	0x34,
	0x33,
	0x3B,
	0x42,
	0x4B,
	0x4C,
	0x52,
	0x0E,
	0x12,
	0x5D,
	0x1A,
	0x22,
	0x21,
	0x2A,
	0x32,
	0x31,
	0x3A,
	0x41,
	0x49,
	0x4A,
	0x59,
	0x7C,
	0x11,
	0x29,
	0x58,
	0x05,
	0x06,
	0x04,
	0x0C,
	0x03,
	0x0B,
	0x83,
	0x0A,
	0x01,
	0x09,
	0x77,
	0x7E,
	0x6C,
	0x75,
	0x7D,
	0x7B,
	0x6B,
	0x73,
	0x74,
	0x79,
	0x69,
	0x72,
	0x7A,
	0x70,
	0x71,
	0x84,
	0x60,
	0x61,
	0x78,
	0x07,
	0x0F,
	0x17,
	0x1F,
	0x27,
	0x2F,
	0x37,
	0x3F,
	0x47,
	0x4F,
	0x56,
	0x5E,
	0x08,
	0x10,
	0x18,
	0x20,
	0x28,
	0x30,
	0x38,
	0x40,
	0x48,
	0x50,
	0x57,
	0x6F,
	0x13,
	0x19,
	0x39,
	0x51,
	0x53,
	0x5C,
	0x5F,
	0x62,
	0x63,
	0x64,
	0x65,
	0x67,
	0x68,
	0x6A,
	0x6D,
	0x6E,
};

bool
ps2_put(struct ps2_queue *q, const uint8_t *bytes, unsigned n)
{
	if (n > PS2_QUEUE - q->n)
		return (false);
	for (unsigned i = 0; i < n; i++)
		q->byte[(q->head + q->n++) % PS2_QUEUE] = bytes[i];
	return (true);
}

int
ps2_get(struct ps2_queue *q)
{
	int val;

	if (q->n == 0)
		return (-1);
	val = q->byte[q->head];
	q->head = (q->head + 1) % PS2_QUEUE;
	q->n--;
	return (val);
}

uint8_t
ps2kbd_set1(unsigned key)
{
	if (key <= 83)
		return ((uint8_t)key);
	for (size_t i = 0; i < NITEMS(set1_high); i++) {
		if (set1_high[i].key == key)
			return (set1_high[i].code);
	}
	return (0);
}

uint8_t
ps2kbd_translate(uint8_t set2)
{
	for (unsigned i = 1; i < NITEMS(set2_of); i++) {
		if (set2_of[i] == set2)
			return ((uint8_t)i);
	}
	return (set2);
}

unsigned
ps2kbd_key_of_set2(uint8_t code, bool e0)
{
	uint8_t set1 = ps2kbd_translate(code);

	if (set1 == 0 || set1 >= 0x80)
		return (0);
	if (e0)
		set1 |= KBD_E0;
	else if (set1 <= 83)
		return (set1);
	for (size_t i = 0; i < NITEMS(set1_high); i++) {
		if (set1_high[i].code == set1)
			return (set1_high[i].key);
	}
	return (0);
}

static void
put1(struct ps2kbd *k, uint8_t val)
{
	(void)ps2_put(&k->out, &val, 1);
}

static void
defaults(struct ps2kbd *k)
{
	k->set = 2;
	k->leds = 0;
	k->command = 0;
}

void
ps2kbd_reset(struct ps2kbd *k)
{
	memset(k, 0, sizeof(*k));
	defaults(k);
	k->scanning = true;
}

/* What follows a command that takes a byte. */
static void
argument(struct ps2kbd *k, uint8_t val)
{
	uint8_t command = k->command;

	k->command = 0;
	switch (command) {
	case KBD_LEDS:
		k->leds = val & 7;
		break;
	case KBD_SET:
		if (val > 2) {
			put1(k, KBD_NAK);
			return;
		}
		put1(k, KBD_ACK);
		if (val == 0)
			put1(k, k->set);
		else
			k->set = val;
		return;
	default: /* the rate: the client's keyboard repeats keys */
		break;
	}
	put1(k, KBD_ACK);
}

void
ps2kbd_write(struct ps2kbd *k, uint8_t val)
{
	static const uint8_t id[] = { KBD_ACK, 0xAB, 0x83 }, passed[] = { KBD_ACK, KBD_SELFTEST };

	if (k->command != 0 && val < KBD_LEDS) {
		argument(k, val);
		return;
	}
	k->command = 0;
	if (val != KBD_RESEND)
		k->out = (struct ps2_queue){ .n = 0 }; /* a command ends what was being sent */
	switch (val) {
	case KBD_LEDS:
	case KBD_SET:
	case KBD_RATE:
		k->command = val;
		put1(k, KBD_ACK);
		break;
	case KBD_ECHO:
		put1(k, KBD_ECHO);
		break;
	case KBD_IDENTIFY:
		(void)ps2_put(&k->out, id, sizeof(id));
		break;
	case KBD_ENABLE:
		k->scanning = true;
		put1(k, KBD_ACK);
		break;
	case KBD_DISABLE:
	case KBD_DEFAULTS:
		defaults(k);
		k->scanning = val == KBD_DEFAULTS;
		put1(k, KBD_ACK);
		break;
	case KBD_RESEND:
		put1(k, k->last);
		break;
	case KBD_RESET:
		ps2kbd_reset(k);
		(void)ps2_put(&k->out, passed, sizeof(passed));
		break;
	default:
		put1(k, KBD_NAK);
		break;
	}
}

int
ps2kbd_read(struct ps2kbd *k)
{
	int val = ps2_get(&k->out);

	if (val >= 0)
		k->last = (uint8_t)val;
	return (val);
}

/* Pause comes down and up at once, when it goes down. */
static void
send_pause(struct ps2kbd *k)
{
	static const uint8_t set1[] = { 0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5 };
	static const uint8_t set2[] = { 0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77 };

	if (k->set == 1)
		(void)ps2_put(&k->out, set1, sizeof(set1));
	else
		(void)ps2_put(&k->out, set2, sizeof(set2));
}

void
ps2kbd_key(struct ps2kbd *k, unsigned key, bool down)
{
	uint8_t code = ps2kbd_set1(key), seq[3];
	unsigned n = 0;

	if (!k->scanning)
		return;
	if (key == KEY_PAUSE && down)
		send_pause(k);
	if (code == 0)
		return;
	if ((code & KBD_E0) != 0)
		seq[n++] = 0xE0;
	code &= 0x7f;
	if (k->set == 1) {
		seq[n++] = down ? code : code | 0x80;
	} else {
		if (!down)
			seq[n++] = KBD_BREAK;
		seq[n++] = set2_of[code];
	}
	(void)ps2_put(&k->out, seq, n);
}
