/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PIT's channel 0 through the I/O APIC: it ticks, and what ticks while the guest takes no
 * interrupts is one tick afterwards and no more.
 */
#include "guest.h"
#include "tick.h"

#define IOAPIC  0xfec00000ull
#define LAPIC   0xfee00000ull
#define PIT_HZ  1193182u
#define VEC     0x40
#define PIN     2 /* where IRQ 0 arrives */
#define TICK_MS 5

static void
spend(uint32_t ms)
{
	uint32_t from = in32(PM_TIMER);

	while (in32(PM_TIMER) - from < PM_HZ / 1000 * ms)
		;
}

void
guest_main(const struct start_info *info)
{
	uint32_t div = PIT_HZ / 1000 * TICK_MS, before, from, took;

	(void)info;
	out8(0x21, 0xff);
	set_gate(VEC, on_timer);
	load_idt();
	mmio32_put(LAPIC + 0xf0, 0x1ff);
	mmio32_put(IOAPIC, 0x11 + 2 * PIN);
	mmio32_put(IOAPIC + 0x10, 0);
	mmio32_put(IOAPIC, 0x10 + 2 * PIN);
	mmio32_put(IOAPIC + 0x10, VEC);
	out8(0x43, 0x34); /* channel 0, both bytes, mode 2 */
	out8(0x40, (uint8_t)div);
	out8(0x40, (uint8_t)(div >> 8));
	while (count < 4)
		__asm__ volatile("sti; hlt; cli");

	/* Forty ticks are due. A busy machine may add some to those of the time after it. */
	spend(40 * TICK_MS);
	before = count;
	from = in32(PM_TIMER);
	__asm__ volatile("sti");
	spend(4 * TICK_MS);
	__asm__ volatile("cli");
	took = (in32(PM_TIMER) - from) / (PM_HZ / 1000 * TICK_MS);
	CHECK(count - before >= 1 && count - before <= took + 3, count - before);
	put_text("ok\n");
}
