/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: configuration space (mechanism 1 at CF8/CFC and ECAM), BARs, capabilities, MSI-X, MSI, INTx.
 * PCI Local Bus 3.0, PCI Express Base 3.0 (7.2.2 ECAM). Addresses have buses 0-255; devices sit
 * on bus 0, all else reads as absent.
 *
 * A device fills a struct pci_dev with its ids and ops (pci_dev_init), declares BARs and
 * capabilities, and is then attached to the bus, which owns address decoding. BAR changes reach
 * the machine through struct pci_host_ops (map, unmap). Guest-written configuration goes through
 * a write mask: a bit that is not writable cannot change. Nothing a guest writes is refused with
 * an error; what makes no sense has no effect. Pure (device.h). Runs in zhyve.
 *
 * Locking: calls for configuration access (pci_cfg_*, pci_port_ops, pci_ecam_ops, pci_reset) are
 * serialised by the owner with one lock for the bus; they take pci_dev.lock of the device they
 * enter. All else about a device is called with that device's lock held.
 */
#ifndef ZHYVE_DEVICES_PCI_H
#define ZHYVE_DEVICES_PCI_H

#include "base/err.h"
#include "devices/bus.h"
#include "devices/device.h"

#define PCI_CFG_SIZE  256 /* conventional space; the extended space reads as zero */
#define PCI_BARS      6
#define PCI_ROM_BAR   6 /* the expansion ROM (PCI 3.0, 6.2.5.2), where BARs are counted */
#define PCI_REGIONS   7 /* BARs and the expansion ROM */
#define PCI_MSIX_MAX  2048
#define PCI_ECAM_BASE 0xE0000000ull
#define PCI_ECAM_SIZE 0x10000000ull
#define PCI_PORT_BASE 0xCF8 /* pci_port_ops: eight ports, 0xCF9 among them */
#define PCI_PORT_LEN  8
#define PCI_IO_BASE   0x2000 /* I/O BARs are placed and decoded from here ... */
#define PCI_IO_END    0x10000
/* INTx pins lead to the I/O APIC's inputs 16-23, level, by (slot + pin) modulo 8. */
#define PCI_INTX_GSI_BASE 16
#define PCI_INTX_GSIS     8
#define PCI_BDF(b, d, f)  ((unsigned)((b) << 8 | (d) << 3 | (f)))

enum pci_bar_type {
	PCI_BAR_NONE,
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64,
	PCI_BAR_ROM
};

struct pci_dev;
struct pci_bus;
struct state;

struct pci_dev_ops {
	/*
	 * BAR access; within the BAR, size 1, 2, 4 or 8, of any alignment. NULL: all ones,
	 * ignored.
	 */
	uint64_t (*bar_read)(struct pci_dev *d, unsigned bar, uint64_t off, unsigned size);
	void (*bar_write)(
	    struct pci_dev *d, unsigned bar, uint64_t off, unsigned size, uint64_t val);
	/* After a configuration write to `off`..`off + size` (may be NULL). */
	void (*cfg_written)(struct pci_dev *d, unsigned off, unsigned size);
	/*
	 * Configuration read of a device-defined window (virtio's VIRTIO_PCI_CAP_PCI_CFG; may be
	 * NULL): true when it gave *val.
	 */
	bool (*cfg_read)(struct pci_dev *d, unsigned off, unsigned size, uint32_t *val);
	/* A BAR was mapped at `gpa`, or unmapped (gpa 0); for doorbells (may be NULL). */
	void (*bar_moved)(struct pci_dev *d, unsigned bar, uint64_t gpa);
	/*
	 * An MSI-X vector's address, data or mask changed, or the function's enable or mask did
	 * (may be NULL): re-route irqfds.
	 */
	void (*msix_changed)(struct pci_dev *d, unsigned vector);
	/* Machine reset (may be NULL). */
	void (*reset)(struct pci_dev *d);
};

struct pci_bar {
	enum pci_bar_type
	    type;      /* the upper half of a 64-bit BAR is NONE with the size of its lower */
	uint64_t size; /* power of two; I/O >= 4, memory >= 16 */
	uint64_t addr; /* as programmed */
	bool mapped;
	uint64_t mapped_addr; /* where the machine decodes it while mapped */
	/*
	 * What it shows, `size` bytes, or NULL: device registers. The machine may put memory in
	 * the guest's reach instead of calling the handlers (not for a ROM).
	 */
	void *mem;
};

struct msix_entry {
	uint64_t addr;
	uint32_t data;
	uint32_t ctrl; /* bit 0: masked */
};

