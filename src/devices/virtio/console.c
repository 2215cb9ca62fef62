/* SPDX-License-Identifier: BSD-2-Clause */
/* virtio console: see console.h. Refuses buffers of the wrong direction. Runs in zhyve. */
#include "devices/virtio/console.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "devices/state.h"

#define QUEUE_SIZE 64

/* struct virtio_console_config, 5.3.4: cols, rows, max_nr_ports */
#define CFG_COLS  0
#define CFG_ROWS  2
#define CFG_PORTS 4

/* struct virtio_console_control, 5.3.6.2: le32 id, le16 event, le16 value */
#define CTL_LEN          8
#define CTL_DEVICE_READY 0
#define CTL_PORT_ADD     1
#define CTL_PORT_READY   3
#define CTL_CONSOLE      4
#define CTL_RESIZE       5
#define CTL_OPEN         6
#define CTL_NAME         7

/* What a port's guest is to be told, told in this order. */
#define TELL_ADD     (1u << 0)
#define TELL_NAME    (1u << 1)
#define TELL_CONSOLE (1u << 2)
#define TELL_SIZE    (1u << 3)
#define TELL_CLOSE   (1u << 4)
#define TELL_OPEN    (1u << 5)
#define TELL_ALL     ((1u << 6) - 1)

/* Port 0 has the first two queues, the control queues are the next two (5.3.2). */
static unsigned
rx_index(unsigned port)
{
	return (port == 0 ? 0 : 2 + port * 2);
}

static int
port_of(unsigned queue)
{
	return (queue < 2 ? 0 : (int)(queue / 2) - 1);
}

static struct virtq *
rx_queue(const struct virtio_console_port *p)
{
	return (&p->con->vd.queue[rx_index(p->id)]);
}

static struct virtq *
tx_queue(const struct virtio_console_port *p)
{
	return (&p->con->vd.queue[rx_index(p->id) + 1]);
}

static bool
multiport(const struct virtio_console *con)
{
	return (virtio_has(&con->vd, VIRTIO_CONSOLE_F_MULTIPORT));
}

/* --- control --- */

/* The message for one bit; its length. */
static uint32_t
message(const struct virtio_console_port *p, unsigned bit, uint8_t *m)
{
	uint16_t event = CTL_OPEN, value = 1;
	uint32_t len = CTL_LEN;

	switch (bit) {
	case TELL_ADD:
		event = CTL_PORT_ADD;
		break;
	case TELL_NAME:
		event = CTL_NAME;
		memcpy(m + len, p->name, strlen(p->name));
		len += (uint32_t)strlen(p->name);
		break;
	case TELL_CONSOLE:
		event = CTL_CONSOLE;
		break;
	case TELL_SIZE:
		event = CTL_RESIZE;
		le16_put(m + len, p->con->cols);
		le16_put(m + len + 2, p->con->rows);
		len += 4;
		break;
	case TELL_CLOSE:
		value = 0;
		break;
	}
	le32_put(m, p->id);
	le16_put(m + 4, event);
	le16_put(m + 6, value);
	return (len);
}

/* Tell what there is to be told of a port, as far as the guest has buffers. False: it has none. */
static bool
tell_port(struct virtio_console_port *p)
{
	struct virtio_console *con = p->con;
	struct vq_chain *c = &con->ctrl;
	uint8_t m[CTL_LEN + VIRTIO_CONSOLE_NAME_MAX];

	while (p->pending != 0) {
		unsigned bit = p->pending & -p->pending;
		uint32_t len = message(p, bit, m);

		if (!virtio_pop(&con->vd, VIRTIO_CONSOLE_CTRL_RX, c))
			return (false);
		if (c->nread != 0 || c->write_len < len) {
			virtio_needs_reset(
			    &con->vd, "console control buffer too small or readable");
			return (false);
		}
		(void)gmem_buf_to_iov(m, len, c->iov, c->nwrite, 0);
		virtq_push(&con->vd.queue[VIRTIO_CONSOLE_CTRL_RX], c->head, len);
		p->pending &= ~bit;
	}
	return (true);
}

