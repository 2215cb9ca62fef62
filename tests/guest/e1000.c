/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Drives the e1000 in slot 5 by its registers, with the host's network behind its tap: asks by
 * ARP who has 10.0.0.1 and sends it an echo request, whose two checksums the nic puts in. The
 * answers say that what was sent was right, and come in by its receive ring and its interrupt
 * causes. Its address is what the runner says in the EEPROM.
 */
#include "net.h"

#define SLOT  (5u << 3)
#define BAR   0xd0000000u
#define RING  8
#define STEPS 3000000

struct desc {
	uint64_t addr;
	uint32_t low, high;
};
static volatile struct desc rx[RING] __attribute__((aligned(128)));
static volatile struct desc tx[RING] __attribute__((aligned(128)));
static uint8_t buf[RING][2048];
static uint8_t frame[128], mac[6];
static unsigned tail, next;

static uint16_t
eeprom(unsigned word)
{
	mmio32_put(BAR + 0x14, word << 8 | 1);
	CHECK((mmio32(BAR + 0x14) & 0x10) != 0, word);
	return ((uint16_t)(mmio32(BAR + 0x14) >> 16));
}

static void
start(void)
{
	uint16_t sum = 0;

	mmio32_put(BAR, 1u << 26); /* reset */
	for (unsigned i = 0; i < 64; i++)
		sum = (uint16_t)(sum + eeprom(i));
	CHECK(sum == 0xbaba, sum);
	for (unsigned i = 0; i < 3; i++) {
		mac[2 * i] = (uint8_t)eeprom(i);
		mac[2 * i + 1] = (uint8_t)(eeprom(i) >> 8);
	}
	CHECK(mac[0] == 2 && mac[5] == 0x77, mac[5]);
	mmio32_put(BAR, 1 << 6); /* link up */
	CHECK((mmio32(BAR + 8) & 2) != 0, mmio32(BAR + 8));
	for (unsigned i = 0; i < RING; i++)
		rx[i].addr = (uint64_t)buf[i];
	mmio32_put(BAR + 0x2800, (uint32_t)(uint64_t)rx);
	mmio32_put(BAR + 0x2804, 0);
	mmio32_put(BAR + 0x2808, sizeof(rx));
	mmio32_put(BAR + 0x2818, RING - 1);
	mmio32_put(BAR + 0x3800, (uint32_t)(uint64_t)tx);
	mmio32_put(BAR + 0x3804, 0);
	mmio32_put(BAR + 0x3808, sizeof(tx));
	mmio32_put(BAR + 0x400, 1 << 3 | 1 << 1);
	mmio32_put(BAR + 0x100, 1 << 15 | 1 << 1); /* receive, broadcasts too */
}

static volatile struct desc *
put(uint64_t addr, uint32_t low, uint32_t high)
{
	volatile struct desc *d = &tx[tail];

	d->addr = addr;
	d->low = low;
	d->high = high;
	tail = (tail + 1) % RING;
	return (d);
}

static void
go(volatile struct desc *last)
{
	__asm__ volatile("" : : : "memory");
	mmio32_put(BAR + 0x3818, tail);
	for (uint64_t spins = 0; (last->high & 1) == 0; spins++)
		CHECK(spins < STEPS, mmio32(BAR + 0x3810));
}

/* The next frame of this type that is for us. */
static const uint8_t *
receive(unsigned type)
{
	for (;;) {
		volatile struct desc *d = &rx[next];
		const uint8_t *f = buf[next];

		for (uint64_t spins = 0; (d->high & 3) != 3; spins++)
			CHECK(spins < STEPS, mmio32(BAR + 0x2810));
		__asm__ volatile("" : : : "memory");
		d->high = 0;
		mmio32_put(BAR + 0x2818, next);
		next = (next + 1) % RING;
		if (f[12] == type >> 8 && f[13] == (type & 0xff) && f[0] == mac[0])
			return (f);
	}
}

static void
arp(uint8_t host[6])
{
	const uint8_t *f;

	net_arp(frame, mac, NULL);
	go(put((uint64_t)frame, 42 | 0x0b000000, 0)); /* EOP, IFCS, RS */
	f = receive(0x806);
	CHECK(f[21] == 2 && f[31] == 1, f[21]);
	for (unsigned i = 0; i < 6; i++)
		host[i] = f[22 + i];
}

static void
echo(const uint8_t *host)
{
	volatile struct desc *d;
	const uint8_t *f;

	net_echo(frame, mac, host, 72);
	for (unsigned i = 42; i < 114; i++)
		frame[i] = (uint8_t)(i * 7);
	d = put(0, 0x20000000, 0);
	/* Sums of bytes 14 to 33 into 24, of 34 to the end into 36. */
	d->addr = 14 | 24 << 8 | 33ull << 16 | 34ull << 32 | 36ull << 40;
	(void)put((uint64_t)frame, 20 | 0x22100000, 3 << 8);
	go(put((uint64_t)frame + 20, 94 | 0x2b100000, 3 << 8));
	f = receive(0x800);
	CHECK(f[34] == 0 && f[29] == 1, f[34]); /* echo reply */
	for (unsigned i = 42; i < 114; i++)
		CHECK(f[i] == (uint8_t)(i * 7), i);
}

void
guest_main(const struct start_info *info)
{
	uint8_t host[6];
	uint32_t icr;

	(void)info;
	CHECK(pci_read(SLOT, 0) == 0x100f8086, pci_read(SLOT, 0));
	pci_write(SLOT, 4, 0);
	pci_write(SLOT, 0x10, BAR);
	pci_write(SLOT, 4, 6); /* memory, bus master */
	start();
	(void)mmio32(BAR + 0xc0);
	arp(host);
	echo(host);
	icr = mmio32(BAR + 0xc0);
	CHECK((icr & 0x83) == 0x83, icr); /* received, sent, nothing left to send */
	CHECK(mmio32(BAR + 0x4080) == 2, 0);
	put_text("ok\n");
}
