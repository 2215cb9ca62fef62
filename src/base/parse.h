/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Strict parsing of what people type: whole strings or an error, never a prefix. Pure; any process.
 * All return 0, -EINVAL (not of the form) or -ERANGE (out of bounds); *out is set on success only.
 */
#ifndef ZHYVE_BASE_PARSE_H
#define ZHYVE_BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal, or with 0x hexadecimal; no sign, no blanks. */
int parse_u64(const char *s, uint64_t *out);
int parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out);

/*
 * A size in bytes: digits and one optional suffix of kKmMgGtT (powers of 1,024). A bare number is
 * multiplied by `bare_unit` (bhyve's -m: MiB).
 */
int parse_size(const char *s, uint64_t bare_unit, uint64_t *out);

/* true/on/yes/1 and false/off/no/0 (bhyve_config(5)). */
int parse_bool(const char *s, bool *out);

/* 8-4-4-4-12 hexadecimal digits, either case; 16 bytes in the order written. */
int parse_uuid(const char *s, uint8_t out[16]);

/* Six groups of one or two hexadecimal digits with colons (illumos writes 2:8:20:…). */
int parse_mac(const char *s, uint8_t out[6]);

/* The value of a hexadecimal digit of either case, or -1. */
int parse_hex_digit(char c);

/* "fd:N" with N a descriptor number. -EINVAL for anything else: then it is a path. */
int parse_fd(const char *s, int *out);

#define UUID_TEXT_LEN 36
#define MAC_TEXT_LEN  17
#define UTC_TEXT_LEN  24
/* Write the canonical lower-case forms, with the end byte. */
void format_uuid(const uint8_t uuid[16], char out[UUID_TEXT_LEN + 1]);
void format_mac(const uint8_t mac[6], char out[MAC_TEXT_LEN + 1]);
/*
 * Seconds since 1970 and milliseconds as YYYY-MM-DDThh:mm:ss.mmmZ; years beyond 9999 are shown
 * as 9999.
 */
void format_utc(uint64_t seconds, unsigned ms, char out[UTC_TEXT_LEN + 1]);

/*
 * Make text harmless to a terminal, in place: every control character but newline and tab becomes
 * '?', also those of ECMA-48's second set (U+0080 to U+009F) in UTF-8.
 */
void text_clean(char *s);

#endif
