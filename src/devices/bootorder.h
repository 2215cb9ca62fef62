/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order in which a boot ROM tries its devices: fw_cfg's file "bootorder", one OpenFirmware
 * device path on a line, most wanted first (SeaBIOS' docs/Runtime_config; OVMF's
 * QemuBootOrderLib). Device names in the paths are those that both ROMs look for, whatever the
 * device's ids are. Pure. Runs in zhyve, before any guest code.
 */
#ifndef ZHYVE_DEVICES_BOOTORDER_H
#define ZHYVE_DEVICES_BOOTORDER_H

#include <stddef.h>
#include <stdint.h>

#define BOOTORDER_MAX      64
#define BOOTORDER_LINE_MAX 64 /* bytes of one path and its newline */

enum bootorder_kind {
	BOOTORDER_VIRTIO_BLK,
	BOOTORDER_NET,
	BOOTORDER_NVME, /* namespace 1 */
	BOOTORDER_AHCI, /* unit: the port */
};

struct bootorder {
	unsigned n;
	struct bootorder_entry {
		uint32_t index;
		enum bootorder_kind kind;
		unsigned bdf, unit;
	} entry[BOOTORDER_MAX]; /* sorted by index */
};

/* 0, -EEXIST (the index is taken), -ENOSPC. */
int bootorder_add(
    struct bootorder *b, uint32_t index, enum bootorder_kind kind, unsigned bdf, unsigned unit);
/*
 * Write the file's text: newline between the paths, a zero byte at the end. Returns its length,
 * the zero byte counted, 0 when nothing was added, or -ENOSPC.
 */
int bootorder_text(const struct bootorder *b, char *buf, size_t size);

#endif
