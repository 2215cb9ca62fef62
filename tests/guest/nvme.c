/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NVMe controller in slot 5: brings it up as a driver does, asks what it is, makes a pair of I/O
 * queues whose completions interrupt by MSI-X, reads and writes. The runner has put "zhyve" at the
 * start of block 3; the guest writes a pattern to blocks 8 to 39 by a list of pages, flushes,
 * reads it back crooked; the runner looks at the file afterwards. A command beyond the end fails;
 * the controller is switched off and on again.
 */
#include "guest.h"
#include "idt.h"

#define BDF   (5u << 3)
#define LAPIC 0xfee00000u

static volatile unsigned interrupts;

/* Asleep until the interrupt of the one command there is. */
static inline void
wait_for_interrupt(void)
{
	static unsigned taken;

	while (interrupts == taken)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	CHECK(interrupts == ++taken, interrupts);
}
#define NVME_WAIT() wait_for_interrupt()
#include "nvme.h"

static uint8_t page[4096] __attribute__((aligned(4096)));
static uint64_t list[512] __attribute__((aligned(4096)));
static uint8_t data[8 * 4096] __attribute__((aligned(4096)));

__attribute__((naked)) static void
on_interrupt(void)
{
	__asm__ volatile("push %%rax\n\t"
			 "lock incl %0\n\t"
			 "movl $0xfee000b0, %%eax\n\tmovl $0, (%%rax)\n\t"
			 "pop %%rax\n\tiretq"
			 :
			 : "m"(interrupts));
}

static void
set_up_interrupts(void)
{
	for (unsigned i = 0; i < 256; i++)
		set_gate(i, on_interrupt);
	load_idt();
	out8(0x21, 0xff);
	out8(0xa1, 0xff);
	mmio32_put(LAPIC + 0xf0, 0x1ff); /* on */
}

static void
set_up_msix(void)
{
	unsigned cap = pci_read(BDF, 0x34) & 0xff;

	while (cap != 0 && (pci_read(BDF, cap) & 0xff) != 0x11)
		cap = pci_read(BDF, cap) >> 8 & 0xff;
	CHECK(cap != 0, cap);
	CHECK((pci_read(BDF, cap + 4) & 7) == 4, pci_read(BDF, cap + 4));
	for (unsigned v = 0; v < 2; v++) {
		mmio32_put(NVME_TABLE + v * 16, LAPIC | (mmio32(LAPIC + 0x20) >> 24) << 12);
		mmio32_put(NVME_TABLE + v * 16 + 4, 0);
		mmio32_put(NVME_TABLE + v * 16 + 8, 0x40 + v);
		mmio32_put(NVME_TABLE + v * 16 + 12, 0);
	}
	pci_write(BDF, cap, pci_read(BDF, cap) | 1u << 31);
}

static void
identify(void)
{
	CHECK(nvme_admin(0x06, 0, page, 1, 0) == 0, 0);
	CHECK(page[4] == 'D' && page[7] == 'K' && page[8] == ' ', page[4]); /* the serial */
	CHECK(nvme_admin(0x06, 1, page, 0, 0) == 0, 0);
	CHECK(*(uint64_t *)page == 2048, *(uint64_t *)page);
	CHECK(nvme_admin(0x06, 2, page, 0, 0) == 0x0b, 0);
	CHECK(nvme_admin(0x80, 1, page, 0, 0) == 0x01, 0); /* format */
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	nvme_find(BDF);
	set_up_interrupts();
	set_up_msix();
	nvme_start(1);
	identify();

	CHECK(nvme_io(2, (uint64_t)data, 0, 3, 1) == 0, 0);
	CHECK(data[0] == 'z' && data[4] == 'e', data[0]);
	/* 16 KiB in pages turned around. */
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 512);
	for (unsigned i = 0; i < 3; i++)
		list[i] = (uint64_t)data + 4096 * (2 - i);
	CHECK(nvme_io(1, (uint64_t)data + 4096 * 3, (uint64_t)list, 8, 32) == 0, 0);
	CHECK(nvme_io(0, 0, 0, 0, 1) == 0, 0);
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = 0;
	CHECK(nvme_io(2, (uint64_t)data + 4092, (uint64_t)data + 8192, 8, 8) == 0, 0);
	for (unsigned i = 0; i < 4096; i++) {
		uint8_t want = (uint8_t)((i + 3 * 4096) * 7 + (i + 3 * 4096) / 512);
		uint8_t got = i < 4 ? data[4092 + i] : data[8192 + i - 4];

		CHECK(got == want, i);
	}
	CHECK(nvme_io(2, (uint64_t)data, 0, 2048, 1) == 0x80, 0);
	CHECK(nvme_io(2, NVME_BAR, 0, 0, 1) == 0x04, 0); /* into its own registers */

	nvme_start(1); /* off and on again */
	CHECK(nvme_io(2, (uint64_t)data, 0, 3, 1) == 0, 0);
	mmio32_put(NVME_BAR + 0x14, 0x464001); /* shut down */
	while ((mmio32(NVME_BAR + 0x1c) & 0xc) != 8)
		;
	put_text("ok\n");
}
