/* SPDX-License-Identifier: BSD-2-Clause */
/* The router between clients' keys and pointers and the devices: see input.h. Pure; runs in zhyve. */
#include "devices/input.h"

#include <errno.h>

#include "base/lock.h"

int
input_add(struct input_router *r, const struct input_sink *s)
{
	if (r->nsinks == INPUT_SINKS_MAX)
		return (-ENOSPC);
	r->sink[r->nsinks++] = s;
	return (0);
}

static bool
is_ready(const struct input_sink *s)
{
	bool ready;

	if (s->ready == NULL)
		return (true);
	lock_take(s->lock);
	ready = s->ready(s->dev);
	lock_drop(s->lock);
	return (ready);
}

/* The sink for keys, or for the pointer; NULL: nobody listens. */
static const struct input_sink *
choose(const struct input_router *r, bool keys)
{
	const struct input_sink *best = NULL;

	for (unsigned i = 0; i < r->nsinks; i++) {
		const struct input_sink *s = r->sink[i];

		if ((keys ? s->key == NULL : s->pointer == NULL) || !is_ready(s))
			continue;
		if (best == NULL || s->priority > best->priority)
			best = s;
	}
	return (best);
}

static void
give_key(const struct input_sink *s, unsigned key, bool down)
{
	lock_take(s->lock);
	s->key(s->dev, key, down);
	lock_drop(s->lock);
}

static void
give_pointer(const struct input_sink *s, const struct input_pointer *p)
{
	lock_take(s->lock);
	s->pointer(s->dev, p);
	lock_drop(s->lock);
}

void
input_key(struct input_router *r, unsigned key, bool down)
{
	const struct input_sink *s;

	if (key == 0 || key > INPUT_KEY_MAX)
		return;
	s = r->holder[key];
	if (s == NULL) {
		if (!down || (s = choose(r, true)) == NULL)
			return;
	}
	r->holder[key] = down ? s : NULL;
	give_key(s, key, down);
}

static void
release_buttons(struct input_router *r)
{
	if (r->pointing == NULL || r->last.buttons == 0)
		return;
	r->last.buttons = 0;
	r->last.wheel = 0;
	give_pointer(r->pointing, &r->last);
}

void
input_pointer(struct input_router *r, const struct input_pointer *p)
{
	const struct input_sink *s = choose(r, false);

	if (s == NULL || p->x > INPUT_ABS_MAX || p->y > INPUT_ABS_MAX)
		return;
	if (s != r->pointing)
		release_buttons(r);
	r->pointing = s;
	r->last = *p;
	give_pointer(s, p);
}

void
input_release_all(struct input_router *r)
{
	for (unsigned key = 1; key <= INPUT_KEY_MAX; key++) {
		if (r->holder[key] != NULL)
			input_key(r, key, false);
	}
	release_buttons(r);
}
