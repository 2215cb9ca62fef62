/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images: manifests and raw content below /zones/images. A manifest is SmartOS's: v, uuid, name,
 * version, os, type (zvol only), image_size (MiB), files (sha1, size, compression), tags;
 * members we do not know are kept. For booting a kernel directly there are tags of our own:
 * org.zhyve:kernel and org.zhyve:initrd (names of files beside the manifest, taken along by an
 * import) and org.zhyve:cmdline. requirements.bootrom says which boot ROM it wants. Tools and zoneadmd, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_H
#define ZHYVE_ZONE_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/parse.h"

struct image {
	char uuid[UUID_TEXT_LEN + 1]; /* lower case */
	char name[128], version[64], os[32], type[32];
	char published[32];    /* published_at of the manifest, "": none */
	uint64_t size;         /* bytes of the raw content */
	char path[PATH_MAX];   /* raw content */
	char kernel[PATH_MAX]; /* "": none */
	char initrd[PATH_MAX];
	char cmdline[1024];
	char bootrom[16];          /* requirements.bootrom: "uefi", "bios", or "" */
	char brand[16];            /* requirements.brand, "": any */
	char datasource[16];       /* tag org.smartos:cloudinit_datasource, "": none */
	uint64_t min_ram, max_ram; /* requirements, MiB; 0: any */
	unsigned networks;         /* requirements.networks: how many */
	bool ssh_key;              /* requirements.ssh_key */
};

/* -ENOENT with a message that names the image. */
int image_get(const char *uuid, struct image *out, struct err *e);
/*
 * All, sorted by publication and name; the array is the caller's (free). A damaged one is left
 * out, with a line in the log.
 */
int image_list(struct image **out, size_t *n, struct err *e);
/* The stored manifest's text; the caller's (free). -ENOENT. */
int image_manifest_text(const char *uuid, char **out, struct err *e);

/*
 * Import `file_path` ("-": standard input), of a format of diskformat.h, perhaps packed by gzip, xz or
 * zstd, by the manifest at `manifest_path`. It is unpacked, and converted by
 * qemu-img in a process without privileges; a file that refers to other files is refused. Size and
 * sha1 are those the manifest says, or it fails. An import shows up whole or not at all, and
 * clears away what interrupted ones left. *out (may be NULL): what was imported, or what is there
 * already. -EEXIST for an image that is there, -ENOSPC, -EINVAL for a file or manifest that is not
 * right.
 */
int image_import(
    const char *manifest_path, const char *file_path, struct image *out, struct err *e);
/* Remove it. Whether a zone uses it is the caller's question (usage.h). -ENOENT. */
int image_delete(const char *uuid, struct err *e);

#endif
