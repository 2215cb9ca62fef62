/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Starts the other processors by INIT and two SIPIs as PCs do. Each says who it is: CPUID's
 * identifier must be its local APIC's, and none may come twice. The number expected is on the
 * command line.
 */
#include "guest.h"

#define LAPIC      0xfee00000ull
#define TRAMPOLINE 0x8000
#define CPUS_MAX   16

static volatile uint8_t seen[CPUS_MAX];
static volatile uint32_t arrived;

static unsigned
cpuid_apic_id(void)
{
	uint32_t eax = 1, ebx, ecx = 0, edx;

	__asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return (ebx >> 24);
}

void
ap_main(unsigned n)
{
	unsigned id = mmio32(LAPIC + 0x20) >> 24;

	(void)n;
	if (id < CPUS_MAX && cpuid_apic_id() == id)
		seen[id]++;
	__asm__ volatile("lock incl %0" : "+m"(arrived));
}

static void
send_ipi(uint32_t command)
{
	mmio32_put(LAPIC + 0x310, 0);
	mmio32_put(LAPIC + 0x300, command);
	while ((mmio32(LAPIC + 0x300) & 0x1000) != 0)
		;
}

void
guest_main(const struct start_info *info)
{
	unsigned want = (unsigned)(((const char *)info->cmdline)[0] - '0');
	volatile char *to = (volatile char *)TRAMPOLINE;

	for (char *from = ap_trampoline; from < ap_trampoline_end; from++)
		*to++ = *from;
	mmio32_put(LAPIC + 0xf0, 0x1ff); /* software enable */
	seen[mmio32(LAPIC + 0x20) >> 24]++;
	send_ipi(0xc4500); /* INIT to all others */
	for (unsigned try = 0; try < 2; try++)
		send_ipi(0xc4600 | TRAMPOLINE >> 12); /* SIPI */
	for (uint64_t spins = 0; arrived < want - 1; spins++) {
		CHECK(spins < 20000000, arrived);
		__asm__ volatile("pause");
	}
	for (unsigned i = 0; i < want; i++)
		CHECK(seen[i] == 1, i);
	put_text("ok\n");
}
