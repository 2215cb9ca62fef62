/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The expansion ROM by which SeaBIOS starts the kernel of -l kernel: bytes that zhyve offers in
 * fw_cfg (fw_linuxboot.c, which has checked the kernel and fills in the checksum). Never executed
 * by zhyve itself; runs in the guest, in real mode, as a boot entry of the Plug and Play BIOS
 * specification (1.0A, 3.2). Reads the kernel's parts by fw_cfg's DMA to where the Linux boot
 * protocol wants them, and jumps to its real-mode code.
 */
#define STACK		0x7c00		/* below the DMA command; both where a boot sector would be */
#define DMA		0x7c00		/* control, length, address (8): big-endian */
#define WORD		0x7c10
#define DMA_PORT	0x514
#define SELECT_READ	0x0a
#define DMA_ERROR	1

#define KEY_KERNEL_SIZE	0x08
#define KEY_INITRD_ADDR	0x0a
#define KEY_INITRD_SIZE	0x0b
#define KEY_KERNEL	0x11
#define KEY_INITRD	0x12
#define KEY_CMD_SIZE	0x14
#define KEY_CMD		0x15
#define KEY_SETUP_SIZE	0x17
#define KEY_SETUP	0x18

#define SETUP_SEG	0x1000
#define CMD_ADDR	0x20000
#define KERNEL_ADDR	0x100000
#define HEAP_END	0xe000
/* The setup header */
#define H_LOADER	0x210
#define H_LOADFLAGS	0x211
#define CAN_USE_HEAP	0x80
#define H_RAMDISK	0x218
#define H_RAMDISK_SIZE	0x21c
#define H_HEAP_END	0x224
#define H_CMD		0x228

	.section .rodata
	.globl linuxboot_rom, linuxboot_rom_end
	.hidden linuxboot_rom, linuxboot_rom_end
	.balign 512
	.code16
linuxboot_rom:
	.byte 0x55, 0xaa
	.byte (linuxboot_rom_end - linuxboot_rom) / 512
	lretw				/* at offset 3: nothing to set up */
	.org linuxboot_rom + 0x1a
	.word pnp - linuxboot_rom
	.org linuxboot_rom + 0x20
pnp:	.ascii "$PnP"
	.byte 1, 2			/* revision; length, times 16 bytes */
	.word 0				/* no other header */
	.byte 0, 0			/* reserved; checksum, which SeaBIOS does not look at */
	.long 0				/* no device */
	.word 0, name - linuxboot_rom	/* manufacturer, product */
	.byte 0, 0, 0, 0		/* type, indicators */
	.word 0, 0, entry - linuxboot_rom, 0, 0 /* the third: the boot entry vector */
name:	.asciz "Linux kernel"

entry:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %ss
	movw $STACK, %sp
	movw $SETUP_SEG, %ax
	movw %ax, %es

	movw $KEY_SETUP_SIZE, %ax
	call number
	movl $SETUP_SEG << 4, %edi
	movw $KEY_SETUP, %ax
	call item
	movw $KEY_KERNEL_SIZE, %ax
	call number
	movl $KERNEL_ADDR, %edi
	movw $KEY_KERNEL, %ax
	call item
	movw $KEY_CMD_SIZE, %ax
	call number
	movl $CMD_ADDR, %edi
	movw $KEY_CMD, %ax
	call item
	movl %edi, %es:H_CMD
	movw $KEY_INITRD_ADDR, %ax
	call number
	movl %ecx, %es:H_RAMDISK
	movl %ecx, %ebx
	movw $KEY_INITRD_SIZE, %ax
	call number
	movl %ecx, %es:H_RAMDISK_SIZE
	movl %ebx, %edi
	movw $KEY_INITRD, %ax
	call item

	movb $0xff, %es:H_LOADER	/* a loader without a number of its own */
	orb $CAN_USE_HEAP, %es:H_LOADFLAGS
	movw $HEAP_END - 0x200, %es:H_HEAP_END
	movw $SETUP_SEG, %ax
	movw %ax, %ds
	movw %ax, %fs
	movw %ax, %gs
	movw %ax, %ss
	movw $HEAP_END, %sp
	ljmpw $SETUP_SEG + 0x20, $0

/* A number, item ax, into ecx; 0 when there is none. */
number:
	movl $0, WORD
	movl $WORD, %edi
	movl $4, %ecx
	call item
	movl WORD, %ecx
	ret

/* ecx bytes of item ax to edi. */
item:
	movzwl %ax, %eax
	shll $16, %eax
	orb $SELECT_READ, %al
	bswapl %eax
	movl %eax, DMA
	movl %ecx, %eax
	bswapl %eax
	movl %eax, DMA + 4
	movl $0, DMA + 8
	movl %edi, %eax
	bswapl %eax
	movl %eax, DMA + 12
	xorl %eax, %eax
	movw $DMA_PORT, %dx
	outl %eax, %dx			/* the address's upper half */
	movl $DMA, %eax
	bswapl %eax
	addw $4, %dx
	outl %eax, %dx			/* and the lower, which starts it */
1:	movl DMA, %eax
	bswapl %eax
	testl %eax, %eax
	jz 2f
	testb $DMA_ERROR, %al
	jz 1b
	sti
	int $0x18			/* not this way: the next device */
2:	ret
	.balign 512, 0
linuxboot_rom_end:
	.section .note.GNU-stack, "", @progbits
