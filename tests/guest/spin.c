/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns in a circle with interrupts off, as a guest does whose lock will never be let go, until the
 * power button's status bit comes; says before where: "ready BEGIN END", in hexadecimal. What is
 * in its registers must stay there while somebody looks at them.
 */
#include "guest.h"

extern char spin_begin[], spin_end[];

/* 1 when a register was changed behind its back. */
static unsigned
spin(void)
{
	unsigned changed;

	__asm__ volatile(
	    "cli\n\t"
	    "movl $0x0b0b0b0b, %%ebx\n\tmovl $0x08080808, %%r8d\n\t"
	    "movl $0x0c0c0c0c, %%r12d\n\tmovl $0x0f0f0f0f, %%r15d\n\t"
	    "movl $0x400, %%edx\n\t" /* PM1 status */
	    "movq %%rsp, %%rcx\n"
	    "spin_begin:\n\t"
	    "inw %%dx, %%ax\n\t"
	    "cmpl $0x0b0b0b0b, %%ebx\n\tjne 1f\n\tcmpl $0x08080808, %%r8d\n\tjne 1f\n\t"
	    "cmpl $0x0c0c0c0c, %%r12d\n\tjne 1f\n\tcmpl $0x0f0f0f0f, %%r15d\n\tjne 1f\n\t"
	    "cmpq %%rsp, %%rcx\n\tjne 1f\n\tcmpl $0x400, %%edx\n\tjne 1f\n\t"
	    "testl $0x100, %%eax\n\t" /* PWRBTN_STS */
	    "jz spin_begin\n"
	    "spin_end:\n\t"
	    "xorl %0, %0\n\tjmp 2f\n"
	    "1:\tmovl $1, %0\n"
	    "2:"
	    : "=a"(changed)
	    :
	    : "rbx", "rcx", "rdx", "r8", "r12", "r15", "cc", "memory");
	return (changed);
}

void
guest_main(const struct start_info *info)
{
	(void)info;
	out8(0xb2, 0xa0);    /* ACPI on */
	out16(0x402, 0x100); /* PWRBTN_EN */
	put_text("ready ");
	put_hex((uint64_t)spin_begin);
	put_text(" ");
	put_hex((uint64_t)spin_end);
	put_text("\n");
	CHECK(spin() == 0, 0);
	put_text("ok\n");
}
