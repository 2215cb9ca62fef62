/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio console (virtio 1.2, 5.3): up to 16 named ports, each a line of bytes between the guest
 * and one chardev; port 0 is the guest's console (hvc0) where that is asked for.
 *
 * Nothing is kept here: bytes wait in the chardev or in the guest's own buffers until the other
 * side takes them, so none is lost while a peer is there; without one the guest's bytes are
 * dropped (bhyve's rule). The guest is told when a peer comes and goes. What it still has to be told
 * about a port is a set of bits and not a list, so that a guest that does not listen costs nothing.
 * Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_CONSOLE_H
#define ZHYVE_DEVICES_VIRTIO_CONSOLE_H

#include "devices/chardev.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_CONSOLE_PORTS_MAX   16 /* as in bhyve */
#define VIRTIO_CONSOLE_NAME_MAX    64 /* end byte included */
#define VIRTIO_CONSOLE_CONFIG_LEN  8
#define VIRTIO_CONSOLE_F_SIZE      (1ull << 0)
#define VIRTIO_CONSOLE_F_MULTIPORT (1ull << 1)

enum {
	VIRTIO_CONSOLE_CTRL_RX = 2, /* to the guest */
	VIRTIO_CONSOLE_CTRL_TX = 3
};

struct virtio_console_port {
	struct virtio_console *con;
	unsigned id;
	char name[VIRTIO_CONSOLE_NAME_MAX];
	struct chardev *chr;
	unsigned pending; /* what the guest is to be told */
	bool ready;       /* the driver has made the port */
	bool guest_open;  /* somebody in the guest has it open */
	/* A chain of the guest's that waits: to be filled; to be sent from tx_off on. */
	struct vq_chain rx, tx;
	bool rx_held, tx_held;
	uint64_t tx_off; /* of the next one that is taken, while none is held */
};

struct virtio_console {
	struct virtio_dev vd;
	uint8_t config[VIRTIO_CONSOLE_CONFIG_LEN];
	bool console;        /* port 0 is a console ... */
	uint16_t cols, rows; /* ... of this size; 0: not known */
	unsigned nports;
	struct virtio_console_port port[VIRTIO_CONSOLE_PORTS_MAX];
	struct vq_chain ctrl;
};

/*
 * A device of `nports` ports; names and chardevs follow by virtio_console_port, one for each
 * port, before it is used. With `console` port 0 is one, of cols x rows characters (0: not known).
 * 0, -EINVAL, -ENOMEM.
 */
int virtio_console_init(struct virtio_console *con, const struct gmem *gm, unsigned nports,
    bool console, uint16_t cols, uint16_t rows);
/* The chardev outlives the device and serves this port alone. 0, or -EINVAL for a name too long. */
int virtio_console_port(
    struct virtio_console *con, unsigned id, const char *name, struct chardev *chr);
void virtio_console_destroy(struct virtio_console *con);

#endif
