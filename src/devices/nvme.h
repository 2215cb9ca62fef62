/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NVMe controller (NVM Express 1.4, over PCI) on a struct block_backend, looking like bhyve's: one
 * namespace, an admin queue and up to NVME_IO_QUEUES_MAX pairs of I/O queues, MSI-X or INTx.
 *
 * It does what every driver needs (queues, identify, features, log pages, asynchronous events;
 * read, write, flush, write zeroes, dataset management) and refuses the rest with the status that
 * the specification has for it: no scatter-gather lists, no fused commands, no metadata, no
 * formatting, no firmware, no Compare, Copy or reservations, no memory buffers of its own. Data is
 * described by PRPs within guest RAM only: what points elsewhere ends as a data transfer error, so
 * that no command can reach a device's registers.
 *
 * A doorbell carries a value (the new tail or head), so it is a plain register write: an ioeventfd
 * would have to match each value it could take. The write takes what is in the queue, hands it to
 * the backend and returns; completions come from the backend's loop.
 *
 * Commands in work are preallocated and hold a place in their completion queue from the moment
 * they are fetched: what has no place waits in the guest's ring. Command identifiers are the
 * guest's alone (handed back, never looked up), so using one twice confuses nobody but the guest.
 * Pure (device.h); the PCI function's lock is held for all of it. Runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_NVME_H
#define ZHYVE_DEVICES_NVME_H

#include "devices/block.h"
#include "devices/pci.h"
#include "gmem/gmem.h"

#define NVME_IO_QUEUES_MAX     63
#define NVME_IO_QUEUES_DEFAULT 16
#define NVME_ENTRIES_MAX       4096 /* per queue */
#define NVME_ENTRIES_DEFAULT   2058
#define NVME_SERIAL_LEN        20
#define NVME_PAGE              4096u
#define NVME_AERS              4 /* asynchronous event requests that the host may leave here */
#define NVME_BAR               0
#define NVME_BAR_MSIX          4

enum nvme_dsm {
	NVME_DSM_AUTO,   /* offer dataset management when the backend can free space */
	NVME_DSM_ENABLE, /* offer it always; a backend that cannot takes it as a hint */
	NVME_DSM_DISABLE
};

struct nvme_options {
	const char *serial; /* cut after 20 bytes */
	uint64_t eui64;     /* 0: derived from the serial */
	unsigned queues;    /* pairs of I/O queues */
	unsigned entries;   /* of a queue, at most */
	unsigned slots;     /* I/O commands in work at a time; 0: as many as the backend takes */
	enum nvme_dsm dsm;
};

struct nvme_req;

struct nvme_sq {
	bool live;
	uint16_t cqid;
	struct nvme_req *delete; /* the command that deletes it; waits for what is in work */
	uint32_t size, head, tail;
	uint64_t base;
	unsigned inwork; /* fetched and not completed */
};

struct nvme_cq {
	bool live, interrupts, phase;
	uint16_t vector;
	uint32_t size, head, tail;
	unsigned reserved; /* places promised to commands in work */
	unsigned users;    /* submission queues */
	uint64_t base;
};

/* Settings of Set Features that a controller reset puts back. */
struct nvme_features {
	uint32_t arbitration, error_recovery, coalescing, atomicity, events;
	uint16_t over, under; /* temperature thresholds, kelvins */
	bool no_write_cache;
	uint16_t queues_sq, queues_cq; /* granted */
	uint64_t no_coalescing;        /* by vector */
};

struct nvme_error {
	uint64_t count;
	uint16_t sqid, cid, status;
};

struct nvme_stats {
	uint64_t reads, writes, read_sectors, written_sectors; /* of 512 bytes */
	uint64_t media_errors;
};

struct nvme {
	struct pci_dev pci;
	const struct gmem *gm;
	struct block_backend *backend;
	struct nvme_options opt;
	char serial[NVME_SERIAL_LEN + 1];

	/* registers */
	uint32_t cc, csts, aqa, intx_mask;
	uint64_t asq, acq;

	struct nvme_sq sq[NVME_IO_QUEUES_MAX + 1];
	struct nvme_cq cq[NVME_IO_QUEUES_MAX + 1];
	struct nvme_features feat;

	struct nvme_req *reqs; /* all of them */
	uint8_t *ranges;       /* a page for each, for dataset management */
	unsigned nreqs;
	unsigned fresh; /* of which so many have ever been used */
	struct nvme_req *free;
	unsigned inwork;  /* fetched and not completed, and the flush of a shutdown */
	uint64_t stalled; /* submission queues that wait for a request or a place */
	uint64_t dirty;   /* completion queues with something new */
	unsigned turn;    /* the stalled queue that is served first */
	bool resetting;   /* CC.EN was cleared; waits for what is in work */
	struct block_req shutdown;
	bool shutting_down;

	uint16_t aer[NVME_AERS];
	unsigned naers;
	unsigned events;        /* to be told: 1 << enum nvme_event */
	unsigned events_masked; /* told, and the log page not read since: by type */
	bool ns_changed;        /* for the log page of changed namespaces */
	struct nvme_error error;
	struct nvme_stats stats;

	uint8_t page[NVME_PAGE]; /* scratch: a page of PRPs, then data on its way to the host */
};

/*
 * Make a controller on `backend`, which outlives it and serves it alone; its PCI function (n->pci)
 * is to be attached by the caller. 0, -EINVAL (options), -ENOMEM.
 */
int nvme_init(struct nvme *n, const struct gmem *gm, struct block_backend *backend,
    const struct nvme_options *opt);
/* Nothing may be in work. */
void nvme_destroy(struct nvme *n);
/* The backend's size has changed: the host is told, when it has asked to be (1.4, 5.2). */
void nvme_resized(struct nvme *n);

struct state;
/*
 * Save or load the controller and its PCI function (state.h). -EBUSY while a command is in work.
 * Loading wants one that is attached and fresh, and then nvme_resume; and nvme_resized where the
 * disk is not as large as it was. (nvme_state.c)
 */
int nvme_state(struct nvme *n, struct state *st);
/* Look at every submission queue: what is there may not have been taken. */
void nvme_resume(struct nvme *n);

#endif
