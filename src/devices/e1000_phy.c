/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * e1000: the EEPROM, which holds the address of the nic, by its serial port (Microwire: three bits
 * of operation, six of address; 5.3) and by EERD; and the PHY behind MDIC, a Marvell 88E1011 that
 * agrees with its partner at once. Neither can be written beyond its registers. Runs in zhyve.
 */
#include <string.h>

#include "base/checked.h"
#include "devices/e1000_internal.h"

#define EE_SK        (1u << 0)
#define EE_CS        (1u << 1)
#define EE_DI        (1u << 2)
#define EE_DO        (1u << 3)
#define EE_FWE       (3u << 4)
#define EE_REQ       (1u << 6)
#define EE_GNT       (1u << 7)
#define EE_PRES      (1u << 8)
#define EE_WMASK     (EE_SK | EE_CS | EE_DI | EE_FWE | EE_REQ)
#define EE_COMMAND   9 /* bits: start, operation, address */
#define EE_OP_READ   6 /* 1 10 */
#define EE_SUM       0xBABA

#define EERD_START   (1u << 0)
#define EERD_DONE    (1u << 4)

#define MDIC_OP_MASK (3u << 26)
#define MDIC_WRITE   (1u << 26)
#define MDIC_READ    (2u << 26)
#define MDIC_READY   (1u << 28)
#define MDIC_ERROR   (1u << 30)
#define PHY_ADDRESS  1

enum {
	PHY_CONTROL = 0,
	PHY_STATUS = 1,
	PHY_ID1 = 2,
	PHY_ID2 = 3,
	PHY_ADVERTISE = 4,
	PHY_PARTNER = 5,
	PHY_EXPANSION = 6,
	PHY_1000_CONTROL = 9,
	PHY_1000_STATUS = 10,
	PHY_EXT_STATUS = 15,
	PHY_SPEC_CONTROL = 16,
	PHY_SPEC_STATUS = 17,
};
#define PHY_C_RESET   0x8000
#define PHY_C_RESTART 0x0200

/* What of the registers speaks of the partner, or of what was agreed with it. */
static const struct {
	uint8_t reg;
	uint16_t bits;
} phy_link[] = {
	{ PHY_STATUS, 0x0024 }, /* negotiated, link */
	{ PHY_PARTNER, 0xCDE1 }, { PHY_EXPANSION, 0x0009 }, { PHY_1000_STATUS, 0x3C00 },
	{ PHY_SPEC_STATUS, 0xAC00 }, /* 1000, full duplex, resolved, link */
};

void
e1000_eeprom_init(struct e1000 *n, const uint8_t mac[MAC_LEN])
{
	uint16_t *w = n->eeprom, sum = 0;

	memset(w, 0, sizeof(n->eeprom));
	for (unsigned i = 0; i < 3; i++)
		w[i] = le16_get(mac + 2 * i);
	w[0x03] = 0x0000; /* compatibility */
	w[0x0A] = 0x4008; /* initialization control 1: signature, identifiers from here */
	w[0x0B] = 0x1008; /* subsystem */
	w[0x0C] = 0x8086;
	w[0x0D] = 0x100F;
	w[0x0E] = 0x8086;
	w[0x0F] = 0x3040; /* initialization control 2 */
	for (unsigned i = 0; i < E1000_EEPROM_WORDS - 1; i++)
		sum = (uint16_t)(sum + w[i]);
	w[E1000_EEPROM_WORDS - 1] = (uint16_t)(EE_SUM - sum);
}

uint32_t
e1000_eecd_read(const struct e1000 *n)
{
	const struct e1000_eeprom_port *p = &n->eecd;
	uint32_t val = (p->last & EE_WMASK) | EE_PRES;
	uint16_t word = n->eeprom[p->out / 16 % E1000_EEPROM_WORDS];

	if ((val & EE_REQ) != 0)
		val |= EE_GNT;
	/* Most significant bit first; the line is high while there is nothing to say. */
	if (!p->reading || (word >> (15 - p->out % 16) & 1) != 0)
		val |= EE_DO;
	return (val);
}

