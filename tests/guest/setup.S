/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a BIOS starts as a Linux kernel (boot protocol 2.12), without being one: real-mode code that says on COM1
 * its command line, the text that is its protected-mode part at 1 MiB, and the text that is the initrd. Linked at 0: the data
 * segment; the code segment begins 0x200 bytes later, so jumps are relative and nothing else is used.
 */
	.code16
	.globl _start
_start:
	.org 0x1f1
	.byte 1					/* sectors of this after the first */
	.org 0x1fe
	.word 0xaa55
	.byte 0xeb, entry - 0x202		/* a short jump */
	.ascii "HdrS"
	.word 0x20c
	.org 0x211
	.byte 1					/* the rest is loaded high */
	.org 0x218
initrd:	.long 0, 0
	.org 0x224
heap:	.word 0, 0
cmd:	.long 0
	.long 0x7fffffff			/* the initrd's last byte at most */
	.org 0x260
	.long 0x10000				/* memory that the rest needs */
	.org 0x268
entry:
	cld
	cmpw $0x1000 + 0x20, %sp		/* ss:sp is somewhere in our segment */
	jb fail
	movw $hello, %si
	call say
	movl cmd, %eax
	shrl $4, %eax
	movl initrd, %ebx
	movl initrd + 4, %ecx
	movw %ax, %ds
	xorw %si, %si
	call say
	movw $0xffff, %ax			/* 1 MiB: needs the A20 line */
	movw %ax, %ds
	movw $0x10, %si
	call say
	movw $0x1000, %ax
	movw %ax, %ds
	movw %ax, %es
	cmpl $initrd_want, %ecx			/* as long as it is */
	jne fail
	/* int 15h, 87h: a block of extended memory, here to 0x30000 */
	movw %bx, gdt + 0x12
	shrl $16, %ebx
	movb %bl, gdt + 0x14
	movb %bh, gdt + 0x17
	movw $gdt, %si
	movw $initrd_want / 2, %cx
	movb $0x87, %ah
	sti
	int $0x15
	jc fail
	movw $0x3000, %ax
	movw %ax, %ds
	xorw %si, %si
	call say
	jmp off
fail:	movw $0x1000, %ax
	movw %ax, %ds
	movw $bad, %si
	call say
off:	movw $0x5307, %ax			/* APM: all devices off */
	movw $1, %bx
	movw $3, %cx
	int $0x15
1:	cli
	hlt
	jmp 1b

/* The text at ds:si, and a newline. */
say:	lodsb
	testb %al, %al
	jz 1f
	call put
	jmp say
1:	movb $'\n', %al
put:	pushw %dx
	pushw %ax
2:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al			/* transmitter empty */
	jz 2b
	popw %ax
	movw $0x3f8, %dx
	outb %al, %dx
	popw %dx
	ret

hello:	.asciz "\nsetup"
bad:	.asciz "FAILED"
	.balign 8
gdt:	.quad 0, 0
	.word 0xffff, 0, 0x9300, 0		/* from */
	.word 0xffff, 0, 0x9303, 0		/* to 0x30000 */
	.quad 0, 0
	.set initrd_want, 5000
	.org 0x400
	.asciz "protected-mode part"
	.org 0x10400
	.section .note.GNU-stack, "", @progbits
