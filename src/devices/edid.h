/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * EDID 1.4 (VESA E-EDID Standard, Release A2): the 128 bytes by which a monitor says what it can
 * show, here one preferred mode. Pure; runs in zhyve.
 */
#ifndef ZHYVE_DEVICES_EDID_H
#define ZHYVE_DEVICES_EDID_H

#include <stdint.h>

#define EDID_LEN 128

/* A monitor whose preferred mode is width x height (640x480 to 3840x2160) at 60 Hz. */
void edid_make(uint8_t edid[EDID_LEN], unsigned width, unsigned height);

#endif
