/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot ROM of 128 KiB that holds a test guest (PAYLOAD, its bytes as they are to lie at 1 MiB):
 * from the reset vector to protected mode, the payload copied to its place and entered as by PVH,
 * without start information. Linked at 0, an offset in here is an address less ROM.
 */
	.set ROM, 0xfffe0000
	.set SEGMENT, 0xffff0000		/* the last 64 KiB: CS after a reset */
	.text
	.globl _start
_start:
payload:
	.incbin PAYLOAD
payload_end:
	.org 0x1ff00
	.code16
real_mode:
	cli
	cld
	lgdtl %cs:(gdt_pointer - 0x10000)
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $0x08, $(protected_mode + ROM)
	.code32
protected_mode:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $(payload + ROM), %esi
	movl $0x100000, %edi
	movl $((payload_end - payload + 3) / 4), %ecx
	rep movsl
	xorl %ebx, %ebx
	movl $0x100000, %eax
	jmp *%eax
	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff		/* 0x08: 32-bit code */
	.quad 0x00cf93000000ffff		/* 0x10: data */
gdt_pointer:
	.word . - gdt - 1
	.long gdt + ROM
	.org 0x1fff0
	.code16
	jmp real_mode
	.org 0x20000
	.section .note.GNU-stack, "", @progbits
