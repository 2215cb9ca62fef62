/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio input device: see input.h. Types and codes of events are Linux's. Runs in zhyve. */
#include "devices/virtio/input.h"

#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

#define TYPE_INPUT  18
#define QUEUE_EVENT 0
#define QUEUE_LIGHT 1
#define QUEUE_SIZE  64
#define EVENT_LEN   8u

/* Configuration: 5.8.4 */
#define CFG_SELECT  0
#define CFG_SUBSEL  1
#define CFG_SIZE    2
#define CFG_DATA    8
#define ID_NAME     0x01
#define ID_DEVIDS   0x03
#define EV_BITS     0x11
#define ABS_INFO    0x12

#define EV_SYN      0
#define EV_KEY      1
#define EV_REL      2
#define EV_ABS      3
#define REL_WHEEL   8
#define ABS_X       0
#define ABS_Y       1
#define BTN_LEFT    0x110
#define BTN_RIGHT   0x111
#define BTN_MIDDLE  0x112
#define BUS_VIRTUAL 6

static void
set_bit(uint8_t *bits, unsigned n)
{
	bits[n / 8] |= (uint8_t)(1u << n % 8);
}

/* Which codes of an event type there are; bytes used. */
static uint8_t
event_bits(const struct virtio_input *in, unsigned type, uint8_t *d)
{
	bool tablet = in->kind == VIRTIO_INPUT_TABLET;

	if (type == EV_KEY && tablet) {
		for (unsigned b = BTN_LEFT; b <= BTN_MIDDLE; b++)
			set_bit(d, b);
		return (BTN_MIDDLE / 8 + 1);
	}
	if (type == EV_KEY) {
		for (unsigned k = 1; k <= INPUT_KEY_MAX; k++)
			set_bit(d, k);
		return (INPUT_KEY_MAX / 8 + 1);
	}
	if (type == EV_ABS && tablet) {
		d[0] = 1u << ABS_X | 1u << ABS_Y;
		return (1);
	}
	if (type == EV_REL && tablet) {
		set_bit(d, REL_WHEEL);
		return (REL_WHEEL / 8 + 1);
	}
	return (0);
}

/* The answer to what the driver has selected. */
static void
answer(struct virtio_input *in)
{
	const char *name =
	    in->kind == VIRTIO_INPUT_TABLET ? "zhyve virtio tablet" : "zhyve virtio keyboard";
	uint8_t sub = in->config[CFG_SUBSEL], *d = &in->config[CFG_DATA], size = 0;

	memset(&in->config[CFG_SIZE], 0, sizeof(in->config) - CFG_SIZE);
	switch (in->config[CFG_SELECT]) {
	case ID_NAME:
		size = (uint8_t)strlen(name);
		memcpy(d, name, size);
		break;
	case ID_DEVIDS:
		le16_put(d, BUS_VIRTUAL);
		le16_put(d + 2, 0x1af4);
		le16_put(d + 4, (uint16_t)(1 + in->kind));
		le16_put(d + 6, 1);
		size = 8;
		break;
	case EV_BITS:
		size = event_bits(in, sub, d);
		break;
	case ABS_INFO:
		if (in->kind != VIRTIO_INPUT_TABLET || sub > ABS_Y)
			break;
		le32_put(d + 4, INPUT_ABS_MAX);
		size = 20;
		break;
	}
	in->config[CFG_SIZE] = size;
}

static void
config_write(struct virtio_dev *vd, uint32_t off, const void *buf, uint32_t len)
{
	struct virtio_input *in = vd->softc;
	const uint8_t *b = buf;

	for (uint32_t i = 0; i < len; i++) {
		if (off + i <= CFG_SUBSEL)
			in->config[off + i] = b[i];
	}
	answer(in);
}

/* --- events --- */

/* As many events as the driver has buffers for. */
static void
give(struct virtio_input *in)
{
	struct virtio_dev *vd = &in->vd;

	while (in->count > 0 && virtio_pop(vd, QUEUE_EVENT, &in->chain)) {
		const struct virtio_input_event *ev = &in->event[in->first];
		uint8_t raw[EVENT_LEN];
		size_t n;

		le16_put(raw, ev->type);
		le16_put(raw + 2, ev->code);
		le32_put(raw + 4, ev->value);
		n = gmem_buf_to_iov(
		    raw, sizeof(raw), in->chain.iov + in->chain.nread, in->chain.nwrite, 0);
		virtq_push(&vd->queue[QUEUE_EVENT], in->chain.head, (uint32_t)n);
		in->first = (in->first + 1) % VIRTIO_INPUT_EVENTS;
		in->count--;
	}
}

static void
deliver(struct virtio_input *in)
{
	struct virtio_dev *vd = &in->vd;

	if (!virtio_running(vd) || !vd->queue[QUEUE_EVENT].enabled)
		return;
	/* A kick is asked for when an event waits for a buffer, and then only. */
	do
		give(in);
	while (in->count > 0 && virtio_running(vd) && virtq_kick_on(&vd->queue[QUEUE_EVENT]));
	virtio_publish(vd, QUEUE_EVENT);
}

static void
put(struct virtio_input *in, uint16_t type, uint16_t code, uint32_t value)
{
	in->event[(in->first + in->count++) % VIRTIO_INPUT_EVENTS] =
	    (struct virtio_input_event){ type, code, value };
}

