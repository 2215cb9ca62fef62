/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for one PCI device, without KVM: RAM at guest-physical 0, a PCI bus, a clock that
 * stands until the input moves it, timers, interrupts that go nowhere, a disk in memory. The
 * input is a program for the driver's side: fuzz_host_run executes it.
 *
 * Its instructions (one byte modulo 8, then operands): 0 write configuration, 1 read it, 2 write
 * a BAR, 3 read it, 4 write up to 255 bytes of RAM, 5 let time pass, 6 the target's own
 * (I/O completes, a peer speaks), 7 write 8 bytes of RAM at a multiple of 8.
 */
#ifndef ZHYVE_TESTS_FUZZ_HOST_H
#define ZHYVE_TESTS_FUZZ_HOST_H

#include "devices/block.h"
#include "devices/pci.h"
#include "devices/virtio/virtio_pci.h"
#include "fuzz.h"
#include "gmem/gmem.h"

#define FUZZ_RAM    (256u << 10)
#define FUZZ_TIMERS 8

struct fuzz_host;

struct fuzz_timer {
	struct fuzz_host *host;
	struct dev_timer *t;
	uint64_t at_ns;
};

struct fuzz_host {
	struct gmem gm;
	struct pci_bus *pci;
	struct bus io, mem; /* where BARs are mapped */
	struct irq_line irq;
	struct clock clock;
	struct machine_ctl ctl;
	uint64_t now_ns;
	struct fuzz_timer timer[FUZZ_TIMERS];
	unsigned ntimers;
	/* Instruction 6; may be NULL. */
	void (*own)(struct fuzz_host *h, struct fuzz *in, void *ctx);
	void *ctx;
};

void fuzz_host_init(struct fuzz_host *h);
/* Give a device's timer something to run on. */
void fuzz_host_timer(struct fuzz_host *h, struct dev_timer *t);
/* Attach at 0:3.0, with memory, I/O and bus mastering on. */
void fuzz_host_attach(struct fuzz_host *h, struct pci_dev *d);
/* Execute the rest of the input against the device (NULL: the whole bus by ports and ECAM). */
void fuzz_host_run(struct fuzz_host *h, struct pci_dev *d, struct fuzz *in);
void fuzz_host_fini(struct fuzz_host *h);

/*
 * A virtio driver's way to DRIVER_OK: all features, MSI-X on, each queue of 16 entries with its
 * rings one after the other in the page at (queue + 1) * 4 KiB. The input can undo all of it.
 */
void fuzz_virtio_start(struct virtio_pci *vp);

/* A disk of 1 MiB, zeroed at init; what is submitted waits until fuzz_disk_step says how it ends. */
#define FUZZ_DISK       (1u << 20)
#define FUZZ_DISK_DEPTH 16
struct fuzz_disk {
	struct block_backend be;
	uint8_t *bytes;
	struct block_req *waiting[FUZZ_DISK_DEPTH];
	unsigned nwaiting;
};
void fuzz_disk_init(struct fuzz_disk *d);
/* By bits of the input: 2 read-only, 3 sectors of 4 KiB. */
void fuzz_disk_kind(struct fuzz_disk *d, uint8_t how);
/* Another size, never larger than what the disk has; the device is to be told. */
void fuzz_disk_resize(struct fuzz_disk *d, struct fuzz *in);
/* End one request, which one and how the input says. */
void fuzz_disk_step(struct fuzz_disk *d, struct fuzz *in);
/* End all of them, with success. */
void fuzz_disk_drain(struct fuzz_disk *d);
void fuzz_disk_fini(struct fuzz_disk *d);

#endif
