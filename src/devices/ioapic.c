/* SPDX-License-Identifier: BSD-2-Clause */
/* The I/O APIC: see ioapic.h. Refuses no write: bits that do not exist stay zero. Runs in zhyve. */
#include "devices/ioapic.h"
#include "devices/state.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define REG_SELECT  0x00
#define REG_WINDOW  0x10
#define REG_EOI     0x40

#define INDEX_ID    0x00
#define INDEX_VER   0x01
#define INDEX_ARB   0x02
#define INDEX_TABLE 0x10
#define VERSION     0x20

/* A redirection entry. */
#define RTE_VECTOR  0xffull
#define RTE_MODE    (7ull << 8)
#define RTE_LOGICAL (1ull << 11)
#define RTE_STATUS  (1ull << 12) /* read-only; always idle, messages are delivered at once */
#define RTE_IRR     (1ull << 14) /* read-only: a level interrupt has not been ended yet */
#define RTE_LEVEL   (1ull << 15)
#define RTE_MASK    (1ull << 16)
#define RTE_DEST    (0xfffeull << 48) /* bits 49-55 and 56-63 */
#define RTE_WRITABLE \
	(RTE_VECTOR | RTE_MODE | RTE_LOGICAL | 1ull << 13 | RTE_LEVEL | RTE_MASK | RTE_DEST)
#define MODE_EXTINT (7ull << 8)

#define MSI_BASE    0xfee00000u
#define MSI_LOGICAL (1u << 2)
#define MSI_ASSERT  (1u << 14)
#define MSI_LEVEL   (1u << 15)

void
ioapic_message(uint64_t entry, uint64_t *addr, uint32_t *data)
{
	uint64_t dest = entry >> 56, high = entry >> 49 & 0x7f;

	*addr = high << 40 | MSI_BASE | dest << 12 | ((entry & RTE_LOGICAL) != 0 ? MSI_LOGICAL : 0);
	*data = (uint32_t)(entry & (RTE_VECTOR | RTE_MODE)) | MSI_ASSERT |
	    ((entry & RTE_LEVEL) != 0 ? MSI_LEVEL : 0);
}

static void
deliver(struct ioapic *io, unsigned pin)
{
	uint64_t *en = &io->entry[pin], addr;
	uint32_t data;

	if ((*en & RTE_MASK) != 0 || (*en & RTE_MODE) == MODE_EXTINT)
		return;
	if ((*en & RTE_LEVEL) != 0)
		*en |= RTE_IRR;
	ioapic_message(*en, &addr, &data);
	io->ops.msi(io->ops.ctx, addr, data);
}

/* A level-triggered input that is up interrupts, once per EOI. */
static void
look(struct ioapic *io, unsigned pin)
{
	uint64_t en = io->entry[pin];

	if ((en & (RTE_LEVEL | RTE_IRR)) == RTE_LEVEL && (io->level >> pin & 1) != 0)
		deliver(io, pin);
}

void
ioapic_set(struct ioapic *io, unsigned pin, bool level)
{
	bool was;

	if (pin >= IOAPIC_PINS)
		return;
	was = (io->level >> pin & 1) != 0;
	io->level = (io->level & ~(1u << pin)) | (uint32_t)level << pin;
	if ((io->entry[pin] & RTE_LEVEL) != 0)
		look(io, pin);
	else if (level && !was) /* edges that come while masked are lost, as on hardware */
		deliver(io, pin);
}

void
ioapic_eoi(struct ioapic *io, uint8_t vector)
{
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		uint64_t *en = &io->entry[pin];

		if ((*en & RTE_VECTOR) != vector ||
		    (*en & (RTE_LEVEL | RTE_IRR)) != (RTE_LEVEL | RTE_IRR))
			continue;
		*en &= ~RTE_IRR;
		look(io, pin);
	}
}

static void
tell_watch(struct ioapic *io, unsigned pin)
{
	uint64_t en = io->entry[pin], addr = 0;
	uint32_t data = 0;

	/* A masked entry too, while its last interrupt has not been ended. */
	if ((en & RTE_LEVEL) != 0 && ((en & RTE_MASK) == 0 || (en & RTE_IRR) != 0))
		ioapic_message(en, &addr, &data);
	io->ops.watch(io->ops.ctx, pin, addr, data);
}