static void
tell(struct virtio_console *con)
{
	struct virtq *q = &con->vd.queue[VIRTIO_CONSOLE_CTRL_RX];
	bool more;

	if (!virtio_running(&con->vd) || !multiport(con) || !q->enabled)
		return;
	virtq_kick_off(q);
	do {
		more = false;
		for (unsigned i = 0; i < con->nports && !more; i++)
			more = !tell_port(&con->port[i]);
		/* Kicks are of use only to a device that waits for buffers. */
	} while (more && virtio_running(&con->vd) && virtq_kick_on(q));
	virtio_publish(&con->vd, VIRTIO_CONSOLE_CTRL_RX);
}

/* --- to the guest --- */

/* Have a buffer of the guest's ready, and let the other side send as much as fits into it. */
static void
rx_ready(struct virtio_console_port *p)
{
	struct virtio_dev *vd = &p->con->vd;
	unsigned queue = rx_index(p->id);

	if (!p->guest_open || p->rx_held)
		return;
	while (!p->rx_held && virtio_running(vd)) {
		p->rx_held = virtio_pop(vd, queue, &p->rx);
		if (!p->rx_held && !virtq_kick_on(rx_queue(p)))
			return;
	}
	if (!p->rx_held)
		return;
	virtq_kick_off(rx_queue(p));
	if (p->rx.nread != 0) {
		virtio_needs_reset(vd, "console receive buffer that is readable");
		return;
	}
	p->chr->ops->rx_room(p->chr, p->rx.write_len);
}

static void
from_peer(void *dev, const uint8_t *buf, size_t len)
{
	struct virtio_console_port *p = dev;
	size_t n;

	/* Held while room is granted; a device that stands still has been given the last of it. */
	if (!p->rx_held || !virtio_running(&p->con->vd))
		return;
	n = gmem_buf_to_iov(buf, len, p->rx.iov, p->rx.nwrite, 0);
	p->rx_held = false;
	virtq_push(rx_queue(p), p->rx.head, (uint32_t)n);
	virtio_publish(&p->con->vd, rx_index(p->id));
	rx_ready(p);
	if (!p->rx_held)
		p->chr->ops->rx_room(p->chr, 0);
}

static void
set_guest_open(struct virtio_console_port *p, bool open)
{
	p->guest_open = open;
	if (!open)
		p->chr->ops->rx_room(p->chr, 0);
	else if (p->rx_held)
		p->chr->ops->rx_room(p->chr, p->rx.write_len);
	else
		rx_ready(p);
}

/* The guest is to be told whether a peer is there. */
static void
note_peer(struct virtio_console_port *p, bool there)
{
	if (!p->ready || !multiport(p->con))
		return;
	if (there) {
		p->pending |= TELL_OPEN;
	} else {
		/* Of a peer that it has not heard of, it need not hear that it is gone. */
		p->pending |= (p->pending & TELL_OPEN) == 0 ? TELL_CLOSE : 0;
		p->pending &= ~TELL_OPEN;
	}
}

static void
peer_changed(void *dev, bool there)
{
	struct virtio_console_port *p = dev;

	note_peer(p, there);
	tell(p->con);
}

/* --- from the guest --- */

/* Hand the chain in tx to the peer from tx_off on; false when it has to wait. */
static bool
tx_send(struct virtio_console_port *p)
{
	uint64_t skip = p->tx_off;

	for (unsigned i = 0; i < p->tx.nread; i++) {
		const struct iovec *v = &p->tx.iov[i];
		size_t n;

		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		n = p->chr->ops->write(
		    p->chr, (const uint8_t *)v->iov_base + skip, v->iov_len - skip);
		p->tx_off += n;
		if (n < v->iov_len - skip)
			return (false);
		skip = 0;
	}
	return (true);
}

/* All of the chain in tx is sent. */
static void
tx_done(struct virtio_console_port *p)
{
	p->tx_off = 0;
	virtq_push(tx_queue(p), p->tx.head, 0);
}

static void
tx_run(struct virtio_console_port *p)
{
	struct virtio_dev *vd = &p->con->vd;
	unsigned queue = rx_index(p->id) + 1, round = 0;
	struct virtq *q = tx_queue(p);

	do {
		virtq_kick_off(q);
		for (unsigned n = 0; n < q->size && !p->tx_held; n++) {
			if (!virtio_pop(vd, queue, &p->tx))
				break;
			if (p->tx.nwrite != 0) {
				virtio_needs_reset(vd, "console transmit buffer that is writable");
				return;
			}
			p->tx_held = !tx_send(p);
			if (!p->tx_held)
				tx_done(p);
		}
		virtio_publish(vd, queue);
	} while (!p->tx_held && virtio_another_round(vd, queue, round++));
}

