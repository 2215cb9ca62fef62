/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all ways to boot have in common: files, the memory map, command line and initrd: see
 * boot.h. Refuses what is not a file, and what does not fit into RAM. Runs in zhyve, before any
 * guest code.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/fd.h"
#include "devices/pci.h"
#include "vmm/boot.h"

int
boot_file_open(struct boot_file *f, int fd, const char *name, struct err *e)
{
	struct stat st;

	*f = (struct boot_file){ .fd = -1, .name = name };
	if (fstat(fd, &st) != 0)
		return (err_set(e, errno, "cannot use '%s'", name));
	if (!S_ISREG(st.st_mode))
		return (err_say(e, EINVAL, "cannot use '%s': not a regular file", name));
	if (st.st_size == 0)
		return (err_say(e, EINVAL, "cannot use '%s': the file is empty", name));
	f->fd = fd;
	f->size = (uint64_t)st.st_size;
	return (0);
}

int
boot_file_read(const struct boot_file *f, uint64_t off, void *buf, uint64_t len, struct err *e)
{
	int rc;

	if (!range_ok(off, len, f->size))
		return (err_say(e, EINVAL,
		    "'%s' is cut short: bytes %llu to %llu are needed, it has %llu", f->name,
		    (unsigned long long)off, (unsigned long long)(off + len),
		    (unsigned long long)f->size));
	if ((rc = fd_pread_full(f->fd, buf, len, (off_t)off)) != 0)
		return (err_set(e, -rc, "cannot read '%s'", f->name));
	return (0);
}

uint64_t
boot_low_end(const struct boot_request *rq)
{
	return (rq->low_end != 0 ? MIN(rq->low_end, rq->gm->range[0].len) : rq->gm->range[0].len);
}

bool
boot_is_free(const struct boot_request *rq, uint64_t addr, uint64_t len)
{
	if (!gmem_is_ram(rq->gm, addr, len))
		return (false);
	return (addr >= rq->gm->range[0].len || addr + len <= boot_low_end(rq));
}

unsigned
boot_e820_map(const struct boot_request *rq, struct boot_e820 map[BOOT_E820_MAX])
{
	const struct gmem_range *low = &rq->gm->range[0];
	uint64_t end = boot_low_end(rq);
	unsigned n = 0;

	map[n++] = (struct boot_e820){ 0, MIN(low->len, (uint64_t)BOOT_VGA_HOLE), BOOT_E820_RAM };
	map[n++] = (struct boot_e820){ BOOT_BIOS_AREA, BOOT_KERNEL_MIN - BOOT_BIOS_AREA,
		BOOT_E820_RESERVED };
	if (end > BOOT_KERNEL_MIN)
		map[n++] =
		    (struct boot_e820){ BOOT_KERNEL_MIN, end - BOOT_KERNEL_MIN, BOOT_E820_RAM };
	if (end < low->len)
		map[n++] = (struct boot_e820){ end, low->len - end, BOOT_E820_RESERVED };
	map[n++] = (struct boot_e820){ PCI_ECAM_BASE, PCI_ECAM_SIZE, BOOT_E820_RESERVED };
	for (unsigned i = 1; i < rq->gm->nranges; i++)
		map[n++] =
		    (struct boot_e820){ rq->gm->range[i].gpa, rq->gm->range[i].len, BOOT_E820_RAM };
	return (n);
}

int
boot_put_cmdline(const struct boot_request *rq, uint64_t max, struct err *e)
{
	size_t len = strlen(rq->cmdline);

	max = MIN(max, (uint64_t)BOOT_CMDLINE_MAX - 1);
	if (len > max)
		return (err_say(e, E2BIG,
		    "the kernel's command line has %zu bytes, this kernel takes %llu", len,
		    (unsigned long long)max));
	if (gmem_write(rq->gm, BOOT_CMDLINE, rq->cmdline, len + 1) != 0)
		return (err_say(
		    e, ENOMEM, "no room for the kernel's command line in the guest's memory"));
	return (0);
}

int
boot_put_initrd(const struct boot_request *rq, const struct boot_extent *kernel, uint64_t limit,
    uint64_t *initrd, struct err *e)
{
	uint64_t top = MIN(limit, boot_low_end(rq)), addr;
	void *p;

	*initrd = 0;
	if (rq->initrd.fd < 0)
		return (0);
	if (rq->initrd.size > top)
		goto no_room;
	addr = ROUND_DOWN(top - rq->initrd.size, 4096);
	if (addr < kernel->end) { /* not above the kernel: below it, then */
		if (rq->initrd.size > kernel->start)
			goto no_room;
		addr = ROUND_DOWN(kernel->start - rq->initrd.size, 4096);
	}
	if (addr < BOOT_KERNEL_MIN || addr + rq->initrd.size > top ||
	    (p = gmem_ptr(rq->gm, addr, rq->initrd.size)) == NULL)
		goto no_room;
	*initrd = addr;
	return (boot_file_read(&rq->initrd, 0, p, rq->initrd.size, e));
no_room:
	return (err_say(e, ENOMEM,
	    "the initrd '%s' (%llu KiB) does not fit beside the kernel: give the guest more "
	    "memory (-m)",
	    rq->initrd.name, (unsigned long long)(rq->initrd.size / KIB)));
}

int
boot_load(const struct boot_request *rq, struct boot_entry *out, struct err *e)
{
	uint8_t magic[4] = { 0 };
	uint8_t setup[4] = { 0 };
	int rc;

	if (rq->gm->range[0].len < 2 * MIB)
		return (err_say(
		    e, ENOMEM, "a kernel needs a guest with at least 2 MiB of memory (-m)"));
	if ((rc = boot_file_read(&rq->kernel, 0, magic, MIN(rq->kernel.size, sizeof(magic)), e)) !=
	    0)
		return (rc);
	if (memcmp(magic, "\177ELF", 4) == 0)
		return (boot_load_elf(rq, out, e));
	if (rq->kernel.size > 0x206 &&
	    (rc = boot_file_read(&rq->kernel, 0x202, setup, sizeof(setup), e)) != 0)
		return (rc);
	if (memcmp(setup, "HdrS", 4) == 0)
		return (boot_load_bzimage(rq, out, e));
	return (err_say(e, ENOEXEC, "'%s' is not a kernel: neither a Linux bzImage nor an ELF file",
	    rq->kernel.name));
}
