/* SPDX-License-Identifier: BSD-2-Clause */
/* Expansion ROMs' headers: see pci_rom.h. Pure; runs in zhyve. */
#include "devices/pci_rom.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define ROM_HEADER    0x1A /* up to the pointer to the data structure */
#define ROM_UNITS     2    /* length of the image in units of 512 bytes (code for x86 BIOS) */
#define ROM_UNIT      512u
#define ROM_SPARE     6 /* behind the entry's jump: no loader looks at it, so it takes the checksum */
#define ROM_DATA      0x18
#define DATA_LEN      0x18
#define DATA_VENDOR   4
#define DATA_DEVICE   6
#define DATA_CODE     0x14
#define CODE_X86_BIOS 0

int
pci_rom_adopt(uint8_t *rom, size_t len, uint16_t vendor, uint16_t device)
{
	size_t image, at;
	uint8_t sum = 0;

	if (len < ROM_HEADER || rom[0] != 0x55 || rom[1] != 0xAA)
		return (-EINVAL);
	at = le16_get(rom + ROM_DATA);
	image = rom[ROM_UNITS] * ROM_UNIT;
	if (!range_ok(at, DATA_LEN, len) || memcmp(rom + at, "PCIR", 4) != 0)
		return (-EINVAL);
	le16_put(rom + at + DATA_VENDOR, vendor);
	le16_put(rom + at + DATA_DEVICE, device);
	if (rom[at + DATA_CODE] != CODE_X86_BIOS)
		return (0); /* UEFI's images have no checksum */
	if (image > len)
		return (-EINVAL);
	for (size_t i = 0; i < image; i++)
		sum += rom[i];
	rom[ROM_SPARE] -= sum;
	return (0);
}
