/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion of a qcow2 file to raw by qemu-img, in a process of its own: own uid, no capability,
 * no network, resource limits, and (Landlock, where the kernel has it) no file but the two
 * descriptors and the system's libraries. Used by imports only; tools, root.
 */
#ifndef ZHYVE_ZONE_IMAGE_CONVERT_H
#define ZHYVE_ZONE_IMAGE_CONVERT_H

#include <stdint.h>

#include "base/err.h"

/*
 * Convert `in`, a regular file that qcow2_check has passed, to `out`, an empty regular file, whose
 * size becomes `size`, the virtual disk's. Both must belong to nobody else: their owner is changed
 * while the process runs. 0, or -errno with qemu-img's own words.
 */
int image_convert(int in, int out, uint64_t size, struct err *e);

#endif
