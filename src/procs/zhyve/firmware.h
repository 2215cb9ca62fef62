/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's boot ROM and what it is told (firmware.c, fw_items.c). Runs in zhyve while the
 * machine is built.
 *
 * For devices: fwcfg_bootorder and fwcfg_file below; both do nothing where the machine has no
 * fw_cfg, that is, where a kernel is booted directly.
 */
#ifndef ZHYVE_PROCS_ZHYVE_FIRMWARE_H
#define ZHYVE_PROCS_ZHYVE_FIRMWARE_H

#include "base/err.h"
#include "base/lock.h"
#include "devices/bootorder.h"
#include "devices/fwcfg.h"
#include "devices/pflash.h"
#include "devices/piix4.h"
#include "vmm/boot_rom.h"

struct machine;
struct config_node;
struct boot_bios;

struct firmware {
	bool rom_given;
	struct boot_file rom_file, vars_file; /* opened in stage 2 */
	struct boot_rom rom;
	struct lock lock; /* of fw_cfg */
	struct fwcfg fwcfg;
	struct bootorder order;
	bool linuxboot;              /* a kernel stands before it */
	struct piix4_pm pm, pm_seen; /* at 0:1.3, and beside the ISA bridge */
	struct lock flash_lock;
	struct pflash flash; /* where there is a variable store */
};

/*
 * For devices: the bootindex= below `cfg`, if it is there, as the place in the boot order of what
 * is at `bdf` (bootorder.h; `unit` is an AHCI port, else 0). 0 or -errno (the index is taken, or is
 * no number).
 */
int fwcfg_bootorder(struct machine *m, struct config_node *cfg, unsigned bdf,
    enum bootorder_kind kind, unsigned unit, struct err *e);
/*
 * For devices: offer a file to the boot ROM, such as "vgaroms/NAME.rom" or "genroms/NAME.rom". The
 * bytes stay the caller's until the process ends. 0 or -errno.
 */
int fwcfg_file(struct machine *m, const char *name, const void *data, uint32_t len, struct err *e);

/* --- for main.c and kernel.c --- */

/*
 * The boot ROM that the configuration names, or NULL; known from the beginning. bhyve has the
 * variable under two names.
 */
const char *firmware_rom(struct machine *m);
/* Stage 2: open ROM and variable store where they are asked for. */
int firmware_open(struct machine *m, struct err *e);
/* Before any device is made: fw_cfg, where there is a ROM or it was asked for. */
int firmware_create(struct machine *m, struct err *e);
/* After every device is in its slot: what the ROM is to know; then the ROM in its place. */
int firmware_load(struct machine *m, struct err *e);
/* True when the machine starts in a boot ROM. */
bool firmware_has_rom(const struct machine *m);

/* --- fw_items.c: what the machine tells its ROM --- */

int fw_items_add(struct machine *m, struct err *e);
/* The files of -f, below the variable fwcfg.file. */
int fw_items_user(struct machine *m, struct err *e);

/* --- fw_linuxboot.c: a kernel for a BIOS --- */

#define FW_LINUXBOOT_FILE "genroms/linuxboot.bin"
/*
 * Offer the ROM that starts the kernel, whose parts are in fw_cfg already. One that a BIOS cannot
 * start is no error.
 */
int fw_linuxboot_add(struct machine *m, const struct boot_bios *b, struct err *e);

/* --- fw_flash.c: ROM and variable store as the chips they are --- */

int fw_flash_create(struct machine *m, struct err *e);

#endif
