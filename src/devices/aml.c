/* SPDX-License-Identifier: BSD-2-Clause */
/* The AML writer: see aml.h. Pure; runs in zhyve, before any guest code. */
#include "devices/aml.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

/* Op codes (ACPI 6.5, 20.3). */
#define OP_NAME       0x08
#define OP_BYTE       0x0A
#define OP_WORD       0x0B
#define OP_DWORD      0x0C
#define OP_STRING     0x0D
#define OP_QWORD      0x0E
#define OP_SCOPE      0x10
#define OP_BUFFER     0x11
#define OP_PACKAGE    0x12
#define OP_METHOD     0x14
#define OP_DUAL_NAME  0x2E
#define OP_MULTI_NAME 0x2F
#define OP_EXT        0x5B
#define OP_EXT_DEVICE 0x82
#define OP_ARG0       0x68
#define OP_RETURN     0xA4

/* Resource descriptors (6.4.2, 6.4.3). */
#define RES_IRQ       0x22
#define RES_IO        0x47
#define RES_END       0x79
#define RES_MEM32_FIX 0x86
#define RES_DWORD     0x87
#define RES_WORD      0x88
#define RES_QWORD     0x8A
#define RES_MEM       0
#define RES_IOPORT    1
#define RES_BUS       2
#define RES_FIXED     0x0C /* minimum and maximum are fixed; a producer */
#define RES_MEM_RW    0x01 /* not cacheable, read and write */
#define RES_IO_ALL    0x03 /* ISA and non-ISA ranges */

static void
put(struct aml *a, const void *data, size_t len)
{
	if (a->failed || len > a->size - a->len) {
		a->failed = true;
		return;
	}
	memcpy(a->buf + a->len, data, len);
	a->len += len;
}

static void
put8(struct aml *a, uint8_t v)
{
	put(a, &v, 1);
}

static void
put16(struct aml *a, uint16_t v)
{
	put(a, &v, sizeof(v));
}

static void
put32(struct aml *a, uint32_t v)
{
	put(a, &v, sizeof(v));
}

static void
put64(struct aml *a, uint64_t v)
{
	put(a, &v, sizeof(v));
}

void
aml_init(struct aml *a, void *buf, size_t size)
{
	memset(a, 0, sizeof(*a));
	a->buf = buf;
	a->size = size;
}

int
aml_finish(const struct aml *a)
{
	if (a->failed)
		return (-ENOSPC);
	return (a->depth != 0 ? -EINVAL : (int)a->len);
}

/* Whatever is written inside a package is one of its elements. */
static void
element(struct aml *a)
{
	uint8_t *count;

	if (a->failed || a->depth == 0 || (count = a->open[a->depth - 1].count) == NULL)
		return;
	if (*count == UINT8_MAX)
		a->failed = true;
	else
		++*count;
}

static void
name_path(struct aml *a, const char *name)
{
	size_t len, nseg;

	if (*name == '\\')
		put8(a, (uint8_t)*name++);
	len = strlen(name);
	nseg = (len + 1) / 5;
	if (nseg == 0 || len != nseg * 5 - 1 || nseg > UINT8_MAX) {
		a->failed = true;
		return;
	}
	if (nseg == 2) {
		put8(a, OP_DUAL_NAME);
	} else if (nseg > 2) {
		put8(a, OP_MULTI_NAME);
		put8(a, (uint8_t)nseg);
	}
	for (size_t i = 0; i < nseg; i++)
		put(a, name + 5 * i, 4);
}

/* What follows is counted into a package length, put here by aml_end. */
static void
open_body(struct aml *a)
{
	if (a->depth == AML_DEPTH_MAX) {
		a->failed = true;
		return;
	}
	memset(&a->open[a->depth], 0, sizeof(a->open[0]));
	a->open[a->depth++].body = a->len;
}

/* Encode a package length that counts itself (20.2.4). Returns its bytes, 0: too long. */
static unsigned
pkg_length(size_t body, uint8_t out[4])
{
	for (unsigned n = 1; n <= 4; n++) {
		size_t len = body + n;

		if (n == 1 && len < 64) {
			out[0] = (uint8_t)len;
			return (1);
		}
		if (n > 1 && len < (size_t)1 << (4 + 8 * (n - 1))) {
			out[0] = (uint8_t)((n - 1) << 6 | (len & 0xf));
			for (unsigned i = 1; i < n; i++)
				out[i] = (uint8_t)(len >> (4 + 8 * (i - 1)));
			return (n);
		}
	}
	return (0);
}

static void
res_close(struct aml *a, size_t size_at)
{
	put8(a, RES_END);
	put8(a, 0); /* checksum not used */
	if (!a->failed)
		le16_put(a->buf + size_at, (uint16_t)(a->len - size_at - 2));
}

void
aml_end(struct aml *a)
{
	uint8_t bytes[4];
	size_t body;
	unsigned n;

	if (a->failed || a->depth == 0) {
		a->failed = true;
		return;
	}
	if (a->open[a->depth - 1].res != 0)
		res_close(a, a->open[a->depth - 1].res);
	a->depth--;
	body = a->open[a->depth].body;
	n = pkg_length(a->len - body, bytes);
	if (a->failed || n == 0 || n > a->size - a->len) {
		a->failed = true;
		return;
	}
	memmove(a->buf + body + n, a->buf + body, a->len - body);
	memcpy(a->buf + body, bytes, n);
	a->len += n;
}

