/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ISA bridge (bhyve's lpc, 8086:7000, Intel 82371SB data sheet) and what it holds besides
 * devices with files of their own: which legacy ports and interrupts belong to whom, the PIRQ
 * registers, port 0x92, the POST code latch, and, where nobody asked for a keyboard (i8042.h), as much of a
 * controller as it takes to reset a PC.
 *
 * The PIRQ registers keep what is written; PCI interrupts go to the I/O APIC (pci.h), so a guest
 * that runs without one gets MSI-X or nothing. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_LPC_H
#define ZHYVE_DEVICES_LPC_H

#include "devices/pci.h"

/* Serial ports, in the order com1-com4. */
#define LPC_COMS 4
struct lpc_com {
	const char *name; /* "com1" */
	uint16_t port;    /* eight of them */
	uint8_t irq;      /* ISA interrupt, edge; shared by com1/com3 and com2/com4 */
};
extern const struct lpc_com lpc_com[LPC_COMS];

/* Interrupts of fixed devices. */
#define LPC_IRQ_RTC 8
#define LPC_IRQ_SCI 9 /* level */

/* Ports that belong to files of their own. */
#define LPC_PORT_RTC   0x70  /* rtc.h */
#define LPC_PORT_SMI   0xB2  /* pm.h */
#define LPC_PORT_PM    0x400 /* pm.h */
#define LPC_PORT_RESET 0xCF9 /* pm.h, reached through pci_port_ops */

struct lpc {
	struct pci_dev pci; /* the caller sets bdf and attaches it */
	struct machine_ctl ctl;
	bool has_kbc;    /* a keyboard controller of its own (i8042.h) has 0x60 and 0x64 */
	uint8_t post;    /* last POST code written to 0x84 */
	uint8_t port92;  /* fast A20; the gate itself is always open */
	uint8_t kbc_out; /* what the keyboard controller answers on 0x60 ... */
	bool kbc_full;   /* ... while this is set */
	uint8_t kbc_cmd; /* a command that waits for its byte on 0x60, 0: none */
};

/* bhyve's lpc.pcireg.*: 0x8086, 0x7000 where nothing else is asked for. */
void lpc_init(struct lpc *l, uint16_t vendor, uint16_t device, const struct machine_ctl *ctl);
/*
 * Claim its own ports (0x84, 0x92, without has_kbc 0x60 and 0x64) on a port bus through `add`. 0 or
 * what add said.
 */
int lpc_add_ports(
    struct lpc *l, struct lock *lock, int (*add)(void *ctx, const struct bus_region *r), void *ctx);

#endif
