/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resets the machine: by ACPI's reset register, or with "kbc" on the command line by the
 * keyboard controller. Exit status 0.
 */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	const char *cmdline = (const char *)info->cmdline;

	put_text("ok\n");
	if (cmdline[0] == 'k')
		out8(0x64, 0xfe);
	else
		out8(0xcf9, 0x06);
	fail("still running after a reset", 0);
}
