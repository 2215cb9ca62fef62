/* SPDX-License-Identifier: BSD-2-Clause */
/* The SHA-1 of a file, which manifests of images give. Tools. */
#ifndef ZHYVE_ZONE_SHA1_H
#define ZHYVE_ZONE_SHA1_H

#include <stdint.h>

#define SHA1_TEXT_LEN 40

/*
 * Of the first `size` bytes of a file, as hexadecimal digits; holes are not read. 0 or -errno (-EINTR when
 * interrupt_pending).
 */
int sha1_of_file(int fd, uint64_t size, char out[SHA1_TEXT_LEN + 1]);

#endif
