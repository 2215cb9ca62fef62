/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tablet and keyboard: see usb_hid.h. Requests are those of USB 2.0, 9.4, and HID 1.11, 7.2. Pure;
 * runs in zhyve.
 */
#include "devices/usb_hid.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"
#include "devices/usb_hid_tables.h"

#define GET_STATUS        0
#define CLEAR_FEATURE     1
#define SET_FEATURE       3
#define GET_CONFIGURATION 8
#define GET_INTERFACE     10
#define SET_INTERFACE     11
#define HID_GET_REPORT    1
#define HID_GET_IDLE      2
#define HID_GET_PROTOCOL  3
#define HID_SET_REPORT    9
#define HID_SET_IDLE      10
#define HID_SET_PROTOCOL  11

#define TYPE(x)           ((x)&0x7f) /* without the direction */
#define TO_DEVICE         0x00
#define TO_INTERFACE      0x01
#define TO_ENDPOINT       0x02
#define HID_CLASS         0x21 /* class request to an interface */

#define DESC_DEVICE       1
#define DESC_CONFIG       2
#define DESC_STRING       3
#define DESC_HID          0x21
#define DESC_REPORT       0x22

#define TABLET_REPORT     6 /* bytes */
#define KEYBOARD_REPORT   8
#define MODIFIER_FIRST    0xe0

static struct usb_hid *
hid_of(struct usb_dev *d)
{
	return ((struct usb_hid *)d);
}

/* --- what there is to report --- */

static void
put_report(const struct usb_hid *h, uint8_t *buf)
{
	if (h->kind == USB_HID_TABLET) {
		uint8_t b = h->pointer.buttons;

		/* HID counts left, right, middle. */
		buf[0] = (uint8_t)((b & INPUT_LEFT ? 1 : 0) | (b & INPUT_RIGHT ? 2 : 0) |
		    (b & INPUT_MIDDLE ? 4 : 0));
		le16_put(&buf[1], h->pointer.x);
		le16_put(&buf[3], h->pointer.y);
		buf[5] = (uint8_t)h->pointer.wheel;
	} else {
		buf[0] = h->modifiers;
		buf[1] = 0;
		memcpy(&buf[2], h->pressed, sizeof(h->pressed));
	}
}

static size_t
report_len(const struct usb_hid *h)
{
	return (h->kind == USB_HID_TABLET ? TABLET_REPORT : KEYBOARD_REPORT);
}

/* Move to the state after one key. */
static void
press(struct usb_hid *h, uint8_t usage, bool down)
{
	uint8_t *p = h->pressed;

	if (usage >= MODIFIER_FIRST) {
		uint8_t bit = (uint8_t)(1u << (usage - MODIFIER_FIRST));

		h->modifiers = (uint8_t)(down ? h->modifiers | bit : h->modifiers & ~bit);
		return;
	}
	for (unsigned i = 0; i < USB_HID_PRESSED; i++) {
		if (p[i] == usage) {
			if (!down) {
				memmove(p + i, p + i + 1, USB_HID_PRESSED - 1 - i);
				p[USB_HID_PRESSED - 1] = 0;
			}
			return;
		}
		if (p[i] == 0 && down) {
			p[i] = usage;
			return;
		}
	}
}

static bool
hid_has_report(struct usb_dev *d)
{
	return (hid_of(d)->configuration != 0 && hid_of(d)->count > 0);
}

static size_t
hid_report(struct usb_dev *d, uint8_t *buf, size_t len)
{
	struct usb_hid *h = hid_of(d);
	const union usb_hid_event *ev = &h->event[h->first];
	uint8_t report[USB_REPORT_MAX];
	size_t n = MIN(len, report_len(h));

	if (h->count == 0)
		return (0);
	if (h->kind == USB_HID_TABLET)
		h->pointer = ev->pointer;
	else
		press(h, ev->key.usage, ev->key.down);
	h->first = (h->first + 1) % USB_HID_QUEUE;
	h->count--;
	put_report(h, report);
	h->pointer.wheel = 0; /* relative: told once */
	memcpy(buf, report, n);
	return (n);
}

