/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio-input (virtio 1.2, 5.8) in the simulator. Oracle of its own: the guest gets the events that
 * happened, in their order, each once; a group for which there is no room is dropped whole.
 */
#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "devices/virtio/input.h"
#include "vdrv.h"

#define EVENT_LEN 8u
#define ROOM      7u /* what a group may need (input.c) */

struct actor {
	struct vdrv v;
	struct virtio_input in;
	enum virtio_input_kind kind;
	struct input_sink sink;
	/* What the guest is still to get. */
	uint8_t event[VIRTIO_INPUT_EVENTS][EVENT_LEN];
	unsigned count;
	uint8_t buttons;
};

static struct actor *
actor_of(struct sim *s)
{
	return (s->priv);
}

static void
want(struct actor *a, uint16_t type, uint16_t code, uint32_t value)
{
	uint8_t *e = a->event[a->count++];

	le16_put(e, type);
	le16_put(e + 2, code);
	le32_put(e + 4, value);
}

static void
op_key(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);
	unsigned key = prng_range(r, 1, INPUT_KEY_MAX);
	bool down = prng_one_in(r, 2);

	if (a->sink.key == NULL)
		return;
	sim_say(s, "key %u", key);
	if (VIRTIO_INPUT_EVENTS - a->count >= ROOM) {
		want(a, 1, (uint16_t)key, down);
		want(a, 0, 0, 0);
	}
	sim_enter(s);
	a->sink.key(a->sink.dev, key, down);
	sim_leave(s);
}

static void
op_pointer(struct sim *s, struct prng *r)
{
	static const struct {
		uint8_t bit;
		uint16_t code;
	} button[] = { { INPUT_LEFT, 0x110 }, { INPUT_RIGHT, 0x111 }, { INPUT_MIDDLE, 0x112 } };
	struct actor *a = actor_of(s);
	struct input_pointer p = { .x = (uint16_t)prng_below(r, 1000),
		.y = (uint16_t)prng_below(r, 1000),
		.buttons = (uint8_t)prng_below(r, 8),
		.wheel = (int8_t)(prng_below(r, 3) - 1) };

	if (a->sink.pointer == NULL)
		return;
	sim_say(s, "pointer");
	if (VIRTIO_INPUT_EVENTS - a->count >= ROOM) {
		want(a, 3, 0, p.x);
		want(a, 3, 1, p.y);
		for (unsigned i = 0; i < NITEMS(button); i++)
			if (((p.buttons ^ a->buttons) & button[i].bit) != 0)
				want(a, 1, button[i].code, (p.buttons & button[i].bit) != 0);
		if (p.wheel != 0)
			want(a, 2, 8, (uint32_t)(int32_t)p.wheel);
		want(a, 0, 0, 0);
		a->buttons = p.buttons;
	}
	sim_enter(s);
	a->sink.pointer(a->sink.dev, &p);
	sim_leave(s);
}

/* More at a time than a driver may have buffers for. */
static void
op_burst(struct sim *s, struct prng *r)
{
	for (unsigned i = prng_range(r, 5, 60); i > 0; i--) {
		op_key(s, r);
		op_pointer(s, r);
	}
}

static void
used(struct sim *s, struct vreq *req, uint32_t len)
{
	struct actor *a = actor_of(s);
	uint32_t want_len = MIN(req->wlen, EVENT_LEN);
	uint8_t got[EVENT_LEN];

	if (req->queue != 0) {
		if (len != 0)
			sim_fail(s, "used", "%u bytes written to a buffer of lights", len);
		return;
	}
	if (a->count == 0)
		sim_fail(s, "data", "an event that did not happen");
	if (len != want_len)
		sim_fail(s, "used", "%u bytes instead of %u", len, want_len);
	vdrv_get(s, req, true, 0, got, len);
	if (memcmp(got, a->event[0], len) != 0)
		sim_fail(s, "data", "another event than the one that is due");
	memmove(a->event[0], a->event[1], --a->count * sizeof(a->event[0]));
}

