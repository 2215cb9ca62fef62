/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio driver for the simulator (virtio 1.2, 2 and 4.1): what all virtio actors share. It knows
 * what it has given to the device and what is to come back, keeps or breaks the rules as the step
 * says, and holds the oracles of queues, status and interrupts:
 *
 *	used      the used ring names submitted heads only, each once, no more bytes than writable
 *	breach    a broken rule is found before anything behind it is taken; the device then stands
 *	lawful    NEEDS_RESET is never set when no rule was broken
 *	frozen    registers that may not change any more do not
 *	interrupt each one has a cause, and none that the driver asked for is missing
 *	stuck     when all else is quiet nothing that can be served is left in a queue
 *	inflight  the device's count of heads agrees with what it took and gave back
 *	reset     a device that was reset keeps nothing and is quiet
 *
 * An actor embeds struct vdrv as the first thing in its state.
 */
#ifndef ZHYVE_TESTS_SIM_VDRV_H
#define ZHYVE_TESTS_SIM_VDRV_H

#include "devices/virtio/virtio_pci.h"
#include "sim.h"

#define VQ_MAX   8  /* queues that the driver uses; others stay disabled */
#define VQ_SIZE  64 /* entries at most */
#define VSEG_MAX 24
#define VDATA    0x6000u /* buffers are placed from here on, rings below */

/* Registers: virtio 1.2, 4.1.4.3, at the offsets of virtio_pci.h. */
enum {
	V_DFSELECT = 0x00,
	V_DF = 0x04,
	V_GFSELECT = 0x08,
	V_GF = 0x0c,
	V_CONFIG_VECTOR = 0x10,
	V_NUM_QUEUES = 0x12,
	V_STATUS = 0x14,
	V_Q_SELECT = 0x16,
	V_Q_SIZE = 0x18,
	V_Q_VECTOR = 0x1a,
	V_Q_ENABLE = 0x1c,
	V_Q_DESC = 0x20,
	V_Q_DRIVER = 0x28,
	V_Q_DEVICE = 0x30,
	V_Q_RESET = 0x3a,
	V_ISR = 0x1000,
	V_CONFIG = 0x2000,
	V_NOTIFY = 0x3000,
	V_MSIX = 0x4000
};

struct vseg {
	uint32_t gpa, len;
	bool write;
};

struct vreq {
	bool live;  /* the device has it */
	bool taken; /* the device took it from the ring: seen at the end of an entry */
	unsigned queue;
	uint16_t head, place; /* descriptor; index in the available ring */
	unsigned nseg;
	struct vseg seg[VSEG_MAX];
	uint32_t rlen, wlen;         /* bytes of each kind */
	uint16_t desc[VSEG_MAX + 1]; /* descriptors of the ring, in the order of the chain */
	unsigned nat;
	uint32_t table;  /* the indirect one, 0: there is none */
	unsigned direct; /* pieces that are not in it */
	uint32_t tag;    /* of its ranges */
	/* The actor's: what it asked for. */
	uint32_t kind, result;
	uint64_t at;
	const void *io; /* the backend's request that carries it */
	bool started, failed;
};

struct vq {
	bool up;
	uint16_t size;
	uint32_t desc, avail, used;
	uint16_t avail_idx, used_idx, kicked;
	uint64_t free; /* descriptors */
	struct vreq req[VQ_SIZE];
	unsigned live;
	bool breach; /* the chain at breach_at, or the index itself, is against the rules */
	uint16_t breach_at;
	const char *breach_why;
};

struct vdrv;
struct vdrv_ops {
	/* The device gave a request back with `len` bytes written. */
	void (*used)(struct sim *s, struct vreq *req, uint32_t len);
	/* Let the backend end something. False: nothing is under way there. */
	bool (*end_one)(struct sim *s, struct prng *r);
	/* Does the device answer all that it finds in this queue, once the backend has? */
	bool (*drains)(struct sim *s, unsigned queue);
	/* The device was reset: nothing may be under way in the backend. May be NULL. */
	void (*was_reset)(struct sim *s);
	/*
	 * Destroy the device model and make another in its place, of the same configuration, for what
	 * was saved to be loaded into. NULL: this one cannot be saved.
	 */
	void (*remake)(struct sim *s);
	/* What was saved is loaded: is it all there that only the host sees? May be NULL. */
	void (*loaded)(struct sim *s);
	/* The driver has come to DRIVER_OK. May be NULL. */
	void (*came_up)(struct sim *s);
	/* Features that the driver does not take; one of them in two of what is left is taken. */
	uint64_t never;
	uint64_t always;
};

struct vdrv {
	struct virtio_pci vp;
	struct virtio_dev *vd;
	const struct vdrv_ops *ops;
	bool up;        /* the driver went the lawful way to DRIVER_OK */
	bool resetting; /* a reset is asked for and not done */
	bool breach;    /* a rule was broken since the last reset */
	bool broken;    /* the device had said so when this entry began */
	bool held;      /* a reset was under way when this entry began */
	uint8_t gen, status;
	struct vq q[VQ_MAX];
	unsigned nq;
	uint32_t next_tag;
	uint64_t again; /* queues the device wants to be called for */
	/* Of configuration and queues, when the device was saved. */
	uint16_t saved_vector[1 + VIRTIO_QUEUES_MAX];
	struct vreq *done[VQ_MAX * VQ_SIZE];
	uint32_t done_len[VQ_MAX * VQ_SIZE];
	unsigned ndone;
	/* Interrupts. */
	unsigned nvec;
	bool msix, msi, mask_all, mask[VIRTIO_QUEUES_MAX + 1], pending[VIRTIO_QUEUES_MAX + 1];
	bool due[VIRTIO_QUEUES_MAX + 1]; /* found in this entry */
	bool due_line;
	uint8_t isr;
	bool level;
};

