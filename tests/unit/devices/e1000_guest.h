/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For the tests of e1000: a nic on a link in memory, and the driver that a guest would have: rings
 * of 16 descriptors, buffers of 2 KiB.
 */
#ifndef ZHYVE_TESTS_E1000_GUEST_H
#define ZHYVE_TESTS_E1000_GUEST_H

#include "devices/e1000.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"
#include "devices/pci_regs.h"
#include "pci_host.h"

#define RAM     (4u << 20)
#define TX_RING 0x10000u
#define RX_RING 0x11000u
#define RING    16u
#define TX_DATA 0x100000u
#define RX_DATA 0x200000u /* + descriptor * 0x800 */
#define FRAMES  80

#define EOP     0x01u
#define IC      0x04u
#define TSE     0x04u
#define RS      0x08u
#define DEXT    0x20u
#define VLE     0x40u

static const uint8_t our_mac[6] = { 0x02, 0x08, 0x20, 0x11, 0x22, 0x33 };

static uint8_t *ram;
static struct gmem gm;
static struct e1000 *nic;
static struct pci_bus *bus;

/* The link. */
static struct {
	uint8_t sent[FRAMES][9100];
	size_t sent_len[FRAMES];
	unsigned nsent, room; /* frames that it takes before it is full */
	const uint8_t *next;  /* to be received */
	size_t next_len;
	unsigned times;
	bool want_read, want_write;
	uint64_t offload;
} net;

static inline ssize_t
net_send(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	size_t len = 0;

	if (net.room == 0)
		return (-EAGAIN);
	net.room--;
	assert_true(net.nsent < FRAMES);
	assert_int_equal(iov[0].iov_len, NET_HDR_LEN);
	for (unsigned i = 0; i < NET_HDR_LEN; i++)
		assert_int_equal(((uint8_t *)iov[0].iov_base)[i], 0);
	for (unsigned i = 1; i < niov; i++) {
		assert_true(len + iov[i].iov_len <= sizeof(net.sent[0]));
		memcpy(net.sent[net.nsent] + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	net.sent_len[net.nsent++] = len;
	return ((ssize_t)(len + NET_HDR_LEN));
}

static inline ssize_t
net_recv(struct net_backend *b, const struct iovec *iov, unsigned niov)
{
	if (net.times == 0)
		return (-EAGAIN);
	net.times--;
	assert_int_equal(niov, 1);
	assert_true(iov[0].iov_len >= NET_HDR_LEN + net.next_len);
	memset(iov[0].iov_base, 0, NET_HDR_LEN);
	memcpy((uint8_t *)iov[0].iov_base + NET_HDR_LEN, net.next, net.next_len);
	return ((ssize_t)(NET_HDR_LEN + net.next_len));
}

static inline void
net_want_read(struct net_backend *b, bool on)
{
	net.want_read = on;
}

static inline void
net_want_write(struct net_backend *b, bool on)
{
	net.want_write = on;
}

static inline int
net_set_offload(struct net_backend *b, uint64_t f)
{
	net.offload = f;
	return (0);
}

static const struct net_ops net_ops = { net_send, net_recv, net_want_read, net_want_write,
	net_set_offload };
static struct net_backend backend;

static inline uint32_t
rd(unsigned off)
{
	return ((uint32_t)nic->pci.ops->bar_read(&nic->pci, 0, off, 4));
}

static inline void
wr(unsigned off, uint32_t val)
{
	nic->pci.ops->bar_write(&nic->pci, 0, off, 4, val);
}

static inline void
start_nic(void)
{
	wr(E1000_TDBAL, TX_RING);
	wr(E1000_TDLEN, RING * DESC_LEN);
	wr(E1000_RDBAL, RX_RING);
	wr(E1000_RDLEN, RING * DESC_LEN);
	for (unsigned i = 0; i < RING; i++)
		le64_put(ram + RX_RING + i * DESC_LEN, RX_DATA + i * 0x800);
	wr(E1000_RDT, RING - 1);
	wr(E1000_IMS, INT_ALL);
	wr(E1000_TCTL, TCTL_EN | TCTL_PSP);
	wr(E1000_RCTL, RCTL_EN | RCTL_BAM);
}

static inline int
setup(void **state)
{
	ram = aligned_alloc(4096, RAM);
	memset(ram, 0, RAM);
	gmem_wrap(&gm, ram, RAM);
	memset(&net, 0, sizeof(net));
	net.room = FRAMES;
	net.offload = 1;
	backend = (struct net_backend){ .ops = &net_ops };
	memcpy(backend.mac, our_mac, 6);
	nic = malloc(sizeof(*nic));
	bus = host_bus();
	assert_int_equal(e1000_init(nic, &gm, &backend), 0);
	nic->pci.bdf = PCI_BDF(0, 3, 0);
	assert_int_equal(pci_attach(bus, &nic->pci, NULL), 0);
	pci_cfg_write(bus, nic->pci.bdf, PCIR_COMMAND, 2,
	    PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER);
	start_nic();
	return (0);
}

static inline int
teardown(void **state)
{
	e1000_destroy(nic);
	pci_bus_destroy(bus);
	free(nic);
	free(ram);
	return (0);
}

/* Write the transmit descriptor at the tail; it counts once the tail is moved. */
static inline uint8_t *
put_desc(unsigned *tail, uint64_t addr, uint32_t low, uint32_t high)
{
	uint8_t *d = ram + TX_RING + *tail * DESC_LEN;

	le64_put(d, addr);
	le32_put(d + 8, low);
	le32_put(d + 12, high);
	*tail = (*tail + 1) % RING;
	return (d);
}

/* The Internet checksum of bytes, as a receiver computes it: 0 when it is right. */
static inline unsigned
inet_sum(const uint8_t *p, size_t len, unsigned start)
{
	uint64_t s = start;

	for (size_t i = 0; i < len; i++)
		s += i % 2 == 0 ? (unsigned)p[i] << 8 : p[i];
	while (s > 0xffff)
		s = (s & 0xffff) + (s >> 16);
	return (~(unsigned)s & 0xffff);
}

#endif
