/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC and the HPET wired to it: register accesses of any size at any offset, lines that
 * change, interrupts that end, time that passes. The first byte of an instruction chooses.
 */
#include "devices/hpet.h"
#include "devices/ioapic.h"
#include "../unit/devices/host_time.h"
#include "fuzz.h"

static struct {
	struct ioapic io;
	struct hpet hpet;
	struct dev_timer timer;
	unsigned messages;
} w;

static void
line(void *ctx, unsigned gsi, bool level)
{
	(void)ctx;
	ioapic_set(&w.io, gsi, level);
}

static void
msi(void *ctx, uint64_t addr, uint32_t data)
{
	(void)ctx;
	(void)addr;
	(void)data;
	w.messages++;
}

static void
watch(void *ctx, unsigned pin, uint64_t addr, uint32_t data)
{
	(void)ctx;
	(void)addr;
	(void)data;
	if (pin >= IOAPIC_PINS)
		__builtin_trap();
}

/* At most so many wake-ups an instruction: a timer that never rests is a finding. */
static void
pass(uint64_t ns)
{
	uint64_t most = ns / 1000000 * HPET_TIMERS * 20 + 1000;

	if (host_pass(&w.timer, ns, most) == most)
		__builtin_trap();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ioapic_ops io = { .msi = msi, .watch = watch };
	const struct hpet_ops hp = { .line = line, .msi = msi };
	const struct clock clock = { .now_ns = host_now };
	struct fuzz f = { data, size };

	memset(&w, 0, sizeof(w));
	w.timer.arm = host_arm;
	now = 1;
	armed = 0;
	ioapic_init(&w.io, &io);
	hpet_init(&w.hpet, &hp, &clock, &w.timer);
	while (f.left > 0) {
		uint8_t op = fuzz_u8(&f);
		unsigned size_of = 1u << (op >> 4 & 3);
		uint16_t off = fuzz_u16(&f);
		uint64_t v = fuzz_u32(&f);

		v |= (op & 0x80) != 0 ? v << 32 : 0;
		switch (op & 7) {
		case 0:
			ioapic_ops.write(&w.io, off % (IOAPIC_LEN - 8), size_of, v);
			break;
		case 1:
			(void)ioapic_ops.read(&w.io, off % (IOAPIC_LEN - 8), size_of);
			break;
		case 2:
			hpet_ops.write(&w.hpet, off % (HPET_LEN - 8), size_of, v);
			break;
		case 3:
			(void)hpet_ops.read(&w.hpet, off % (HPET_LEN - 8), size_of);
			break;
		case 4:
			ioapic_set(&w.io, off, (v & 1) != 0);
			break;
		case 5:
			ioapic_eoi(&w.io, (uint8_t)off);
			break;
		case 6:
			pass(v % 50000000);
			break;
		default:
			ioapic_ops.write(&w.io, 0, 4, off); /* index and window together */
			ioapic_ops.write(&w.io, 0x10, 4, v);
		}
	}
	return (0);
}
