/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Intel 82545EM Gigabit Ethernet controller (Intel 317453, PCI/PCI-X Family of Gigabit Ethernet
 * Controllers Software Developer's Manual), bhyve's e1000: for guests without virtio. Registers
 * in BAR 0 and, by way of two ports, in BAR 2; INTA; EEPROM and PHY; one receive and one transmit
 * ring with legacy and extended descriptors, checksums and TCP segmentation for sending, VLAN tags.
 * No checksums on receiving, jumbo frames up to the link's MTU, no wake-up, loopback or flow
 * control, and interrupts are never put off: the timers that do so are registers only.
 *
 * A frame to be sent is copied into memory of our own before anything in it is looked at or
 * changed, and every offset that the guest gives for it is checked against that copy (a guest's
 * offset into a buffer on the stack was how bhyve's was broken: CVE-2022-23087). Frames are
 * complete when they leave: the link is never asked for an offload. Pure (device.h). Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_E1000_H
#define ZHYVE_DEVICES_E1000_H

#include "devices/net.h"
#include "devices/pci.h"
#include "gmem/gmem.h"

#define E1000_REGS         (0x6000u / 4)
#define E1000_EEPROM_WORDS 64
#define E1000_PHY_REGS     32
/* Ethernet header with a tag, 64 KiB of a packet to be segmented, room for padding. */
#define E1000_FRAME_MAX (18 + 65536 + 64)
#define E1000_HDR_MAX   256

/* A context descriptor: where checksums and headers of the packets after it are (3.3.6). */
struct e1000_context {
	uint8_t ipcss, ipcso, tucss, tucso;
	uint16_t ipcse, tucse;
	uint8_t cmd, hdrlen;
	uint16_t mss;
};

/* A packet on its way out. */
struct e1000_tx {
	struct e1000_context ctx[2]; /* without and with segmentation */
	/* Gathering: descriptors up to the one that ends the packet. */
	size_t len;
	bool begun, too_long;
	bool extended, segment; /* as its first descriptor says */
	uint8_t popts;          /* extended: checksums to put in */
	/* Sending. */
	bool held;   /* frame holds a whole packet, which waits for the link */
	bool tagged; /* with this VLAN tag */
	uint16_t tag;
	size_t next; /* segmentation: payload sent so far */
	uint8_t frame[E1000_FRAME_MAX];
	uint8_t header[E1000_HDR_MAX]; /* of one segment */
};

struct e1000_eeprom_port { /* the serial interface to the EEPROM */
	uint32_t last;
	uint32_t in; /* bits shifted in */
	unsigned nin, out;
	bool reading;
};

struct e1000 {
	struct pci_dev pci;
	const struct gmem *gm;
	struct net_backend *backend;
	/*
	 * Set by the owner: have e1000_run called soon, from where it may take its time. NULL: it
	 * is called at once.
	 */
	void (*kick)(void *ctx);
	void *kick_ctx;

	bool link; /* there is one */
	uint32_t reg[E1000_REGS];
	uint32_t io_addr;
	uint16_t phy[E1000_PHY_REGS];
	uint16_t eeprom[E1000_EEPROM_WORDS];
	struct e1000_eeprom_port eecd;

	struct e1000_tx tx;
	size_t rx_len, rx_off; /* a frame in rx_frame that waits for descriptors; 0: none */
	bool rx_tagged;        /* its VLAN tag was taken off: */
	uint16_t rx_tag;
	bool reading;
	uint8_t rx_frame[NET_HDR_LEN + E1000_FRAME_MAX];
};

/*
 * A nic on `backend`, which outlives it and serves it alone; its mac is the nic's. To be given
 * bdf and lock and then attached. 0 or -errno.
 */
int e1000_init(struct e1000 *n, const struct gmem *gm, struct net_backend *backend);
void e1000_destroy(struct e1000 *n);
/*
 * The link is there, or gone: in the registers of nic and PHY, and an interrupt. Frames go on as far as
 * the backend lets them. The device's lock is held.
 */
void e1000_link(struct e1000 *n, bool up);
/* Send and receive what can be. The device's lock is held. */
void e1000_run(struct e1000 *n);
/* The same, soon, where the owner has a way to it (kick). */
void e1000_resume(struct e1000 *n);

struct state;
/*
 * Save or load the nic and its PCI function (state.h). A frame that waits for the guest is lost.
 * Loading wants one that is attached and fresh, and then e1000_link, when the link is not as it was,
 * and e1000_resume. (e1000_state.c)
 */
int e1000_state(struct e1000 *n, struct state *st);

#endif
