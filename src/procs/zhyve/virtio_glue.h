/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Puts a virtio device on the machine's PCI bus, with a doorbell (ioeventfd) per queue that the
 * event loop answers: a guest's kick does not stop its vCPU for longer than KVM needs to
 * signal. Runs in zhyve.
 */
#ifndef ZHYVE_PROCS_ZHYVE_VIRTIO_GLUE_H
#define ZHYVE_PROCS_ZHYVE_VIRTIO_GLUE_H

#include "devices/virtio/virtio_pci.h"
#include "procs/zhyve/machine.h"

struct virtio_glue {
	struct machine *m;
	struct virtio_pci vp;
	struct lock lock;
	struct virtio_bell *bell; /* one per queue */
	uint64_t at;              /* where the doorbells are, 0: nowhere */
	/* A last word on the PCI function before it is attached; may be NULL. 0 or -errno. */
	int (*prepare)(struct config_node *cfg, struct pci_dev *d, struct err *e);
	struct config_node *cfg; /* for prepare */
};

/* First: gives the lock that the device's backend needs. `g` lives as long as the machine. */
void virtio_glue_init(struct virtio_glue *g, struct machine *m);
/* Attach an initialised device. 0 or -errno. */
int virtio_glue_attach(struct virtio_glue *g, struct virtio_dev *vd, unsigned bdf, struct err *e);

/*
 * Make ready to lend queues first..first + n to an outside driver
 * (devices/virtio/virtio_extern.h): their interrupts' eventfds and KVM's routes for them. After
 * attaching, before the guest runs. 0 or -errno.
 */
int virtio_glue_lendable(struct virtio_glue *g, unsigned first, unsigned n, struct err *e);

#endif
