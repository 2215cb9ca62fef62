/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ACPI tables of the machine (ACPI 6.5): RSDP, RSDT, XSDT, FADT, FACS, DSDT, MADT, MCFG,
 * SPCR, written into guest memory. They describe what pci.h, pm.h, lpc.h, rtc.h and the in-kernel
 * interrupt controllers are; there is no thermal, battery or processor power management.
 *
 * They go into the BIOS area behind SMBIOS (smbios.h). When they do not fit (very many vCPUs),
 * all but the RSDP goes to the end of low RAM. Allocates while it builds. Runs in zhyve, before
 * any guest code.
 */
#ifndef ZHYVE_DEVICES_ACPI_H
#define ZHYVE_DEVICES_ACPI_H

#include "base/err.h"
#include "gmem/gmem.h"

#define ACPI_AREA      0xF2400ull
#define ACPI_AREA_END  0x100000ull
#define ACPI_IOAPIC    0xFEC00000u
#define ACPI_LAPIC     0xFEE00000u
#define ACPI_NO_LPC    (~0u)
#define ACPI_MAX_VCPUS 4096

struct acpi_config {
	unsigned ncpus;          /* 1 to ACPI_MAX_VCPUS */
	const uint32_t *apic_id; /* of each vCPU; NULL: 0, 1, 2, ... */
	/*
	 * The host bridge's memory windows, ends exclusive, as given to pci_bus_create. A lower
	 * window that has the ECAM in it is told as the two parts around it.
	 */
	uint64_t mem32_base, mem32_end;
	uint64_t mem64_base, mem64_end; /* equal: none */
	unsigned lpc_bdf;               /* of the ISA bridge, ACPI_NO_LPC: none, nor COMs and RTC */
	/*
	 * The highest bus that exists. Buses are announced no further: Linux looks into every slot
	 * of each bus it is told of, two exits a slot.
	 */
	uint8_t last_bus;
	bool spcr;        /* COM1 is the console of firmware and kernel */
	uint16_t pm_base; /* first port of the PM block (pm.h); 0: PM_PORT_BASE */
	bool fwcfg;       /* fw_cfg is there (fwcfg.h): told as QEMU0002 */
	bool tpm;         /* there is a TPM 2.0 (tpm_crb.h) */
	bool hpet;        /* hpet.h */
	bool no_pic;      /* there are no 8259s */
	bool i8042;       /* there is a keyboard controller with keyboard and mouse */
};

struct acpi_place {
	uint64_t rsdp; /* in the BIOS area */
	/*
	 * RAM taken from the end of the low range, whole pages; len 0: none. The memory map given
	 * to the guest must say that it is reserved.
	 */
	uint64_t ram_base, ram_len;
};

/* 0; -EINVAL (configuration), -ENOSPC (no room in RAM either), -ENOMEM. */
int acpi_write(
    const struct gmem *gm, const struct acpi_config *c, struct acpi_place *out, struct err *e);

/*
 * The tables for a boot ROM, which places them itself (fw_cfg's etc/acpi/tables and etc/acpi/rsdp)
 * by a script (etc/table-loader; the commands are in QEMU's hw/acpi/bios-linker-loader.c): every
 * pointer holds an offset into the tables, every checksum is zero, and the script says where.
 */
struct acpi_files {
	uint8_t *tables, *rsdp, *loader; /* malloc'ed */
	uint32_t tables_len, rsdp_len, loader_len;
};
/* 0, -EINVAL, -ENOSPC, -ENOMEM. */
int acpi_files(const struct acpi_config *c, struct acpi_files *out, struct err *e);
void acpi_files_free(struct acpi_files *f);

#endif
