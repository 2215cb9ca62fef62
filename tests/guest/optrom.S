/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An expansion ROM for an x86 BIOS, of some nic that is not ours, its checksum not right: says on
 * COM1 that it was started and returns.
 */
	.code16
	.globl _start
_start:
	.byte 0x55, 0xaa
	.byte 1					/* times 512 bytes */
	jmp entry				/* at offset 3, by which a BIOS calls it */
	.org 0x18
	.word data, 0
data:	.ascii "PCIR"
	.word 0x1af4, 0x1000
	.word 0
	.word 0x18				/* length of this */
	.byte 0
	.byte 0, 0, 2				/* network, Ethernet */
	.word 1					/* length of the image */
	.word 0
	.byte 0					/* code for an x86 BIOS */
	.byte 0x80				/* the last image */
	.word 0
entry:
	pushal
	pushw %ds
	pushw %cs
	popw %ds
	cld
	movw $text, %si
1:	lodsb
	testb %al, %al
	jz 3f
	movb %al, %bl
2:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al			/* transmitter empty */
	jz 2b
	movb %bl, %al
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 1b
3:	popw %ds
	popal
	xorw %ax, %ax
	lretw
text:	.asciz "option ROM started\n"
	.org 512
	.section .note.GNU-stack, "", @progbits
