/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The HPET: its frequency against ACPI's timer, one comparator once by message, one periodic by an
 * edge through the I/O APIC.
 */
#include "guest.h"
#include "tick.h"

#define HPET   0xfed00000ull
#define IOAPIC 0xfec00000ull
#define LAPIC  0xfee00000ull
#define HZ     (1u << 24)
#define VEC    0x40
#define PIN    10

static uint32_t
now(void)
{
	return (mmio32(HPET + 0xf0));
}

/* 100 ms of each; an access costs some ten microseconds, so one in fifty is allowed for. */
static void
frequency(void)
{
	uint32_t pm = in32(PM_TIMER), from = now(), ticks, want;

	while (now() - from < HZ / 10)
		;
	ticks = now() - from;
	pm = in32(PM_TIMER) - pm;
	want = (uint32_t)((uint64_t)pm * HZ / PM_HZ);
	CHECK(ticks > want - want / 50 && ticks < want + want / 50, ticks);
}

static void
wait_for(uint32_t n)
{
	while (count < n)
		__asm__ volatile("sti; hlt; cli");
}

void
guest_main(const struct start_info *info)
{
	uint32_t from, cmp;

	(void)info;
	out8(0x21, 0xff);
	set_gate(VEC, on_timer);
	load_idt();
	mmio32_put(LAPIC + 0xf0, 0x1ff);
	CHECK(mmio32(HPET) == 0x80860701, mmio32(HPET));
	CHECK(now() == 0 && now() == 0, now()); /* it stands */
	mmio32_put(HPET + 0x10, 1);
	frequency();

	/* Timer 0: once, in 20 ms, by message. */
	mmio32_put(HPET + 0x110, VEC);
	mmio32_put(HPET + 0x114, (uint32_t)LAPIC);
	from = now();
	cmp = from + HZ / 50;
	mmio32_put(HPET + 0x108, cmp);
	mmio32_put(HPET + 0x100, 1u << 14 | 1u << 2);
	wait_for(1);
	CHECK((int32_t)(now() - cmp) >= 0, now() - cmp);
	mmio32_put(HPET + 0x100, 0);

	/* Timer 1: every 10 ms, by the I/O APIC. */
	mmio32_put(IOAPIC, 0x11 + 2 * PIN);
	mmio32_put(IOAPIC + 0x10, 0);
	mmio32_put(IOAPIC, 0x10 + 2 * PIN);
	mmio32_put(IOAPIC + 0x10, VEC);
	mmio32_put(HPET + 0x120, (uint32_t)PIN << 9 | 1u << 6 | 1u << 3 | 1u << 2);
	CHECK((mmio32(HPET + 0x120) >> 9 & 31) == PIN, mmio32(HPET + 0x120));
	from = now();
	mmio32_put(HPET + 0x128, from + HZ / 100);
	mmio32_put(HPET + 0x128, HZ / 100);
	count = 0;
	wait_for(5);
	CHECK(now() - from >= HZ / 100 * 5, now() - from);
	put_text("ok\n");
}
