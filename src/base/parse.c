/* SPDX-License-Identifier: BSD-2-Clause */
/* Strict parsing of numbers, sizes, UUIDs and MACs: see parse.h. Pure; any process. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/checked.h"

int
parse_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	if (c >= 'a' && c <= 'f')
		return (c - 'a' + 10);
	if (c >= 'A' && c <= 'F')
		return (c - 'A' + 10);
	return (-1);
}

/* Digits of `base` from *s on, at least one; *s is left after the last. */
static int
scan_digits(const char **s, unsigned base, uint64_t *out)
{
	uint64_t v = 0;
	const char *p = *s;
	int d;

	while ((d = parse_hex_digit(*p)) >= 0 && (unsigned)d < base) {
		if (!mul_ok(v, (uint64_t)base, &v) || !add_ok(v, (uint64_t)d, &v))
			return (-ERANGE);
		p++;
	}
	if (p == *s)
		return (-EINVAL);
	*s = p;
	*out = v;
	return (0);
}

int
parse_u64(const char *s, uint64_t *out)
{
	unsigned base = 10;
	uint64_t v;
	int rc;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if ((rc = scan_digits(&s, base, &v)) != 0)
		return (rc);
	if (*s != '\0')
		return (-EINVAL);
	*out = v;
	return (0);
}

int
parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t v;
	int rc;

	if ((rc = parse_u64(s, &v)) != 0)
		return (rc);
	if (v < min || v > max)
		return (-ERANGE);
	*out = (uint32_t)v;
	return (0);
}

int
parse_size(const char *s, uint64_t bare_unit, uint64_t *out)
{
	static const char suffixes[] = "kmgt";
	uint64_t v, unit = bare_unit;
	const char *at;
	int rc;

	if ((rc = scan_digits(&s, 10, &v)) != 0)
		return (rc);
	if (*s != '\0') {
		at = strchr(suffixes, tolower((unsigned char)*s));
		if (at == NULL || s[1] != '\0')
			return (-EINVAL);
		unit = 1ull << (10 * (at - suffixes + 1));
	}
	if (!mul_ok(v, unit, &v))
		return (-ERANGE);
	*out = v;
	return (0);
}

int
parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = { "true", "on", "yes", "1" };
	static const char *const no[] = { "false", "off", "no", "0" };

	for (size_t i = 0; i < NITEMS(yes); i++) {
		if (strcasecmp(s, yes[i]) == 0) {
			*out = true;
			return (0);
		}
		if (strcasecmp(s, no[i]) == 0) {
			*out = false;
			return (0);
		}
	}
	return (-EINVAL);
}

int
parse_uuid(const char *s, uint8_t out[16])
{
	uint8_t v[16];
	size_t n = 0;
	int hi, lo;

	for (size_t i = 0; i < UUID_TEXT_LEN;) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (s[i++] != '-')
				return (-EINVAL);
			continue;
		}
		if ((hi = parse_hex_digit(s[i])) < 0 || (lo = parse_hex_digit(s[i + 1])) < 0)
			return (-EINVAL);
		v[n++] = (uint8_t)(hi << 4 | lo);
		i += 2;
	}
	if (s[UUID_TEXT_LEN] != '\0')
		return (-EINVAL);
	memcpy(out, v, sizeof(v));
	return (0);
}

int
parse_mac(const char *s, uint8_t out[6])
{
	uint8_t v[6];
	uint64_t octet;
	const char *p = s, *start;

	for (int i = 0; i < 6; i++) {
		start = p;
		if (scan_digits(&p, 16, &octet) != 0 || p - start > 2)
			return (-EINVAL);
		v[i] = (uint8_t)octet;
		if (*p++ != (i < 5 ? ':' : '\0'))
			return (-EINVAL);
	}
	memcpy(out, v, sizeof(v));
	return (0);
}

int
parse_fd(const char *s, int *out)
{
	uint64_t v;

	if (strncmp(s, "fd:", 3) != 0)
		return (-EINVAL);
	s += 3;
	if (scan_digits(&s, 10, &v) != 0 || *s != '\0' || v > INT_MAX)
		return (-EINVAL);
	*out = (int)v;
	return (0);
}

void
format_uuid(const uint8_t u[16], char out[UUID_TEXT_LEN + 1])
{
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02x", u[i]);
	}
}

void
format_mac(const uint8_t m[6], char out[MAC_TEXT_LEN + 1])
{
	(void)snprintf(out, MAC_TEXT_LEN + 1, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
	    m[3], m[4], m[5]);
}

/*
 * gmtime and strftime would bring libc's locales and time zones into static programs. Years are
 * counted from March, so that the leap day is the last of a year; 719468 days lie between the
 * first of March of year 0 and 1970; 400 years are an era of 146097 days.
 */
void
format_utc(uint64_t seconds, unsigned ms, char out[UTC_TEXT_LEN + 1])
{
	unsigned in_day = (unsigned)(seconds % 86400);
	uint64_t days = seconds / 86400 + 719468;
	unsigned day = (unsigned)(days % 146097), year, month;
	uint64_t era = days / 146097;
	char text[64];

	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153; /* 0: March */
	day -= (153 * month + 2) / 5;
	year = (unsigned)MIN(era * 400 + year + (month >= 10), 9999u);
	month = month < 10 ? month + 3 : month - 9;
	(void)snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month,
	    day + 1, in_day / 3600, in_day / 60 % 60, in_day % 60, ms % 1000);
	memcpy(out, text, UTC_TEXT_LEN);
	out[UTC_TEXT_LEN] = '\0';
}

void
text_clean(char *s)
{
	unsigned char *p = (unsigned char *)s;

	for (; *p != '\0'; p++) {
		if ((*p < 0x20 && *p != '\n' && *p != '\t') || *p == 0x7f) {
			*p = '?';
		} else if (*p == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
			p[0] = '?';
			p[1] = '?';
		}
	}
}
