/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux by its 64-bit boot protocol (Documentation/arch/x86/boot.rst): bzImage, zero page.
 * Refuses kernels without a 64-bit entry. Runs in zhyve, before any guest code.
 */
#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "vmm/boot.h"

#define SETUP_OFFSET   0x1f1 /* of the setup header in the file */
#define SETUP_SECT     512
#define ENTRY_64       0x200 /* of the 64-bit entry in the protected-mode code */
#define LOADER_UNKNOWN 0xff
#define PROTOCOL_MIN   0x020c

/*
 * The setup header; as much of it as this kernel has (its length is coded in its jump
 * instruction, 0x200-0x201).
 */
static int
read_header(const struct boot_request *rq, struct setup_header *h, unsigned *len, struct err *e)
{
	uint8_t jump[2];
	int rc;

	memset(h, 0, sizeof(*h));
	if ((rc = boot_file_read(&rq->kernel, 0x200, jump, sizeof(jump), e)) != 0)
		return (rc);
	*len = MIN(0x202u + jump[1] - SETUP_OFFSET, (unsigned)sizeof(*h));
	if ((rc = boot_file_read(&rq->kernel, SETUP_OFFSET, h, *len, e)) != 0)
		return (rc);
	if (h->version < PROTOCOL_MIN)
		return (err_say(e, ENOEXEC,
		    "kernel '%s' speaks boot protocol %u.%02u, 2.12 or later is needed",
		    rq->kernel.name, h->version >> 8, h->version & 0xff));
	if ((h->xloadflags & XLF_KERNEL_64) == 0)
		return (
		    err_say(e, ENOEXEC, "kernel '%s' has no 64-bit entry point", rq->kernel.name));
	return (0);
}

/* Where the kernel goes: where it prefers, else (relocatable) as low as its alignment allows. */
static int
place(const struct boot_request *rq, const struct setup_header *h, uint64_t code_len,
    uint64_t *addr, struct err *e)
{
	uint64_t need = MAX((uint64_t)h->init_size, code_len), align = h->kernel_alignment;

	*addr = h->pref_address;
	if (*addr >= BOOT_KERNEL_MIN && boot_is_free(rq, *addr, need) && *addr < GMEM_LOW_MAX)
		return (0);
	if (h->relocatable_kernel != 0 && IS_POW2(align) && align <= GIB) {
		*addr = ROUND_UP((uint64_t)BOOT_KERNEL_MIN, align);
		if (boot_is_free(rq, *addr, need))
			return (0);
	}
	return (err_say(e, ENOMEM,
	    "kernel '%s' needs %llu MiB of memory from %llu MiB on: give the guest more (-m)",
	    rq->kernel.name, (unsigned long long)(ROUND_UP(need, MIB) / MIB),
	    (unsigned long long)(h->pref_address / MIB)));
}

int
boot_load_bzimage(const struct boot_request *rq, struct boot_entry *out, struct err *e)
{
	struct setup_header h;
	struct boot_extent kernel;
	uint64_t setup_len, code_len, initrd, addr, limit;
	unsigned header_len;
	int rc;

	if ((rc = read_header(rq, &h, &header_len, e)) != 0)
		return (rc);
	setup_len = ((h.setup_sects == 0 ? 4u : h.setup_sects) + 1u) * SETUP_SECT;
	if (setup_len + ENTRY_64 >= rq->kernel.size)
		return (err_say(e, ENOEXEC,
		    "kernel '%s' is cut short: it ends within its setup code", rq->kernel.name));
	code_len = rq->kernel.size - setup_len;
	if ((uint64_t)h.syssize * 16 > code_len + 15)
		return (err_say(e, ENOEXEC,
		    "kernel '%s' is cut short: its header announces %llu bytes, %llu are there",
		    rq->kernel.name, (unsigned long long)h.syssize * 16,
		    (unsigned long long)code_len));
	if ((rc = place(rq, &h, code_len, &addr, e)) != 0)
		return (rc);
	kernel.start = addr;
	kernel.end = addr + MAX((uint64_t)h.init_size, code_len);
	limit = (h.xloadflags & XLF_CAN_BE_LOADED_ABOVE_4G) != 0 ? GMEM_LOW_MAX
								 : (uint64_t)h.initrd_addr_max + 1;
	if ((rc = boot_file_read(
		 &rq->kernel, setup_len, gmem_ptr(rq->gm, addr, code_len), code_len, e)) != 0 ||
	    (rc = boot_put_cmdline(rq, h.cmdline_size, e)) != 0 ||
	    (rc = boot_put_initrd(rq, &kernel, limit, &initrd, e)) != 0 ||
	    (rc = boot_put_zero_page(rq, &h, header_len, initrd, e)) != 0 ||
	    (rc = boot_put_tables(rq->gm, BOOT_LINUX64, e)) != 0)
		return (rc);
	*out = (struct boot_entry){ .kind = BOOT_LINUX64, .rip = addr + ENTRY_64 };
	return (0);
}

int
boot_put_zero_page(const struct boot_request *rq, const void *header, unsigned header_len,
    uint64_t initrd, struct err *e)
{
	struct boot_params bp = { 0 };
	struct boot_e820 map[BOOT_E820_MAX];
	unsigned n = boot_e820_map(rq, map);

	if (header != NULL) {
		memcpy(&bp.hdr, header, header_len);
	} else {
		bp.hdr.boot_flag = 0xaa55;
		memcpy(&bp.hdr.header, "HdrS", 4);
		bp.hdr.version = PROTOCOL_MIN;
		bp.hdr.kernel_alignment = 0x1000000;
	}
	bp.hdr.type_of_loader = LOADER_UNKNOWN;
	bp.hdr.cmd_line_ptr = BOOT_CMDLINE;
	bp.hdr.ramdisk_image = (uint32_t)initrd;
	bp.hdr.ramdisk_size = initrd != 0 ? (uint32_t)rq->initrd.size : 0;
	bp.acpi_rsdp_addr = rq->rsdp;
	bp.e820_entries = (uint8_t)n;
	for (unsigned i = 0; i < n; i++) {
		bp.e820_table[i].addr = map[i].addr;
		bp.e820_table[i].size = map[i].len;
		bp.e820_table[i].type = map[i].type;
	}
	if (gmem_write(rq->gm, BOOT_ZERO_PAGE, &bp, sizeof(bp)) != 0)
		return (err_say(
		    e, ENOMEM, "no room for the kernel's parameters in the guest's memory"));
	return (0);
}
