/* SPDX-License-Identifier: BSD-2-Clause */
/* Halts with interrupts off for good: exit status 2. */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	(void)info;
	put_text("ok\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}
