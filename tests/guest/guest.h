/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the bare-metal test guests share: ports, memory, text on COM1. Freestanding; runs in the
 * guest.
 */
#ifndef ZHYVE_TESTS_GUEST_H
#define ZHYVE_TESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp, memmap;
	uint32_t memmap_entries, reserved;
};
struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

/* The guest's own part. Returning powers off. */
void guest_main(const struct start_info *info);
/* Application processors started at the trampoline come here. */
void ap_main(unsigned n);
_Noreturn void power_off(void);
_Noreturn void guest_exception(uint64_t vector, uint64_t code, uint64_t rip);
extern char ap_trampoline[], ap_trampoline_end[];
extern volatile uint32_t ap_tickets;

#define COM1 0x3f8

static inline void
out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void
out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}
static inline void
out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline uint8_t
in8(uint16_t port)
{
	uint8_t v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return (v);
}
static inline uint16_t
in16(uint16_t port)
{
	uint16_t v;
	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return (v);
}
static inline uint32_t
in32(uint16_t port)
{
	uint32_t v;
	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return (v);
}
static inline uint8_t
mmio8(uint64_t addr)
{
	return (*(volatile uint8_t *)addr);
}
static inline uint16_t
mmio16(uint64_t addr)
{
	return (*(volatile uint16_t *)addr);
}
static inline uint32_t
mmio32(uint64_t addr)
{
	return (*(volatile uint32_t *)addr);
}
static inline void
mmio8_put(uint64_t addr, uint8_t v)
{
	*(volatile uint8_t *)addr = v;
}
static inline void
mmio16_put(uint64_t addr, uint16_t v)
{
	*(volatile uint16_t *)addr = v;
}
static inline void
mmio32_put(uint64_t addr, uint32_t v)
{
	*(volatile uint32_t *)addr = v;
}

static inline void
put_char(char c)
{
	while ((in8(COM1 + 5) & 0x20) == 0) /* transmitter empty */
		;
	out8(COM1, (uint8_t)c);
}
static inline void
put_text(const char *s)
{
	for (; *s != '\0'; s++)
		put_char(*s);
}
static inline void
put_hex(uint64_t v)
{
	bool begun = false;

	for (int shift = 60; shift >= 0; shift -= 4) {
		unsigned d = v >> shift & 15;

		begun |= d != 0 || shift == 0;
		if (begun)
			put_char((char)(d < 10 ? '0' + d : 'a' + d - 10));
	}
}

/* Has somebody at the other end of COM1 sent a byte? It is taken. */
static inline bool
told(void)
{
	if ((in8(COM1 + 5) & 1) == 0)
		return (false);
	(void)in8(COM1);
	return (true);
}

/* PCI configuration by ports. */
static inline uint32_t
pci_read(unsigned bdf, unsigned off)
{
	out32(0xcf8, 0x80000000u | bdf << 8 | (off & ~3u));
	return (in32(0xcfc));
}
static inline void
pci_write(unsigned bdf, unsigned off, uint32_t v)
{
	out32(0xcf8, 0x80000000u | bdf << 8 | (off & ~3u));
	out32(0xcfc, v);
}

/* Say that the test failed and power off; the runner looks for "ok" alone. */
static inline _Noreturn void
fail(const char *why, uint64_t value)
{
	put_text("FAILED: ");
	put_text(why);
	put_text(" 0x");
	put_hex(value);
	put_char('\n');
	power_off();
}
/* Where start.S brings exceptions: a guest expects none, but for those it makes a table of its own for. */
_Noreturn void
guest_exception(uint64_t vector, uint64_t code, uint64_t rip)
{
	uint64_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	put_text("exception 0x");
	put_hex(vector);
	put_text(" error 0x");
	put_hex(code);
	put_text(" cr2 0x");
	put_hex(cr2);
	put_char('\n');
	fail("exception at", rip);
}
#define CHECK(cond, value)                    \
	do {                                  \
		if (!(cond))                  \
			fail(#cond, (value)); \
	} while (0)

/* ACPI's timer, 32 bits of it (devices/pm.c). */
#define PM_TIMER 0x408
#define PM_HZ    3579545u

/*
 * Is it in vain to go on waiting? Asked in a loop that waits, `spins` counting from 1. What does not
 * come in 20 s does not come on however busy a machine; a number of spins is another time on each. The
 * timer, an exit, is looked at only now and then.
 */
static inline bool
in_vain(uint64_t spins, uint32_t *since)
{
	if (spins % 65536 != 0)
		return (false);
	if (spins == 65536)
		*since = in32(PM_TIMER);
	return (in32(PM_TIMER) - *since > 20 * PM_HZ);
}

#endif
