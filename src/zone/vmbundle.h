/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What SmartOS's vmadm send writes: blocks of 512 bytes with texts in them, each before what it is about. First
 * the VM's object (vmadm get) in JSON, then its datasets, one after the other, as `zfs send -R` writes them, until
 * the stream ends. Nothing says how long a dataset is: only zfs(8) can tell. Pure but for the function given. Tools.
 */
#ifndef ZHYVE_ZONE_VMBUNDLE_H
#define ZHYVE_ZONE_VMBUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "zone/vmconfig.h"
#include "zone/vmstream.h"
#include "zone/zconf.h"

#define VMBUNDLE_MAGIC    "MAGIC-VMBUNDLE"
#define VMBUNDLE_BLOCK    512u
#define VMBUNDLE_NAME_MAX 257 /* with its end */
#define VMBUNDLE_SKIP_MAX 14u /* bytes before the magic, which SmartOS's reader also puts up with */

/* ---- blocks ---- */

struct vmbundle_header {
	char name[VMBUNDLE_NAME_MAX]; /* "JSON", or of a dataset */
	uint64_t size, padded; /* bytes that follow, and with what fills them up; of a dataset 0 */
};
/* Where the magic begins in a block; SIZE_MAX: it has none. */
size_t vmbundle_magic(const char block[VMBUNDLE_BLOCK]);
/* A block that begins with the magic. -EINVAL. */
int vmbundle_header_parse(
    const char block[VMBUNDLE_BLOCK], struct vmbundle_header *out, struct err *e);

/* As vmstream's: all of it; 0 or -errno, -EPIPE at the end of input. */
typedef int vmbundle_read_fn(void *arg, void *buf, size_t len);
/*
 * Read a block, of which the first `have` bytes are in `block` already. -ENODATA, and no message: the stream ends
 * here, as it may after a dataset. -EPIPE: within the block.
 */
int vmbundle_read_header(vmbundle_read_fn *read, void *arg, char block[VMBUNDLE_BLOCK], size_t have,
    struct vmbundle_header *out, struct err *e);

/* ---- the VM ---- */

struct vmbundle {
	struct zconf *zone; /* its devices are the disks that come, without a path */
	json_t *payload;    /* holds what `config` has */
	struct vmconfig config;
	char dataset[VMSTREAM_DISKS_MAX][VMBUNDLE_NAME_MAX]; /* of each disk, there */
	uint64_t size[VMSTREAM_DISKS_MAX];                   /* bytes */
};
/* A property that is not there, or has no effect, here. */
typedef void vmbundle_warn_fn(const char *property, const char *what);
/*
 * The object as a VM for this host, checked like a payload of create. What came by other ways than volumes is
 * left out, and said (log_warn). -EINVAL for what cannot be here. The caller frees it (vmbundle_free), also then.
 */
int vmbundle_describe(
    const char *text, size_t len, vmbundle_warn_fn *warn, struct vmbundle *out, struct err *e);
void vmbundle_free(struct vmbundle *b);

#endif