static union usb_hid_event *
queued(struct usb_hid *h, unsigned i)
{
	return (&h->event[(h->first + i) % USB_HID_QUEUE]);
}

static void
on_pointer(void *dev, const struct input_pointer *p)
{
	struct usb_hid *h = dev;
	struct input_pointer *last = h->count > 0 ? &queued(h, h->count - 1)->pointer : NULL;

	/* Only the last of several movements counts; buttons and wheel steps are kept apart. */
	if (last != NULL &&
	    ((last->buttons == p->buttons && last->wheel == 0) || h->count == USB_HID_QUEUE))
		*last = *p;
	else
		queued(h, h->count++)->pointer = *p;
	usb_wakeup(&h->usb);
}

static void
on_key(void *dev, unsigned key, bool down)
{
	struct usb_hid *h = dev;
	uint8_t usage = usb_hid_usage(key);

	if (usage == 0 || h->count == USB_HID_QUEUE)
		return;
	queued(h, h->count)->key.usage = usage;
	queued(h, h->count++)->key.down = down;
	usb_wakeup(&h->usb);
}

static bool
ready(void *dev)
{
	return (((struct usb_hid *)dev)->configuration != 0);
}

/* --- requests --- */

/* A descriptor, or the front part of it that is asked for. */
static int
give(const struct usb_setup *s, uint8_t *data, const void *desc, size_t len)
{
	size_t n = MIN(len, s->length);

	memcpy(data, desc, n);
	return ((int)n);
}

static int
give_string(const struct usb_setup *s, uint8_t *data, const char *text)
{
	uint8_t desc[2 + 2 * 32] = { 0, DESC_STRING };
	size_t n = 0;

	for (; text[n] != '\0' && n < 32; n++)
		le16_put(&desc[2 + 2 * n], (uint16_t)text[n]);
	desc[0] = (uint8_t)(2 + 2 * n);
	return (give(s, data, desc, desc[0]));
}

static int
get_descriptor(const struct usb_hid *h, const struct usb_setup *s, uint8_t *data)
{
	const struct usb_hid_tables *t = &usb_hid_tables[h->kind];

	switch (s->value >> 8) {
	case DESC_DEVICE:
		return (give(s, data, t->device, t->device[0]));
	case DESC_CONFIG:
		return (give(s, data, t->config, le16_get(&t->config[2])));
	case DESC_STRING:
		if ((s->value & 0xff) == 0)
			return (give(s, data, usb_hid_languages, usb_hid_languages[0]));
		if ((s->value & 0xff) > USB_HID_STRINGS)
			return (-1);
		return (give_string(s, data, t->string[(s->value & 0xff) - 1]));
	case DESC_HID:
		return (give(s, data, t->config + USB_HID_DESC_AT, t->config[USB_HID_DESC_AT]));
	case DESC_REPORT:
		return (give(s, data, t->report, t->report_len));
	default:
		return (-1);
	}
}

static int
standard(struct usb_hid *h, const struct usb_setup *s, uint8_t *data)
{
	static const uint8_t zero[2];

	switch (s->request) {
	case GET_STATUS:
		return (give(s, data, zero, 2));
	case USB_GET_DESCRIPTOR:
		return (get_descriptor(h, s, data));
	case GET_CONFIGURATION:
		return (give(s, data, &h->configuration, 1));
	case USB_SET_CONFIGURATION:
		if (s->value > 1)
			return (-1);
		h->configuration = (uint8_t)s->value;
		return (0);
	case GET_INTERFACE:
		return (give(s, data, zero, 1));
	case USB_SET_ADDRESS: /* the controller gives addresses */
	case CLEAR_FEATURE:
	case SET_FEATURE:
	case SET_INTERFACE:
		return (0);
	default:
		return (-1);
	}
}

