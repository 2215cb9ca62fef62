/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel image loader: the input is the file; ELF, PVH ELF and bzImage, with an initrd. */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "vmm/boot.h"

#define RAM_SIZE (8u << 20)

/* The file as a kernel that a BIOS starts: what is placed lies within RAM and beside the kernel. */
static void
by_bios(const uint8_t *data, size_t size)
{
	struct boot_bios b = { data, size, size, 1, size * 7, RAM_SIZE };
	uint32_t at;

	if (boot_bios_place(&b, &at) && at != 0)
		assert(at >= (1u << 20) + size && at + b.initrd_len <= RAM_SIZE);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t ram[RAM_SIZE];
	static int fd = -1;
	struct boot_request rq = { .cmdline = "console=ttyS0", .initrd = { .fd = -1 } };
	struct boot_entry entry;
	struct err e = { 0 };
	struct gmem gm;

	by_bios(data, size);
	if (fd < 0)
		fd = memfd_create("kernel", MFD_CLOEXEC);
	assert(fd >= 0);
	if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return (0);
	gmem_wrap(&gm, ram, sizeof(ram));
	rq.gm = &gm;
	if (boot_file_open(&rq.kernel, fd, "kernel", &e) != 0)
		return (0);
	if ((size & 1) != 0)
		rq.initrd = rq.kernel;
	if (boot_load(&rq, &entry, &e) != 0)
		assert(e.text[0] != '\0'); /* who refuses says why */
	return (0);
}
