/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that has IPv6 of itself, by the network device in slot 6: asks for a router, makes an
 * address of the prefix that it is told of (RFC 4862) and says so, then answers neighbour solicitations
 * and echo requests for it. Ends at a UDP datagram to port 7.
 */
#include "virtio.h"

#define HDR      12u
#define BUFFERS  RING_SIZE
#define BUFFER   2048u
#define IP       14u /* of the frame: where IPv6 begins, */
#define UPPER    54u /* and what it carries */
#define LLADDR   8u  /* bytes of an option that tells a MAC address */
#define PATIENCE (PM_HZ / 4)
#define ICMP6    58
#define UDP      17

static struct vring rx_ring, tx_ring;
static struct vq rx, tx;
static uint8_t buffer[BUFFERS][BUFFER], out[HDR + BUFFER];
static uint8_t *const o = out + HDR;
static uint8_t mac[6], local[16];
static uint8_t global[16] __attribute__((aligned(4)));
static bool has_global;

static void
copy(uint8_t *to, const uint8_t *from, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = from[i];
}

static bool
same(const uint8_t *a, const uint8_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (a[i] != b[i])
			return (false);
	return (true);
}

/* The address of this nic below a prefix of 64 bits. */
static void
own_address(uint8_t to[16], const uint8_t *prefix)
{
	copy(to, prefix, 8);
	copy(to + 8, mac, 3);
	to[8] ^= 2;
	to[11] = 0xff;
	to[12] = 0xfe;
	copy(to + 13, mac + 3, 3);
}

/* The Internet checksum of `len` bytes of ICMPv6 in `f`, as they are (RFC 8200, 8.1). */
static uint16_t
sum_of(const uint8_t *f, unsigned len)
{
	uint32_t sum = len + ICMP6;

	for (unsigned i = IP + 8; i < UPPER + len; i += 2)
		sum += (uint32_t)f[i] << 8 | (i + 1 < UPPER + len ? f[i + 1] : 0);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)((sum & 0xffff) + (sum >> 16)));
}

/* Send `len` bytes of ICMPv6, which stand in `o` already, and the Ethernet addresses. */
static void
send(const uint8_t *from, const uint8_t *to, unsigned len)
{
	uint16_t sum;

	for (unsigned i = 0; i < HDR; i++)
		out[i] = 0;
	o[12] = 0x86;
	o[13] = 0xdd;
	for (unsigned i = IP; i < IP + 8; i++)
		o[i] = 0;
	o[IP] = 0x60;
	o[IP + 4] = (uint8_t)(len >> 8);
	o[IP + 5] = (uint8_t)len;
	o[IP + 6] = ICMP6;
	o[IP + 7] = 255;
	copy(o + IP + 8, from, 16);
	copy(o + IP + 24, to, 16);
	copy(o + 6, mac, 6);
	o[UPPER + 2] = o[UPPER + 3] = 0;
	sum = (uint16_t)~sum_of(o, len);
	o[UPPER + 2] = (uint8_t)(sum >> 8);
	o[UPPER + 3] = (uint8_t)sum;
	vq_offer(&tx, 0, out, HDR + UPPER + len, false);
	CHECK(vq_wait(&tx, NULL) == 0, 0);
}

static void
ask_for_router(void)
{
	static const uint8_t all[16] = { 0xff, 2, [15] = 2 }, to[6] = { 0x33, 0x33, 0, 0, 0, 2 };
	uint8_t *icmp = o + UPPER;

	for (unsigned i = 0; i < 8 + LLADDR; i++)
		icmp[i] = 0;
	icmp[0] = 133;
	icmp[8] = 1; /* source link-layer address */
	icmp[9] = 1;
	copy(icmp + 10, mac, 6);
	copy(o, to, 6);
	send(local, all, 8 + LLADDR);
}

