/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio socket device (virtio 1.2, 5.10), stream sockets only, between the guest and UNIX sockets
 * of the host (struct vsock_backend). No socket of the host's kernel stands behind a guest's, so
 * no guest makes the host's kernel allocate.
 *
 * Connections stand in a table of fixed size. What a guest sends and the host has not taken yet is
 * kept in one ring per connection, whose size is the credit that the guest is given; what the host
 * sends goes straight from its socket into the guest's buffers, as far as the guest gives credit.
 * A packet that makes no sense is answered by a reset of its connection, or for want of one by a
 * reset that belongs to none; those wait in a list of fixed size, and when that is full the guest's
 * further packets wait. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_VSOCK_H
#define ZHYVE_DEVICES_VIRTIO_VSOCK_H

#include "base/ring.h"
#include "devices/device.h"
#include "devices/virtio/virtio.h"

#define VSOCK_CONNS           64
#define VSOCK_BUFFER          65536u /* of a connection, for bytes on their way to the host */
#define VSOCK_RESETS          32
#define VSOCK_HDR_LEN         44
#define VSOCK_CID_HOST        2u
#define VSOCK_CID_MIN         3u
#define VSOCK_ANSWER_NS       8000000000ull /* a guest has so long to take a connection */
#define VIRTIO_VSOCK_F_STREAM (1ull << 0)

enum {
	VIRTIO_VSOCK_RX,
	VIRTIO_VSOCK_TX,
	VIRTIO_VSOCK_EVENT,
	VIRTIO_VSOCK_QUEUES
};

/*
 * The host's side. A connection has the same number (0 to VSOCK_CONNS - 1) on both sides. Nothing
 * blocks; what needs system calls that a vCPU's thread may not make is put off to the event loop.
 */
struct vsock_backend;
struct vsock_backend_ops {
	/* The guest asks for a port of the host's: virtio_vsock_connected answers, later. */
	void (*connect)(struct vsock_backend *b, unsigned conn, uint32_t port);
	/* The guest took a connection that the host asked for (virtio_vsock_incoming). */
	void (*accepted)(struct vsock_backend *b, unsigned conn, uint32_t host_port);
	/* Bytes taken; 0: none now; -errno: the peer is gone. */
	ssize_t (*send)(struct vsock_backend *b, unsigned conn, const void *buf, size_t len);
	/* Bytes given; 0: the peer sends no more; -EAGAIN: none now; -errno: the peer is gone. */
	ssize_t (*recv)(
	    struct vsock_backend *b, unsigned conn, const struct iovec *iov, unsigned niov);
	/* Tell (virtio_vsock_ready) when there is something to read, when bytes are taken again. */
	void (*want)(struct vsock_backend *b, unsigned conn, bool read, bool write);
	/* The guest sends no more. */
	void (*shut)(struct vsock_backend *b, unsigned conn);
	/* The connection is over; its number may be used again at once. */
	void (*close)(struct vsock_backend *b, unsigned conn);
};
struct vsock_backend {
	const struct vsock_backend_ops *ops;
	void *softc;
	void *dev; /* the struct virtio_vsock */
};

enum vsock_state {
	VSOCK_FREE,
	VSOCK_ASKING,     /* the host asked, the guest is to answer */
	VSOCK_CONNECTING, /* the guest asked, the host is to answer */
	VSOCK_OPEN,
	VSOCK_DYING /* over, but for the reset that the guest is to get */
};

struct vsock_conn {
	enum vsock_state state;
	uint32_t host_port, guest_port;
	unsigned pending;              /* packets that the guest is to get */
	uint64_t deadline;             /* VSOCK_ASKING: until then */
	struct ring ring;              /* from the guest, not taken by the host yet */
	uint32_t fwd, fwd_told;        /* bytes taken by the host; as the guest knows it */
	uint32_t sent;                 /* bytes given to the guest */
	uint32_t peer_alloc, peer_fwd; /* the guest's credit, as it last said */
	bool readable;                 /* the host has something, as far as we know */
	bool host_ended;  /* the host sends no more: the guest has been, or is being, told */
	bool guest_ended; /* the guest sends no more */
	bool guest_deaf;  /* the guest takes no more */
	bool shut;        /* the host has been told that the guest sends no more */
	bool want_read, want_write;
};

