/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a disk's resource says of the volume behind it, besides its size: compression, refreservation (MiB) and
 * block-size, which are kept whatever the pool, and have effect in one of zfs's. Pure; tools.
 */
#ifndef ZHYVE_ZONE_DISKTUNE_H
#define ZHYVE_ZONE_DISKTUNE_H

#include "zone/volume.h"
#include "zone/zconf.h"

/* Into the wish for a volume; its text lives as long as `d`. What is no number there is as if it was not said. */
void disktune_get(const struct zdevice *d, struct volume_spec *spec);

#endif