static void
advertise(const uint8_t *f)
{
	uint8_t *icmp = o + UPPER;

	for (unsigned i = 0; i < 8; i++)
		icmp[i] = 0;
	icmp[0] = 136;
	icmp[4] = 0x60; /* solicited, override */
	copy(icmp + 8, f + UPPER + 8, 16);
	icmp[24] = 2; /* target link-layer address */
	icmp[25] = 1;
	copy(icmp + 26, mac, 6);
	copy(o, f + 6, 6);
	send(f + UPPER + 8, f + IP + 8, 24 + LLADDR);
}

static void
echo(const uint8_t *f, unsigned len)
{
	copy(o + UPPER, f + UPPER, len);
	o[UPPER] = 129;
	copy(o, f + 6, 6);
	send(f + IP + 24, f + IP + 8, len);
}

/* A router's advertisement: the first prefix of addresses that it has. */
static void
router(const uint8_t *f, unsigned len)
{
	const uint8_t *icmp = f + UPPER;

	if (f[IP + 7] != 255 || f[IP + 8] != 0xfe)
		return;
	for (unsigned at = 16; at + 8 <= len && icmp[at + 1] != 0; at += 8u * icmp[at + 1]) {
		if (icmp[at] != 3 || at + 32 > len || icmp[at + 2] != 64 ||
		    (icmp[at + 3] & 0x40) == 0)
			continue;
		if (has_global && same(global, icmp + at + 16, 8))
			continue;
		own_address(global, icmp + at + 16);
		has_global = true;
		put_text("prefix 0x");
		put_hex((uint64_t)__builtin_bswap32(*(uint32_t *)global) << 32 |
		    __builtin_bswap32(*(uint32_t *)(global + 4)));
		put_text("\n");
		return;
	}
}

static bool
ours(const uint8_t *address)
{
	return (same(address, local, 16) || (has_global && same(address, global, 16)));
}

/* False: this was the end. */
static bool
take(const uint8_t *f, unsigned frame_len)
{
	unsigned len = (unsigned)f[IP + 4] << 8 | f[IP + 5];

	if (frame_len < UPPER + 8 || f[12] != 0x86 || f[13] != 0xdd || UPPER + len > frame_len)
		return (true);
	if (f[IP + 6] == UDP && ours(f + IP + 24))
		return (f[UPPER + 2] != 0 || f[UPPER + 3] != 7);
	if (f[IP + 6] != ICMP6)
		return (true);
	CHECK(sum_of(f, len) == 0xffff, sum_of(f, len));
	if (f[UPPER] == 134)
		router(f, len);
	else if (f[UPPER] == 135 && len >= 24 && ours(f + UPPER + 8) && f[IP + 8] != 0)
		advertise(f);
	else if (f[UPPER] == 128 && ours(f + IP + 24))
		echo(f, len);
	return (true);
}

static void
give(unsigned i)
{
	vq_offer(&rx, i, buffer[i], BUFFER, true);
}

void
guest_main(const struct start_info *info)
{
	static const uint8_t link_local[8] = { 0xfe, 0x80 };
	uint32_t asked, len;
	bool on = true;
	struct virtio v;
	unsigned id;

	(void)info;
	virtio_begin(&v, 6u << 3, 0);
	virtio_queue(&v, &rx, 0, &rx_ring);
	virtio_queue(&v, &tx, 1, &tx_ring);
	for (unsigned i = 0; i < 6; i++)
		mac[i] = mmio8(v.device + i);
	own_address(local, link_local);
	virtio_go(&v);
	for (unsigned i = 0; i < BUFFERS; i++)
		give(i);
	ask_for_router();
	asked = in32(PM_TIMER);
	while (on) {
		if (!has_global && in32(PM_TIMER) - asked > PATIENCE) {
			ask_for_router();
			asked = in32(PM_TIMER);
		}
		if (!vq_take(&rx, &id, &len))
			continue;
		CHECK(id < BUFFERS && len > HDR, id);
		on = take(buffer[id] + HDR, len - HDR);
		give(id);
	}
	put_text("ok\n");
}
