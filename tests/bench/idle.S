/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest of the zones' measurement: PVH, 32 bit. Writes one byte to COM1 at once, then is idle for
 * good: halted with interrupts on, and none that could come.
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
	movb $0xff, %al
	outb %al, $0x21 /* both 8259s: all lines masked */
	outb %al, $0xa1
	sti
1:	hlt
	jmp 1b
	.section .note.GNU-stack, "", @progbits
