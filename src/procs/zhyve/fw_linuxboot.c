/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A kernel for a BIOS: SeaBIOS starts nothing that is in fw_cfg by itself, but runs expansion ROMs
 * that it finds there. Ours (linuxboot.S) is first in the boot order. See firmware.h. OVMF, which
 * starts the kernel itself, does not look at this. Refuses nothing: a kernel that a BIOS cannot
 * start is said, and left to OVMF. Runs in zhyve's main thread before any guest code.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "procs/zhyve/firmware.h"
#include "procs/zhyve/machine.h"
#include "vmm/boot.h"

#define ROM_MAX      1024
#define ROM_CHECKSUM 6 /* a byte of the ROM that nothing reads */

extern const uint8_t linuxboot_rom[], linuxboot_rom_end[];

int
fw_linuxboot_add(struct machine *m, const struct boot_bios *b, struct err *e)
{
	static uint8_t rom[ROM_MAX];
	uint32_t len = (uint32_t)(linuxboot_rom_end - linuxboot_rom), initrd;
	uint8_t sum = 0;
	int rc;

	if (!boot_bios_place(b, &initrd)) {
		if (m->firmware->rom.vars == NULL && m->firmware->vars_file.fd < 0)
			log_warn("%s: a BIOS cannot start '%s': not a bzImage, or not enough "
				 "memory for it",
			    m->name, m->kernel.name);
		return (0);
	}
	if (len > sizeof(rom))
		return (err_say(e, E2BIG, "the ROM that starts kernels is too long"));
	memcpy(rom, linuxboot_rom, len);
	for (uint32_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + rom[i]);
	rom[ROM_CHECKSUM] = (uint8_t)-sum;
	if ((rc = fwcfg_add_number(&m->firmware->fwcfg, FWCFG_INITRD_ADDR, initrd, 4)) != 0)
		return (err_set(e, -rc, "cannot offer the kernel to the boot ROM"));
	m->firmware->linuxboot = true;
	return (fwcfg_file(m, FW_LINUXBOOT_FILE, rom, len, e));
}