/* A group has at most this many: three buttons, wheel, two axes, the end. */
#define GROUP_MAX 7

static bool
room(const struct virtio_input *in)
{
	return (VIRTIO_INPUT_EVENTS - in->count >= GROUP_MAX);
}

static void
on_key(void *dev, unsigned key, bool down)
{
	struct virtio_input *in = dev;

	if (!room(in))
		return;
	put(in, EV_KEY, (uint16_t)key, down);
	put(in, EV_SYN, 0, 0);
	deliver(in);
}

static void
on_pointer(void *dev, const struct input_pointer *p)
{
	static const struct {
		uint8_t bit;
		uint16_t code;
	} buttons[] = { { INPUT_LEFT, BTN_LEFT }, { INPUT_RIGHT, BTN_RIGHT },
		{ INPUT_MIDDLE, BTN_MIDDLE } };
	struct virtio_input *in = dev;

	if (!room(in))
		return;
	put(in, EV_ABS, ABS_X, p->x);
	put(in, EV_ABS, ABS_Y, p->y);
	for (size_t i = 0; i < NITEMS(buttons); i++) {
		if (((p->buttons ^ in->last.buttons) & buttons[i].bit) != 0)
			put(in, EV_KEY, buttons[i].code, (p->buttons & buttons[i].bit) != 0);
	}
	if (p->wheel != 0)
		put(in, EV_REL, REL_WHEEL, (uint32_t)(int32_t)p->wheel);
	put(in, EV_SYN, 0, 0);
	in->last = *p;
	deliver(in);
}

static bool
ready(void *dev)
{
	return (virtio_running(&((struct virtio_input *)dev)->vd));
}

static void
notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_input *in = vd->softc;
	unsigned round = 0;

	if (queue == QUEUE_EVENT) {
		deliver(in);
		return;
	}
	do {
		for (unsigned n = 0; n < QUEUE_SIZE && virtio_pop(vd, queue, &in->chain); n++)
			virtq_push(&vd->queue[queue], in->chain.head, 0);
		virtio_publish(vd, queue);
	} while (virtio_another_round(vd, queue, round++));
}

/* What a driver before has not fetched is no business of the next. */
static void
start(struct virtio_dev *vd)
{
	struct virtio_input *in = vd->softc;

	in->first = in->count = 0;
	in->last = (struct input_pointer){ 0 };
}

#define EVENT_STATE(F, T)            \
	F(T, type, SAVED, STATE_ANY) \
	F(T, code, SAVED, STATE_ANY) \
	F(T, value, SAVED, STATE_ANY)
STATE_TYPE(event_type, struct virtio_input_event, EVENT_STATE, "input-event", 1);

STATE_TYPE(pointer_type, struct input_pointer, INPUT_POINTER_STATE, "input-pointer", 1);

/* The answer in the configuration follows from the question. */
#define INPUT_STATE(F, T)                           \
	F(T, vd, OWNS, 0)                           \
	F(T, kind, SAME, STATE_ANY)                 \
	F(T, chain, OWNS, 0)                        \
	F(T, config, BYTES, 0)                      \
	F(T, last, PART, pointer_type)              \
	F(T, event, PARTS, event_type)              \
	F(T, first, SAVED, VIRTIO_INPUT_EVENTS - 1) \
	F(T, count, SAVED, VIRTIO_INPUT_EVENTS)
STATE_TYPE(input_type, struct virtio_input, INPUT_STATE, "input", 1);

static int
input_state(struct virtio_dev *vd, struct state *st)
{
	struct virtio_input *in = vd->softc;

	state_struct(st, &input_type, in);
	if (st->rc == 0 && st->loading)
		answer(in);
	return (st->rc);
}

int
virtio_input_init(struct virtio_input *in, const struct gmem *gm, enum virtio_input_kind kind)
{
	static const struct virtio_dev_ops ops = {
		.name = "virtio-input",
		.type = TYPE_INPUT,
		.pci_class = 0x098000, /* input device, other */
		.config_write = config_write,
		.start = start,
		.notify = notify,
		.state = input_state,
	};
	int rc;

	*in = (struct virtio_input){ .kind = kind };
	if ((rc = virtio_init(&in->vd, &ops, in, gm, 2, QUEUE_SIZE)) < 0)
		return (rc);
	in->vd.config = in->config;
	in->vd.config_len = sizeof(in->config);
	if ((rc = vq_chain_init(&in->chain, &in->vd.queue[QUEUE_EVENT])) < 0)
		virtio_input_destroy(in);
	return (rc);
}

void
virtio_input_destroy(struct virtio_input *in)
{
	vq_chain_destroy(&in->chain);
	virtio_destroy(&in->vd);
}

void
virtio_input_sink(struct virtio_input *in, struct input_sink *s)
{
	bool tablet = in->kind == VIRTIO_INPUT_TABLET;

	*s = (struct input_sink){
		.name = tablet ? "virtio tablet" : "virtio keyboard",
		.key = tablet ? NULL : on_key,
		.pointer = tablet ? on_pointer : NULL,
		.ready = ready,
		.dev = in,
		.priority = INPUT_PRIORITY_VIRTIO,
	};
}
