/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What one start of a zone may ask for besides its configuration (vmadm.md 11): the order in which
 * the boot ROM tries the devices, drives that are there for this start only, a fresh variable store.
 * The words are vmadm's, and travel to zoneadmd as they are. Pure; the tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_STARTOPTS_H
#define ZHYVE_ZONE_STARTOPTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define START_DRIVES_MAX 4
#define START_WORDS_MAX  16

enum boot_class {
	BOOT_DISK,
	BOOT_CDROM,
	BOOT_NET,
	BOOT_NCLASSES,
};

/* Classes of devices, most wanted first; none: as usual. */
struct boot_order {
	size_t n;
	enum boot_class class[BOOT_NCLASSES];
};

struct start_drive {
	char path[PATH_MAX];
	char model[8]; /* as of a device resource: virtio, ahci, nvme */
	bool cdrom;
};

struct start_options {
	struct boot_order order; /* until the zone halts */
	struct boot_order once;  /* instead of it, until the guest resets itself */
	struct start_drive drive[START_DRIVES_MAX];
	size_t ndrive;
	bool reset_vars; /* forget the UEFI variables */
};

/*
 * Parse "LIST[,once=LIST]"; a list is of the words disk, cdrom and net with commas between, or of
 * qemu's letters c, d and n. -EINVAL.
 */
int boot_order_parse(
    const char *text, struct boot_order *order, struct boot_order *once, struct err *e);

/*
 * Take one word: "order=LIST[,once=LIST]", "cdrom=PATH,MODEL", "disk=PATH,MODEL" or
 * "efivars=reset". -EINVAL with what is wrong with it.
 */
int start_options_add(struct start_options *o, const char *word, struct err *e);
/* Does it ask for anything at all? */
bool start_options_any(const struct start_options *o);

#endif
