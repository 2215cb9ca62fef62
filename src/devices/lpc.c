/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ISA bridge and its minor ports: see lpc.h. Its keyboard controller has no keyboard: it answers
 * its self tests, so that probing software ends at once, and says that no port has a device. Pure;
 * runs in zhyve.
 */
#include "devices/lpc.h"

#include <string.h>

#include "base/checked.h"

#define CLASS_ISA_BRIDGE 0x060100

/* PIRQ route control: bit 7 disabled, bits 3:0 the interrupt. */
#define PIRQ_DISABLED 0x80
#define PIRQ_WMASK    0x8F

enum lpc_port {
	PORT_KBC_DATA = 0x60,
	PORT_KBC_CMD = 0x64,
	PORT_POST = 0x84,
	PORT_92 = 0x92
};

#define P92_RESET 0x01
#define P92_A20   0x02

/* Keyboard controller (Intel 8042): status bits and commands. */
#define KBC_ST_FULL   0x01
#define KBC_ST_SYSTEM 0x04 /* self test passed */
#define KBC_RD_CTR    0x20 /* read the command byte */
#define KBC_WR_CTR    0x60 /* write it: one byte follows */
#define KBC_TEST_AUX  0xA9
#define KBC_SELF_TEST 0xAA
#define KBC_TEST_KBD  0xAB
#define KBC_WR_OUT    0xD1 /* output port: bit 0 low resets, bit 1 is A20 */
#define KBC_WR_AUX    0xD4
#define KBC_PULSE     0xF0 /* pulse output lines whose bits in 3:0 are low; line 0 resets */
#define KBC_DISABLED  0x30 /* command byte: both interfaces disabled */
#define KBC_TEST_OK   0x55
#define KBC_NO_PORT   0x04 /* interface test: data line stuck high */

const struct lpc_com lpc_com[LPC_COMS] = {
	{ "com1", 0x3F8, 4 },
	{ "com2", 0x2F8, 3 },
	{ "com3", 0x3E8, 4 },
	{ "com4", 0x2E8, 3 },
};

static void
kbc_answer(struct lpc *l, uint8_t val)
{
	l->kbc_out = val;
	l->kbc_full = true;
}

static void
kbc_command(struct lpc *l, uint8_t cmd)
{
	l->kbc_cmd = 0;
	switch (cmd) {
	case KBC_RD_CTR:
		kbc_answer(l, KBC_DISABLED);
		break;
	case KBC_SELF_TEST:
		kbc_answer(l, KBC_TEST_OK);
		break;
	case KBC_TEST_KBD:
	case KBC_TEST_AUX:
		kbc_answer(l, KBC_NO_PORT);
		break;
	case KBC_WR_CTR:
	case KBC_WR_OUT:
	case KBC_WR_AUX:
		l->kbc_cmd = cmd;
		break;
	default:
		if ((cmd & KBC_PULSE) == KBC_PULSE && (cmd & 1) == 0)
			machine_event(&l->ctl, MACHINE_RESET, "keyboard controller");
		break;
	}
}

static void
kbc_data(struct lpc *l, uint8_t val)
{
	uint8_t cmd = l->kbc_cmd;

	l->kbc_cmd = 0;
	if (cmd == KBC_WR_OUT && (val & 1) == 0)
		machine_event(&l->ctl, MACHINE_RESET, "keyboard controller output port");
}

static uint8_t
port_read(struct lpc *l, enum lpc_port port)
{
	switch (port) {
	case PORT_KBC_DATA:
		l->kbc_full = false;
		return (l->kbc_out);
	case PORT_KBC_CMD:
		return (KBC_ST_SYSTEM | (l->kbc_full ? KBC_ST_FULL : 0));
	case PORT_POST:
		return (l->post);
	case PORT_92:
		return (l->port92);
	}
	return (0xff);
}

static void
port_write(struct lpc *l, enum lpc_port port, uint8_t val)
{
	switch (port) {
	case PORT_KBC_DATA:
		kbc_data(l, val);
		break;
	case PORT_KBC_CMD:
		kbc_command(l, val);
		break;
	case PORT_POST:
		l->post = val;
		break;
	case PORT_92:
		/* The reset is the rising edge of bit 0. */
		if ((val & P92_RESET) != 0 && (l->port92 & P92_RESET) == 0)
			machine_event(&l->ctl, MACHINE_RESET, "port 0x92");
		l->port92 = (val & P92_RESET) | P92_A20;
		break;
	}
}

/* struct bus_ops gets the offset within the region: one pair of functions for each port. */
#define PORT_OPS(port)                                                               \
	static uint64_t read_##port(void *l, uint64_t off, unsigned size)            \
	{                                                                            \
		return (port_read(l, port));                                         \
	}                                                                            \
	static void write_##port(void *l, uint64_t off, unsigned size, uint64_t val) \
	{                                                                            \
		port_write(l, port, (uint8_t)val);                                   \
	}                                                                            \
	static const struct bus_ops ops_##port = { read_##port, write_##port };

PORT_OPS(PORT_KBC_DATA)
PORT_OPS(PORT_KBC_CMD)
PORT_OPS(PORT_POST)
PORT_OPS(PORT_92)

int
lpc_add_ports(
    struct lpc *l, struct lock *lock, int (*add)(void *ctx, const struct bus_region *r), void *ctx)
{
	const struct bus_region regions[] = {
		{ PORT_POST, 1, &ops_PORT_POST, l, lock, "POST code" },
		{ PORT_92, 1, &ops_PORT_92, l, lock, "port 0x92" },
		{ PORT_KBC_DATA, 1, &ops_PORT_KBC_DATA, l, lock, "i8042 data" },
		{ PORT_KBC_CMD, 1, &ops_PORT_KBC_CMD, l, lock, "i8042 command" },
	};
	int rc;

	for (unsigned i = 0; i < NITEMS(regions) - (l->has_kbc ? 2 : 0); i++) {
		rc = add(ctx, &regions[i]);
		if (rc != 0)
			return (rc);
	}
	return (0);
}

static void
lpc_reset(struct pci_dev *d)
{
	struct lpc *l = d->softc;

	l->post = 0;
	l->port92 = P92_A20;
	l->kbc_out = 0;
	l->kbc_full = false;
	l->kbc_cmd = 0;
}

void
lpc_init(struct lpc *l, uint16_t vendor, uint16_t device, const struct machine_ctl *ctl)
{
	static const struct pci_dev_ops ops = { .reset = lpc_reset };
	static const uint8_t pirq[] = { 0x60, 0x61, 0x62, 0x63, 0x68, 0x69, 0x6A, 0x6B };

	pci_dev_init(&l->pci, "lpc", &ops, l, vendor, device, CLASS_ISA_BRIDGE, 0);
	for (unsigned i = 0; i < NITEMS(pirq); i++) {
		l->pci.cfg[pirq[i]] = PIRQ_DISABLED;
		l->pci.wmask[pirq[i]] = PIRQ_WMASK;
	}
	l->ctl = *ctl;
	lpc_reset(&l->pci);
}
