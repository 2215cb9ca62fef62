/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the e1000 model share; nobody else includes it. Registers are those of chapter
 * 13 of Intel 317453. e1000.c has registers, interrupts and resets, e1000_phy.c the EEPROM and the
 * PHY, e1000_tx.c and e1000_rx.c the rings, e1000_offload.c what is done to a frame.
 */
#ifndef ZHYVE_DEVICES_E1000_INTERNAL_H
#define ZHYVE_DEVICES_E1000_INTERNAL_H

#include "devices/e1000.h"

enum {
	E1000_CTRL = 0x0000,
	E1000_STATUS = 0x0008,
	E1000_EECD = 0x0010,
	E1000_EERD = 0x0014,
	E1000_MDIC = 0x0020,
	E1000_VET = 0x0038,
	E1000_ICR = 0x00C0,
	E1000_ICS = 0x00C8,
	E1000_IMS = 0x00D0,
	E1000_IMC = 0x00D8,
	E1000_RCTL = 0x0100,
	E1000_RXCW = 0x0180,
	E1000_TCTL = 0x0400,
	E1000_LEDCTL = 0x0E00,
	E1000_PBA = 0x1000,
	E1000_RDBAL = 0x2800,
	E1000_RDBAH = 0x2804,
	E1000_RDLEN = 0x2808,
	E1000_RDH = 0x2810,
	E1000_RDT = 0x2818,
	E1000_TDBAL = 0x3800,
	E1000_TDBAH = 0x3804,
	E1000_TDLEN = 0x3808,
	E1000_TDH = 0x3810,
	E1000_TDT = 0x3818,
	E1000_STATS = 0x4000,
	E1000_MPC = 0x4010,
	E1000_GPRC = 0x4074,
	E1000_BPRC = 0x4078,
	E1000_MPRC = 0x407C,
	E1000_GPTC = 0x4080,
	E1000_GORC = 0x4088,
	E1000_GOTC = 0x4090,
	E1000_ROC = 0x40AC,
	E1000_TOR = 0x40C0,
	E1000_TOT = 0x40C8,
	E1000_TPR = 0x40D0,
	E1000_TPT = 0x40D4,
	E1000_STATS_END = 0x4100,
	E1000_MTA = 0x5200,
	E1000_RAL = 0x5400, /* and RAH, 16 pairs */
	E1000_VFTA = 0x5600,
};

#define CTRL_FD        (1u << 0)
#define CTRL_SLU       (1u << 6)
#define CTRL_RST       (1u << 26)
#define CTRL_VME       (1u << 30)
#define CTRL_PHY_RST   (1u << 31)
#define STATUS_FD      (1u << 0)
#define STATUS_LU      (1u << 1)
#define STATUS_1000    (2u << 6)

#define INT_TXDW       (1u << 0)
#define INT_TXQE       (1u << 1)
#define INT_LSC        (1u << 2)
#define INT_RXDMT0     (1u << 4)
#define INT_RXT0       (1u << 7)
#define INT_MDAC       (1u << 9)
#define INT_ALL        0x0001FFFFu

#define RCTL_EN        (1u << 1)
#define RCTL_UPE       (1u << 3)
#define RCTL_MPE       (1u << 4)
#define RCTL_LPE       (1u << 5)
#define RCTL_BAM       (1u << 15)
#define RCTL_VFE       (1u << 18)
#define RCTL_BSEX      (1u << 25)
#define RCTL_SECRC     (1u << 26)
#define TCTL_EN        (1u << 1)
#define TCTL_PSP       (1u << 3)
#define RAH_AV         (1u << 31)

#define DESC_LEN       16u
#define FRAME_MIN      60u   /* without the checksum */
#define FRAME_STANDARD 1514u /* without checksum and tag */
#define MAC_LEN        6u
#define TAG_LEN        4u

static inline uint32_t *
e1000_reg(struct e1000 *n, unsigned off)
{
	return (&n->reg[off / 4]);
}

/* One of the rings: registers at `base` (RDBAL or TDBAL). */
struct e1000_ring {
	uint64_t base;
	uint32_t size; /* descriptors; 0: there is no ring, or its registers make no sense */
	uint32_t head, tail;
};

struct e1000_ring e1000_ring_at(struct e1000 *n, unsigned base);
/* Go past the descriptor at the head. */
void e1000_ring_step(struct e1000 *n, unsigned base, struct e1000_ring *r);

/* Registers of rings and receive filters hold what has a meaning only. */
uint32_t e1000_masked(unsigned off, uint32_t val);

/* Set causes of an interrupt. */
void e1000_interrupt(struct e1000 *n, uint32_t causes);
/* Count a frame of so many bytes: registers of GPRC's kind and of GORC's. */
void e1000_count(struct e1000 *n, unsigned packets, unsigned bytes, size_t len);

/* --- e1000_phy.c --- */
void e1000_eeprom_init(struct e1000 *n, const uint8_t mac[MAC_LEN]);
void e1000_phy_reset(struct e1000 *n);
/* Say in its registers whether there is a link. */
void e1000_phy_link(struct e1000 *n);
uint32_t e1000_eecd_read(const struct e1000 *n);
void e1000_eecd_write(struct e1000 *n, uint32_t val);
uint32_t e1000_eerd(const struct e1000 *n, uint32_t val);
/* The answer in MDIC; *renegotiated when the guest asked for the link anew. */
uint32_t e1000_mdic(struct e1000 *n, uint32_t val, bool *renegotiated);

/* --- e1000_tx.c, e1000_rx.c --- */
void e1000_tx_run(struct e1000 *n);
void e1000_tx_reset(struct e1000 *n);
void e1000_tx_writable(void *dev);
void e1000_rx_run(struct e1000 *n);
void e1000_rx_reset(struct e1000 *n);
void e1000_rx_readable(void *dev);

/* --- e1000_offload.c: on private copies of frames --- */

/*
 * Put the Internet checksum of [start, end] (end 0: to the last byte) at `at`, as 3.5 says. What does not
 * lie within the frame is left undone.
 */
void e1000_checksum(uint8_t *frame, size_t len, unsigned start, unsigned at, unsigned end);
/* Whether a packet of `len` bytes can be segmented as the context says. */
bool e1000_segment_ok(const struct e1000_context *c, size_t len);
/*
 * Make the header of the segment that carries `size` bytes of payload, `off` bytes into it, of
 * a packet that is e1000_segment_ok. `hdr` is a copy of the packet's header.
 */
void e1000_segment_header(const struct e1000_context *c, uint8_t *hdr, const uint8_t *payload,
    size_t off, size_t size, bool last);

#endif
