/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames of a guest that is 10.0.0.2 on a link where the host is 10.0.0.1 (in_net of `run`). No sums
 * are put in. Freestanding.
 */
#ifndef ZHYVE_TESTS_GUEST_NET_H
#define ZHYVE_TESTS_GUEST_NET_H

#include "guest.h"

#define NET_ARP_LEN   42 /* bytes of net_arp's frame */
#define NET_ECHO_HEAD 42 /* bytes of net_echo's frame before its data */

/* To everybody when `to` is NULL. */
static inline void
net_ethernet(uint8_t *f, const uint8_t *from, const uint8_t *to, unsigned type)
{
	for (unsigned i = 0; i < 6; i++) {
		f[i] = to == NULL ? 0xff : to[i];
		f[6 + i] = from[i];
	}
	f[12] = (uint8_t)(type >> 8);
	f[13] = (uint8_t)type;
}

static inline void
net_address(uint8_t *p, uint8_t last)
{
	p[0] = 10;
	p[1] = p[2] = 0;
	p[3] = last;
}

/* Who has the host's address? Or, to the host, the answer to that question about ours. */
static inline void
net_arp(uint8_t *f, const uint8_t *mac, const uint8_t *host)
{
	static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	net_ethernet(f, mac, host, 0x806);
	for (unsigned i = 0; i < 8; i++)
		f[14 + i] = head[i];
	f[21] = host == NULL ? 1 : 2;
	for (unsigned i = 0; i < 6; i++) {
		f[22 + i] = mac[i];
		f[32 + i] = host == NULL ? 0 : host[i];
	}
	net_address(f + 28, 2);
	net_address(f + 38, 1);
}

/* An echo request to the host, with `len` bytes of data behind NET_ECHO_HEAD. */
static inline void
net_echo(uint8_t *f, const uint8_t *mac, const uint8_t *host, unsigned len)
{
	net_ethernet(f, mac, host, 0x800);
	for (unsigned i = 14; i < NET_ECHO_HEAD; i++)
		f[i] = 0;
	f[14] = 0x45;
	f[16] = (uint8_t)((len + 28) >> 8);
	f[17] = (uint8_t)(len + 28);
	f[22] = 64;
	f[23] = 1;
	net_address(f + 26, 2);
	net_address(f + 30, 1);
	f[34] = 8;
}

#endif
