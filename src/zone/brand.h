/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bhyve brand: from a zone's configuration to what zhyve is started with (zones.md 12, the boot
 * program). Pure: opens nothing; the same configuration gives the same plan. Wherever bhyve's
 * command line has a path, the plan has fd:N and a list that says what N must be.
 */
#ifndef ZHYVE_ZONE_BRAND_H
#define ZHYVE_ZONE_BRAND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hostpci.h"
#include "zone/bootrom.h"
#include "zone/cpus.h"
#include "zone/image.h"
#include "zone/link.h"
#include "zone/startopts.h"
#include "zone/zconf.h"

#define BRAND_ARGV_MAX      100
#define BRAND_PINS_MAX      64          /* vCPUs that can each have a processor of their own */
#define BRAND_VRAM          (16u << 20) /* bytes of the display's framebuffer */
#define BRAND_DISKS_MAX     32
#define BRAND_NICS_MAX      32
#define BRAND_PORTS_MAX     16 /* of virtio-ports, and of vsock-ports */
#define BRAND_PORT_NAME_MAX 32
#define BRAND_SOCKETS_MAX   (1 + 2 * BRAND_PORTS_MAX)
#define BRAND_PASS_MAX      8 /* devices of the host */
#define BRAND_FDS_MAX       (13 + BRAND_DISKS_MAX + BRAND_NICS_MAX + BRAND_SOCKETS_MAX + BRAND_PASS_MAX)

/* What a descriptor of the plan is; `index` counts disks, nics and sockets. */
enum brand_fd_kind {
	BRAND_FD_COM1,
	BRAND_FD_COM2,
	BRAND_FD_KERNEL,
	BRAND_FD_INITRD,
	BRAND_FD_BOOTROM,
	BRAND_FD_BOOTVARS,
	BRAND_FD_DISK, /* or the socket by which its process comes */
	BRAND_FD_TAP,  /* or the same */
	BRAND_FD_VHOST,
	BRAND_FD_KVM,
	BRAND_FD_WIRE,
	BRAND_FD_FRAMEBUFFER,
	BRAND_FD_DISPLAY, /* its events */
	BRAND_FD_VGA_ROM,
	BRAND_FD_SOCKET,
	BRAND_FD_TPM, /* swtpm's control channel */
	BRAND_FD_NIC_ROM,
	BRAND_FD_VFIO, /* a container or an iommufd; for all of these: */
	BRAND_FD_PASS, /* a group of VFIO's, or a device */
};
struct brand_fd {
	enum brand_fd_kind kind;
	unsigned index;
};

struct brand_disk {
	const char *path; /* the configuration's string */
	bool readonly;
	bool process;      /* a zhyve-blk serves it, as by default ... */
	char options[224]; /* ... with these, after its descriptor */
};

/* Where programs of the host reach a device of the guest's: it listens. */
struct brand_socket {
	char file[BRAND_PORT_NAME_MAX + 16]; /* below /run/zones/<name> */
};

struct brand_plan {
	uint64_t ram; /* bytes */
	uint32_t vcpus;
	char kernel[PATH_MAX]; /* "": a boot ROM is started */
	char initrd[PATH_MAX]; /* "": none */
	struct bootrom rom;    /* rom.rom "": a kernel is started */
	const char *nic_rom;   /* by which it boots from the primary nic; NULL: none */
	struct brand_disk disk[BRAND_DISKS_MAX];
	size_t ndisk;
	struct vnic_spec nic[BRAND_NICS_MAX];
	bool nic_process[BRAND_NICS_MAX]; /* a zhyve-net serves it, as by default */
	size_t nnic;
	struct brand_pass {
		char addr[HOSTPCI_TEXT];
		unsigned slot, func;
		int fd, shared; /* by which it is given: its own, and that of all */
		size_t arg;     /* of argv: how */
	} pass[BRAND_PASS_MAX]; /* PCI functions of the host */
	size_t npass;
	bool display;      /* the zone has one */
	uint16_t vnc_port; /* TCP port for its clients; 0: any */
	struct brand_socket socket[BRAND_SOCKETS_MAX];
	size_t nsocket;
	bool tpm;
	bool balloon;
	bool core_sched; /* no other's thread on a core beside the zone's */
	bool once;       /* the plan after a reset of the guest differs */
	int first_fd;
	struct brand_fd fd[BRAND_FDS_MAX]; /* the i-th is descriptor first_fd + i */
	size_t nfd;
	char *argv[BRAND_ARGV_MAX + 2 * BRAND_PINS_MAX + 1];
	size_t argc;
};

/*
 * Make the plan. `image` is that of the boot disk, or NULL; `first_fd` the number of the first
 * descriptor. The plan refers to strings of the configuration, which must outlive it. -EINVAL with
 * the fault in the configuration, in the words of the brand.
 */
int brand_plan_make(const struct zconf *c, const struct image *image, int first_fd,
    struct brand_plan **out, struct err *e);
/*
 * The same for a start that asks for more (NULL: nothing; it must outlive the plan too). `again`:
 * as it is after the guest has reset itself; that plan has the same descriptors as the first.
 */
int brand_plan_start(const struct zconf *c, const struct image *image,
    const struct start_options *start, bool again, int first_fd, struct brand_plan **out,
    struct err *e);
void brand_plan_free(struct brand_plan *p);
/*
 * The zone has these processors of the host alone: each vCPU is to stay on one of them, when there
 * is one for each, and at most BRAND_PINS_MAX. 0 or -ENOMEM.
 */
int brand_plan_pin(struct brand_plan *p, const struct cpus *own, struct err *e);

/*
 * The host gives its functions by VFIO's character devices, not by groups: descriptors BRAND_FD_PASS and
 * BRAND_FD_VFIO are such. 0 or -ENOMEM.
 */
int brand_plan_cdev(struct brand_plan *p, struct err *e);

/* The boot disk (property boot=true; else the first disk that is no cdrom); NULL: none. */
const struct zdevice *brand_boot_disk(const struct zconf *c);
/* The same, but where a cdrom has boot=true: the disk that its system is, or will be, on. */
const struct zdevice *brand_system_disk(const struct zconf *c);
/* Is it a PCI function of the host (model=passthru), not a disk? */
bool brand_is_passthru(const struct zdevice *d);
/* Its image-uuid property, or NULL. */
const char *brand_boot_image(const struct zconf *c);
/* Guest memory in bytes: attr ram, in MiB. */
int brand_ram(const struct zconf *c, uint64_t *ram, struct err *e);

/* May this be the name of a virtio-console port; a port of vsock? */
bool brand_port_name_ok(const char *s);
bool brand_vsock_port_ok(const char *s);

/*
 * What zhyve says, for people: "fd:N" of a kernel, an initrd, a disk or KVM becomes its path. `text` and
 * `out` do not overlap; what does not fit is cut.
 */
void brand_name_fds(const struct brand_plan *p, const char *text, char *out, size_t size);

#endif
