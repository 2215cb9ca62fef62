/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Halts with interrupts on and nothing to wake it for longer than the halt watch takes, then is
 * woken by the RTC: an idle guest is not a halted one. Powers off after SECONDS (five).
 */
#include "guest.h"
#include "idt.h"

#ifndef SECONDS
#define SECONDS 5
#endif

static volatile unsigned ticks;

static uint8_t
rtc_read(uint8_t reg)
{
	out8(0x70, reg);
	return (in8(0x71));
}

/* IRQ 8, by the two 8259s. */
__attribute__((naked)) static void
on_rtc(void)
{
	__asm__ volatile("push %%rax\n\t"
			 "lock incl %0\n\t"
			 "movb $0x0c, %%al\n\toutb %%al, $0x70\n\tinb $0x71, %%al\n\t"
			 "movb $0x20, %%al\n\toutb %%al, $0xa0\n\toutb %%al, $0x20\n\t"
			 "pop %%rax\n\tiretq"
			 :
			 : "m"(ticks));
}

static void
set_up_pics(void)
{
	out8(0x20, 0x11);
	out8(0xa0, 0x11);
	out8(0x21, 0x20);
	out8(0xa1, 0x28);
	out8(0x21, 4);
	out8(0xa1, 2);
	out8(0x21, 1);
	out8(0xa1, 1);
	out8(0x21, 0xfb); /* the cascade */
	out8(0xa1, 0xfe); /* IRQ 8 */
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	for (unsigned i = 0; i < 256; i++)
		set_gate(i, on_rtc);
	load_idt();
	set_up_pics();
	/*
	 * The update-ended interrupt comes once a second; the sleep in between is of the kind
	 * that an idle guest has.
	 */
	out8(0x70, 0x0b);
	out8(0x71, (uint8_t)(rtc_read(0x0b) | 0x10));
	(void)rtc_read(0x0c);
	while (ticks < SECONDS)
		__asm__ volatile("sti; hlt; cli");
	put_text("ok\n");
}
