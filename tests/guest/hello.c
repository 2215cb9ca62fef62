/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints one line on COM1 and powers off by ACPI's PM1 control register: zhyve's exit status 1. */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	CHECK(info->magic == 0x336ec578, info->magic);
	put_text("hello from the guest\nok\n");
}
