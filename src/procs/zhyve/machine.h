/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One machine as zhyve's files share it: built in stages by main.c, then run. Nothing here is
 * freed before the process ends: a machine and its process live and die together (a reset by
 * the guest is a new process).
 */
#ifndef ZHYVE_PROCS_ZHYVE_MACHINE_H
#define ZHYVE_PROCS_ZHYVE_MACHINE_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/mevent.h"
#include "devices/device.h"
#include "devices/input.h"
#include "devices/pci.h"
#include "gmem/gmem.h"
#include "vmm/boot.h"
#include "vmm/config.h"
#include "vmm/cpuid.h"
#include "vmm/iobus.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"
#include "wire/wire.h"

#define MACHINE_TEXT_MAX 480

struct firmware;
struct disk;
struct nic;
struct vfio_container;
struct legacy;

/* The device that takes memory back, for control.c. In the event loop. */
struct machine_balloon {
	/*
	 * Set what the guest is to make do with (0: leave it); what it has now, also as text.
	 */
	uint64_t (*ask)(void *ctx, uint64_t target, char *text, size_t len);
	void *ctx;
};

struct machine {
	struct config_node *config;
	const char *name;
	struct mevent_loop *loop;

	/* Opened in stage 2, before anything is built. */
	int kvm;
	int wire; /* -1: run by hand */
	bool seccomp;
	struct boot_file kernel, initrd;

	struct gmem gm;
	struct vm vm;
	struct iobus bus;
	struct vcpus vcpus;
	struct cpu_config cpu;
	struct vm_config vm_config;
	uint32_t *apic_id; /* of each vCPU */
	bool hpet;         /* there is one */
	bool debugged;     /* a debugger may come (gdb.h) */
	struct pci_bus *pci;
	struct lock pci_lock;
	uint64_t mem32_base, mem32_end;  /* its window below 4 GiB, around the ECAM ... */
	uint64_t mem64_base, mem64_end;  /* ... and above RAM */
	uint16_t pm_base;                /* first port of ACPI's PM block */
	struct disk *disks;              /* disks.c's */
	struct nic *nics;                /* nics.c's */
	struct legacy *legacy;           /* legacy.c's */
	struct firmware *firmware;       /* firmware.c's; NULL: neither boot ROM nor fw_cfg */
	bool tpm;                        /* there is one */
	bool i8042;                      /* there is a keyboard controller */
	struct input_router input;       /* devices enter themselves while they are built */
	struct machine_balloon *balloon; /* NULL: none */
	struct vfio_container *vfio;     /* of devices of the host; NULL: none */
	struct boot_entry entry;
	struct clock clock;

	_Atomic unsigned notes;       /* bits of enum wire_note that are still to be told */
	int notes_fd;                 /* eventfd: there are some; control.c's */
	_Atomic bool disk_error_kept; /* disk_error is written, and still to be told */
	char disk_error[WIRE_TEXT_MAX];

	/* How it ended: the first event counts. */
	_Atomic int stopped; /* 0, or 1 + enum machine_event */
	char why[MACHINE_TEXT_MAX];
	struct lock why_lock;
};

/* --- machine.c: building --- */

/* Sizes and counts out of the configuration. 0 or -errno. */
int machine_configure(struct machine *m, struct err *e);
/* Memory, KVM's machine, vCPUs, buses. 0 or -errno. */
int machine_create(struct machine *m, struct err *e);
/* Every device of pci.*, by its emulation. 0 or -errno. */
int machine_add_devices(struct machine *m, struct err *e);
/* End the run: the first call counts. Any thread. */
void machine_stop(struct machine *m, enum machine_event ev, const char *why);
/* What devices are given to stop the machine, to drive lines. */
struct machine_ctl machine_ctl_of(struct machine *m);
struct irq_line machine_irq(struct machine *m, unsigned gsi);
/* A device's line and message, for tables of functions whose ctx is the machine. Any thread. */
void machine_set_line(void *ctx, unsigned gsi, bool level);
void machine_send_msi(void *ctx, uint64_t addr, uint32_t data);
/* Put a device at fixed ports (io) or addresses. 0 or -errno; the error names device and place. */
int machine_place(struct machine *m, bool io, const struct bus_region *r, struct err *e);
/* A timer for a device, entered with its lock. 0 or -errno. */
int machine_timer(struct machine *m, struct dev_timer *t, struct lock *lock, struct err *e);

/* --- cpus.c: the processors --- */

/* Topology, features, interrupt controllers out of the configuration. 0 or -errno. */
int cpus_configure(struct machine *m, struct err *e);
/* Bind the vCPUs' threads to host processors as asked (vcpu.N.cpuset). 0 or -errno. */
int cpus_pin(struct machine *m, struct err *e);

/* --- legacy.c: the devices every PC has: COM ports, RTC, power management, reset --- */

int legacy_create(struct machine *m, struct err *e);
/* legacy_debugcon.c: QEMU's debug port, where it is asked for. */
int legacy_debugcon(struct machine *m, struct err *e);
/* legacy_tpm.c: called by legacy_create; nothing when no TPM is asked for. */
int legacy_tpm_create(struct machine *m, struct err *e);
/* Its part in legacy_hpet.c: the HPET, where asked for. */
int legacy_hpet(struct machine *m, struct err *e);
/* The ISA bridge's PCI function, not attached yet. */
struct pci_dev *legacy_isa_bridge(struct machine *m);
/* After the vCPUs have stopped: last bytes of the serial ports out, terminal as it was. */
void legacy_close(struct machine *m);
/* The power button. Called in the event loop. */
void legacy_power_button(struct machine *m);

/* --- legacy_i8042.c: PS/2 keyboard and mouse --- */

/* Where the machine has a display, unless lpc.i8042 says otherwise; sets m->i8042. */
int legacy_i8042_create(struct machine *m, struct err *e);

/* --- kernel.c: what runs first --- */

/* Open kernel and initrd (stage 2). */
int kernel_open(struct machine *m, struct err *e);
/* Load them, build the tables, set the first vCPU's registers. Not with a boot ROM. */
int kernel_load(struct machine *m, struct err *e);

/* --- tables.c: what the firmware of a PC would leave in memory --- */

struct acpi_place;
/* SMBIOS and ACPI tables; after every device is in its slot. */
int tables_write(struct machine *m, struct acpi_place *out, struct err *e);
struct acpi_files;
struct smbios_files;
/* The same for a boot ROM to place, and the machine's UUID. */
int tables_files(struct machine *m, struct acpi_files *acpi, struct smbios_files *smbios,
    uint8_t uuid[16], struct err *e);

/* --- control.c: zoneadmd, signals, the halt watch --- */

int control_create(struct machine *m, struct err *e);
/*
 * Tell zoneadmd that the machine is built and wait for its word to run. 1 run, 0 end quietly,
 * -errno.
 */
int control_wait_run(struct machine *m);
void control_running(struct machine *m);
/*
 * Tell zoneadmd and the log what happened in the guest, machine_stop or not: it is told before the
 * end. A note that is not yet told is not told twice. Any thread.
 */
void control_note(struct machine *m, enum wire_note note);
/*
 * Tell zoneadmd of a request of a disk that failed, in a line that the log has already; as block_opts.failed,
 * `arg` is the machine. While one is not yet told others are not told. Any thread.
 */
void control_disk_error(void *arg, const char *text);
/* Tell zoneadmd how it ended (ev), or that it could not be built (e). */
void control_stopped(struct machine *m, enum machine_event ev);
void control_failed(int wire, const struct err *e);

#endif
