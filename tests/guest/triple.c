/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends in a triple fault: an exception without an interrupt table. Exit status 3. */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	static const struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) none = { 0, 0 };

	(void)info;
	put_text("ok\n");
	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	fail("still running after a triple fault", 0);
}
