/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a serial device asks of its backend: bytes out, bytes in with back-pressure. Implemented
 * by backend/chardev_*.c (stdio, UNIX socket as server, descriptor), and by memory in tests.
 */
#ifndef ZHYVE_DEVICES_CHARDEV_H
#define ZHYVE_DEVICES_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;

struct chardev_ops {
	/*
	 * Hand bytes to the other side; never blocks. Returns how many were taken. Without a peer
	 * all are taken and dropped (bhyve's rule). When fewer than len are taken, `writable` is
	 * called once there is room. A backend may take less than it could, to be handed a longer
	 * run later and save system calls; the first byte after a pause it takes at once.
	 */
	size_t (*write)(struct chardev *c, const uint8_t *buf, size_t len);
	/*
	 * The device has room for `n` more input bytes (0: stop reading). Replaces what earlier
	 * calls granted; each byte given by rx uses up one of it.
	 */
	void (*rx_room)(struct chardev *c, size_t n);
};

struct chardev {
	const struct chardev_ops *ops;
	void *softc;
	/*
	 * Set by the device; called with the device's lock held. rx gets at most what rx_room
	 * granted.
	 */
	void (*rx)(void *dev, const uint8_t *buf, size_t len);
	void (*writable)(void *dev);
	void (*peer)(void *dev, bool there); /* the other side has come or gone; may be NULL */
	void *dev;
	/* Set by the device: it writes runs, not bytes, and they are not to be gathered. */
	bool at_once;
	/* Kept by the backend: somebody is on the other side. */
	bool has_peer;
};

#endif