struct virtio_vsock {
	struct virtio_dev vd;
	struct vsock_backend *backend;
	const struct clock *clock;
	struct dev_timer timer; /* its owner fills arm and ctx */
	bool timer_armed;
	uint32_t cid;
	uint8_t config[8];
	struct vq_chain rx, tx;
	struct iovec *rx_iov;
	uint8_t *buffers; /* VSOCK_CONNS times VSOCK_BUFFER */
	struct vsock_conn conn[VSOCK_CONNS];
	unsigned turn;      /* whose is the next packet */
	uint32_t next_port; /* of connections that the host asks for */
	struct vsock_reset {
		uint32_t host_port, guest_port;
	} resets[VSOCK_RESETS];
	unsigned nresets;
	bool tx_waits; /* for room in resets */
};

/* `cid` is the guest's, at least VSOCK_CID_MIN. The backend serves this alone. 0 or -errno. */
int virtio_vsock_init(struct virtio_vsock *vs, const struct gmem *gm, uint32_t cid,
    struct vsock_backend *backend, const struct clock *clock);
void virtio_vsock_destroy(struct virtio_vsock *vs);

/* --- for the backend; the device's lock is held --- */

/*
 * The host asks for a port of the guest's: the connection's number, or -ENOBUFS, -ENETDOWN. The
 * guest hears of it once the backend has given that connection its socket (virtio_vsock_adopted,
 * 0) or forgets it (-errno).
 */
int virtio_vsock_incoming(struct virtio_vsock *vs, uint32_t guest_port);
void virtio_vsock_adopted(struct virtio_vsock *vs, unsigned conn, int result);
/* How a connect ended: 0 or -errno. */
void virtio_vsock_connected(struct virtio_vsock *vs, unsigned conn, int result);
/* The connection can be read (or its peer is gone), or takes bytes again. */
void virtio_vsock_ready(struct virtio_vsock *vs, unsigned conn, bool read, bool write);

/* vsock_tx.c and vsock_rx.c share these; private to the device. */
enum {
	VSOCK_TELL_REQUEST = 1 << 0,
	VSOCK_TELL_RESPONSE = 1 << 1,
	VSOCK_TELL_CREDIT = 1 << 2,
	VSOCK_TELL_END = 1 << 3, /* the host sends no more; after the last byte */
	VSOCK_TELL_RESET = 1 << 4
};
/* The connection between these ports, NULL: there is none. */
struct vsock_conn *virtio_vsock_find(
    struct virtio_vsock *vs, uint32_t host_port, uint32_t guest_port);
/* A new one that the guest asked for; NULL when the table is full. */
struct vsock_conn *virtio_vsock_request(
    struct virtio_vsock *vs, uint32_t host_port, uint32_t guest_port);
/* The connection is over: forget it, or reset it first. */
void virtio_vsock_end(struct virtio_vsock *vs, struct vsock_conn *c, bool reset);
/* Give the guest what there is to be given, as far as it has buffers. */
void virtio_vsock_rx_run(struct virtio_vsock *vs);
void virtio_vsock_tx_run(struct virtio_vsock *vs);
/* Hand the host what waits. */
void virtio_vsock_flush(struct virtio_vsock *vs, struct vsock_conn *c);
static inline unsigned
virtio_vsock_number(const struct virtio_vsock *vs, const struct vsock_conn *c)
{
	return ((unsigned)(c - vs->conn));
}

/* struct virtio_vsock_hdr, 5.10.6: offsets */
#define VSOCK_H_SRC_CID   0
#define VSOCK_H_DST_CID   8
#define VSOCK_H_SRC_PORT  16
#define VSOCK_H_DST_PORT  20
#define VSOCK_H_DATA_LEN  24
#define VSOCK_H_TYPE      28
#define VSOCK_H_OP        30
#define VSOCK_H_FLAGS     32
#define VSOCK_H_BUF_ALLOC 36
#define VSOCK_H_FWD_CNT   40
#define VSOCK_TYPE_STREAM 1
#define VSOCK_OP_REQUEST  1
#define VSOCK_OP_RESPONSE 2
#define VSOCK_OP_RST      3
#define VSOCK_OP_SHUTDOWN 4
#define VSOCK_OP_RW       5
#define VSOCK_OP_CREDIT   6
#define VSOCK_OP_ASK      7 /* for credit */
#define VSOCK_SHUT_RECV   1u
#define VSOCK_SHUT_SEND   2u

#endif
