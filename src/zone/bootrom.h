/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Boot ROMs by name: what `bootrom` of a zone may say, and the files of this host that it means.
 * Pure; the tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_BOOTROM_H
#define ZHYVE_ZONE_BOOTROM_H

#include <limits.h>
#include <stdbool.h>

#include "base/err.h"

#define BOOTROM_DEFAULT "uefi"

struct bootrom {
	char rom[PATH_MAX];
	char vars[PATH_MAX]; /* template of the zone's own variable store; "": it has none */
	const char *package; /* Debian's package of both; NULL: files of the operator's own */
};

/*
 * `text` is "uefi" or "bios", the path either has on SmartOS, or "ROM[,VARS]" with absolute paths,
 * as -l bootrom of bhyve(8) has it. 0 or -EINVAL, -ENAMETOOLONG.
 */
int bootrom_get(const char *text, struct bootrom *out, struct err *e);

#define BOOTROM_NIC_PACKAGE "ipxe-qemu"
/*
 * The expansion ROM by which `rom` boots from a nic that zhyve emulates as `emul` ("e1000"); NULL:
 * it needs none. One without variables counts as a BIOS.
 */
const char *bootrom_nic(const struct bootrom *rom, const char *emul);

#endif
