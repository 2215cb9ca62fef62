/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ports of a virtio console (virtio 1.2, 5.3): says hello to the first; sends what comes in
 * from the second back, every bit turned, until its peer goes away.
 */
#include "virtio.h"

enum {
	CTRL_RX = 2,
	CTRL_TX = 3,
	PORT_B_RX = 4,
	PORT_B_TX = 5
};

static struct vring rings[6];
static struct vq q[6];
static struct control {
	uint32_t id;
	uint16_t event, value;
	char text[24];
} heard[4], said;
static uint8_t in[2][1024], out[1024];

static void
say(uint32_t id, uint16_t event, uint16_t value)
{
	said = (struct control){ .id = id, .event = event, .value = value };
	vq_offer(&q[CTRL_TX], 0, &said, 8, false);
	(void)vq_wait(&q[CTRL_TX], NULL);
}

/* The next message, which is this one; its buffer is offered again by the next call. */
static struct control *
expect(uint32_t id, uint16_t event, uint16_t value)
{
	struct control *c = &heard[vq_wait(&q[CTRL_RX], NULL)];

	CHECK(c->id == id, c->id);
	CHECK(c->event == event, c->event);
	CHECK(c->value == value, c->value);
	return (c);
}

static void
again(struct control *c)
{
	vq_offer(&q[CTRL_RX], (unsigned)(c - heard), c, sizeof(*c), true);
}

/* Until the peer has gone: the guest is told so after the last byte. */
static void
turn_bits(void)
{
	volatile uint16_t *used = &rings[PORT_B_RX].used.idx;
	volatile uint16_t *told = &rings[CTRL_RX].used.idx;

	for (unsigned i = 0; i < 2; i++)
		vq_offer(&q[PORT_B_RX], i, in[i], sizeof(in[i]), true);
	say(1, 6, 1);
	for (;;) {
		uint32_t len;
		unsigned i;

		while (*used == q[PORT_B_RX].used)
			if (*told != q[CTRL_RX].used)
				return;
		i = vq_wait(&q[PORT_B_RX], &len);
		for (uint32_t k = 0; k < len; k++)
			out[k] = (uint8_t)~in[i][k];
		vq_offer(&q[PORT_B_RX], i, in[i], sizeof(in[i]), true);
		vq_offer(&q[PORT_B_TX], 0, out, len, false);
		(void)vq_wait(&q[PORT_B_TX], NULL);
	}
}

void
guest_main(const struct start_info *info)
{
	static char hello[] = "to a: hi";
	struct virtio v;
	struct control *c;

	(void)info;
	virtio_begin(&v, 5 << 3, 1 << 1); /* MULTIPORT */
	CHECK(mmio32(v.device + 4) == 2, mmio32(v.device + 4));
	for (unsigned i = 0; i < 6; i++)
		virtio_queue(&v, &q[i], i, &rings[i]);
	virtio_go(&v);
	for (unsigned i = 0; i < 4; i++)
		again(&heard[i]);
	say(0, 0, 1);
	again(expect(0, 1, 1));
	again(expect(1, 1, 1));
	say(0, 3, 1);
	c = expect(0, 7, 1);
	CHECK(c->text[0] == 'a' && c->text[10] == 'g', (uint8_t)c->text[0]);
	again(c);
	again(expect(0, 6, 1));
	vq_offer(&q[1], 0, hello, 8, false);
	(void)vq_wait(&q[1], NULL);
	say(1, 3, 1);
	again(expect(1, 7, 1));
	again(expect(1, 6, 1)); /* at once, or when the peer comes */
	turn_bits();
	again(expect(1, 6, 0));
	put_text("ok\n");
}
