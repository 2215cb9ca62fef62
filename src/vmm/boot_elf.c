/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF kernels: by the PVH entry their note names, else (64 bit only) as an uncompressed Linux.
 * Refuses dynamic, foreign and damaged files, and segments outside RAM or below 1 MiB, where
 * the loader's own structures are. Runs in zhyve, before any guest code.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "vmm/boot.h"

#define NOTE_PHYS32_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */
#define PHDRS_MAX         64
#define NOTES_MAX         64
#define PVH_MAGIC         0x336ec578u
#define ROOM_FOR_MAP      0x100 /* offset of the memory map in BOOT_PVH_INFO's page */
#define ROOM_FOR_MODULE   0x80

/* start_info.h: struct hvm_start_info, version 1. */
struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct pvh_module {
	uint64_t addr, size, cmdline, reserved;
};
struct pvh_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* Both classes brought to one form. */
struct segment {
	uint32_t type;
	uint64_t off, paddr, filesz, memsz, align;
};
struct elf {
	const struct boot_file *f;
	bool is64;
	uint64_t entry, phoff;
	unsigned phnum;
};

static int
damaged(const struct elf *elf, struct err *e, const char *what)
{
	return (err_say(e, ENOEXEC, "kernel '%s' is damaged: %s", elf->f->name, what));
}

static int
read_header(struct elf *elf, struct err *e)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf32_Ehdr h32;
		Elf64_Ehdr h64;
	} h = { 0 };
	unsigned machine, type, phentsize;
	int rc;

	if ((rc = boot_file_read(elf->f, 0, &h, MIN(elf->f->size, sizeof(h)), e)) != 0)
		return (rc);
	elf->is64 = h.ident[EI_CLASS] == ELFCLASS64;
	if (elf->f->size < sizeof(h.h32) || (elf->is64 && elf->f->size < sizeof(h.h64)))
		return (damaged(elf, e, "it ends within its header"));
	machine = elf->is64 ? h.h64.e_machine : h.h32.e_machine;
	type = elf->is64 ? h.h64.e_type : h.h32.e_type;
	if (h.ident[EI_DATA] != ELFDATA2LSB ||
	    (elf->is64 ? machine != EM_X86_64 : machine != EM_386))
		return (err_say(e, ENOEXEC, "'%s' is not a kernel for x86", elf->f->name));
	if (type != ET_EXEC)
		return (
		    err_say(e, ENOEXEC, "'%s' is not a kernel: its ELF type is %u, not executable",
			elf->f->name, type));
	elf->entry = elf->is64 ? h.h64.e_entry : h.h32.e_entry;
	elf->phoff = elf->is64 ? h.h64.e_phoff : h.h32.e_phoff;
	elf->phnum = elf->is64 ? h.h64.e_phnum : h.h32.e_phnum;
	phentsize = elf->is64 ? h.h64.e_phentsize : h.h32.e_phentsize;
	if (phentsize != (elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)))
		return (damaged(elf, e, "its program headers have an unknown size"));
	if (elf->phnum == 0 || elf->phnum > PHDRS_MAX)
		return (damaged(elf, e, "it has no program headers, or too many"));
	return (0);
}

static int
read_segment(const struct elf *elf, unsigned i, struct segment *s, struct err *e)
{
	size_t size = elf->is64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	Elf64_Phdr p64;
	Elf32_Phdr p32;
	uint64_t off;
	int rc;

	if (!add_ok(elf->phoff, (uint64_t)i * size, &off))
		return (damaged(elf, e, "its program headers lie outside"));
	if (elf->is64) {
		if ((rc = boot_file_read(elf->f, off, &p64, size, e)) == 0)
			*s = (struct segment){ p64.p_type, p64.p_offset, p64.p_paddr, p64.p_filesz,
				p64.p_memsz, p64.p_align };
		return (rc);
	}
	if ((rc = boot_file_read(elf->f, off, &p32, size, e)) == 0)
		*s = (struct segment){ p32.p_type, p32.p_offset, p32.p_paddr, p32.p_filesz,
			p32.p_memsz, p32.p_align };
	return (rc);
}

/* Look through a note segment for the PVH entry. */
static int
find_pvh_note(
    const struct elf *elf, const struct segment *s, uint64_t *entry, bool *found, struct err *e)
{
	uint64_t off = s->off, end, align = s->align == 8 ? 8 : 4;
	Elf64_Nhdr n; /* the same in both classes */
	char name[4];
	uint32_t v;
	int rc;

	if (!range_ok(s->off, s->filesz, elf->f->size))
		return (damaged(elf, e, "its notes lie outside"));
	end = s->off + s->filesz;
	for (unsigned count = 0; count < NOTES_MAX && off + sizeof(n) <= end; count++) {
		uint64_t desc;

		if ((rc = boot_file_read(elf->f, off, &n, sizeof(n), e)) != 0)
			return (rc);
		desc = off + sizeof(n) + ROUND_UP((uint64_t)n.n_namesz, align);
		if (n.n_type == NOTE_PHYS32_ENTRY && n.n_namesz == sizeof(name) &&
		    n.n_descsz >= sizeof(v)) {
			if ((rc = boot_file_read(elf->f, off + sizeof(n), name, sizeof(name), e)) !=
				0 ||
			    (rc = boot_file_read(elf->f, desc, &v, sizeof(v), e)) != 0)
				return (rc);
			if (memcmp(name, "Xen", sizeof(name)) == 0) {
				*entry = v;
				*found = true;
				return (0);
			}
		}
		off = desc + ROUND_UP((uint64_t)n.n_descsz, align);
	}
	return (0);
}

