/* SPDX-License-Identifier: BSD-2-Clause */
/* CRC-32 and base64: see codec.h. Reads hostile input in zoneadmd: no allocation, no state. */
#include "zone/codec.h"

#include <errno.h>

uint32_t
crc32_ieee(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	uint32_t crc = UINT32_MAX;

	/* Bit by bit: at most METADATA_LINE_MAX bytes per request, on a line of a serial port. */
	while (len-- > 0) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
	}
	return (~crc);
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(const void *buf, size_t len, char *out)
{
	const uint8_t *p = buf;
	char *o = out;

	for (; len > 0; p += 3) {
		uint32_t v = (uint32_t)p[0] << 16;

		if (len > 1)
			v |= (uint32_t)p[1] << 8;
		if (len > 2)
			v |= p[2];
		*o++ = alphabet[v >> 18];
		*o++ = alphabet[(v >> 12) & 63];
		*o++ = len > 1 ? alphabet[(v >> 6) & 63] : '=';
		*o++ = len > 2 ? alphabet[v & 63] : '=';
		len -= len < 3 ? len : 3;
	}
	*o = '\0';
	return ((size_t)(o - out));
}

/* The value of one character, -1 when it has none. */
static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (c - '0' + 52);
	return (c == '+' ? 62 : c == '/' ? 63 : -1);
}

int
base64_decode(const char *in, size_t len, void *out, size_t *outlen)
{
	uint8_t *o = out;
	size_t pad = 0;

	if (len % 4 != 0)
		return (-EINVAL);
	while (pad < 2 && pad < len && in[len - 1 - pad] == '=')
		pad++;
	for (size_t i = 0; i < len; i += 4) {
		size_t chars = len - i == 4 ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int d = k < chars ? digit(in[i + k]) : 0;

			if (d < 0)
				return (-EINVAL);
			v = v << 6 | (uint32_t)d;
		}
		/* Bits that padding cuts off must be zero: one text per value. */
		if ((v & ((1u << (8 * (4 - chars))) - 1)) != 0)
			return (-EINVAL);
		for (size_t k = 0; k + 1 < chars; k++)
			*o++ = (uint8_t)(v >> (16 - 8 * k));
	}
	*outlen = len / 4 * 3 - pad;
	return (0);
}
