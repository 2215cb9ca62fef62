/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starting a kernel without firmware, in two ways:
 *  - Linux, 64-bit boot protocol (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"): a
 *    bzImage of protocol 2.12 or later with a 64-bit entry, or an uncompressed ELF without a
 *    PVH note;
 *  - PVH (Xen's docs/misc/pvh.pandoc and xen/include/public/arch-x86/hvm/start_info.h): an ELF
 *    file, 32 or 64 bit, of any kind of kernel, with the note XEN_ELFNOTE_PHYS32_ENTRY.
 *
 * The loaders are functions over guest memory and files: no KVM. All that is read from a file
 * is checked against the file's size and the guest's RAM; the file is read with pread straight
 * into its place, never mapped (a file that shrinks must not become a signal). They expect
 * fresh (zeroed) RAM. Only boot_set_registers touches a vCPU. Runs in zhyve, before any guest
 * code.
 *
 * Low memory as the loaders leave it:
 */
#ifndef ZHYVE_VMM_BOOT_H
#define ZHYVE_VMM_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gmem/gmem.h"

#define BOOT_GDT           0x500    /* 4 descriptors */
#define BOOT_PVH_INFO      0x6000   /* hvm_start_info, its module list and memory map */
#define BOOT_ZERO_PAGE     0x7000   /* Linux' boot_params */
#define BOOT_PAGE_TABLES   0x9000   /* 6 pages: PML4, PDPT, 4 directories of 2 MiB pages */
#define BOOT_CMDLINE       0x20000  /* the command line */
#define BOOT_CMDLINE_MAX   0x10000  /* bytes, end byte included */
#define BOOT_VGA_HOLE      0xA0000  /* RAM ends here for the guest ... */
#define BOOT_BIOS_AREA     0xF0000  /* ... the tables of ACPI and SMBIOS lie here ... */
#define BOOT_KERNEL_MIN    0x100000 /* ... and kernels begin here */

#define BOOT_E820_MAX      8
#define BOOT_E820_RAM      1
#define BOOT_E820_RESERVED 2

struct boot_e820 {
	uint64_t addr, len;
	uint32_t type;
};

struct boot_file {
	int fd; /* -1: none */
	uint64_t size;
	const char *name; /* for messages */
};
/*
 * Take `fd` as a file to boot from. -EINVAL when it is not a regular file or is empty. The
 * descriptor stays the caller's.
 */
int boot_file_open(struct boot_file *f, int fd, const char *name, struct err *e);
/* Read exactly [off, off + len) of it; -EINVAL when it lies outside the file. */
int boot_file_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len, struct err *e);

struct boot_request {
	const struct gmem *gm;
	struct boot_file kernel;
	struct boot_file initrd;
	const char *cmdline; /* "" when there is none */
	uint64_t rsdp;       /* guest-physical address of ACPI's root pointer, 0: none */
	/* low RAM from here on is taken (by ACPI's tables) and reserved; 0: none */
	uint64_t low_end;
};

/*
 * The guest's memory map: RAM without the holes, the areas of the tables, ECAM. Returns the
 * number of entries.
 */
unsigned boot_e820_map(const struct boot_request *rq, struct boot_e820 map[BOOT_E820_MAX]);

enum boot_kind {
	BOOT_LINUX64, /* long mode, rsi = zero page */
	BOOT_PVH,     /* 32-bit protected mode without paging, ebx = start info */
};
struct boot_entry {
	enum boot_kind kind;
	uint64_t rip;
};

/*
 * Load kernel, initrd and command line, and build what the entry needs. Tells the kinds apart.
 * 0 or -errno (-ENOEXEC: not a kernel).
 */
int boot_load(const struct boot_request *rq, struct boot_entry *out, struct err *e);

/* Set the first vCPU's registers for the entry. 0 or -errno. */
int boot_set_registers(int vcpu_fd, const struct boot_entry *entry, struct err *e);

/* --- a kernel that a BIOS starts --- */

struct boot_bios {
	const uint8_t *setup; /* the kernel's real-mode part */
	uint64_t setup_len, kernel_len, cmdline_len,
	    initrd_len;  /* bytes; the kernel's is the rest */
	uint64_t lowmem; /* RAM below 4 GiB */
};
/*
 * Can a loader in real mode start it (boot protocol 2.02 or later, loaded high, all parts within
 * their bounds)? *initrd: where the initrd goes, 0 when there is none.
 */
bool boot_bios_place(const struct boot_bios *b, uint32_t *initrd);

/* --- between the loaders --- */

/* The extent of the loaded kernel, end exclusive. */
struct boot_extent {
	uint64_t start, end;
};
int boot_load_bzimage(const struct boot_request *rq, struct boot_entry *out, struct err *e);
int boot_load_elf(const struct boot_request *rq, struct boot_entry *out, struct err *e);
/* End of the low RAM that can be used. */
uint64_t boot_low_end(const struct boot_request *rq);
/* True when [addr, addr + len) is RAM that nothing else has taken. */
bool boot_is_free(const struct boot_request *rq, uint64_t addr, uint64_t len);
/*
 * Command line and initrd (as high as possible, wholly below `limit`, above or below the
 * kernel). *initrd is 0 when there is none.
 */
int boot_put_cmdline(const struct boot_request *rq, uint64_t max, struct err *e);
int boot_put_initrd(const struct boot_request *rq, const struct boot_extent *kernel, uint64_t limit,
    uint64_t *initrd, struct err *e);
/* Page tables and GDT for BOOT_LINUX64, GDT alone for BOOT_PVH. */
int boot_put_tables(const struct gmem *gm, enum boot_kind kind, struct err *e);
/*
 * Zero page of a kernel whose setup header (`header`, header_len bytes as of file offset 0x1f1;
 * NULL: a plain ELF) is given.
 */
int boot_put_zero_page(const struct boot_request *rq, const void *header, unsigned header_len,
    uint64_t initrd, struct err *e);

#endif
