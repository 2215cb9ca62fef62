/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two codings of the metadata protocol and of vmadm's attributes: CRC-32 and base64. Pure;
 * tools and zoneadmd.
 */
#ifndef ZHYVE_ZONE_CODEC_H
#define ZHYVE_ZONE_CODEC_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 of IEEE 802.3 (reflected, polynomial 0xEDB88320, as zlib computes it). */
uint32_t crc32_ieee(const void *buf, size_t len);

/*
 * Characters that `len` bytes become, without the end byte (RFC 4648, section 4, with padding).
 */
#define BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Write BASE64_LEN(len) characters and the end byte. Returns the number of characters. */
size_t base64_encode(const void *buf, size_t len, char *out);

/*
 * Decode exactly `len` characters into out (room for len / 4 * 3 bytes). *outlen is the number
 * of bytes. 0, or -EINVAL for anything that is not the canonical alphabet with padding.
 */
int base64_decode(const char *in, size_t len, void *out, size_t *outlen);

#endif
