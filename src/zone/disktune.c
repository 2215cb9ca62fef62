/* SPDX-License-Identifier: BSD-2-Clause */
/* From a disk's resource to its volume: see disktune.h. Pure; tools. */
#include "zone/disktune.h"

#include "base/checked.h"
#include "base/parse.h"

/* A property that is a number up to `max`; 0 when it is none. */
static uint64_t
number(const struct zdevice *d, const char *name, uint64_t max)
{
	const char *text = zprop_get(d->prop, d->nprop, name);
	uint64_t n;

	return (text != NULL && parse_u64(text, &n) == 0 && n <= max ? n : 0);
}

void
disktune_get(const struct zdevice *d, struct volume_spec *spec)
{
	spec->compression = zprop_get(d->prop, d->nprop, "compression");
	spec->refreservation = number(d, "refreservation", INT64_MAX / MIB) * MIB;
	spec->block_size = (uint32_t)number(d, "block-size", 128 * KIB);
}
