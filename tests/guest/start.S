/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of the bare-metal test guests: PVH's 32-bit protected mode, then long mode with an
 * identity map of 4 GiB, a stack, and guest_main(start_info). Page tables, GDT and IDT lie in
 * the image and do not change while they are in use, as the KVM of machines without hardware
 * virtualization demands. Returning from guest_main powers off. An exception is told and powers
 * off too (guest_exception), and so does an interrupt that nobody asked for: the table ends
 * before the interrupts' vectors, which makes a #GP of it whose error code has the vector.
 */
	.section .note.pvh, "a"
	.long 4, 4, 18
	.asciz "Xen"
	.long pvh_entry

	.section .text.start, "ax"
	.code32
	.globl pvh_entry
pvh_entry:
	cli
	movl $stack_top, %esp
	movl %ebx, %edi				/* first argument: start info */
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0x20, %eax			/* CR4.PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	movl $0x100, %eax			/* EFER.LME */
	xorl %edx, %edx
	wrmsr
	movl $0x80000011, %eax			/* CR0.PG | ET | PE */
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmpl $0x08, $long_mode

	.code64
long_mode:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %edi, %edi
	movl $exceptions, %eax			/* the gates: 16 bytes each, as are their entries */
	movl $exception_gates, %ecx
1:	movw %ax, (%rcx)
	movw $0x08, 2(%rcx)
	movw $0x8e00, 4(%rcx)
	movl %eax, %edx
	shrl $16, %edx
	movw %dx, 6(%rcx)
	addl $16, %eax
	addl $16, %ecx
	cmpl $exception_gates_end, %ecx
	jne 1b
	lidt idt_pointer
	call guest_main
	.globl power_off
power_off:
	movl $0x404, %edx			/* ACPI's PM1a control block */
	movl $0x3400, %eax			/* SLP_EN, SLP_TYP 5 */
	outw %ax, %dx
1:	hlt
	jmp 1b

	/* To guest_exception(vector, error code, RIP); those without an error code have 0. */
	.balign 16
exceptions:
	.set vector, 0
	.rept 32
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	pushq $0
	.endif
	pushq $vector
	jmp exception
	.set vector, vector + 1
	.endr
	.balign 16
exception:
	movq (%rsp), %rdi
	movq 8(%rsp), %rsi
	movq 16(%rsp), %rdx
	andq $-16, %rsp
	call guest_exception

	/*
	 * Where an application processor starts: copied to page 0x8 (0x8000) by guests that use
	 * it. Real mode, then the same long mode; then ap_main(APIC identifier) on a stack of
	 * its own.
	 */
	.code16
	.weak ap_main
	.globl ap_trampoline, ap_trampoline_end
ap_trampoline:
	cli
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0x20, %eax
	movl %eax, %cr4
	movl $0xc0000080, %ecx
	movl $0x100, %eax
	xorl %edx, %edx
	wrmsr
	lgdtl %cs:(ap_gdt_pointer - ap_trampoline)
	movl $0x80000011, %eax
	movl %eax, %cr0
	ljmpl $0x08, $ap_long_mode
ap_gdt_pointer:
	.word 3 * 8 - 1
	.long gdt
ap_trampoline_end:

	.code64
ap_long_mode:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	lidt idt_pointer
	movl $1, %eax				/* a ticket gives the stack */
	lock xaddl %eax, ap_tickets
	incl %eax
	movl %eax, %edi
	shll $12, %eax
	leal ap_stacks(%eax), %esp
	call ap_main
2:	cli
	hlt
	jmp 2b

	.section .data
	.balign 8
gdt:
	.quad 0
	.quad 0x00af9b000000ffff		/* 0x08: 64-bit code */
	.quad 0x00cf93000000ffff		/* 0x10: data */
gdt_pointer:
	.word . - gdt - 1
	.long gdt
idt_pointer:
	.word exception_gates_end - exception_gates - 1
	.quad exception_gates

	.balign 4096
pml4:
	.quad pdpt + 3
	.fill 511, 8, 0
pdpt:
	.quad pd + 3, pd + 0x1003, pd + 0x2003, pd + 0x3003
	.fill 508, 8, 0
pd:
	.set address, 0
	.rept 2048
	.quad address + 0x83
	.set address, address + 0x200000
	.endr

	.section .bss
	.balign 4096
exception_gates:
	.skip 32 * 16
exception_gates_end:
	.balign 4096
	.globl ap_tickets
ap_tickets:
	.skip 4096
ap_stacks:
	.skip 16 * 4096
stack:
	.skip 16384
stack_top:
	.section .note.GNU-stack, "", @progbits
