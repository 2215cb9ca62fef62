/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: checksums and TCP segmentation (3.5, 3.6), on copies of frames that no guest can change.
 * The offsets are the guest's: each is checked against the copy's length before it is used, and
 * nothing is assumed about what they point at. UDP is not segmented. Runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"

#define TUCMD_TCP 0x01u
#define TUCMD_IP  0x02u /* version 4 */
#define IP4_LEN   20u
#define IP6_LEN   40u
#define TCP_LEN   20u
/* Segments smaller than any network's would make a flood of frames out of one packet. */
#define MSS_MIN 64u

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static unsigned
be16_get(const uint8_t *p)
{
	return ((unsigned)p[0] << 8 | p[1]);
}

static void
be16_put(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Add up the bytes as numbers of 16 bits, big-endian; an odd one at the end is a high byte. */
static uint64_t
sum(const uint8_t *p, size_t len)
{
	uint64_t s = 0;

	for (; len > 1; len -= 2, p += 2)
		s += be16_get(p);
	return (len == 1 ? s + ((unsigned)p[0] << 8) : s);
}

/* The checksum of a sum; never the zero that means "none" in UDP: both stand for the same. */
static unsigned
fold(uint64_t s)
{
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	return (s == 0 ? 0xffff : (unsigned)s);
}

void
e1000_checksum(uint8_t *frame, size_t len, unsigned start, unsigned at, unsigned end)
{
	size_t last = end == 0 || end >= len ? len - 1 : end;

	if (start >= len || last < start || !range_ok(at, 2, len))
		return;
	/* What stands in the field is part of the sum: drivers put the pseudo header's there. */
	be16_put(frame + at, fold(sum(frame + start, last - start + 1)));
}

bool
e1000_segment_ok(const struct e1000_context *c, size_t len)
{
	unsigned ip = (c->cmd & TUCMD_IP) != 0 ? IP4_LEN : IP6_LEN;

	return ((c->cmd & TUCMD_TCP) != 0 && c->mss >= MSS_MIN && c->hdrlen < len &&
	    (unsigned)c->ipcss + ip <= c->tucss && c->tucss + TCP_LEN <= c->hdrlen &&
	    (c->hdrlen - c->tucss) % 2 == 0 && range_ok(c->tucso, 2, c->hdrlen) &&
	    len - c->hdrlen <= UINT16_MAX);
}

static void
network_header(const struct e1000_context *c, uint8_t *hdr, size_t off, size_t size)
{
	uint8_t *ip = hdr + c->ipcss;

	if ((c->cmd & TUCMD_IP) == 0) {
		be16_put(ip + 4, (unsigned)(c->hdrlen - c->ipcss - IP6_LEN + size));
		return;
	}
	be16_put(ip + 2, (unsigned)(c->hdrlen - c->ipcss + size));
	be16_put(ip + 4, be16_get(ip + 4) + (unsigned)(off / c->mss)); /* identification */
	e1000_checksum(hdr, c->hdrlen, c->ipcss, c->ipcso, c->ipcse);
}

void
e1000_segment_header(const struct e1000_context *c, uint8_t *hdr, const uint8_t *payload,
    size_t off, size_t size, bool last)
{
	uint8_t *tcp = hdr + c->tucss;
	unsigned tcp_len = c->hdrlen - c->tucss;
	uint32_t seq = (uint32_t)be16_get(tcp + 4) << 16 | be16_get(tcp + 6);

	network_header(c, hdr, off, size);
	seq += (uint32_t)off;
	be16_put(tcp + 4, seq >> 16);
	be16_put(tcp + 6, seq & 0xffff);
	if (!last)
		tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (off != 0)
		tcp[13] &= (uint8_t)~TCP_CWR;
	/* The pseudo header's sum is there, without the length, which differs by segment. */
	be16_put(hdr + c->tucso,
	    fold(sum(tcp, tcp_len) + sum(payload, size) + tcp_len + (uint64_t)size));
}
