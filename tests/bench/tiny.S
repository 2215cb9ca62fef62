/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the start-up measurement: PVH, 32 bit. Writes one byte to COM1 at once, then
 * waits for good (interrupts off, halted), so that the memory of its virtual machine monitor
 * can be read.
 */
	.section .note.pvh, "a"
	.long 4, 4, 18
	.asciz "Xen"
	.long entry

	.text
	.code32
	.globl entry
entry:
	movw $0x3f8, %dx
	movb $'!', %al
	outb %al, %dx
1:	cli
	hlt
	jmp 1b
	.section .note.GNU-stack, "", @progbits
