/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtual machine of KVM: its descriptor, memory slots, interrupt controllers and timer, message
 * interrupts, doorbells. The KVM interface is the kernel's
 * Documentation/virt/kvm/api.rst; call numbers below are sections of it. Runs in zhyve, which
 * is the only holder of these descriptors.
 *
 * Every function but vm_create and vm_destroy may be called from any thread.
 */
#ifndef ZHYVE_VMM_VM_H
#define ZHYVE_VMM_VM_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"
#include "devices/ioapic.h"
#include "gmem/gmem.h"

/* Pins of the I/O APIC: GSIs below this are lines, from it on messages. */
#define VM_IRQCHIP_PINS IOAPIC_PINS
#define VM_MSI_ROUTES   512 /* message routes for irqfds; devices in zhyve need none */

/*
 * Guest-physical memory that KVM keeps to itself: above the local APICs, below any boot ROM. Not
 * RAM to the guest.
 */
#define VM_KVM_PAGES_BASE 0xfeffc000u
#define VM_KVM_PAGES_LEN  0x4000u

/*
 * Where the interrupt controllers are. KERNEL: all of a PC's, with the PIT. SPLIT: the local APICs
 * in the kernel, the I/O APIC here (devices/ioapic.h); there are no 8259s and no PIT. Only SPLIT
 * reaches local APICs with identifiers above 254 from every device: message interrupts and I/O
 * APIC entries have 15-bit destinations, which KVM_FEATURE_MSI_EXT_DEST_ID tells the guest.
 */
enum vm_irqchip {
	VM_IRQCHIP_KERNEL,
	VM_IRQCHIP_SPLIT
};

struct vm_config {
	unsigned nvcpus;
	uint32_t max_apic_id; /* the largest identifier of a local APIC */
	enum vm_irqchip irqchip;
};

#define VM_SLOTS 64 /* memory beside RAM: framebuffers, ROMs, flash, BARs of the host's devices */

struct vm_slot {
	uint64_t gpa, len; /* len 0: free */
};

struct vm_msi_route {
	bool used;
	uint64_t addr;
	uint32_t data;
};

struct vm {
	int kvm; /* /dev/kvm */
	int fd;  /* the machine */
	struct gmem *gmem;
	struct vm_config config;
	size_t run_size;       /* bytes of the mapping shared with each vCPU */
	bool tsc_deadline;     /* the local APIC has the TSC-deadline timer */
	unsigned address_bits; /* of guest-physical addresses; set by vcpus_create */
	/* VM_IRQCHIP_SPLIT only. The lock is taken inside those of devices. */
	struct ioapic ioapic;
	struct lock ioapic_lock;
	pthread_mutex_t routes_mutex;
	struct vm_msi_route pin[VM_IRQCHIP_PINS]; /* SPLIT: whose EOIs KVM is to tell */
	/* VM_MSI_ROUTES, allocated at first use (before any guest runs) */
	struct vm_msi_route *routes;
	pthread_mutex_t slots_mutex;
	struct vm_slot slot[VM_SLOTS];
	int vfio; /* KVM's side of VFIO; 0: not made yet */
};

/*
 * Open KVM's device: a path, or "fd:N" for a descriptor that was handed over. Checks that it is
 * KVM, of the interface we speak, with what we need (irqchip, irqfd, ioeventfd, MSI, immediate
 * exit). Returns the descriptor or -errno.
 */
int vm_open_kvm(const char *path, struct err *e);

/*
 * Create the machine with `gmem` as its RAM (one slot per range) and its interrupt controllers.
 * The number of vCPUs is checked against KVM's limits; the vCPUs themselves are made by
 * vcpus_create. Takes over `kvm` in either case. 0 or -errno.
 */
int vm_create(
    struct vm *vm, int kvm, struct gmem *gmem, const struct vm_config *config, struct err *e);
/* Close everything. The gmem stays the caller's. */
void vm_destroy(struct vm *vm);

/*
 * Show the guest `len` bytes of our memory at `gpa`, all page aligned; what lies there already must
 * not overlap. With readonly set its writes leave KVM as accesses to device memory. The memory
 * stays mapped here until after vm_mem_unmap or vm_destroy. Only the guest reaches it: devices' DMA
 * goes through gmem, which does not know it. 0, -ENOSPC (no slot is free), -errno.
 */
int vm_mem_map(struct vm *vm, uint64_t gpa, void *mem, uint64_t len, bool readonly);
/* Take away what was shown at `gpa`. 0 or -ENOENT. */
int vm_mem_unmap(struct vm *vm, uint64_t gpa);

/*
 * Interrupts, in irqchip.c.
 *
 * vm_create's part: make the controllers. 0 or -errno.
 */
int vm_irqchip_create(struct vm *vm, struct err *e);
/* Set a line (GSI 0-23: both PICs and the I/O APIC, where GSI 0 arrives at pin 2). */
void vm_irq_line(struct vm *vm, unsigned gsi, bool level);
/* SPLIT: KVM tells that a local APIC has ended a level-triggered interrupt. */
void vm_eoi(struct vm *vm, uint8_t vector);
/*
 * Deliver a message interrupt (PCI 3.0, 6.8) at once. Messages to no local APIC are dropped, as
 * hardware does.
 */
void vm_msi(struct vm *vm, uint64_t addr, uint32_t data);

/*
 * A doorbell: a guest's write of `len` bytes (1, 2, 4, 8; 0: any length, memory only) at `addr`
 * signals the eventfd instead of leaving KVM.
 */
struct vm_doorbell {
	uint64_t addr;
	unsigned len;
	bool io;    /* a port, not memory */
	bool match; /* only for writes of `value` */
	uint64_t value;
	int eventfd;
};
/*
 * 0 or -errno (-EEXIST: one is there already; -ENOSPC). Remove with exactly what it was added
 * with.
 */
int vm_doorbell_add(struct vm *vm, const struct vm_doorbell *d);
int vm_doorbell_remove(struct vm *vm, const struct vm_doorbell *d);

/*
 * Message interrupts raised by an eventfd (from the kernel or another process). A route is a
 * GSI that stands for one message; allocate it, set its message, bind an eventfd to it. Returns
 * the GSI, or -ENOSPC, -ENOMEM.
 */
int vm_route_alloc(struct vm *vm);
/* Change the message of a route. 0 or -errno. */
int vm_route_set(struct vm *vm, int gsi, uint64_t addr, uint32_t data);
void vm_route_free(struct vm *vm, int gsi);
/* Bind or unbind (bind false) an eventfd to a GSI. 0 or -errno. */
int vm_irqfd(struct vm *vm, int gsi, int eventfd, bool bind);
/*
 * The same for a level-triggered line (GSI 0-23): the eventfd raises it; when the guest has ended
 * the interrupt, KVM lowers it and signals `ended`. -EINVAL with VM_IRQCHIP_SPLIT: KVM cannot.
 */
int vm_irqfd_level(struct vm *vm, int gsi, int eventfd, int ended, bool bind);

/*
 * Tell KVM that a device of VFIO's serves this machine, so that it takes care of memory types where DMA
 * is not coherent: by its group or, from Linux 6.6 on, itself. 0 or -errno.
 */
int vm_add_vfio(struct vm *vm, int file);

#endif
