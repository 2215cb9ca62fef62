/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion of a disk's file to raw by qemu-img, and unpacking by gzip, xz and zstd, each in a process of
 * its own without privilege (image_job.h). Used by imports only; tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_CONVERT_H
#define ZHYVE_ZONE_IMAGE_CONVERT_H

#include <stdint.h>

#include "base/err.h"
#include "zone/diskformat.h"

/*
 * Convert `in`, a regular file that disk_format_probe has passed as `format`, to `out`, an empty regular file, whose
 * size becomes `size`, the virtual disk's. Both must belong to nobody else: their owner is changed
 * while the process runs. 0, or -errno with qemu-img's own words.
 */
int image_convert(int in, enum disk_format format, int out, uint64_t size, struct err *e);

enum image_packed {
	IMAGE_PLAIN,
	IMAGE_GZIP,
	IMAGE_XZ,
	IMAGE_ZSTD
};
/* As a manifest names it: "", "none", "gzip", "xz", "zstd" (or "gz", "zst"); else -EINVAL. By a file's name. */
int image_packed_by_name(const char *compression, enum image_packed *out);
enum image_packed image_packed_by_suffix(const char *path);
/* The name in a manifest; the end of a file's name, ".gz", or "". */
const char *image_packed_name(enum image_packed how);
const char *image_packed_suffix(enum image_packed how);

/*
 * Copy what comes from `in`, a pipe or a file, to `out`, an empty file, where blocks of zeroes become
 * holes. *size: bytes. 0 or -errno (-EFBIG: more than max; -EINTR when interrupt_pending).
 */
int image_stream(int in, int out, uint64_t max, uint64_t *size);
/* The same with what the file `in` unpacks to. -EINVAL: more than max. */
int image_unpack(
    int in, enum image_packed how, int out, uint64_t max, uint64_t *size, struct err *e);
/* `in`, of `len` bytes, packed. */
int image_pack(int in, enum image_packed how, int out, uint64_t len, uint64_t *size, struct err *e);

#endif
