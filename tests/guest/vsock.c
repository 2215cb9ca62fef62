/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio socket device (virtio 1.2, 5.10): asks for a port of the host's that is there and for one
 * that is not; takes a connection of the host's and sends what comes back, every bit turned, with a
 * credit of 8 KiB each way.
 */
#include "virtio.h"

#define BUFFERS 4
#define CREDIT  8192u

enum {
	REQUEST = 1,
	RESPONSE,
	RST,
	SHUTDOWN,
	RW,
	UPDATE
};

struct header {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
} __attribute__((packed));

static struct packet {
	struct header h;
	uint8_t data[2048];
} in[BUFFERS], out;
static struct vring rings[3];
static struct vq rx, tx, ev;
static uint32_t fwd, sent, peer_alloc, peer_fwd;

static void
send(uint32_t from, uint32_t to, uint16_t op, uint32_t flags, uint32_t len)
{
	out.h = (struct header){ 7, 2, from, to, len, 1, op, flags, CREDIT, fwd };
	sent += len;
	vq_offer(&tx, 0, &out, (uint32_t)sizeof(out.h) + len, false);
	(void)vq_wait(&tx, NULL);
}

static void
give_back(struct packet *p)
{
	vq_offer(&rx, (unsigned)(p - in), p, sizeof(*p), true);
}

static struct packet *
receive(void)
{
	uint32_t len;
	struct packet *p = &in[vq_wait(&rx, &len)];

	CHECK(len == sizeof(p->h) + p->h.len, len);
	CHECK(p->h.src_cid == 2 && p->h.dst_cid == 7, p->h.dst_cid);
	peer_alloc = p->h.buf_alloc;
	peer_fwd = p->h.fwd_cnt;
	return (p);
}

/* The next packet, which is this one and carries no data. */
static void
expect(uint32_t from, uint32_t to, uint16_t op)
{
	struct packet *p = receive();

	CHECK(p->h.op == op, p->h.op);
	CHECK(p->h.src_port == from && p->h.dst_port == to, p->h.src_port);
	give_back(p);
}

static void
ask_host(void)
{
	static const char hello[] = "hello from the guest";
	struct packet *p;

	send(5000, 8, REQUEST, 0, 0); /* leads nowhere */
	expect(8, 5000, RST);
	send(5000, 9, RW, 0, 0); /* belongs to nothing */
	expect(9, 5000, RST);
	send(5001, 7, REQUEST, 0, 0);
	expect(7, 5001, RESPONSE);
	for (unsigned i = 0; i < sizeof(hello) - 1; i++)
		out.data[i] = (uint8_t)hello[i];
	send(5001, 7, RW, 0, sizeof(hello) - 1);
	p = receive();
	CHECK(p->h.op == RW && p->h.len == 4 && p->data[0] == 'w', p->h.len);
	give_back(p);
	send(5001, 7, SHUTDOWN, 3, 0);
	expect(7, 5001, RST);
}

/* One packet of the host's connection; false when the host sends no more. */
static bool
turn(struct packet *p, uint32_t host)
{
	uint32_t len = p->h.len;

	if (p->h.op == SHUTDOWN || p->h.op == UPDATE) {
		give_back(p);
		return (p->h.op == UPDATE);
	}
	CHECK(p->h.op == RW, p->h.op);
	CHECK(len <= sizeof(p->data), len);
	for (uint32_t i = 0; i < len; i++)
		out.data[i] = (uint8_t)~p->data[i];
	fwd += len;
	give_back(p);
	while (peer_alloc - (sent - peer_fwd) < len) { /* until the host has taken more */
		p = receive();
		CHECK(p->h.op == UPDATE, p->h.op);
		give_back(p);
	}
	send(1000, host, RW, 0, len);
	return (true);
}

static void
serve_host(void)
{
	struct packet *p = receive();
	uint32_t host = p->h.src_port;

	CHECK(p->h.op == REQUEST && p->h.dst_port == 1000, p->h.op);
	give_back(p);
	fwd = sent = 0;
	send(1000, host, RESPONSE, 0, 0);
	do
		p = receive();
	while (turn(p, host));
	send(1000, host, SHUTDOWN, 3, 0);
	expect(host, 1000, RST);
}

void
guest_main(const struct start_info *info)
{
	struct virtio v;

	(void)info;
	virtio_begin(&v, 5 << 3, 0);
	CHECK(mmio32(v.device) == 7 && mmio32(v.device + 4) == 0, mmio32(v.device));
	virtio_queue(&v, &rx, 0, &rings[0]);
	virtio_queue(&v, &tx, 1, &rings[1]);
	virtio_queue(&v, &ev, 2, &rings[2]);
	virtio_go(&v);
	for (unsigned i = 0; i < BUFFERS; i++)
		give_back(&in[i]);
	ask_host();
	put_text("ready\n");
	serve_host();
	put_text("ok\n");
}