void
e1000_eecd_write(struct e1000 *n, uint32_t val)
{
	struct e1000_eeprom_port *p = &n->eecd;
	uint32_t changed = p->last ^ val;

	p->last = val & EE_WMASK;
	if ((val & EE_CS) == 0)
		return;
	if ((changed & EE_CS) != 0)
		*p = (struct e1000_eeprom_port){ .last = p->last };
	if ((changed & EE_SK) == 0)
		return;
	if ((val & EE_SK) == 0) {
		/* Data change on the falling edge. */
		p->out = (p->out + 1) % (16 * E1000_EEPROM_WORDS);
		return;
	}
	if (p->nin >= EE_COMMAND)
		return;
	p->in = p->in << 1 | ((val & EE_DI) != 0);
	if (++p->nin < EE_COMMAND)
		return;
	p->reading = p->in >> 6 == EE_OP_READ;
	/* One clock passes before the first bit. */
	p->out = ((p->in & (E1000_EEPROM_WORDS - 1)) * 16 + 16 * E1000_EEPROM_WORDS - 1) %
	    (16 * E1000_EEPROM_WORDS);
}

uint32_t
e1000_eerd(const struct e1000 *n, uint32_t val)
{
	unsigned word = val >> 8 & 0xff;

	if ((val & EERD_START) == 0)
		return (val & ~EERD_DONE);
	return ((uint32_t)(word < E1000_EEPROM_WORDS ? n->eeprom[word] : 0xffff) << 16 | word << 8 |
	    EERD_DONE);
}

void
e1000_phy_reset(struct e1000 *n)
{
	static const struct {
		uint8_t reg;
		uint16_t val;
	} defaults[] = {
		{ PHY_CONTROL, 0x1140 }, /* negotiate, full duplex, 1000 */
		{ PHY_STATUS, 0x7949 },  /* all modes */
		{ PHY_ID1, 0x0141 },
		{ PHY_ID2, 0x0C20 },
		{ PHY_ADVERTISE, 0x0DE1 },
		{ PHY_EXPANSION, 0x0004 },
		{ PHY_1000_CONTROL, 0x0E00 },
		{ PHY_EXT_STATUS, 0x3000 },
		{ PHY_SPEC_CONTROL, 0x0360 },
		{ PHY_SPEC_STATUS, 0x0008 },
	};

	memset(n->phy, 0, sizeof(n->phy));
	for (unsigned i = 0; i < NITEMS(defaults); i++)
		n->phy[defaults[i].reg] = defaults[i].val;
	e1000_phy_link(n);
}

void
e1000_phy_link(struct e1000 *n)
{
	for (unsigned i = 0; i < NITEMS(phy_link); i++) {
		n->phy[phy_link[i].reg] &= (uint16_t)~phy_link[i].bits;
		if (n->link)
			n->phy[phy_link[i].reg] |= phy_link[i].bits;
	}
}

static bool
phy_read_only(unsigned reg)
{
	return (reg == PHY_STATUS || reg == PHY_ID1 || reg == PHY_ID2 || reg == PHY_PARTNER ||
	    reg == PHY_EXPANSION || reg == PHY_1000_STATUS || reg == PHY_EXT_STATUS ||
	    reg == PHY_SPEC_STATUS);
}

uint32_t
e1000_mdic(struct e1000 *n, uint32_t val, bool *renegotiated)
{
	unsigned reg = val >> 16 & 31, phy = val >> 21 & 31;
	uint16_t data = (uint16_t)val;

	*renegotiated = false;
	if (phy != PHY_ADDRESS ||
	    ((val & MDIC_OP_MASK) != MDIC_READ && (val & MDIC_OP_MASK) != MDIC_WRITE))
		return (val | MDIC_READY | MDIC_ERROR);
	if ((val & MDIC_OP_MASK) == MDIC_READ)
		return ((val & ~0xffffu) | n->phy[reg] | MDIC_READY);
	if (reg == PHY_CONTROL) {
		if ((data & PHY_C_RESET) != 0)
			e1000_phy_reset(n);
		else
			n->phy[reg] = data & (uint16_t)~PHY_C_RESTART;
		*renegotiated = (data & (PHY_C_RESET | PHY_C_RESTART)) != 0;
	} else if (!phy_read_only(reg))
		n->phy[reg] = data;
	return (val | MDIC_READY);
}
