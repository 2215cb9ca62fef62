/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt gates of the bare-metal test guests. */
#ifndef ZHYVE_TESTS_GUEST_IDT_H
#define ZHYVE_TESTS_GUEST_IDT_H

#include <stdint.h>

struct gate {
	uint16_t low, selector;
	uint8_t ist, type;
	uint16_t mid;
	uint32_t high, zero;
};

static struct gate idt[256];

static inline void
set_gate(unsigned vector, void (*handler)(void))
{
	uint64_t h = (uint64_t)handler;

	idt[vector] =
	    (struct gate){ (uint16_t)h, 8, 0, 0x8e, (uint16_t)(h >> 16), (uint32_t)(h >> 32), 0 };
}

/* On each processor that is to take interrupts. */
static inline void
load_idt(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (uint64_t)idt };

	__asm__ volatile("lidt %0" : : "m"(pointer));
}

#endif
