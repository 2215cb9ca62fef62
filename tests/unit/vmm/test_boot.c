/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit tests of vmm/boot_*.c: constructed bzImages and ELF files in memfds, loaded into plain
 * memory. No KVM.
 */
#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/checked.h"
#include "vmm/boot.h"

#define RAM (32 * MIB)

static struct gmem gm;
static uint8_t *ram;
static struct boot_request rq;
static struct boot_entry entry;
static struct err e;

static int
setup(void **state)
{
	(void)state;
	ram = mmap(
	    NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		return (1);
	gmem_wrap(&gm, ram, RAM);
	rq = (struct boot_request){
		.gm = &gm,
		.kernel = { .fd = -1 },
		.initrd = { .fd = -1 },
		.cmdline = "console=ttyS0",
		.rsdp = 0xf2400,
	};
	err_clear(&e);
	return (0);
}

static int
teardown(void **state)
{
	(void)state;
	if (rq.kernel.fd >= 0)
		(void)close(rq.kernel.fd);
	if (rq.initrd.fd >= 0)
		(void)close(rq.initrd.fd);
	(void)munmap(ram, RAM);
	return (0);
}

static void
make_file(struct boot_file *f, const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	if (f->fd >= 0)
		(void)close(f->fd);
	assert_int_equal(boot_file_open(f, fd, "testfile", &e), 0);
}

/* A bzImage: five setup sectors, 8 KiB of code whose bytes are 0x90. */
#define SETUP_LEN (5 * 512)
#define CODE_LEN  8192
static uint8_t image[SETUP_LEN + CODE_LEN];

static struct setup_header *
make_bzimage(void)
{
	struct setup_header *h = (struct setup_header *)(void *)(image + 0x1f1);

	memset(image, 0, sizeof(image));
	memset(image + SETUP_LEN, 0x90, CODE_LEN);
	h->setup_sects = 4;
	h->syssize = CODE_LEN / 16;
	h->boot_flag = 0xaa55;
	h->jump = 0x66eb; /* the header ends at 0x202 + 0x66 */
	memcpy(&h->header, "HdrS", 4);
	h->version = 0x20f;
	h->loadflags = 1;
	h->xloadflags = XLF_KERNEL_64;
	h->pref_address = 0x1000000;
	h->init_size = 0x10000;
	h->kernel_alignment = 0x200000;
	h->relocatable_kernel = 1;
	h->cmdline_size = 2047;
	h->initrd_addr_max = 0x7fffffff;
	return (h);
}

static int
load_image(size_t len)
{
	make_file(&rq.kernel, image, len);
	return (boot_load(&rq, &entry, &e));
}

static void
test_bzimage(void **state)
{
	const struct boot_params *bp;

	(void)state;
	(void)make_bzimage();
	assert_int_equal(load_image(sizeof(image)), 0);
	assert_int_equal(entry.kind, BOOT_LINUX64);
	assert_int_equal(entry.rip, 0x1000200);
	assert_int_equal(ram[0x1000000], 0x90);
	assert_int_equal(ram[0x1000000 + CODE_LEN - 1], 0x90);
	assert_int_equal(ram[0x1000000 + CODE_LEN], 0);
	bp = (const struct boot_params *)(void *)(ram + BOOT_ZERO_PAGE);
	assert_int_equal(bp->hdr.type_of_loader, 0xff);
	assert_int_equal(bp->hdr.version, 0x20f);
	assert_int_equal(bp->hdr.ramdisk_size, 0);
	assert_int_equal(bp->acpi_rsdp_addr, 0xf2400);
	assert_string_equal((char *)ram + bp->hdr.cmd_line_ptr, "console=ttyS0");
	assert_int_equal(bp->e820_entries, 4);
	assert_int_equal(bp->e820_table[2].addr, 0x100000);
	assert_int_equal(bp->e820_table[2].size, RAM - 0x100000);
	/* Page tables: 4 GiB, one to one. */
	assert_int_equal(le64_get(ram + BOOT_PAGE_TABLES), (BOOT_PAGE_TABLES + 0x1000) | 3);
	assert_int_equal(le64_get(ram + BOOT_PAGE_TABLES + 0x2000 + 8 * 2047), 0xffe00083);
}

static void
test_bzimage_initrd(void **state)
{
	static uint8_t initrd[5000];
	const struct boot_params *bp = (const struct boot_params *)(void *)(ram + BOOT_ZERO_PAGE);

	(void)state;
	memset(initrd, 'i', sizeof(initrd));
	make_file(&rq.initrd, initrd, sizeof(initrd));
	make_bzimage()->initrd_addr_max = 0x1ffffff;
	assert_int_equal(load_image(sizeof(image)), 0);
	assert_int_equal(bp->hdr.ramdisk_size, sizeof(initrd));
	assert_int_equal(bp->hdr.ramdisk_image, RAM - 0x2000);
	assert_int_equal(ram[bp->hdr.ramdisk_image + 4999], 'i');
	/* Where the kernel reaches to the top, below it. */
	make_bzimage()->init_size = RAM - 0x1000000;
	assert_int_equal(load_image(sizeof(image)), 0);
	assert_int_equal(bp->hdr.ramdisk_image, 0x1000000 - 0x2000);
	/* What ACPI has taken at the end is not for the initrd. */
	rq.low_end = RAM - 0x10000;
	(void)make_bzimage();
	assert_int_equal(load_image(sizeof(image)), 0);
	assert_int_equal(bp->hdr.ramdisk_image, RAM - 0x12000);
	assert_int_equal(bp->e820_entries, 5);
	assert_int_equal(bp->e820_table[3].type, BOOT_E820_RESERVED);
	assert_int_equal(bp->e820_table[3].addr, RAM - 0x10000);
}

static void
test_bzimage_moved(void **state)
{
	(void)state;
	make_bzimage()->pref_address = 0x8000000; /* beyond RAM */
	assert_int_equal(load_image(sizeof(image)), 0);
	assert_int_equal(entry.rip, 0x200200);
	make_bzimage()->pref_address = 0x8000000;
	((struct setup_header *)(void *)(image + 0x1f1))->relocatable_kernel = 0;
	assert_int_equal(load_image(sizeof(image)), -ENOMEM);
}

static void
test_bzimage_refused(void **state)
{
	static char cmdline[4096];

	(void)state;
	make_bzimage()->version = 0x20b;
	assert_int_equal(load_image(sizeof(image)), -ENOEXEC);
	make_bzimage()->xloadflags = 0;
	assert_int_equal(load_image(sizeof(image)), -ENOEXEC);
	make_bzimage()->init_size = 0xffffffff;
	assert_int_equal(load_image(sizeof(image)), -ENOMEM);
	make_bzimage()->pref_address = UINT64_MAX - 100;
	assert_int_equal(load_image(sizeof(image)), 0); /* moved */
	make_bzimage()->kernel_alignment = 0;
	((struct setup_header *)(void *)(image + 0x1f1))->pref_address = 0;
	assert_int_equal(load_image(sizeof(image)), -ENOMEM);
	(void)make_bzimage();
	assert_int_equal(load_image(SETUP_LEN + 100), -ENOEXEC);
	assert_int_equal(load_image(sizeof(image) - 512), -ENOEXEC); /* less than syssize */
	assert_int_equal(load_image(0x210), -EINVAL);
	assert_int_equal(load_image(0x100), -ENOEXEC);
	assert_int_equal(load_image(1), -ENOEXEC);
	memset(cmdline, 'c', sizeof(cmdline) - 1);
	rq.cmdline = cmdline;
	(void)make_bzimage();
	assert_int_equal(load_image(sizeof(image)), -E2BIG);
}

/* An ELF with a PVH note: header, two program headers, the note, 64 bytes of code. */
struct pvh64 {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	Elf64_Nhdr nh;
	char name[4];
	uint32_t entry;
	uint8_t code[64];
};
static struct pvh64 elf;

static void
make_elf(void)
{
	elf = (struct pvh64){
		.eh = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_X86_64,
			.e_entry = 0x200000,
			.e_phoff = offsetof(struct pvh64, ph),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2,
		},
		.ph = {
			{ .p_type = PT_LOAD, .p_offset = offsetof(struct pvh64, code), .p_paddr = 0x200000,
			    .p_filesz = 64, .p_memsz = 4096 },
			{ .p_type = PT_NOTE, .p_offset = offsetof(struct pvh64, nh),
			    .p_filesz = sizeof(Elf64_Nhdr) + 8, .p_align = 4 },
		},
		.nh = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 },
		.name = "Xen",
		.entry = 0x200010,
	};
	memset(elf.code, 0xf4, sizeof(elf.code));
}