void
aml_scope(struct aml *a, const char *name)
{
	put8(a, OP_SCOPE);
	open_body(a);
	name_path(a, name);
}

void
aml_device(struct aml *a, const char *name)
{
	put8(a, OP_EXT);
	put8(a, OP_EXT_DEVICE);
	open_body(a);
	name_path(a, name);
}

void
aml_method(struct aml *a, const char *name, unsigned nargs)
{
	put8(a, OP_METHOD);
	open_body(a);
	name_path(a, name);
	put8(a, (uint8_t)(nargs & 7));
}

void
aml_package(struct aml *a)
{
	element(a);
	put8(a, OP_PACKAGE);
	open_body(a);
	put8(a, 0);
	/* Package lengths are put in when inner things end, always behind this byte. */
	if (!a->failed)
		a->open[a->depth - 1].count = a->buf + a->len - 1;
}

void
aml_resources(struct aml *a, const char *name)
{
	aml_name(a, name);
	put8(a, OP_BUFFER);
	open_body(a);
	put8(a, OP_WORD);
	put16(a, 0);
	if (!a->failed)
		a->open[a->depth - 1].res = a->len - 2;
}

void
aml_name(struct aml *a, const char *name)
{
	put8(a, OP_NAME);
	name_path(a, name);
}

void
aml_int(struct aml *a, uint64_t v)
{
	element(a);
	if (v <= 1) { /* ZeroOp, OneOp */
		put8(a, (uint8_t)v);
	} else if (v <= UINT8_MAX) {
		put8(a, OP_BYTE);
		put8(a, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		put8(a, OP_WORD);
		put16(a, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		put8(a, OP_DWORD);
		put32(a, (uint32_t)v);
	} else {
		put8(a, OP_QWORD);
		put64(a, v);
	}
}

void
aml_string(struct aml *a, const char *s)
{
	element(a);
	put8(a, OP_STRING);
	put(a, s, strlen(s) + 1);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

void
aml_eisaid(struct aml *a, const char *id)
{
	unsigned v = 0;
	int digit;

	element(a);
	if (strlen(id) != 7) {
		a->failed = true;
		return;
	}
	for (unsigned i = 0; i < 3; i++)
		v = v << 5 | ((unsigned)id[i] & 0x1f);
	for (unsigned i = 3; i < 7; i++) {
		digit = hex_digit(id[i]);
		a->failed |= digit < 0;
		v = v << 4 | ((unsigned)digit & 0xf);
	}
	put8(a, OP_DWORD);
	put32(a, __builtin_bswap32(v));
}

void
aml_return_arg(struct aml *a, unsigned n)
{
	put8(a, OP_RETURN);
	put8(a, (uint8_t)(OP_ARG0 + (n & 7)));
}

void
aml_res_io(struct aml *a, uint16_t port, uint8_t len)
{
	put8(a, RES_IO);
	put8(a, 1); /* decodes 16 bits */
	put16(a, port);
	put16(a, port);
	put8(a, 1);
	put8(a, len);
}

void
aml_res_irq(struct aml *a, unsigned irq)
{
	put8(a, RES_IRQ);
	put16(a, (uint16_t)(1u << (irq & 15)));
}

void
aml_res_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	put8(a, RES_MEM32_FIX);
	put16(a, 9);
	put8(a, RES_MEM_RW);
	put32(a, base);
	put32(a, len);
}

static void
word_window(struct aml *a, uint8_t type, uint8_t flags, uint16_t first, uint16_t last)
{
	put8(a, RES_WORD);
	put16(a, 13);
	put8(a, type);
	put8(a, RES_FIXED);
	put8(a, flags);
	put16(a, 0); /* granularity */
	put16(a, first);
	put16(a, last);
	put16(a, 0); /* translation */
	put16(a, (uint16_t)(last - first + 1));
}

void
aml_res_bus_window(struct aml *a, uint16_t first, uint16_t last)
{
	word_window(a, RES_BUS, 0, first, last);
}

void
aml_res_io_window(struct aml *a, uint16_t first, uint16_t last)
{
	word_window(a, RES_IOPORT, RES_IO_ALL, first, last);
}

void
aml_res_mem32_window(struct aml *a, uint32_t first, uint32_t last)
{
	put8(a, RES_DWORD);
	put16(a, 23);
	put8(a, RES_MEM);
	put8(a, RES_FIXED);
	put8(a, RES_MEM_RW);
	put32(a, 0);
	put32(a, first);
	put32(a, last);
	put32(a, 0);
	put32(a, last - first + 1);
}

void
aml_res_mem64_window(struct aml *a, uint64_t first, uint64_t last)
{
	put8(a, RES_QWORD);
	put16(a, 43);
	put8(a, RES_MEM);
	put8(a, RES_FIXED);
	put8(a, RES_MEM_RW);
	put64(a, 0);
	put64(a, first);
	put64(a, last);
	put64(a, 0);
	put64(a, last - first + 1);
}