struct pci_msix {
	unsigned nvec;    /* 0: no MSI-X */
	unsigned cap_off; /* where the capability is */
	unsigned bar;     /* BAR with the table at table_off ... */
	unsigned pba_bar; /* ... and the one with the PBA at pba_off */
	uint32_t table_off, pba_off;
	bool enabled, masked;     /* function control, as last written */
	struct msix_entry *table; /* nvec entries, allocated at pci_add_msix */
	uint64_t *pba;            /* pending bits, (nvec + 63) / 64 words */
};

struct pci_dev {
	const char *name; /* "virtio-blk" */
	unsigned bdf;     /* set by the caller before pci_attach */
	const struct pci_dev_ops *ops;
	void *softc;       /* the device model */
	struct lock *lock; /* base/lock.h; NULL: none */
	struct pci_bus *bus;
	uint8_t cfg[PCI_CFG_SIZE];
	uint8_t wmask[PCI_CFG_SIZE]; /* bits the guest may write */
	struct pci_bar bar[PCI_REGIONS];
	struct pci_msix msix;
	unsigned msi_off;                   /* where the MSI capability is, 0: none */
	const uint8_t *rom;                 /* the expansion ROM's bytes, NULL: none */
	unsigned cap_last, cap_next;        /* capability list under construction */
	unsigned gsi;                       /* where its INTx pin leads, 0: none */
	bool no_intx;                       /* it has no INTx pin */
	bool intx_level;                    /* as the device wants it */
	bool intx_out;                      /* as the line is driven */
	uint8_t cfg_attached[PCI_CFG_SIZE]; /* for reset: what pci_attach left */
};

/* What the machine does for the bus. */
struct pci_host_ops {
	/* Decode a BAR of `d` at addr (io: port space). 0 or -errno; then it is not decoded. */
	int (*map)(
	    void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len);
	void (*unmap)(
	    void *ctx, struct pci_dev *d, unsigned bar, bool io, uint64_t addr, uint64_t len);
	/* Deliver a message interrupt. Any thread. */
	void (*msi)(void *ctx, uint64_t addr, uint32_t data);
	/* Drive an INTx line; the bus has combined those who share it. Any thread. */
	void (*intx)(void *ctx, unsigned gsi, bool level);
	void *ctx;
};

/*
 * 32-bit BARs are placed upward from mem32_base, 64-bit BARs from mem64_base, I/O BARs from
 * PCI_IO_BASE. BARs that the guest puts elsewhere are decoded only within these windows (a 64-bit
 * BAR in either of the memory windows). Allocates; NULL when memory is short.
 */
struct pci_bus *pci_bus_create(const struct pci_host_ops *host, uint64_t mem32_base,
    uint64_t mem32_end, uint64_t mem64_base, uint64_t mem64_end);
/* The devices stay their owners' and are not touched. */
void pci_bus_destroy(struct pci_bus *bus);
/*
 * Let the guest put 32-bit BARs into [base, end) as well, where a boot ROM may: PC firmware uses
 * all that is free below 4 GiB. Where they are placed at first does not change.
 */
void pci_bus_widen_mem32(struct pci_bus *bus, uint64_t base, uint64_t end);
/* bhyve's pci.enable_bars: whether devices attached from now on decode from the start (default). */
void pci_bus_set_enable_bars(struct pci_bus *bus, bool on);
/* Who gets byte accesses to port 0xCF9, which lies within CONFIG_ADDRESS (pm.h). off is 0. */
void pci_bus_set_reset_port(struct pci_bus *bus, const struct bus_ops *ops, void *dev);

/* Fill ids and class; command, status, header type as of PCI 3.0, 6.2. */
void pci_dev_init(struct pci_dev *d, const char *name, const struct pci_dev_ops *ops, void *softc,
    uint16_t vendor, uint16_t device, uint32_t class_code24, uint8_t revision);
/* Free what pci_add_msix allocated. */
void pci_dev_fini(struct pci_dev *d);
void pci_set_subsystem(struct pci_dev *d, uint16_t vendor, uint16_t device);
/* Declare a BAR (MEM64 takes two). 0, -EINVAL, -EEXIST. */
int pci_add_bar(struct pci_dev *d, unsigned bar, enum pci_bar_type type, uint64_t size);
/*
 * A prefetchable memory BAR that is plain memory: `mem`, `size` bytes, page aligned, the caller's,
 * for as long as the device lives. The bus serves accesses that reach it. As pci_add_bar.
 */
int pci_add_mem_bar(
    struct pci_dev *d, unsigned bar, enum pci_bar_type type, void *mem, uint64_t size);
