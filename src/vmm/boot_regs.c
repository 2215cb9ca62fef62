/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first vCPU's state at a kernel's entry: descriptor table, page tables, registers: see
 * boot.h. All of it is in place before the first instruction, because a KVM without hardware
 * paging need not notice later changes made from outside. Runs in zhyve.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "vmm/boot.h"

#define SEL_CODE      0x10 /* __BOOT_CS of Linux' protocol */
#define SEL_DATA      0x18 /* __BOOT_DS */
#define DESC_CODE64   0x00af9b000000ffffull
#define DESC_CODE32   0x00cf9b000000ffffull
#define DESC_DATA     0x00cf93000000ffffull
#define PTE_TABLE     0x3ull  /* present, writable */
#define PTE_LARGE     0x83ull /* present, writable, 2 MiB */
#define CR0_PE        (1ull << 0)
#define CR0_ET        (1ull << 4)
#define CR0_PG        (1ull << 31)
#define CR4_PAE       (1ull << 5)
#define EFER_LME_LMA  (1ull << 8 | 1ull << 10)
#define RFLAGS_ALWAYS 2

static void
put_page_tables(uint8_t *base)
{
	uint8_t *pdpt = base + 4096, *pd = base + 2 * 4096;

	le64_put(base, (BOOT_PAGE_TABLES + 4096) | PTE_TABLE);
	for (uint64_t i = 0; i < 4; i++)
		le64_put(pdpt + 8 * i, (BOOT_PAGE_TABLES + (2 + i) * 4096) | PTE_TABLE);
	for (uint64_t i = 0; i < 2048; i++)
		le64_put(pd + 8 * i, i * 2 * MIB | PTE_LARGE);
}

int
boot_put_tables(const struct gmem *gm, enum boot_kind kind, struct err *e)
{
	const uint64_t gdt[4] = { 0, 0, kind == BOOT_LINUX64 ? DESC_CODE64 : DESC_CODE32,
		DESC_DATA };
	uint8_t *tables;

	if (gmem_write(gm, BOOT_GDT, gdt, sizeof(gdt)) != 0)
		return (err_say(
		    e, ENOMEM, "no room for the kernel's descriptors in the guest's memory"));
	if (kind != BOOT_LINUX64)
		return (0);
	if ((tables = gmem_ptr(gm, BOOT_PAGE_TABLES, 6 * 4096)) == NULL)
		return (err_say(
		    e, ENOMEM, "no room for the kernel's page tables in the guest's memory"));
	put_page_tables(tables);
	return (0);
}

int
boot_set_registers(int vcpu_fd, const struct boot_entry *entry, struct err *e)
{
	bool long_mode = entry->kind == BOOT_LINUX64;
	struct kvm_regs regs = { .rip = entry->rip, .rflags = RFLAGS_ALWAYS };
	struct kvm_segment flat = { .limit = 0xffffffff, .present = 1, .s = 1, .g = 1 };
	struct kvm_sregs s;

	if (ioctl(vcpu_fd, KVM_GET_SREGS, &s) != 0)
		return (err_set(e, errno, "cannot read the first vCPU's registers"));
	s.cs = s.ds = flat;
	s.cs.selector = SEL_CODE;
	s.cs.type = 11; /* execute, read, accessed */
	s.cs.l = long_mode;
	s.cs.db = !long_mode;
	s.ds.selector = SEL_DATA;
	s.ds.type = 3; /* read, write, accessed */
	s.ds.db = 1;
	s.es = s.ss = s.fs = s.gs = s.ds;
	s.tr = (struct kvm_segment){ .limit = 0x67, .present = 1, .type = 11 };
	s.gdt.base = BOOT_GDT;
	s.gdt.limit = 4 * 8 - 1;
	s.idt.base = s.idt.limit = 0;
	s.cr0 = CR0_PE | CR0_ET;
	s.cr4 = 0;
	s.efer = 0;
	if (long_mode) {
		s.cr0 |= CR0_PG;
		s.cr3 = BOOT_PAGE_TABLES;
		s.cr4 = CR4_PAE;
		s.efer = EFER_LME_LMA;
		regs.rsi = BOOT_ZERO_PAGE;
	} else {
		regs.rbx = BOOT_PVH_INFO;
	}
	if (ioctl(vcpu_fd, KVM_SET_SREGS, &s) != 0 || ioctl(vcpu_fd, KVM_SET_REGS, &regs) != 0)
		return (err_set(e, errno, "cannot set the first vCPU's registers"));
	return (0);
}
