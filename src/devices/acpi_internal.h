/* SPDX-License-Identifier: BSD-2-Clause */
/* What acpi.c and acpi_dsdt.c share; nobody else includes it. */
#ifndef ZHYVE_DEVICES_ACPI_INTERNAL_H
#define ZHYVE_DEVICES_ACPI_INTERNAL_H

#include <stddef.h>

#include "devices/acpi.h"
#include "devices/pm.h"

#define ACPI_OEM_ID       "ZHYVE "
#define ACPI_OEM_TABLE_ID "ZHYVEPC "
#define ACPI_CREATOR      "ZHYV"
#define ACPI_HYPERVISOR   "ZHYVE\0\0"

static inline uint16_t
acpi_pm_base(const struct acpi_config *c)
{
	return (c->pm_base != 0 ? c->pm_base : PM_PORT_BASE);
}

/* What whoever places the tables has to do to them: add addresses, make checksums. */
#define ACPI_FIXUPS_MAX 40
struct acpi_fixups {
	struct acpi_fixup {
		uint32_t off; /* in the tables */
		uint32_t len; /* of the pointer or table */
	} pointer[ACPI_FIXUPS_MAX], table[ACPI_FIXUPS_MAX];
	unsigned npointers, ntables;
	uint32_t rsdt, xsdt; /* where they are */
};

#define ACPI_RSDP_LEN     36
#define ACPI_RSDP_SUM     8 /* offsets in the RSDP */
#define ACPI_RSDP_RSDT    16
#define ACPI_RSDP_XSDT    24
#define ACPI_RSDP_SUM2    32
#define ACPI_RSDP_V1_LEN  20
#define ACPI_TABLE_SUM    9 /* offset of a table's checksum */
#define ACPI_TABLES_ALIGN 64
/* Build the tables as acpi_files() gives them into malloc'ed memory. Length or -errno. */
int acpi_build_unplaced(const struct acpi_config *c, uint8_t **out, uint8_t rsdp[ACPI_RSDP_LEN],
    struct acpi_fixups *fix, struct err *e);

/* Write the DSDT's AML, without header. Its length or -ENOSPC. */
int acpi_dsdt(const struct acpi_config *c, void *buf, size_t size);

#endif
