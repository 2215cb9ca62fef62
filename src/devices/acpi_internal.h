/* SPDX-License-Identifier: BSD-2-Clause */
/* What acpi.c and acpi_dsdt.c share; nobody else includes it. */
#ifndef ZHYVE_DEVICES_ACPI_INTERNAL_H
#define ZHYVE_DEVICES_ACPI_INTERNAL_H

#include <stddef.h>

#include "devices/acpi.h"

#define ACPI_OEM_ID       "ZHYVE "
#define ACPI_OEM_TABLE_ID "ZHYVEPC "
#define ACPI_CREATOR      "ZHYV"
#define ACPI_HYPERVISOR   "ZHYVE\0\0"

/* Write the DSDT's AML, without header. Its length or -ENOSPC. */
int acpi_dsdt(const struct acpi_config *c, void *buf, size_t size);

#endif
