/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio input device (virtio 1.2, 5.8): a keyboard, or a tablet with three buttons and a wheel,
 * that shows input.h's events. Events are kept in groups: one for which there is no room is
 * dropped whole. The lights a driver sets are taken and forgotten. Pure; runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_INPUT_H
#define ZHYVE_DEVICES_VIRTIO_INPUT_H

#include "devices/input.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_INPUT_EVENTS 128 /* that wait for the driver's buffers */

enum virtio_input_kind {
	VIRTIO_INPUT_TABLET,
	VIRTIO_INPUT_KEYBOARD
};

struct virtio_input {
	struct virtio_dev vd;
	enum virtio_input_kind kind;
	struct vq_chain chain;
	uint8_t config[8 + 128]; /* 5.8.4 */
	struct input_pointer last;
	struct virtio_input_event {
		uint16_t type, code;
		uint32_t value;
	} event[VIRTIO_INPUT_EVENTS]; /* a ring */
	unsigned first, count;
};

/* 0 or -ENOMEM, -EINVAL. */
int virtio_input_init(struct virtio_input *in, const struct gmem *gm, enum virtio_input_kind kind);
void virtio_input_destroy(struct virtio_input *in);
/* What a sink for the router needs but for its lock, which is the device's. */
void virtio_input_sink(struct virtio_input *in, struct input_sink *s);

#endif