static void
write_entry(struct ioapic *io, unsigned pin, bool upper, uint32_t val)
{
	uint64_t *en = &io->entry[pin], old = *en, v = old;

	v = upper ? (v & UINT32_MAX) | (uint64_t)val << 32 : (v & ~(uint64_t)UINT32_MAX) | val;
	v = (v & RTE_WRITABLE) | (old & RTE_IRR);
	/* Made edge-triggered, an entry forgets the interrupt that was not ended. */
	if ((v & RTE_LEVEL) == 0)
		v &= ~RTE_IRR;
	*en = v;
	if (v != old)
		tell_watch(io, pin);
	look(io, pin);
}

static uint32_t
read_index(const struct ioapic *io)
{
	unsigned i = io->select;

	switch (i) {
	case INDEX_ID:
	case INDEX_ARB:
		return ((uint32_t)io->id << 24);
	case INDEX_VER:
		return (VERSION | (IOAPIC_PINS - 1) << 16);
	default:
		if (i < INDEX_TABLE || i >= INDEX_TABLE + 2 * IOAPIC_PINS)
			return (UINT32_MAX);
		return ((uint32_t)(io->entry[(i - INDEX_TABLE) / 2] >> 32 * (i & 1)));
	}
}

static void
write_index(struct ioapic *io, uint32_t val)
{
	unsigned i = io->select;

	if (i == INDEX_ID)
		io->id = val >> 24 & 0xf;
	else if (i >= INDEX_TABLE && i < INDEX_TABLE + 2 * IOAPIC_PINS)
		write_entry(io, (i - INDEX_TABLE) / 2, (i & 1) != 0, val);
}

/* Registers have 32 bits at multiples of 16; what lies between reads as zero. */
static uint64_t
ioapic_read(void *dev, uint64_t off, unsigned size)
{
	struct ioapic *io = dev;
	uint32_t v = 0;

	if ((off & ~3ull) == REG_SELECT)
		v = io->select;
	else if ((off & ~3ull) == REG_WINDOW)
		v = read_index(io);
	return ((off & 3) + size > 4 && size < 4 ? 0 : (uint64_t)v >> 8 * (off & 3));
}

static void
ioapic_write(void *dev, uint64_t off, unsigned size, uint64_t val)
{
	struct ioapic *io = dev;

	if (off == REG_SELECT)
		io->select = (uint8_t)val;
	else if (off == REG_WINDOW && size >= 4)
		write_index(io, (uint32_t)val);
	else if (off == REG_EOI)
		ioapic_eoi(io, (uint8_t)val);
}

const struct bus_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write };

void
ioapic_reset(struct ioapic *io)
{
	io->id = io->select = 0;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		io->entry[pin] = RTE_MASK;
		io->ops.watch(io->ops.ctx, pin, 0, 0);
	}
}

void
ioapic_init(struct ioapic *io, const struct ioapic_ops *ops)
{
	*io = (struct ioapic){ .ops = *ops };
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		io->entry[pin] = RTE_MASK;
}

/* --- state --- */

#define IOAPIC_STATE(F, T)                          \
	F(T, ops, OWNS, 0)                          \
	F(T, entry, ARRAY, STATE_ANY)               \
	F(T, level, SAVED, (1u << IOAPIC_PINS) - 1) \
	F(T, id, SAVED, STATE_ANY)                  \
	F(T, select, SAVED, STATE_ANY)
STATE_TYPE(ioapic_type, struct ioapic, IOAPIC_STATE, "ioapic", 1);

int
ioapic_state(struct ioapic *io, struct state *st)
{
	struct ioapic image = *io;

	if (state_struct(st, &ioapic_type, &image) < 0 || !st->loading)
		return (st->rc);
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		if ((image.entry[pin] & ~(RTE_WRITABLE | RTE_IRR)) != 0)
			return (
			    state_refuse(st, EINVAL, "entry %u has bits that are not there", pin));
	*io = image;
	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++)
		tell_watch(io, pin);
	return (0);
}
