/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats of disk files that an import takes: raw, qcow2, vmdk (VMware), vhdx (Hyper-V) and vdi (VirtualBox).
 * Told by magic number and looked at before any other program may open the file: whether it is one file,
 * whole and without a secret. Reads only from the descriptor. Tools.
 */
#ifndef ZHYVE_ZONE_DISKFORMAT_H
#define ZHYVE_ZONE_DISKFORMAT_H

#include <stdint.h>

#include "base/err.h"

enum disk_format {
	DISK_RAW,
	DISK_QCOW2,
	DISK_VMDK,
	DISK_VHDX,
	DISK_VDI
};

/* As qemu-img names it. */
const char *disk_format_name(enum disk_format format);

/*
 * Tell the format of the file `fd`, of `len` bytes, and *size, the bytes of its disk (of a raw file:
 * `len`; of others a multiple of 512). -EINVAL, with the reason, for one that refers to other files (backing
 * file, parent, extents, external data), is encrypted or broken, or of a kind that is known and not taken.
 */
int disk_format_probe(
    int fd, uint64_t len, enum disk_format *format, uint64_t *size, struct err *e);

#endif
