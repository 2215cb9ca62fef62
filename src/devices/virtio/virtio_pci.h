/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * virtio over PCI, modern interface only (virtio 1.2, 4.1): ids 1af4:1040 + type, revision 1. One
 * 64-bit BAR holds everything:
 *
 *	0x0000 common configuration   0x3000 notification, 4 bytes per queue
 *	0x1000 ISR status             0x4000 MSI-X table
 *	0x2000 device configuration   0x6000 MSI-X pending bits
 *
 * Vector 0 is not special: the driver chooses. There is one vector per queue and one for
 * configuration. Instead of MSI-X a device may have MSI (virtio_dev.no_msix), which the
 * specification does not know: drivers that do not either use the line.
 *
 * Doorbells: whoever owns the machine may watch the notification addresses with ioeventfds
 * (virtio_pci_doorbell says where) and call virtio_pci_notify_queue when one fires, with the
 * device's lock held; a write that reaches the BAR does the same. Pure.
 */
#ifndef ZHYVE_DEVICES_VIRTIO_VIRTIO_PCI_H
#define ZHYVE_DEVICES_VIRTIO_VIRTIO_PCI_H

#include "devices/pci.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_PCI_BAR       0
#define VIRTIO_PCI_BAR_SIZE  0x8000u
#define VIRTIO_MSI_NO_VECTOR 0xffffu

struct virtio_pci;

/* What the machine may want to know, to wire eventfds to a queue. May be NULL, each may be NULL. */
struct virtio_pci_hooks {
	/* The BAR was mapped at gpa, or unmapped (gpa 0): move the doorbells. */
	void (*bar_moved)(void *ctx, struct virtio_pci *vp, uint64_t gpa);
	/*
	 * Where queue's interrupt goes may have changed (virtio_pci_queue_msi says where it goes
	 * now): move the irqfd.
	 */
	void (*irq_moved)(void *ctx, struct virtio_pci *vp, unsigned queue);
	/* Call virtio_pci_notify_queue soon, from the event loop: ring the doorbell's eventfd. */
	void (*again)(void *ctx, struct virtio_pci *vp, unsigned queue);
	/*
	 * An outside driver takes a queue over: no longer listen to its doorbell, pass interrupts
	 * on from an eventfd (on); or as before. The eventfds stay the owner's. 0 or -errno.
	 */
	int (*lend)(
	    void *ctx, struct virtio_pci *vp, unsigned queue, bool on, int *kick_fd, int *call_fd);
};

struct virtio_pci {
	struct pci_dev pci;
	struct virtio_dev *vd;
	const struct virtio_pci_hooks *hooks;
	void *hooks_ctx;
	uint32_t dfeature_sel, gfeature_sel;
	uint16_t queue_sel;
	uint16_t config_vector;
	uint16_t queue_vector[VIRTIO_QUEUES_MAX];
	uint8_t isr;
	unsigned window_cap; /* offset of the VIRTIO_PCI_CAP_PCI_CFG capability */
	uint64_t gpa;        /* where the BAR is mapped; 0: it is not */
};

/*
 * Put an initialised device on a PCI function: fills vp->pci with ids, BAR and capabilities. The
 * caller then sets vp->pci.bdf and .lock and calls pci_attach. Both outlive the bus. 0 or -errno.
 */
int virtio_pci_init(struct virtio_pci *vp, struct virtio_dev *vd);
/* After the bus is gone, before the device. */
void virtio_pci_destroy(struct virtio_pci *vp);

/* The driver kicked `queue`. The device's lock is held. */
void virtio_pci_notify_queue(struct virtio_pci *vp, unsigned queue);
/*
 * Guest-physical address of a queue's doorbell (2 bytes are written), 0 while the BAR is not
 * mapped.
 */
uint64_t virtio_pci_doorbell(const struct virtio_pci *vp, unsigned queue);
/*
 * Where a queue's interrupt goes: true when it is a message that may be sent right now (MSI-X on,
 * vector set, unmasked).
 */
bool virtio_pci_queue_msi(
    const struct virtio_pci *vp, unsigned queue, uint64_t *addr, uint32_t *data);
/* Interrupt the driver for a queue by whatever way it has chosen. The device's lock is held. */
void virtio_pci_interrupt(struct virtio_pci *vp, unsigned queue);

/*
 * Save or load the whole function (state.h): transport, PCI, device and model; see virtio_state.
 * Loading wants one that is attached and fresh. (virtio_state.c)
 */
int virtio_pci_state(struct virtio_pci *vp, struct state *st);
/* All is loaded: go on. Kicks may have come that nobody heard. */
void virtio_pci_resume(struct virtio_pci *vp);

#endif
