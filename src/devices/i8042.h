/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The keyboard controller of a PC (Intel 8042 as IBM programmed it: PS/2 Hardware Interface
 * Technical Reference, "Keyboard and Auxiliary Device Controller"), with keyboard and mouse
 * attached (ps2.h): ports 0x60 and 0x64, IRQ 1 and 12. A machine without a display has none; its
 * ISA bridge (lpc.h) answers probing instead. Pure (device.h); runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_I8042_H
#define ZHYVE_DEVICES_I8042_H

#include "devices/bus.h"
#include "devices/ps2.h"

#define I8042_PORT_DATA 0x60
#define I8042_PORT_CMD  0x64
#define I8042_IRQ_KBD   1
#define I8042_IRQ_AUX   12

struct i8042 {
	struct irq_line irq_kbd, irq_aux;
	struct machine_ctl ctl;
	struct ps2kbd kbd;
	struct ps2mouse mouse;
	uint8_t status;
	uint8_t mode;        /* the "command byte" */
	uint8_t command;     /* waits for its byte on 0x60, 0: none */
	uint8_t out;         /* the output buffer */
	int answer;          /* the controller's own next byte, -1: none */
	bool answer_aux;     /* ... as if it came from the mouse */
	bool kbd_up, aux_up; /* the lines */
	bool released;       /* translating: 0xF0 has gone by */
};

void i8042_init(struct i8042 *c, const struct irq_line *kbd, const struct irq_line *aux,
    const struct machine_ctl *ctl);
/* Events from devices/input.h: fit struct input_sink, `dev` is the struct i8042. */
void i8042_key(void *dev, unsigned key, bool down);
void i8042_pointer(void *dev, const struct input_pointer *p);
bool i8042_mouse_ready(void *dev);
/* Handlers for one port each. */
extern const struct bus_ops i8042_data_ops, i8042_cmd_ops;

struct state;
/* Save or load controller, keyboard and mouse (state.h). Loading is for one that is fresh. */
int i8042_state(struct i8042 *c, struct state *st);

#endif
