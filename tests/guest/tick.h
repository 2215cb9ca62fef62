/* SPDX-License-Identifier: BSD-2-Clause */
/* A timer's interrupt handler for the bare-metal test guests: it counts, and tells the local APIC. */
#ifndef ZHYVE_TESTS_GUEST_TICK_H
#define ZHYVE_TESTS_GUEST_TICK_H

#include "idt.h"

static volatile uint32_t count;

__attribute__((naked)) static void
on_timer(void)
{
	__asm__ volatile("push %%rax\n\t"
			 "lock incl %0\n\t"
			 "movl $0xfee000b0, %%eax\n\tmovl $0, (%%rax)\n\t"
			 "pop %%rax\n\tiretq"
			 :
			 : "m"(count));
}

#endif
