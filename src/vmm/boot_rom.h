/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot ROMs: UEFI (OVMF) or BIOS (SeaBIOS) below 4 GiB, as the flash chips of a PC are. The ROM
 * ends at 4 GiB, its variable store, where it has one, ends where the ROM begins. The first vCPU
 * starts at the reset vector F000:FFF0 in the ROM's last 16 bytes, the others wait for SIPI: that
 * is the state in which KVM creates them.
 *
 * The ROM's last 128 KiB also appear at 0xE0000, where real-mode code of a BIOS runs. A PC shows
 * the flash there until the BIOS has asked the host bridge (PAM registers) for RAM and copied
 * itself. Here it is a copy in RAM from the start, writable: a reset by the guest ends the
 * process, so nobody ever needs the flash back at that place. Runs in zhyve, before any guest
 * code.
 */
#ifndef ZHYVE_VMM_BOOT_ROM_H
#define ZHYVE_VMM_BOOT_ROM_H

#include "vmm/boot.h"
#include "vmm/vm.h"

#define BOOT_ROM_MAX     (16u * 1024 * 1024) /* ROM and variable store together */
#define BOOT_ROM_END     0x100000000ull
#define BOOT_ROM_ISA     0xE0000ull
#define BOOT_ROM_ISA_LEN 0x20000u

struct boot_rom {
	uint8_t *rom, *vars; /* copies of the files; vars NULL: there is no store */
	uint64_t rom_base, rom_len;
	uint64_t vars_base, vars_len;
};

/*
 * Read ROM and variable store (`vars->fd` -1: none) and check that they can be what they are
 * said to be and go together. 0 or -errno.
 */
int boot_rom_load(
    struct boot_rom *r, const struct boot_file *rom, const struct boot_file *vars, struct err *e);

/*
 * Put them into the machine: read-only slots below 4 GiB, the copy at 0xE0000, MTRRs of all vCPUs
 * as after a reset. What the guest writes to a slot leaves KVM as an access to device memory.
 * 0 or -errno.
 */
int boot_rom_map(struct boot_rom *r, struct vm *vm, struct err *e);
/* The state of a vCPU as after a reset, where it differs from KVM's and ours. 0 or -errno. */
int boot_rom_reset_vcpu(int vcpu_fd, struct err *e);

#endif
