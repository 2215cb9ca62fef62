/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends echo requests through the network device in slot 6, one after the other, and looks at what
 * comes back: each answer is spread over several receive buffers, and the sum of what was sent is
 * the device's to put in. One that stays away, as while the device's process is killed and another
 * started, is asked for again; buffers are counted, and none may be lost or come twice. Says when
 * the link goes and comes. With "far" on the command line the echoes are 192.0.2.2's, behind the host. Ends after the number of answers on the command line, or without one at a UDP datagram to port 7.
 */
#include "net.h"
#include "virtio.h"

#define SLOT      (6u << 3)
#define F_CSUM    (1u << 0)
#define F_MRG     (1u << 15)
#define F_STATUS  (1u << 16)
#define HDR       12u
#define BUFFERS   RING_SIZE
#define BUFFER    512u
#define DATA      1200u
#define PATIENCE  (PM_HZ / 4)
#define SPINS_MAX 1000000u /* where that timer stands still: under QEMU */
#define ASKED_MAX 240u     /* times without any answer */

static struct vring rx_ring, tx_ring;
static struct vq rx, tx;
static uint8_t buffer[BUFFERS][BUFFER], out[HDR + NET_ECHO_HEAD + DATA];
static uint8_t frame[BUFFERS * BUFFER]; /* the last one received, behind its header */
static bool given[BUFFERS];
static uint8_t mac[6], host[6];
static bool told_to_end, far;
static struct virtio v;
static uint64_t isr;

static void
give(unsigned i)
{
	given[i] = true;
	vq_offer(&rx, i, buffer[i], BUFFER, true);
}

/* Of one frame that has come: its bytes, all its buffers, and those given again. */
static unsigned
gather(unsigned id, uint32_t len)
{
	unsigned total = 0, n;

	CHECK(id < BUFFERS, id);
	n = buffer[id][10] | (unsigned)buffer[id][11] << 8;
	CHECK(n >= 1 && n <= BUFFERS && len > HDR, n);
	for (;;) {
		CHECK(id < BUFFERS && given[id] && len <= BUFFER, id);
		given[id] = false;
		for (uint32_t i = 0; i < len; i++)
			frame[total + i] = buffer[id][i];
		total += len;
		give(id);
		if (--n == 0)
			return (total - HDR);
		CHECK(vq_take(&rx, &id, &len), n); /* they come together */
	}
}

static void
send(unsigned len, bool sum)
{
	for (unsigned i = 0; i < HDR; i++)
		out[i] = 0;
	out[0] = sum; /* needs checksum: of ICMP, into its third byte */
	out[6] = 34;
	out[8] = 2;
	vq_offer(&tx, 0, out, HDR + len, false);
	CHECK(vq_wait(&tx, NULL) == 0, 0);
}

/* Is it an answer to the n-th, whole? */
static bool
is_answer(const uint8_t *f, unsigned len, unsigned n)
{
	if (f[12] != 8 || f[13] != 0 || f[23] != 1 || f[34] != 0)
		return (false);
	if (f[40] != (uint8_t)(n >> 8) || f[41] != (uint8_t)n)
		return (false); /* late */
	CHECK(len == NET_ECHO_HEAD + DATA, len);
	for (unsigned i = 0; i < DATA; i++)
		CHECK(f[NET_ECHO_HEAD + i] == (uint8_t)(n + i * 7), i);
	return (true);
}

/* What else the host may want. */
static void
other(const uint8_t *f)
{
	if (f[12] == 8 && f[13] == 6 && f[21] == 1 && f[41] == 2) {
		net_arp(out + HDR, mac, f + 22);
		send(NET_ARP_LEN, false);
	}
	told_to_end |= f[12] == 8 && f[13] == 0 && f[23] == 17 && f[36] == 0 && f[37] == 7;
}

static void
say_link(void)
{
	put_text((mmio8(v.device + 6) & 1) != 0 ? "link up\n" : "link down\n");
}

/* Until an ARP answer (n 0) or the n-th echo's is there. False: it has not come in time. */
static bool
await(unsigned n)
{
	const uint8_t *f = frame + HDR;
	uint32_t from = in32(PM_TIMER), len;
	unsigned id;

	for (unsigned spins = 0; spins < SPINS_MAX && in32(PM_TIMER) - from < PATIENCE; spins++) {
		if ((mmio8(isr) & 2) != 0) /* the configuration has changed */
			say_link();
		if (!vq_take(&rx, &id, &len))
			continue;
		len = gather(id, len);
		if (n == 0 && f[12] == 8 && f[13] == 6 && f[21] == 2 && f[31] == 1)
			return (true);
		if (n != 0 && is_answer(f, len, n))
			return (true);
		other(f);
	}
	return (false);
}

static void
find_host(void)
{
	unsigned asked = 0;

	do {
		CHECK(asked++ < ASKED_MAX, asked);
		net_arp(out + HDR, mac, NULL);
		send(NET_ARP_LEN, false);
	} while (!await(0));
	for (unsigned i = 0; i < 6; i++)
		host[i] = frame[HDR + 22 + i];
}

static bool
ping(unsigned n)
{
	uint8_t *f = out + HDR;
	uint32_t sum = 0;

	net_echo(f, mac, host, DATA);
	if (far) {
		f[30] = 192;
		f[31] = 0;
		f[32] = 2;
		f[33] = 2;
	}
	f[40] = (uint8_t)(n >> 8);
	f[41] = (uint8_t)n;
	for (unsigned i = 0; i < DATA; i++)
		f[NET_ECHO_HEAD + i] = (uint8_t)(n + i * 7);
	for (unsigned i = 14; i < 34; i += 2)
		sum += (uint32_t)f[i] << 8 | f[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	f[24] = (uint8_t)(~sum >> 8);
	f[25] = (uint8_t)~sum;
	send(NET_ECHO_HEAD + DATA, true);
	return (await(n));
}

void
guest_main(const struct start_info *info)
{
	unsigned wanted = 0, n = 0, answers = 0, since = 0;

	far = ((const char *)info->cmdline)[0] == 'f';
	for (const char *p = (const char *)info->cmdline; p != NULL && *p >= '0' && *p <= '9'; p++)
		wanted = wanted * 10 + (unsigned)(*p - '0');
	virtio_begin(&v, SLOT, F_CSUM | F_MRG | F_STATUS);
	isr = virtio_window(SLOT, 0xd0000000, 3, NULL);
	virtio_queue(&v, &rx, 0, &rx_ring);
	virtio_queue(&v, &tx, 1, &tx_ring);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = mmio8(v.device + i);
	virtio_go(&v);
	if ((mmio8(v.device + 6) & 1) == 0)
		say_link();
	for (unsigned i = 0; i < BUFFERS; i++)
		give(i);
	find_host();
	while (wanted != 0 ? answers < wanted : !told_to_end) {
		n = n % 0xffff + 1;
		since = ping(n) ? 0 : since + 1;
		answers += since == 0;
		CHECK(since < ASKED_MAX, since);
	}
	CHECK(answers != 0, n);
	for (unsigned i = 0; i < BUFFERS; i++)
		CHECK(given[i], i);
	put_text("answers 0x");
	put_hex(answers);
	put_text("\nok\n");
}
