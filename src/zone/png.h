/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing PNG files (ISO/IEC 15948): 8-bit RGB, one pass, memory for a line. Runs in zoneadmd.
 */
#ifndef ZHYVE_ZONE_PNG_H
#define ZHYVE_ZONE_PNG_H

#include <stddef.h>
#include <stdint.h>

#define PNG_WIDTH_MAX 16384u

/*
 * Write width x height pixels to fd; `line` gives line y as 0x00RRGGBB, for as long as until the
 * next call, and they may change while they are read. 0, -EINVAL (size), -ENOMEM, -errno.
 */
int png_write(int fd, uint32_t width, uint32_t height,
    const uint32_t *(*line)(void *ctx, uint32_t y), void *ctx);

#endif
