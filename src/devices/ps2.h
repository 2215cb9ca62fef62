/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sits at the ends of the keyboard controller's two cables: an AT keyboard with the scan code
 * sets 1 and 2, and a mouse that becomes an IntelliMouse (a wheel) for those who knock. IBM
 * Personal System/2 Hardware Interface Technical Reference (keyboard, auxiliary device). Each
 * answers commands and sends through a queue of bytes that the controller (i8042.h) empties; what
 * does not fit is dropped as a whole. Pure (device.h); runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_PS2_H
#define ZHYVE_DEVICES_PS2_H

#include "devices/input.h"

#define PS2_QUEUE       64
#define PS2_PENDING_MAX 8192 /* pixels that a mouse has not told yet */

struct ps2_queue {
	uint8_t byte[PS2_QUEUE];
	unsigned head, n;
};

/* True when all of it went in. */
bool ps2_put(struct ps2_queue *q, const uint8_t *bytes, unsigned n);
/* The next byte, or -1. */
int ps2_get(struct ps2_queue *q);

/* For devices that are saved (state.h). */
#define PS2_QUEUE_STATE(F, T)            \
	F(T, byte, BYTES, 0)             \
	F(T, head, SAVED, PS2_QUEUE - 1) \
	F(T, n, SAVED, PS2_QUEUE)

struct ps2kbd {
	struct ps2_queue out;
	uint8_t command; /* waits for its byte, 0: none */
	uint8_t set;     /* of scan codes, 1 or 2 */
	uint8_t leds;    /* bit 0 scroll, 1 num, 2 caps lock */
	bool scanning;
	uint8_t last; /* byte given, for resend */
};

void ps2kbd_reset(struct ps2kbd *k);
/* A byte from the controller. */
void ps2kbd_write(struct ps2kbd *k, uint8_t val);
/* For the controller: the next byte of the device, or -1. */
int ps2kbd_read(struct ps2kbd *k);
/* A key (devices/input.h). */
void ps2kbd_key(struct ps2kbd *k, unsigned key, bool down);
/*
 * The set 1 code of a key, bit 7: preceded by 0xE0; 0: the keyboard has no such key (Pause, which
 * is a sequence of its own, neither).
 */
uint8_t ps2kbd_set1(unsigned key);
/* The key with this set 2 code, or 0. */
unsigned ps2kbd_key_of_set2(uint8_t code, bool e0);
/* What the controller makes of a set 2 byte when it translates to set 1 (all but 0xF0). */
uint8_t ps2kbd_translate(uint8_t set2);

struct ps2mouse {
	struct ps2_queue out;
	uint8_t command;  /* waits for its byte, 0: none */
	uint8_t id;       /* 0, or 3 with a wheel */
	uint8_t rates[3]; /* the last sample rates, the knock for the wheel */
	uint8_t rate, resolution;
	bool streaming; /* stream mode, not remote */
	bool enabled;   /* reporting */
	bool scaling, wrap;
	uint8_t buttons;    /* in the order of the packet: left, right, middle */
	uint8_t sent;       /* the buttons of the last packet */
	int32_t dx, dy, dz; /* not told yet; y downward */
	bool placed;        /* px, py hold a place */
	uint16_t px, py;    /* of the pointer */
	uint8_t last;
};

void ps2mouse_reset(struct ps2mouse *m);
void ps2mouse_write(struct ps2mouse *m, uint8_t val);
int ps2mouse_read(struct ps2mouse *m);
void ps2mouse_pointer(struct ps2mouse *m, const struct input_pointer *p);

#endif
