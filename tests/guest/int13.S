/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot sector that uses the BIOS's extended disk services (EDD: int 13h, AH=41h, 42h, 43h, 48h)
 * on the disks 80h and 81h, of 10 GiB each: capacity, a write of two sectors beyond what cylinders,
 * heads and sectors can address (8 GiB), the same read back, a read across the end of the disk,
 * which must fail, and one more that must not. Says on COM1 what went wrong, or "ok"; powers off.
 */
	.set SECTORS, 10 * 2 * 1024 * 1024
	.set LBA, 20000003
	.set PARAMS, 0x8000
	.set OUT, 0x9000
	.set BACK, 0xa000

	.code16
	.globl _start
_start:
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	cld
next_disk:
	movb $'1', step				/* are there extensions? */
	movb $0x41, %ah
	movw $0x55aa, %bx
	call disk_service
	jc failed
	cmpw $0xaa55, %bx
	jne failed

	incb step				/* 2: how large is it? */
	movw $26, PARAMS
	movw $PARAMS, %si
	movb $0x48, %ah
	call disk_service
	jc failed
	cmpl $SECTORS, PARAMS + 16
	jne failed
	cmpl $0, PARAMS + 20
	jne failed
	cmpw $512, PARAMS + 24
	jne failed

	incb step				/* 3: write */
	movw $OUT, %di
	movb drive, %al
	movw $1024, %cx
1:	stosb
	addb $7, %al
	loop 1b
	movw $OUT, buffer
	movl $LBA, lba
	movw $0x4300, %ax
	call transfer
	jc failed

	incb step				/* 4: read back */
	movw $BACK, buffer
	movb $0x42, %ah
	call transfer
	jc failed
	movw $OUT, %si
	movw $BACK, %di
	movw $512, %cx
	repe cmpsw
	jne failed

	incb step				/* 5: the last sector and one more */
	movl $SECTORS - 1, lba
	movb $0x42, %ah
	call transfer
	jnc failed

	incb step				/* 6: the last two */
	decl lba
	movb $0x42, %ah
	call transfer
	jc failed

	incb drive
	incb digit
	cmpb $0x82, drive
	jne next_disk
	movw $ok, %si
	jmp end
failed:
	movw $bad, %si
end:
	call say
	movw $0x604, %dx			/* ACPI's PM1a control block */
	movw $0x3400, %ax			/* SLP_EN, SLP_TYP 5 */
	outw %ax, %dx
1:	cli
	hlt
	jmp 1b

transfer:
	movw $packet, %si
	movw $2, count				/* the BIOS says here what it moved */
disk_service:
	movb drive, %dl
	int $0x13
	ret

say:	lodsb
	testb %al, %al
	jz 2f
	movb %al, %bl
1:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al			/* transmitter empty */
	jz 1b
	movb %bl, %al
	movw $0x3f8, %dx
	outb %al, %dx
	jmp say
2:	ret

	.balign 4
packet:	.byte 16, 0
count:	.word 2
buffer:	.word 0, 0
lba:	.quad 0
bad:	.ascii "\nFAILED: step "
step:	.ascii "0 of disk 8"
digit:	.asciz "0\n"
ok:	.asciz "\nok\n"
drive:	.byte 0x80
	.org 510
	.word 0xaa55
	.section .note.GNU-stack, "", @progbits