static inline struct vdrv *
vdrv_of(struct sim *s)
{
	return (s->priv);
}

/* Put the device on the bus; it is the actor's, made before. */
void vdrv_start(struct sim *s, struct virtio_dev *vd, const struct vdrv_ops *ops, struct prng *r);
/* Settle, reset, settle; then the actor destroys the device. */
void vdrv_finish(struct sim *s);
/* struct sim_actor's. */
void vdrv_before(struct sim *s);
void vdrv_after(struct sim *s);

/* Is the device up and the driver's view of it orderly? */
bool vdrv_ready(struct sim *s);
/* The same; where it is not, every other time the driver brings it up first. */
bool vdrv_want(struct sim *s, struct prng *r);
/*
 * Buffers of `len` bytes in one to `max` pieces, for the request that is submitted next; pieces
 * made, 0: no room.
 */
unsigned vdrv_buffer(
    struct sim *s, struct prng *r, struct vseg *seg, uint32_t len, bool write, unsigned max);
/* During an entry: is this the request that the device took last from its queue? */
bool vdrv_taken_last(struct sim *s, const struct vreq *req);
/* Submit what vdrv_buffer has made since the last one; NULL when there is no room. Does not kick. */
struct vreq *vdrv_submit(
    struct sim *s, struct prng *r, unsigned queue, const struct vseg *seg, unsigned n);
/* Kick, if the device wants to be told; `force`: in any case. */
void vdrv_kick(struct sim *s, struct prng *r, unsigned queue, bool force);
/* Let everything end that can, and see whether something is stuck. */
void vdrv_settle(struct sim *s, struct prng *r);
/* Copy from and to the pieces of one kind. */
void vdrv_get(
    struct sim *s, const struct vreq *req, bool write, uint32_t skip, void *buf, uint32_t len);
void vdrv_put(
    struct sim *s, const struct vseg *seg, unsigned n, bool write, const void *buf, uint32_t len);

/* This request, or what stands in its place in the ring, is against the rules. */
void vdrv_breach(struct sim *s, unsigned queue, const struct vreq *req, const char *why);
/* The same of one that was submitted: it never comes back, and none of its bytes may be written. */
void vdrv_condemn(struct sim *s, struct prng *r, struct vreq *req, const char *why);
/* The driver may have broken a rule: NEEDS_RESET is as good as none. */
void vdrv_maybe_breach(struct sim *s);
/* The request that the device took last from this queue; NULL: it is none of ours. */
struct vreq *vdrv_current(struct sim *s, unsigned queue);

/* --- vdrv_irq.c --- */
void vdrv_irq_setup(struct sim *s, struct prng *r);
void vdrv_irq_reset(struct sim *s, bool machine);
void vdrv_irq_due(struct sim *s, unsigned queue);
void vdrv_irq_due_config(struct sim *s);
void vdrv_irq_check(struct sim *s);
uint8_t vdrv_isr_read(struct sim *s);
void vdrv_irq_step(struct sim *s, struct prng *r);

/* --- vdrv_bad.c --- */
void vdrv_bad_chain(struct sim *s, struct prng *r);
void vdrv_bad_ring(struct sim *s, struct prng *r);
void vdrv_disorder(struct sim *s, struct prng *r);

/* --- operations that every virtio actor has --- */
void vdrv_op_up(struct sim *s, struct prng *r);
void vdrv_op_reset(struct sim *s, struct prng *r);
void vdrv_op_machine_reset(struct sim *s, struct prng *r);
void vdrv_op_kick(struct sim *s, struct prng *r);
void vdrv_op_suppress(struct sim *s, struct prng *r);
void vdrv_op_settle(struct sim *s, struct prng *r);
void vdrv_op_end(struct sim *s, struct prng *r);
void vdrv_op_again(struct sim *s, struct prng *r);
void vdrv_op_save(struct sim *s, struct prng *r);

#define VDRV_OPS(bad_weight)                                                                 \
	{ "up", 6, vdrv_op_up }, { "reset", 3, vdrv_op_reset },                              \
	    { "machine-reset", 1, vdrv_op_machine_reset }, { "kick", 10, vdrv_op_kick },     \
	    { "suppress", 4, vdrv_op_suppress }, { "settle", 4, vdrv_op_settle },            \
	    { "end", 24, vdrv_op_end }, { "again", 4, vdrv_op_again },                       \
	    { "save-load", 3, vdrv_op_save }, { "interrupts", 5, vdrv_irq_step },            \
	    { "bad-chain", (bad_weight), vdrv_bad_chain }, { "disorder", 5, vdrv_disorder }, \
	    { "bad-ring", 1, vdrv_bad_ring },                                                \
	{                                                                                    \
		"pci", 3, pci_disturb                                                        \
	}

#endif