static void
op_buffer(struct sim *s, struct prng *r)
{
	struct vseg seg[VSEG_MAX];
	unsigned n = 0;

	if (!vdrv_want(s, r))
		return;
	for (unsigned i = prng_range(r, 1, 4); i > 0; i--) {
		n = vdrv_buffer(
		    s, r, seg, prng_one_in(r, 8) ? prng_range(r, 1, 20) : EVENT_LEN, true, 2);
		(void)vdrv_submit(s, r, 0, seg, n);
	}
	if (!prng_one_in(r, 3))
		vdrv_kick(s, r, 0, false);
}

static void
op_light(struct sim *s, struct prng *r)
{
	struct vseg seg[VSEG_MAX];
	unsigned n;

	if (!vdrv_want(s, r))
		return;
	n = vdrv_buffer(s, r, seg, EVENT_LEN, false, 2);
	if (vdrv_submit(s, r, 1, seg, n) != NULL && !prng_one_in(r, 3))
		vdrv_kick(s, r, 1, false);
}

/* What the driver asks the device about itself. */
static void
op_select(struct sim *s, struct prng *r)
{
	static const uint8_t what[] = { 0, 1, 3, 0x11, 0x12, 0x77 };
	uint8_t size;

	sim_bar_write(s, 0, V_CONFIG, 1, what[prng_below(r, NITEMS(what))]);
	sim_bar_write(s, 0, V_CONFIG + 1, 1, prng_below(r, 6));
	size = (uint8_t)sim_bar_read(s, 0, V_CONFIG + 2, 1);
	if (s->mapped[0] && size > 128)
		sim_fail(s, "data", "an answer of %u bytes, where 128 have room", size);
}

static bool
end_one(struct sim *s, struct prng *r)
{
	return (false);
}

static bool
drains(struct sim *s, unsigned queue)
{
	return (queue != 0 || actor_of(s)->count > 0);
}

/* What was not fetched before is no business of the next driver. */
static void
came_up(struct sim *s)
{
	actor_of(s)->count = 0;
	actor_of(s)->buttons = 0;
}

static void
make(struct actor *a, struct sim *s)
{
	int rc = virtio_input_init(&a->in, &s->gm, a->kind);

	assert(rc == 0);
	(void)rc;
	virtio_input_sink(&a->in, &a->sink);
}

static void
remake(struct sim *s)
{
	struct actor *a = actor_of(s);

	virtio_input_destroy(&a->in);
	memset(&a->in, SIM_JUNK, sizeof(a->in));
	make(a, s);
}

static const struct vdrv_ops ops = {
	.used = used,
	.end_one = end_one,
	.drains = drains,
	.came_up = came_up,
	.remake = remake,
};

static void
start(struct sim *s, struct prng *r)
{
	struct actor *a = actor_of(s);

	a->kind = prng_one_in(r, 2) ? VIRTIO_INPUT_TABLET : VIRTIO_INPUT_KEYBOARD;
	make(a, s);
	vdrv_start(s, &a->in.vd, &ops, r);
}

static void
finish(struct sim *s)
{
	vdrv_finish(s);
	virtio_input_destroy(&actor_of(s)->in);
}

static const struct sim_op op_table[] = {
	{ "key", 15, op_key },
	{ "pointer", 15, op_pointer },
	{ "burst", 2, op_burst },
	{ "buffer", 20, op_buffer },
	{ "light", 8, op_light },
	{ "select", 4, op_select },
	VDRV_OPS(3),
};

const struct sim_actor actor_input = {
	.name = "virtio-input",
	.size = sizeof(struct actor),
	.op = op_table,
	.nops = NITEMS(op_table),
	.start = start,
	.finish = finish,
	.before = vdrv_before,
	.after = vdrv_after,
};