static int
load_elf(size_t len)
{
	make_file(&rq.kernel, &elf, len);
	return (boot_load(&rq, &entry, &e));
}

static void
test_pvh(void **state)
{
	static const uint8_t initrd[100] = { 1 };
	const uint32_t *info;

	(void)state;
	make_elf();
	make_file(&rq.initrd, initrd, sizeof(initrd));
	assert_int_equal(load_elf(sizeof(elf)), 0);
	assert_int_equal(entry.kind, BOOT_PVH);
	assert_int_equal(entry.rip, 0x200010);
	assert_int_equal(ram[0x200000 + 63], 0xf4);
	info = (const uint32_t *)(void *)(ram + BOOT_PVH_INFO);
	assert_int_equal(info[0], 0x336ec578);
	assert_int_equal(info[3], 1);
	assert_int_equal(le64_get(ram + le64_get(&info[4])), RAM - 4096); /* module's address */
	assert_int_equal(le64_get(ram + le64_get(&info[4]) + 8), 100);    /* its size */
	assert_string_equal((char *)ram + le64_get(&info[6]), "console=ttyS0");
	assert_int_equal(le64_get(&info[8]), 0xf2400);
	assert_int_equal(le64_get(ram + le64_get(&info[10])), 0); /* RAM from 0 */
	assert_int_equal(info[12], 4);
}

