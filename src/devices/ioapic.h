/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The I/O APIC (Intel 82093AA data sheet; version 0x20 with the EOI register of later chipsets):
 * 24 inputs whose changes become message interrupts. For machines whose interrupt controllers are
 * not all in the kernel (vmm/vm.h): KVM has the local APICs, this has the lines.
 *
 * Destinations have 15 bits: bits 49 to 55 of a redirection entry carry bits 8 to 14 of the local
 * APIC's identifier, as KVM_FEATURE_MSI_EXT_DEST_ID tells the guest (Linux,
 * Documentation/virt/kvm/x86/cpuid.rst). There are no 8259s behind it: ExtINT entries deliver
 * nothing. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_IOAPIC_H
#define ZHYVE_DEVICES_IOAPIC_H

#include "devices/bus.h"
#include "devices/device.h"

#define IOAPIC_BASE 0xFEC00000ull
#define IOAPIC_LEN  0x1000
#define IOAPIC_PINS 24

/* What it asks of its owner; called with the device's lock held. */
struct ioapic_ops {
	/* Deliver a message now. `addr` has the destination's upper bits in bits 40 to 63 (KVM's way). */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	/*
	 * The message of this pin has changed. Not masked and level-triggered: its EOI is to be told by
	 * ioapic_eoi; otherwise nobody needs to know of it (`data` is 0 then).
	 */
	void (*watch)(void *ctx, unsigned pin, uint64_t addr, uint32_t data);
	void *ctx;
};

struct ioapic {
	struct ioapic_ops ops;
	uint64_t entry[IOAPIC_PINS]; /* redirection table */
	uint32_t level;              /* a bit per input: how the line stands */
	uint8_t id, select;
};

void ioapic_init(struct ioapic *io, const struct ioapic_ops *ops);
/* Everything masked, as after power-on. Lines stay as their devices hold them. */
void ioapic_reset(struct ioapic *io);
/* An input changes. Pins that do not exist are ignored. */
void ioapic_set(struct ioapic *io, unsigned pin, bool level);
/* A local APIC has ended an interrupt of this vector that came level-triggered. */
void ioapic_eoi(struct ioapic *io, uint8_t vector);
/* What an entry's message is: address in KVM's form, data. */
void ioapic_message(uint64_t entry, uint64_t *addr, uint32_t *data);

/* The registers, IOAPIC_LEN bytes. `dev` is the struct ioapic. */
extern const struct bus_ops ioapic_ops;

struct state;
/*
 * Save or load it (state.h); before or after the devices whose lines lead here: no interrupt comes
 * of it.
 */
int ioapic_state(struct ioapic *io, struct state *st);

#endif