static int
hid_class(struct usb_hid *h, const struct usb_setup *s, uint8_t *data)
{
	uint8_t report[USB_REPORT_MAX];

	switch (s->request) {
	case HID_GET_REPORT:
		put_report(h, report);
		return (give(s, data, report, report_len(h)));
	case HID_GET_IDLE:
		return (give(s, data, &h->idle, 1));
	case HID_GET_PROTOCOL:
		return (give(s, data, &h->protocol, 1));
	case HID_SET_REPORT: /* the keyboard's lights */
		return (0);
	case HID_SET_IDLE: /* kept; reports come when something changes */
		h->idle = (uint8_t)(s->value >> 8);
		return (0);
	case HID_SET_PROTOCOL: /* both protocols' reports are the same */
		h->protocol = s->value & 1;
		return (0);
	default:
		return (-1);
	}
}

static int
hid_control(struct usb_dev *d, const struct usb_setup *s, uint8_t *data)
{
	switch (TYPE(s->type)) {
	case TO_DEVICE:
	case TO_INTERFACE:
	case TO_ENDPOINT:
		return (standard(hid_of(d), s, data));
	case HID_CLASS:
		return (hid_class(hid_of(d), s, data));
	default:
		return (-1);
	}
}

static void
hid_reset(struct usb_dev *d)
{
	struct usb_hid *h = hid_of(d);

	h->configuration = h->idle = 0;
	h->protocol = 1; /* report protocol */
	h->first = h->count = 0;
	h->pointer = (struct input_pointer){ 0 };
	h->modifiers = 0;
	memset(h->pressed, 0, sizeof(h->pressed));
}

STATE_TYPE(pointer_type, struct input_pointer, INPUT_POINTER_STATE, "input-pointer", 1);

#define HID_STATE(F, T)                       \
	F(T, usb, OWNS, 0)                    \
	F(T, kind, SAME, STATE_ANY)           \
	F(T, configuration, SAVED, STATE_ANY) \
	F(T, idle, SAVED, STATE_ANY)          \
	F(T, protocol, SAVED, STATE_ANY)      \
	F(T, event, BYTES, 0)                 \
	F(T, first, SAVED, USB_HID_QUEUE - 1) \
	F(T, count, SAVED, USB_HID_QUEUE)     \
	F(T, pointer, PART, pointer_type)     \
	F(T, modifiers, SAVED, STATE_ANY)     \
	F(T, pressed, ARRAY, STATE_ANY)
STATE_TYPE(hid_type, struct usb_hid, HID_STATE, "usb-hid", 1);

static int
hid_state(struct usb_dev *d, struct state *st)
{
	struct usb_hid *h = hid_of(d);

	state_struct(st, &hid_type, h);
	/* A bool that is neither may not come to be. */
	for (unsigned i = 0; i < USB_HID_QUEUE && st->loading && h->kind == USB_HID_KEYBOARD; i++)
		if (*(const uint8_t *)&h->event[i].key.down > 1 && st->rc == 0) {
			memset(h->event, 0, sizeof(h->event));
			return (state_refuse(st, EINVAL, "a key is neither down nor up"));
		}
	return (st->rc);
}

void
usb_hid_init(struct usb_hid *h, enum usb_hid_kind kind)
{
	static const struct usb_dev_ops ops = {
		.control = hid_control,
		.has_report = hid_has_report,
		.report = hid_report,
		.reset = hid_reset,
		.state = hid_state,
	};

	*h = (struct usb_hid){ .usb = { .ops = &ops }, .kind = kind };
	hid_reset(&h->usb);
}

void
usb_hid_sink(struct usb_hid *h, struct input_sink *s)
{
	*s = (struct input_sink){
		.name = usb_hid_tables[h->kind].string[1],
		.key = h->kind == USB_HID_KEYBOARD ? on_key : NULL,
		.pointer = h->kind == USB_HID_TABLET ? on_pointer : NULL,
		.ready = ready,
		.dev = h,
		.priority = INPUT_PRIORITY_USB,
	};
}
