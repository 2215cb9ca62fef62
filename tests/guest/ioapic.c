/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts through zhyve's I/O APIC to local APICs in x2APIC mode. The serial port's line as a
 * level-triggered interrupt: it comes again after each EOI until the port is content, and once more
 * when the port asks again. The clock's as an edge, to the processor whose APIC identifier is
 * on the command line. With "bare" behind it there is no 8259 and no PIT either.
 */
#include "guest.h"
#include "idt.h"

#define IOAPIC      0xfec00000ull
#define TRAMPOLINE  0x8000
#define VEC_LEVEL   0x40
#define VEC_EDGE    0x41
#define X2APIC_ID   0x802
#define X2APIC_SPIV 0x80f
#define X2APIC_ICR  0x830
#define TIMES       3 /* before the port is read */

static volatile uint32_t levels, edges, edge_id = ~0u, ready;

static inline void
wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return ((uint64_t)hi << 32 | lo);
}

/* Count; from the third time on read the port, which takes its line down; end the interrupt. */
__attribute__((naked)) static void
on_level(void)
{
	__asm__ volatile(
	    "push %%rax\n\tpush %%rcx\n\tpush %%rdx\n\t"
	    "lock incl %0\n\t"
	    "cmpl %1, %0\n\tjb 1f\n\t"
	    "movl $0x3fa, %%edx\n\tinb %%dx, %%al\n"
	    "1:\tmovl $0x80b, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr\n\t"
	    "pop %%rdx\n\tpop %%rcx\n\tpop %%rax\n\tiretq"
	    :
	    : "m"(levels), "i"(TIMES));
}

__attribute__((naked)) static void
on_edge(void)
{
	__asm__ volatile("push %%rax\n\tpush %%rcx\n\tpush %%rdx\n\t"
			 "movb $0x0c, %%al\n\toutb %%al, $0x70\n\tinb $0x71, %%al\n\t"
			 "movl $0x802, %%ecx\n\trdmsr\n\tmovl %%eax, %1\n\t"
			 "lock incl %0\n\t"
			 "movl $0x80b, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr\n\t"
			 "pop %%rdx\n\tpop %%rcx\n\tpop %%rax\n\tiretq"
			 :
			 : "m"(edges), "m"(edge_id));
}

static void
enable_apic(void)
{
	load_idt();
	wrmsr(0x1b, rdmsr(0x1b) | 0xc00); /* x2APIC mode */
	wrmsr(X2APIC_SPIV, 0x1ff);
}

static void
entry(unsigned pin, uint64_t v)
{
	mmio32_put(IOAPIC, 0x11 + 2 * pin);
	mmio32_put(IOAPIC + 0x10, (uint32_t)(v >> 32));
	mmio32_put(IOAPIC, 0x10 + 2 * pin);
	mmio32_put(IOAPIC + 0x10, (uint32_t)v);
}

void
ap_main(unsigned n)
{
	(void)n;
	enable_apic();
	ready = (uint32_t)rdmsr(X2APIC_ID) + 1;
	while (edges == 0)
		__asm__ volatile("sti; hlt; cli");
}

static void
start(uint32_t id)
{
	volatile char *to = (volatile char *)TRAMPOLINE;

	for (char *from = ap_trampoline; from < ap_trampoline_end; from++)
		*to++ = *from;
	wrmsr(X2APIC_ICR, (uint64_t)id << 32 | 0x4500); /* INIT */
	for (unsigned try = 0; try < 2; try++)
		wrmsr(X2APIC_ICR, (uint64_t)id << 32 | 0x4600 | TRAMPOLINE >> 12); /* SIPI */
	for (uint64_t spins = 0; ready != id + 1; spins++) {
		CHECK(spins < 20000000, ready);
		__asm__ volatile("pause");
	}
}

/* Let interrupts in until there have been n. */
static void
until(uint32_t n)
{
	for (uint64_t spins = 0; levels < n; spins++) {
		CHECK(spins < 1000000, levels);
		__asm__ volatile("sti; nop; cli");
	}
}

static void
level_triggered(void)
{
	uint32_t before;

	entry(4, 0x8000 | VEC_LEVEL);
	out8(COM1 + 4, 0x0b); /* OUT2: the port's interrupts are let out */
	out8(COM1 + 1, 2);    /* its transmitter is empty at once */
	until(TIMES);
	/*
	 * Then it rests. One more may be under way already: a KVM that emulates several instructions
	 * at a time tells of an EOI late.
	 */
	mmio32_put(IOAPIC, 0x10 + 8);
	for (uint64_t spins = 0; mmio32(IOAPIC + 0x10) != (0x8000 | VEC_LEVEL); spins++) {
		CHECK(spins < 10000, mmio32(IOAPIC + 0x10));
		__asm__ volatile("sti; nop; cli");
	}
	before = levels;
	CHECK(before <= TIMES + 1, before);
	for (unsigned i = 0; i < 1000; i++)
		__asm__ volatile("sti; nop; cli");
	CHECK(levels == before, levels);
	out8(COM1 + 1, 0);
	out8(COM1 + 1, 2);
	until(before + 1);
	out8(COM1 + 1, 0);
	entry(4, 0x10000);
}

static void
edge_triggered(uint32_t id)
{
	if (id != 0)
		start(id);
	entry(8, (uint64_t)(id & 0xff) << 56 | (uint64_t)(id >> 8) << 49 | VEC_EDGE);
	out8(0x70, 0x0b);
	out8(0x71, (uint8_t)(in8(0x71) | 0x10)); /* once a second */
	while (edges == 0) {
		if (id == 0)
			__asm__ volatile("sti; hlt; cli");
		else
			__asm__ volatile("pause");
	}
	CHECK(edge_id == id, edge_id);
}

void
guest_main(const struct start_info *info)
{
	const char *p = (const char *)info->cmdline;
	uint32_t id = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		id = id * 10 + (uint32_t)(*p - '0');
	set_gate(VEC_LEVEL, on_level);
	set_gate(VEC_EDGE, on_edge);
	CHECK(in8(0x40) == 0xff && in8(0x40) == 0xff, in8(0x40));
	out8(0x21, 0x5a);
	CHECK(in8(0x21) == 0xff, in8(0x21));
	enable_apic();
	level_triggered();
	edge_triggered(id);
	put_text("ok\n");
}