static void
peer_writable(void *dev)
{
	struct virtio_console_port *p = dev;

	if (!p->tx_held || !virtio_running(&p->con->vd) || !tx_send(p))
		return;
	p->tx_held = false;
	tx_done(p);
	virtio_publish(&p->con->vd, rx_index(p->id) + 1);
	tx_run(p);
}

/* The driver made a port: all there is to know about it. */
static void
port_ready(struct virtio_console_port *p)
{
	p->ready = true;
	p->pending |= TELL_NAME;
	if (p->id == 0 && p->con->console) {
		p->pending |= TELL_CONSOLE;
		if (p->con->cols != 0 && virtio_has(&p->con->vd, VIRTIO_CONSOLE_F_SIZE))
			p->pending |= TELL_SIZE;
	}
	if (p->chr->has_peer)
		p->pending |= TELL_OPEN;
}

static void
control(struct virtio_console *con, const uint8_t *m)
{
	uint32_t id = le32_get(m);
	uint16_t event = le16_get(m + 4), value = le16_get(m + 6);

	if (event == CTL_DEVICE_READY) {
		for (unsigned i = 0; value == 1 && i < con->nports; i++)
			con->port[i].pending |= TELL_ADD;
		return;
	}
	if (id >= con->nports)
		return;
	if (event == CTL_PORT_READY && value == 1)
		port_ready(&con->port[id]);
	else if (event == CTL_OPEN)
		set_guest_open(&con->port[id], value != 0);
}

static void
control_run(struct virtio_console *con)
{
	struct virtio_dev *vd = &con->vd;
	struct virtq *q = &vd->queue[VIRTIO_CONSOLE_CTRL_TX];
	unsigned round = 0;
	uint8_t m[CTL_LEN];

	do {
		virtq_kick_off(q);
		for (unsigned n = 0;
		     n < q->size && virtio_pop(vd, VIRTIO_CONSOLE_CTRL_TX, &con->ctrl); n++) {
			struct vq_chain *c = &con->ctrl;

			if (gmem_iov_to_buf(c->iov, c->nread, 0, m, CTL_LEN) != CTL_LEN) {
				virtio_needs_reset(vd, "console control message that is too short");
				return;
			}
			virtq_push(q, c->head, 0);
			if (multiport(con))
				control(con, m);
		}
		virtio_publish(vd, VIRTIO_CONSOLE_CTRL_TX);
	} while (virtio_another_round(vd, VIRTIO_CONSOLE_CTRL_TX, round++));
	tell(con);
}

static void
con_notify(struct virtio_dev *vd, unsigned queue)
{
	struct virtio_console *con = vd->softc;
	struct virtio_console_port *p = &con->port[port_of(queue)];

	if (queue == VIRTIO_CONSOLE_CTRL_RX)
		tell(con);
	else if (queue == VIRTIO_CONSOLE_CTRL_TX)
		control_run(con);
	else if (queue == rx_index(p->id))
		rx_ready(p);
	else if (!p->tx_held)
		tx_run(p);
}

static void
con_start(struct virtio_dev *vd)
{
	struct virtio_console *con = vd->softc;

	/* Without ports of many, port 0 is there and open from the start. */
	if (!multiport(con))
		con->port[0].guest_open = true;
}

static bool
con_stop(struct virtio_dev *vd)
{
	struct virtio_console *con = vd->softc;

	for (unsigned i = 0; i < con->nports; i++) {
		struct virtio_console_port *p = &con->port[i];

		p->chr->ops->rx_room(p->chr, 0);
		p->pending = 0;
		p->ready = p->guest_open = p->rx_held = p->tx_held = false;
		p->tx_off = 0;
	}
	return (true);
}

static void
con_broken(struct virtio_dev *vd)
{
	struct virtio_console *con = vd->softc;

	for (unsigned i = 0; i < con->nports; i++)
		con->port[i].chr->ops->rx_room(con->port[i].chr, 0);
}

/* Chains that wait come again; the first to be sent, from tx_off on. */
#define PORT_STATE(F, T)               \
	F(T, con, OWN, 0)              \
	F(T, id, OWN, 0)               \
	F(T, name, OWNS, 0)            \
	F(T, chr, OWN, 0)              \
	F(T, pending, SAVED, TELL_ALL) \
	F(T, ready, SAVED, 1)          \
	F(T, guest_open, SAVED, 1)     \
	F(T, rx, OWNS, 0)              \
	F(T, tx, OWNS, 0)              \
	F(T, rx_held, OWN, 0)          \
	F(T, tx_held, OWN, 0)          \
	F(T, tx_off, SAVED, UINT32_MAX)
