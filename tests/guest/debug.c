/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Something for a debugger to hold: functions that are called, variables that change, other
 * processors that count. Goes on until `done` is set from outside.
 */
#include "guest.h"

#define LAPIC      0xfee00000ull
#define TRAMPOLINE 0x8000

volatile uint64_t counter, watched, done;
volatile uint32_t others;

__attribute__((noinline)) void
called(uint64_t n)
{
	__asm__ volatile("" : : "r"(n) : "memory");
	counter = n;
}

__attribute__((noinline)) void
writes(uint64_t n)
{
	watched = n * 2;
}

void
ap_main(unsigned n)
{
	(void)n;
	__asm__ volatile("lock incl %0" : "+m"(others));
	while (done == 0)
		__asm__ volatile("pause");
}

static void
start_others(void)
{
	volatile char *to = (volatile char *)TRAMPOLINE;

	for (char *from = ap_trampoline; from < ap_trampoline_end; from++)
		*to++ = *from;
	mmio32_put(LAPIC + 0xf0, 0x1ff);
	mmio32_put(LAPIC + 0x300, 0xc4500);
	for (unsigned try = 0; try < 2; try++)
		mmio32_put(LAPIC + 0x300, 0xc4600 | TRAMPOLINE >> 12);
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	start_others();
	put_text("ready\n");
	for (uint64_t n = 1; done == 0; n++) {
		called(n);
		writes(n);
	}
	put_text("ok\n");
}