static void
test_elf_without_note(void **state)
{
	(void)state;
	make_elf();
	elf.nh.n_type = 17;
	assert_int_equal(load_elf(sizeof(elf)), 0);
	assert_int_equal(entry.kind, BOOT_LINUX64);
	assert_int_equal(entry.rip, 0x200000);
	make_elf();
	elf.eh.e_ident[EI_CLASS] = ELFCLASS32; /* then it is no ELF for x86-64 any more */
	assert_int_equal(load_elf(sizeof(elf)), -ENOEXEC);
}

static void
test_elf_refused(void **state)
{
	(void)state;
#define REFUSED(change, code)                                    \
	do {                                                     \
		make_elf();                                      \
		change;                                          \
		assert_int_equal(load_elf(sizeof(elf)), (code)); \
	} while (0)
	REFUSED(elf.eh.e_machine = EM_ARM, -ENOEXEC);
	REFUSED(elf.eh.e_type = ET_DYN, -ENOEXEC);
	REFUSED(elf.eh.e_ident[EI_DATA] = ELFDATA2MSB, -ENOEXEC);
	REFUSED(elf.eh.e_phnum = 0, -ENOEXEC);
	REFUSED(elf.eh.e_phnum = 65535, -ENOEXEC);
	REFUSED(elf.eh.e_phentsize = 1, -ENOEXEC);
	REFUSED(elf.eh.e_phoff = UINT64_MAX - 8, -EINVAL);
	REFUSED(elf.eh.e_phoff = 1 << 20, -EINVAL);
	REFUSED(elf.ph[0].p_paddr = 0x1000, -ENOEXEC);
	REFUSED(elf.ph[0].p_paddr = RAM - 4095, -ENOMEM);
	REFUSED(elf.ph[0].p_paddr = UINT64_MAX - 100, -ENOMEM);
	REFUSED(elf.ph[0].p_memsz = UINT64_MAX, -ENOMEM);
	REFUSED(elf.ph[0].p_memsz = 10, -ENOEXEC);
	REFUSED(elf.ph[0].p_filesz = 4096, -EINVAL);
	REFUSED(elf.ph[0].p_offset = UINT64_MAX - 10, -EINVAL);
	REFUSED(elf.ph[1].p_filesz = UINT64_MAX, -ENOEXEC);
	REFUSED(elf.nh.n_namesz = UINT32_MAX, 0); /* the note is not seen; it boots as Linux */
	REFUSED(elf.entry = 0x300000, -ENOEXEC);
	REFUSED(elf.ph[1].p_type = PT_INTERP, -ENOEXEC);
	make_elf();
	assert_true(load_elf(sizeof(Elf64_Ehdr) - 1) < 0);
	assert_true(load_elf(sizeof(Elf64_Ehdr) + 10) < 0);
	assert_true(load_elf(offsetof(struct pvh64, code) + 63) < 0);
}

static void
test_no_room(void **state)
{
	static uint8_t big[4096];

	(void)state;
	make_elf();
	make_file(&rq.initrd, big, sizeof(big));
	assert_int_equal(ftruncate(rq.initrd.fd, RAM), 0);
	rq.initrd.size = RAM;
	assert_int_equal(load_elf(sizeof(elf)), -ENOMEM);
	rq.initrd.fd = (close(rq.initrd.fd), -1);
	gmem_wrap(&gm, ram, MIB);
	assert_int_equal(load_elf(sizeof(elf)), -ENOMEM);
}

static void
test_files(void **state)
{
	struct boot_file f;
	int dir[2];

	(void)state;
	assert_int_equal(pipe(dir), 0);
	assert_int_equal(boot_file_open(&f, dir[0], "pipe", &e), -EINVAL);
	assert_int_equal(boot_file_open(&f, -1, "none", &e), -EBADF);
	(void)close(dir[0]);
	(void)close(dir[1]);
	make_elf();
	make_file(&rq.kernel, &elf, sizeof(elf));
	assert_int_equal(boot_file_read(&rq.kernel, UINT64_MAX, &dir, 4, &e), -EINVAL);
	assert_int_equal(boot_file_read(&rq.kernel, sizeof(elf) - 3, &dir, 4, &e), -EINVAL);
	/* A file that shrinks after it was opened is an error and not a signal. */
	assert_int_equal(ftruncate(rq.kernel.fd, 70), 0);
	assert_int_equal(boot_load(&rq, &entry, &e), -EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bzimage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bzimage_initrd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bzimage_moved, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bzimage_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pvh, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elf_without_note, setup, teardown),
		cmocka_unit_test_setup_teardown(test_elf_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