STATE_TYPE(port_type, struct virtio_console_port, PORT_STATE, "console-port", 1);

#define CONSOLE_STATE(F, T)           \
	F(T, vd, OWNS, 0)             \
	F(T, config, OWNS, 0)         \
	F(T, console, SAME, 1)        \
	F(T, cols, SAME, STATE_ANY)   \
	F(T, rows, SAME, STATE_ANY)   \
	F(T, nports, SAME, STATE_ANY) \
	F(T, port, PARTS, port_type)  \
	F(T, ctrl, OWNS, 0)
STATE_TYPE(console_type, struct virtio_console, CONSOLE_STATE, "console", 1);

static int
con_state(struct virtio_dev *vd, struct state *st)
{
	struct virtio_console *con = vd->softc;
	uint8_t peer[VIRTIO_CONSOLE_PORTS_MAX];

	for (unsigned i = 0; i < con->nports; i++)
		peer[i] = con->port[i].chr->has_peer;
	state_struct(st, &console_type, con);
	state_bytes(st, "console-peers", peer, con->nports);
	/* A peer may have come or gone meanwhile. */
	for (unsigned i = 0; i < con->nports && st->rc == 0 && st->loading; i++)
		if ((peer[i] != 0) != con->port[i].chr->has_peer)
			note_peer(&con->port[i], con->port[i].chr->has_peer);
	return (st->rc);
}

static const struct virtio_dev_ops con_ops = {
	.name = "virtio-console",
	.type = VIRTIO_TYPE_CONSOLE,
	.pci_class = 0x078000, /* communication controller, other */
	.start = con_start,
	.notify = con_notify,
	.stop = con_stop,
	.broken = con_broken,
	.state = con_state,
};

int
virtio_console_init(struct virtio_console *con, const struct gmem *gm, unsigned nports,
    bool console, uint16_t cols, uint16_t rows)
{
	int rc;

	*con = (struct virtio_console){ .console = console, .cols = cols, .rows = rows };
	if (nports == 0 || nports > VIRTIO_CONSOLE_PORTS_MAX)
		return (-EINVAL);
	if ((rc = virtio_init(&con->vd, &con_ops, con, gm, nports * 2 + 2, QUEUE_SIZE)) < 0)
		return (rc);
	rc = vq_chain_init(&con->ctrl, &con->vd.queue[0]);
	for (; con->nports < nports && rc == 0; con->nports++) {
		struct virtio_console_port *p = &con->port[con->nports];

		p->con = con;
		p->id = con->nports;
		if ((rc = vq_chain_init(&p->rx, &con->vd.queue[0])) == 0)
			rc = vq_chain_init(&p->tx, &con->vd.queue[0]);
	}
	if (rc < 0) {
		virtio_console_destroy(con);
		return (rc);
	}
	con->vd.offered |= VIRTIO_CONSOLE_F_MULTIPORT;
	if (console && cols != 0)
		con->vd.offered |= VIRTIO_CONSOLE_F_SIZE;
	le16_put(con->config + CFG_COLS, cols);
	le16_put(con->config + CFG_ROWS, rows);
	le32_put(con->config + CFG_PORTS, nports);
	con->vd.config = con->config;
	con->vd.config_len = VIRTIO_CONSOLE_CONFIG_LEN;
	return (0);
}

int
virtio_console_port(struct virtio_console *con, unsigned id, const char *name, struct chardev *chr)
{
	struct virtio_console_port *p = &con->port[id];

	if (strlen(name) >= sizeof(p->name))
		return (-EINVAL);
	memcpy(p->name, name, strlen(name) + 1);
	p->chr = chr;
	chr->rx = from_peer;
	chr->writable = peer_writable;
	chr->peer = peer_changed;
	chr->at_once = true;
	chr->dev = p;
	return (0);
}

void
virtio_console_destroy(struct virtio_console *con)
{
	for (unsigned i = 0; i < VIRTIO_CONSOLE_PORTS_MAX; i++) {
		vq_chain_destroy(&con->port[i].rx);
		vq_chain_destroy(&con->port[i].tx);
	}
	vq_chain_destroy(&con->ctrl);
	virtio_destroy(&con->vd);
}
