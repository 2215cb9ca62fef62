/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector: what a BIOS loads to 0x7C00 and starts in real mode. Says through the BIOS which
 * disk it came from (the byte before the signature), then "ok" on COM1 by itself, and has the BIOS
 * power off.
 */
	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $0x7c00, %sp
	cld
	movw $text, %si
1:	lodsb
	testb %al, %al
	jz 2f
	movb $0x0e, %ah				/* int 10h: teletype output */
	movw $7, %bx
	int $0x10
	jmp 1b
2:	movb disk, %al
	movb $0x0e, %ah
	int $0x10
	movw $0x0e20, %ax			/* a space: SeaBIOS's serial console holds the last character back */
	int $0x10
	movw $ok, %si
3:	lodsb
	testb %al, %al
	jz 6f
	movb %al, %bl
4:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al			/* transmitter empty */
	jz 4b
	movb %bl, %al
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 3b
6:	movw $0x5307, %ax			/* int 15h: APM, all devices off */
	movw $1, %bx
	movw $3, %cx
	int $0x15
7:	cli
	hlt
	jmp 7b
text:	.asciz "boot sector of disk "
ok:	.asciz "\nok\n"
	.org 509
disk:	.byte 'A'
	.word 0xaa55
	.section .note.GNU-stack, "", @progbits