/*
 * An expansion ROM; `image` (the caller's, not changed) is `size` bytes, a power of two from 2 KiB
 * to 16 MiB. 0, -EINVAL, -EEXIST.
 */
int pci_add_rom(struct pci_dev *d, const void *image, uint64_t size);
/*
 * Append a capability of `len` bytes, its two header bytes included; `body` are the len - 2 bytes
 * after them, NULL for zeros. Read-only until the device sets bits in wmask. Returns its offset
 * or -ENOSPC.
 */
int pci_add_cap(struct pci_dev *d, uint8_t id, const void *body, unsigned len);
/*
 * MSI-X with table and PBA in memory BAR `bar` at the offsets (8-byte aligned, not overlapping).
 * The bus serves both ranges itself before bar_read/bar_write. 0 or -errno.
 */
int pci_add_msix(
    struct pci_dev *d, unsigned nvec, unsigned bar, uint32_t table_off, uint32_t pba_off);
/*
 * The same for a function whose capability stands in cfg already, at `cap_off`: only the first
 * `nvec` of its vectors are there, and the message control word then says so.
 */
int pci_take_msix(struct pci_dev *d, unsigned cap_off, unsigned nvec);

/*
 * Place BARs, connect INTA (devices with BARs have it unless no_intx), enter the slot. 0, -EINVAL (not on bus
 * 0), -EEXIST (slot in use), -ENOSPC (no room for a BAR), -EBUSY (pci_host_ops.map refused a BAR;
 * the machine cannot be built).
 */
int pci_attach(struct pci_bus *bus, struct pci_dev *d, struct err *e);
struct pci_dev *pci_find(struct pci_bus *bus, unsigned bdf);
/* The n-th attached device by bdf, NULL past the end. */
struct pci_dev *pci_nth(struct pci_bus *bus, unsigned n);

/*
 * Configuration access by the guest, size 1, 2 or 4, naturally aligned (others read all ones, are
 * ignored).
 */
uint32_t pci_cfg_read(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size);
void pci_cfg_write(struct pci_bus *bus, unsigned bdf, unsigned off, unsigned size, uint32_t val);
/* Handlers for the ports 0xCF8-0xCFF (off 0-7) and the ECAM window. `dev` is the struct pci_bus. */
extern const struct bus_ops pci_port_ops;
extern const struct bus_ops pci_ecam_ops;
/*
 * Handler for a mapped BAR: off is relative to the BAR, dev the struct pci_dev; one per BAR
 * index.
 */
extern const struct bus_ops pci_bar_ops[PCI_REGIONS];

/*
 * Raise vector `vec`: delivered, or made pending when masked, or dropped when MSI-X is off or the
 * vector does not exist. Returns true when MSI-X is on.
 */
bool pci_msix_notify(struct pci_dev *d, unsigned vec);
bool pci_msix_enabled(const struct pci_dev *d);
/* True when vector `vec` would be delivered now: MSI-X on, neither it nor the function masked. */
bool pci_msix_deliverable(const struct pci_dev *d, unsigned vec);
/*
 * MSI with one message, for functions without MSI-X (PCI 3.0, 6.8.1). 0, -EEXIST, -ENOSPC. The
 * guest switching it on or off is told to the device by cfg_written alone.
 */
int pci_add_msi(struct pci_dev *d);
/* The same for a function whose capability stands in cfg already, with a 32 or 64-bit address. */
int pci_take_msi(struct pci_dev *d, unsigned cap_off);
/* Where and what the message is, whether or not MSI is on. */
void pci_msi_message(const struct pci_dev *d, uint64_t *addr, uint32_t *data);
/* Send the message. Returns true when MSI is on. */
bool pci_msi_notify(struct pci_dev *d);
bool pci_msi_enabled(const struct pci_dev *d);
/* INTx; suppressed while Interrupt Disable is set or MSI or MSI-X is on. */
void pci_intx_set(struct pci_dev *d, bool level);
/* Bus master enable: without it a device does no DMA. */
bool pci_bus_master(const struct pci_dev *d);
/* Machine reset: configuration back to what pci_attach left, every device's reset called. */
void pci_reset(struct pci_bus *bus);

/*
 * Save or load what every function has (state.h): configuration space, MSI-X, the INTx line. Loading
 * wants an attached function with the same capabilities and BARs as the one that was saved; its slot
 * may be another. 0 or -errno. (pci_state.c)
 */
int pci_dev_state(struct pci_dev *d, struct state *st);
/* The same of the bus itself: what CONFIG_ADDRESS holds. */
int pci_bus_state(struct pci_bus *bus, struct state *st);

#endif
