/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where keys and pointer movements go: from whoever has them (the display's clients, tests) to the
 * devices that show them to the guest (PS/2 keyboard and mouse, USB tablet). Devices register as
 * sinks; the router gives each event to one of them.
 *
 * Keys are numbered as Linux does (its input-event-codes.h, KEY_*): a place on the keyboard, not a
 * character. The pointer is absolute; a device with relative movement makes differences of it.
 * Pure (device.h); runs in zhyve. Events come from one thread, the event loop's.
 */
#ifndef ZHYVE_DEVICES_INPUT_H
#define ZHYVE_DEVICES_INPUT_H

#include "devices/device.h"

#define INPUT_KEY_MAX   0xff   /* the highest key there is */
#define INPUT_ABS_MAX   0x7fff /* x and y are 0 to this, from the picture's top left */
#define INPUT_SINKS_MAX 8

/* Buttons held down. */
#define INPUT_LEFT   0x01
#define INPUT_MIDDLE 0x02
#define INPUT_RIGHT  0x04

struct input_pointer {
	uint16_t x, y;   /* 0 to INPUT_ABS_MAX */
	uint16_t px, py; /* the same place in pixels of the picture */
	uint8_t buttons; /* INPUT_LEFT and so on */
	int8_t wheel;    /* steps since the last event, away from the user positive */
};

/* For devices that are saved (state.h). */
#define INPUT_POINTER_STATE(F, T)       \
	F(T, x, SAVED, STATE_ANY)       \
	F(T, y, SAVED, STATE_ANY)       \
	F(T, px, SAVED, STATE_ANY)      \
	F(T, py, SAVED, STATE_ANY)      \
	F(T, buttons, SAVED, STATE_ANY) \
	F(T, wheel, SAVED, STATE_ANY)

/* One device that takes events. Called with `lock` held. */
struct input_sink {
	const char *name;
	/* A key (1 to INPUT_KEY_MAX) goes down, is repeated (down again) or up. NULL: no keys. */
	void (*key)(void *dev, unsigned key, bool down);
	/* NULL: no pointer. */
	void (*pointer)(void *dev, const struct input_pointer *p);
	/* Whether the guest has set the device up and listens (NULL: always). */
	bool (*ready)(void *dev);
	void *dev;
	struct lock *lock; /* base/lock.h; NULL in tests */
	unsigned priority; /* of those that are ready the highest gets the event */
};

#define INPUT_PRIORITY_PS2 1
#define INPUT_PRIORITY_USB \
	10 /* a tablet knows where the pointer is, a mouse only how far it went */
#define INPUT_PRIORITY_VIRTIO 20 /* what the guest has a driver of its own for */

/* Zeroed: no sinks. */
struct input_router {
	const struct input_sink *sink[INPUT_SINKS_MAX];
	unsigned nsinks;
	/* Who got the pointer last: its buttons are released before another gets it. */
	const struct input_sink *pointing;
	struct input_pointer last;
	/* Who got each key that is down: its release goes to the same. */
	const struct input_sink *holder[INPUT_KEY_MAX + 1];
};

/*
 * Enter a sink, which stays the caller's and must live as long as the router. Before any event. 0
 * or -ENOSPC.
 */
int input_add(struct input_router *r, const struct input_sink *s);
/* Events without a device that wants them, and keys that do not exist, are dropped. */
void input_key(struct input_router *r, unsigned key, bool down);
void input_pointer(struct input_router *r, const struct input_pointer *p);
/* The client is gone: every key and button that is down goes up. */
void input_release_all(struct input_router *r);

#endif
