/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The content of expansion ROMs (PCI Firmware 3.0, 5.1). iPXE's ROMs, as Debian ships them, name
 * one device each; a BIOS starts a ROM only on the device that it names. Pure. Runs in zhyve,
 * before any guest code.
 */
#ifndef ZHYVE_DEVICES_PCI_ROM_H
#define ZHYVE_DEVICES_PCI_ROM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Make the first image in `rom` name this device, and its checksum right again. 0; -EINVAL: there
 * is no such image.
 */
int pci_rom_adopt(uint8_t *rom, size_t len, uint16_t vendor, uint16_t device);

#endif
