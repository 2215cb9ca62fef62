/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector that is a typewriter: what is typed (int 16h) it shows on the display (int 10h),
 * and says in brackets on COM1 (where SeaBIOS mirrors the display, too, at its timer's ticks: the
 * brackets are said with interrupts off, lest the mirror speaks between them); Enter ends with "ok"
 * there and powers off.
 */
	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x7c00, %sp
	movb $'r', %al
	call say
1:	xorb %ah, %ah				/* int 16h: wait for a key */
	int $0x16
	cmpb $13, %al
	je 2f
	call say
	jmp 1b
2:	cli
	movw $ok, %si
3:	lodsb
	testb %al, %al
	jz 4f
	call serial
	jmp 3b
4:	movw $0x604, %dx			/* ACPI's PM1a control block */
	movw $0x3400, %ax			/* SLP_EN, SLP_TYP 5 */
	outw %ax, %dx
5:	hlt
	jmp 5b

say:	pushw %ax
	movb $0x0e, %ah				/* int 10h: teletype output */
	movw $7, %bx
	int $0x10
	cli
	movb $'[', %al
	call serial
	popw %ax
	call serial
	movb $']', %al
	call serial
	sti
	ret
serial:	movb %al, %bl
6:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al			/* transmitter empty */
	jz 6b
	movb %bl, %al
	movw $0x3f8, %dx
	outb %al, %dx
	ret
ok:	.asciz "\nok\n"
	.org 510
	.word 0xaa55
	.section .note.GNU-stack, "", @progbits
