/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switches ACPI on, enables the power button's event and waits, halted, for its SCI; then
 * powers off. Says when it is ready.
 */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	(void)info;
	out8(0xb2, 0xa0);
	CHECK((in16(0x404) & 1) == 1, in16(0x404)); /* SCI_EN */
	out16(0x402, 0x100);                        /* PWRBTN_EN */
	put_text("ready\n");
	while ((in16(0x400) & 0x100) == 0) { /* PWRBTN_STS */
		for (volatile unsigned i = 0; i < 1000; i++)
			;
	}
	out16(0x400, 0x100);
	CHECK((in16(0x400) & 0x100) == 0, in16(0x400));
	put_text("ok\n");
}
