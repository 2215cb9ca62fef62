/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the i6300esb in slot 5, looks after it for a while, then no more: the machine ends, or an NMI
 * comes.
 */
#include "guest.h"
#include "idt.h"

#define SLOT       (5u << 3)
#define RELOAD_REG 0x0c
#define TICKS      700 /* of 0.993 ms, each stage */
#define PATIENCE   200000u

static volatile unsigned nmis;

__attribute__((naked)) static void
on_nmi(void)
{
	__asm__ volatile("lock incl %0\n\tiretq" : : "m"(nmis));
}

static void
unlock(uint64_t bar)
{
	mmio16_put(bar + RELOAD_REG, 0x80);
	mmio16_put(bar + RELOAD_REG, 0x86);
}

/* Leaves the guest each time: a KVM that emulates every instruction may not look at signals else. */
static void
rest(void)
{
	for (unsigned i = 0; i < 40; i++)
		(void)in8(COM1 + 5);
}

void
guest_main(const struct start_info *info)
{
	uint64_t bar = pci_read(SLOT, 0x10) & ~15u;

	(void)info;
	set_gate(2, on_nmi);
	load_idt();
	CHECK(pci_read(SLOT, 0) == 0x25ab8086, pci_read(SLOT, 0));
	mmio32_put(bar, 5); /* locked: no effect */
	CHECK(mmio32(bar) == 0xfffff, mmio32(bar));
	for (unsigned stage = 0; stage < 2; stage++) {
		unlock(bar);
		mmio32_put(bar + stage * 4, TICKS);
		CHECK(mmio32(bar + stage * 4) == TICKS, stage);
	}
	pci_write(SLOT, 0x60, 3); /* no interrupt, 1 kHz, output on */
	pci_write(SLOT, 0x68, 2); /* enable */
	for (unsigned i = 0; i < 20; i++) {
		rest();
		unlock(bar);
		mmio16_put(bar + RELOAD_REG, 0x100);
	}
	CHECK(nmis == 0, nmis);
	put_text("ok\n");
	for (unsigned i = 0; i < PATIENCE; i++) {
		rest();
		if (nmis != 0)
			return;
	}
	fail("the watchdog has not barked", 0);
}
