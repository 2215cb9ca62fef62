/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The brand's own: the files that make a plan together.
 *
 *	brand.c       the plan as a whole, identity, board, nets, what comes last
 *	brand_boot.c  what is started: a kernel, or a boot ROM and in which order it tries the devices
 *	brand_disk.c  disks: which of them boots, slots, models
 *	brand_device.c  TPM, virtio-console ports, balloon, vsock
 *
 * Pure; run in zoneadmd.
 */
#ifndef ZHYVE_ZONE_BRAND_INTERNAL_H
#define ZHYVE_ZONE_BRAND_INTERNAL_H

#include "zone/brand.h"

struct maker {
	const struct zconf *c;
	const struct start_options *start;
	struct brand_plan *p;
	int first_fd;
	struct boot_order order; /* in which the ROM tries; n 0: there is no ROM to try */
	bool netboot;            /* net was asked for there */
	struct err *e;
	int rc; /* the first failure; what follows does nothing */
};

void brand_fail(struct maker *m, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A boolean attribute; `unset` when it is not there. */
bool brand_attr_true(struct maker *m, const char *name, bool unset);
/* One argument of zhyve. */
void brand_arg(struct maker *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A place in the list of descriptors; its number as zhyve will see it. */
int brand_want_fd(struct maker *m, enum brand_fd_kind kind, size_t index);
/* Strings of the configuration inside an argument: a comma would begin an option of its own. */
bool brand_has_comma(const char *s);
/* Is the boolean property set and true? */
bool brand_is_true(const struct zprop *p, size_t n, const char *name);
/* One slot is used once; bits of `used` by slot * 8 + function on bus 0. */
void brand_slot_take(
    struct maker *m, uint8_t used[32], const char *who, unsigned bus, unsigned slot, unsigned func);

/* brand_boot.c. The first also decides m->order. `again`: the guest has reset itself since. */
void brand_add_boot(struct maker *m, const struct image *image, bool again);
/*
 * The option ",bootindex=N" of the device that is the `seq`-th of its class, or "" where it has no
 * place in the order.
 */
const char *brand_bootindex(const struct maker *m, enum boot_class class, size_t seq, char buf[24]);

/* brand_device.c. The second: what is plugged into the display's USB controller. */
void brand_add_devices(struct maker *m, uint8_t used[32]);
const char *brand_usb_devices(struct maker *m);

/* brand_pass.c */
void brand_add_passthru(struct maker *m, uint8_t used[32]);

/* brand_disk.c */
/* Slots are S, S:F or B:S:F. On success *bus, *slot and *func are set. */
bool brand_slot_parse(const char *text, unsigned *bus, unsigned *slot, unsigned *func);
void brand_add_disks(struct maker *m, uint8_t used[32]);
size_t brand_count_disks(const struct maker *m, bool cdroms);
/* Has a cdrom boot=true? */
bool brand_boots_cdrom(const struct zconf *c);

#endif