static int
load_segment(const struct boot_request *rq, const struct elf *elf, const struct segment *s,
    struct boot_extent *kernel, struct err *e)
{
	void *p;

	if (s->memsz == 0)
		return (0);
	if (s->filesz > s->memsz)
		return (damaged(elf, e, "a segment is larger in the file than in memory"));
	if (s->paddr < BOOT_KERNEL_MIN)
		return (err_say(e, ENOEXEC,
		    "kernel '%s' wants memory at 0x%llx: only addresses from 1 MiB on can be "
		    "loaded",
		    elf->f->name, (unsigned long long)s->paddr));
	if (!boot_is_free(rq, s->paddr, s->memsz) ||
	    (p = gmem_ptr(rq->gm, s->paddr, s->memsz)) == NULL)
		return (err_say(e, ENOMEM,
		    "kernel '%s' wants %llu KiB at 0x%llx, which is not memory: give the guest "
		    "more (-m)",
		    elf->f->name,
		    (unsigned long long)(ROUND_UP(MIN(s->memsz, 1ull << 60), KIB) / KIB),
		    (unsigned long long)s->paddr));
	kernel->start = MIN(kernel->start, s->paddr);
	kernel->end = MAX(kernel->end, s->paddr + s->memsz);
	return (s->filesz == 0 ? 0 : boot_file_read(elf->f, s->off, p, s->filesz, e));
}

static int
put_start_info(const struct boot_request *rq, uint64_t initrd, struct err *e)
{
	struct boot_e820 map[BOOT_E820_MAX];
	struct pvh_memmap mm[BOOT_E820_MAX] = { 0 };
	struct pvh_module module = { .addr = initrd, .size = rq->initrd.size };
	struct pvh_start_info info = {
		.magic = PVH_MAGIC,
		.version = 1,
		.nr_modules = initrd != 0,
		.modlist = initrd != 0 ? BOOT_PVH_INFO + ROOM_FOR_MODULE : 0,
		.cmdline = BOOT_CMDLINE,
		.rsdp = rq->rsdp,
		.memmap = BOOT_PVH_INFO + ROOM_FOR_MAP,
		.memmap_entries = boot_e820_map(rq, map),
	};

	_Static_assert(sizeof(struct pvh_start_info) == 56, "the layout is an interface");
	for (unsigned i = 0; i < info.memmap_entries; i++)
		mm[i] = (struct pvh_memmap){ map[i].addr, map[i].len, map[i].type, 0 };
	if (gmem_write(rq->gm, BOOT_PVH_INFO, &info, sizeof(info)) != 0 ||
	    gmem_write(rq->gm, BOOT_PVH_INFO + ROOM_FOR_MODULE, &module, sizeof(module)) != 0 ||
	    gmem_write(rq->gm, BOOT_PVH_INFO + ROOM_FOR_MAP, mm, sizeof(mm)) != 0)
		return (err_say(
		    e, ENOMEM, "no room for the kernel's parameters in the guest's memory"));
	return (0);
}

static int
load_all(const struct boot_request *rq, const struct elf *elf, struct boot_extent *kernel,
    struct boot_entry *out, struct err *e)
{
	bool pvh = false;
	struct segment s = { 0 };
	int rc = 0;

	out->rip = elf->entry;
	for (unsigned i = 0; i < elf->phnum && rc == 0; i++) {
		if ((rc = read_segment(elf, i, &s, e)) != 0)
			return (rc);
		if (s.type == PT_LOAD)
			rc = load_segment(rq, elf, &s, kernel, e);
		else if (s.type == PT_NOTE && !pvh)
			rc = find_pvh_note(elf, &s, &out->rip, &pvh, e);
		else if (s.type == PT_INTERP)
			rc = err_say(e, ENOEXEC, "'%s' is a program, not a kernel", elf->f->name);
	}
	if (rc != 0)
		return (rc);
	out->kind = pvh ? BOOT_PVH : BOOT_LINUX64;
	if (!pvh && !elf->is64)
		return (err_say(e, ENOEXEC,
		    "'%s' cannot be booted: a 32-bit ELF without a PVH entry note", elf->f->name));
	if (out->rip < kernel->start || out->rip >= kernel->end)
		return (damaged(elf, e, "its entry point lies outside what it loads"));
	return (0);
}

int
boot_load_elf(const struct boot_request *rq, struct boot_entry *out, struct err *e)
{
	struct boot_extent kernel = { .start = UINT64_MAX };
	struct elf elf = { .f = &rq->kernel };
	uint64_t initrd;
	int rc;

	if ((rc = read_header(&elf, e)) != 0 || (rc = load_all(rq, &elf, &kernel, out, e)) != 0 ||
	    (rc = boot_put_cmdline(rq, BOOT_CMDLINE_MAX - 1, e)) != 0 ||
	    (rc = boot_put_initrd(rq, &kernel, GMEM_LOW_MAX, &initrd, e)) != 0 ||
	    (rc = boot_put_tables(rq->gm, out->kind, e)) != 0)
		return (rc);
	if (out->kind == BOOT_PVH)
		return (put_start_info(rq, initrd, e));
	return (boot_put_zero_page(rq, NULL, 0, initrd, e));
}
