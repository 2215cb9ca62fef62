/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds pvpanic in slot 5, and reports what the command line's first character says: 1 a panic, 2
 * one whose crash kernel takes over, 3 both. Whoever goes on after that powers off.
 */
#include "guest.h"

#define SLOT (5u << 3)

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;
	uint64_t bar = pci_read(SLOT, 0x10) & ~15u;

	CHECK(pci_read(SLOT, 0) == 0x00111b36, pci_read(SLOT, 0));
	CHECK(mmio8(bar) == 3, mmio8(bar));
	mmio8_put(bar, 0xfc); /* events that do not exist */
	mmio8_put(bar + 1, 1);
	put_text("ok\n");
	mmio8_put(bar, cmdline[0] == '\0' ? 1 : (uint8_t)(cmdline[0] - '0'));
}
