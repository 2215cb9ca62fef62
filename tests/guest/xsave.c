/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executes what a KVM without hardware virtualization cannot emulate. There zhyve must say so
 * and end with status 4; elsewhere the guest goes on and powers off.
 */
#include "guest.h"

void
guest_main(const struct start_info *info)
{
	static uint64_t pair[2] __attribute__((aligned(16)));

	(void)info;
	put_text("ok\n");
	__asm__ volatile("lock cmpxchg16b %0" : "+m"(pair) : "a"(0), "d"(0), "b"(1), "c"(2) : "cc");
	put_text("went on\n");
}
